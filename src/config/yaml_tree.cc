#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>

#include "base/limits.h"

namespace headrace::config {
namespace {

std::size_t line_of(const YAML::Mark& mark) {
  return mark.line < 0 ? 0 : static_cast<std::size_t>(mark.line) + 1;
}

// Receives the parser's events. The first thing outside our subset of YAML stops the building; the
// events after it are ignored, because the parser cannot be stopped.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(TreeNode& root, Faults& faults) : root_(root), faults_(faults) {}

  bool refused() const { return refused_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document starts here; one file is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    TreeNode* node = begin(TreeNode::Kind::null, mark, "", anchor);
    if (node == nullptr || frames_.empty() || !frames_.back().node->is(TreeNode::Kind::map)) return;
    // The parser sees that a value is absent where the next thing begins, maybe lines below.
    node->line = frames_.back().node->entries.back().line;
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not supported; write the value out");
  }
  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    if (refused_) return;
    if (expects_key()) {
      if (anchor != 0) return refuse(mark, kNoAnchors);
      frames_.back().pending = true;
      frames_.back().node->entries.push_back({value, line_of(mark), {}});
      return;
    }
    if (TreeNode* node = begin(TreeNode::Kind::scalar, mark, tag, anchor)) node->text = value;
  }
  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(begin(TreeNode::Kind::list, mark, tag, anchor), mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(begin(TreeNode::Kind::map, mark, tag, anchor), mark);
  }
  void OnMapEnd() override {
    if (!refused_) find_duplicates(*frames_.back().node);
    close();
  }

 private:
  static constexpr const char* kNoAnchors =
      "anchors (&name) are not supported; write the value where it is needed";

  // An open map or list. The node stays where it is while it is open: its siblings come after it.
  struct Frame {
    TreeNode* node;
    bool pending = false;  // map: a key was read, its value comes next
  };

  bool expects_key() const {
    return !frames_.empty() && frames_.back().node->is(TreeNode::Kind::map) &&
           !frames_.back().pending;
  }

  void refuse(const YAML::Mark& mark, std::string why) {
    if (!refused_) faults_.add(line_of(mark), std::move(why));
    refused_ = true;
  }

  // A place for the value that starts here; null when there is none.
  TreeNode* begin(TreeNode::Kind kind,
                  const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor) {
    if (refused_) return nullptr;
    if (anchor != 0) {
      refuse(mark, kNoAnchors);
    } else if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark, "tags (!name) are not supported; remove it");
    } else if (++values_ > base::limits::kConfigValues) {
      refuse(mark,
             "more than " + std::to_string(base::limits::kConfigValues) + " values in one file");
    } else if (expects_key()) {
      refuse(mark, "a key must be text");
    }
    if (refused_) return nullptr;
    TreeNode& node = place();
    node.kind = kind;
    node.line = line_of(mark);
    return &node;
  }

  TreeNode& place() {
    if (frames_.empty()) return root_;
    Frame& frame = frames_.back();
    if (frame.node->is(TreeNode::Kind::list)) return frame.node->items.emplace_back();
    frame.pending = false;
    return frame.node->entries.back().value;
  }

  void open(TreeNode* node, const YAML::Mark& mark) {
    if (node == nullptr) return;
    if (frames_.size() == base::limits::kConfigDepth) {
      return refuse(mark,
                    "maps and lists are nested deeper than " +
                        std::to_string(base::limits::kConfigDepth) + " levels");
    }
    frames_.push_back({node});
  }

  void close() {
    if (!refused_) frames_.pop_back();
  }

  void find_duplicates(const TreeNode& map) {
    std::vector<const Entry*> sorted;
    sorted.reserve(map.entries.size());
    for (const auto& entry : map.entries) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(), [](const Entry* left, const Entry* right) {
      return left->key != right->key ? left->key < right->key : left < right;
    });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i]->key != sorted[i - 1]->key) continue;
      faults_.add(sorted[i]->line,
                  "key " + quote(sorted[i]->key) + " stands here again (first at line " +
                      std::to_string(sorted[i - 1]->line) + "); remove one of them");
    }
  }

  TreeNode& root_;
  Faults& faults_;
  std::vector<Frame> frames_;
  std::size_t values_ = 0;
  int documents_ = 0;
  bool refused_ = false;
};

std::string_view text_of_line(std::string_view text, std::size_t line) {
  for (std::size_t at = 1; at < line; ++at) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The library's own words may hold text of the file (an alias could be a key that was pasted with a
// star in front), so only messages known to be fixed are passed on.
std::string explain(std::string_view text, std::size_t line, std::string_view message) {
  const std::string_view source = text_of_line(text, line);
  std::string why = "not valid YAML";
  if (message.find("anchor") == std::string_view::npos &&
      message.find("alias") == std::string_view::npos &&
      message.find(": ") == std::string_view::npos) {
    why += ": " + std::string(message);
  }
  if (source.find(": *") != std::string_view::npos ||
      source.find(": &") != std::string_view::npos) {
    why += "; put quotes around a value that begins with * or &";
  } else if (source.find("${") != std::string_view::npos) {
    why += "; put quotes around a value with ${...}";
  } else if (source.find("[:") != std::string_view::npos) {
    why += "; put quotes around an IPv6 address: \"[::1]:8080\"";
  } else if (source.find('\t') != std::string_view::npos) {
    why += "; YAML is indented with spaces, not tabs";
  }
  return why;
}

// The library takes some control bytes for the end of the text and decodes UTF-16; YAML allows
// neither in UTF-8, so they end here.
bool check_bytes(std::string_view text, Faults& faults) {
  std::size_t line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) {
      faults.add(line, "a control byte stands here; the file must be plain UTF-8 text");
      return false;
    }
    if (byte == 0xfe || byte == 0xff) {
      faults.add(line, "the file is not UTF-8; save it as UTF-8 text");
      return false;
    }
  }
  return true;
}

}  // namespace

const TreeNode* TreeNode::find(std::string_view key) const {
  for (const auto& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

TreeNode* TreeNode::find(std::string_view key) {
  return const_cast<TreeNode*>(static_cast<const TreeNode*>(this)->find(key));
}

bool parse_yaml(std::string_view text, TreeNode& root, Faults& faults) {
  if (text.size() > base::limits::kConfigBytes) {
    faults.add(0,
               "the file is larger than " + std::to_string(base::limits::kConfigBytes) + " bytes");
    return false;
  }
  if (!check_bytes(text, faults)) return false;
  TreeBuilder builder(root, faults);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // Some malformed texts make yaml-cpp 0.7 report empty documents for ever, so a refusal ends
    // this.
    while (!builder.refused() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    if (!builder.refused()) {
      const std::size_t line = line_of(error.mark);
      faults.add(line, explain(text, line, error.msg));
    }
    return false;
  } catch (const std::exception&) {
    if (!builder.refused()) faults.add(0, "not valid YAML");
    return false;
  }
  return !builder.refused();
}

}  // namespace headrace::config
