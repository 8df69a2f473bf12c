#include "config/overrides.h"

#include <algorithm>
#include <string_view>

#include "config/schema.h"

namespace headrace::config {
namespace {

constexpr std::string_view kPrefix = "HEADRACE_";

// True for a key whose value is one piece of text.
bool is_scalar(const Key& key) {
  return key.slot != nullptr;
}

class Overlay {
 public:
  explicit Overlay(const Environment& environment) : environment_(environment) {}

  void apply(TreeNode& root) {
    apply_section(section(""), "", root);
    apply_listen(root);
    for (const std::string_view name : {"io", "limits", "audit"}) {
      apply_section(section(name), std::string(name) + ".", child(root, name));
    }
    if (TreeNode* providers = root.find("providers")) {
      for (auto& [name, line, value] : providers->entries) {
        apply_section(section("providers.NAME"), "providers." + name + ".", value);
      }
    }
    if (TreeNode* routes = root.find("routes")) {
      for (std::size_t i = 0; i < routes->items.size(); ++i) {
        apply_section(section("routes[]"), "routes." + std::to_string(i) + ".", routes->items[i]);
      }
    }
    std::erase_if(root.entries, [](const Entry& entry) {
      return entry.line == kMade && entry.value.is(TreeNode::Kind::null);
    });
  }

  std::vector<std::string> warnings() const {
    std::vector<std::string_view> known;
    known.reserve(known_.size());
    for (const std::string_view name : known_) known.push_back(name.substr(kPrefix.size()));
    std::vector<std::string> list;
    for (const auto& [name, value] : environment_.variables) {
      if (!name.starts_with(kPrefix)) continue;
      const std::string_view rest = std::string_view(name).substr(kPrefix.size());
      if (std::find(known.begin(), known.end(), rest) != known.end()) continue;
      const std::string hint = did_you_mean(rest, known);
      if (hint.empty()) continue;
      list.push_back(name);
      list.back() += " in the environment is no key (leaving out ";
      list.back() += kPrefix;
      list.back() += ")";
      list.back() += hint;
    }
    return list;
  }

 private:
  static constexpr std::size_t kMade =
      static_cast<std::size_t>(-1);  // line of a section not in the file

  // The section's node, made for the time being when the file has none.
  static TreeNode& child(TreeNode& root, std::string_view name) {
    if (TreeNode* found = root.find(name)) return *found;
    if (root.is(TreeNode::Kind::null)) root.kind = TreeNode::Kind::map;
    root.entries.push_back({std::string(name), kMade, {}});
    return root.entries.back().value;
  }

  const std::string* lookup(const std::string& variable) {
    known_.push_back(variable);
    const std::string* value = environment_.find(variable);
    return value == nullptr || value->empty() ? nullptr : value;
  }

  void apply_section(const Section& from, const std::string& prefix, TreeNode& map) {
    if (!map.is(TreeNode::Kind::map) && !map.is(TreeNode::Kind::null)) return;
    for (const auto& key : from.keys) {
      if (!is_scalar(key)) continue;
      const std::string variable = variable_name(prefix + std::string(key.name));
      if (const std::string* value = lookup(variable)) set(map, key.name, scalar(*value, variable));
    }
  }

  // One address, or several with commas between them.
  void apply_listen(TreeNode& root) {
    const std::string variable = variable_name("listen");
    const std::string* value = lookup(variable);
    if (value == nullptr) return;
    TreeNode list;
    list.kind = TreeNode::Kind::list;
    list.origin = variable;
    std::string_view rest = *value;
    while (true) {
      const std::size_t comma = rest.find(',');
      list.items.push_back(scalar(std::string(rest.substr(0, comma)), variable));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
    set(root, "listen", std::move(list));
  }

  static TreeNode scalar(std::string text, const std::string& origin) {
    TreeNode node;
    node.kind = TreeNode::Kind::scalar;
    node.text = std::move(text);
    node.origin = origin;
    return node;
  }

  static void set(TreeNode& map, std::string_view key, TreeNode value) {
    map.kind = TreeNode::Kind::map;
    if (TreeNode* found = map.find(key)) {
      *found = std::move(value);
    } else {
      map.entries.push_back({std::string(key), 0, std::move(value)});
    }
  }

  const Environment& environment_;
  std::vector<std::string> known_;
};

}  // namespace

std::vector<std::string> apply_overrides(TreeNode& root, const Environment& environment) {
  if (!root.is(TreeNode::Kind::map) && !root.is(TreeNode::Kind::null)) return {};
  Overlay overlay(environment);
  overlay.apply(root);
  return overlay.warnings();
}

}  // namespace headrace::config
