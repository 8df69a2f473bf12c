// Goal: YAML becomes a tree with the right lines, and everything outside our subset is one clear
// fault.
#include "config/yaml_tree.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/limits.h"

namespace headrace::config {
namespace {

// "{a@1:1@1,b@2:[x@2,y@2]@2}": every node with its line.
std::string printed(const TreeNode& node) {
  std::string text;
  switch (node.kind) {
    case TreeNode::Kind::null:
      text = "null";
      break;
    case TreeNode::Kind::scalar:
      text = node.text;
      break;
    case TreeNode::Kind::list:
      for (const auto& item : node.items) text += (text.empty() ? "" : ",") + printed(item);
      text = "[" + text + "]";
      break;
    case TreeNode::Kind::map:
      for (const auto& entry : node.entries) {
        text += (text.empty() ? "" : ",") + entry.key + "@" + std::to_string(entry.line) + ":" +
                printed(entry.value);
      }
      text = "{" + text + "}";
      break;
  }
  return text + "@" + std::to_string(node.line);
}

std::string parsed(std::string_view yaml) {
  TreeNode root;
  Faults faults;
  const bool whole = parse_yaml(yaml, root, faults);
  std::string text = whole ? printed(root) : "refused";
  for (const auto& fault : faults.take()) {
    text += " | " + std::to_string(fault.line) + ": " + fault.message;
  }
  return text;
}

TEST_CASE("maps, lists and scalars keep their order and their lines") {
  CHECK(parsed("a: 1\nb:\n  - x\n  - {y: \"2\"}\nc:\n") ==
        "{a@1:1@1,b@2:[x@3,{y@4:2@4}@4]@3,c@5:null@5}@1");
  CHECK(parsed("") == "null@0");
  CHECK(parsed("# only a comment\n") == "null@0");
  CHECK(parsed("- 1\n-\n  - 2\n") == "[1@1,[2@3]@3]@1");
}

TEST_CASE("a key that stands twice is a fault at its second place, and the tree stays usable") {
  CHECK(parsed("a: 1\nb: 2\na: 3\n") ==
        "{a@1:1@1,b@2:2@2,a@3:3@3}@1 | 3: key \"a\" stands here again (first at line 1); remove "
        "one of "
        "them");
  CHECK(parsed("m:\n  x: 1\n  x: 1\n  x: 1\n").find("4: key \"x\"") != std::string::npos);
}

TEST_CASE("what is not in our subset of YAML is refused with its line") {
  const auto refused = [](std::string_view yaml, std::string_view words) {
    const std::string text = parsed(yaml);
    CHECK_MESSAGE(text.starts_with("refused"), text);
    CHECK_MESSAGE(text.find(words) != std::string::npos, text);
  };
  refused("a: &x 1\nb: *x\n", "1: anchors");
  refused("a: 1\nb: !!binary x\n", "2: tags");
  refused("a: 1\n---\nb: 2\n", "a second document");
  refused("? [a, b]\n: 1\n", "1: a key must be text");
  refused("~: 1\n", "a key must be text");
  refused("a: [1, 2\n", "not valid YAML");
  refused("a: 1\n\tb: 2\n", "not valid YAML");
  refused("a: {b: ${X}}\n", "quotes around a value with ${...}");
  refused("listen: [::1]:80\n", "quotes around an IPv6 address");
}

TEST_CASE("a billion laughs are not even smiled at") {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char name = 'b'; name < 'j'; ++name) {
    bomb += std::string(1, name) + ": &" + name + " [";
    for (int i = 0; i < 9; ++i)
      bomb += std::string(i == 0 ? "*" : ",*") + static_cast<char>(name - 1);
    bomb += "]\n";
  }
  CHECK(parsed(bomb).starts_with("refused | 1: anchors"));
}

TEST_CASE("depth, number and bytes are bounded") {
  const std::size_t depth = base::limits::kConfigDepth;
  CHECK(parsed(std::string(depth, '[') + std::string(depth, ']')).starts_with("[["));
  CHECK(parsed(std::string(depth + 1, '[') + std::string(depth + 1, ']')).find("deeper than") !=
        std::string::npos);
  CHECK(parsed(std::string(100'000, '[')).starts_with("refused"));
  std::string many = "[";
  for (std::size_t i = 0; i < base::limits::kConfigValues; ++i) many += "x,";
  CHECK(parsed(many + "]").find("values in one file") != std::string::npos);
  CHECK(parsed(std::string(base::limits::kConfigBytes + 1, '#')).find("larger than") !=
        std::string::npos);
}

TEST_CASE("a text in which the parser sees documents without end is refused all the same") {
  const std::string text = "#writ What `s:ck:\n   \t\t\t\t,\t)" + std::string(27, '\t');
  CHECK(parsed(text).starts_with("refused"));
}

TEST_CASE("control bytes and other encodings are refused, because the parser would misread them") {
  using namespace std::string_view_literals;
  CHECK(parsed("a: 1\nb: \x04\nc: 2\n"sv) ==
        "refused | 2: a control byte stands here; the file must be plain UTF-8 text");
  CHECK(parsed("a\0:\0"sv).starts_with("refused | 1: a control byte"));
  CHECK(parsed("\xff\xfe:"sv).starts_with("refused | 1: the file is not UTF-8"));
}

TEST_CASE("a fault never shows what an alias would have been, which may be a pasted key") {
  CHECK(parsed("api_key: *sk-secret\n").find("sk-secret") == std::string::npos);
  CHECK(parsed("api_key: &sk-secret\n").find("sk-secret") == std::string::npos);
  CHECK(parsed("api_key: !sk-secret x\n").find("sk-secret") == std::string::npos);
}

}  // namespace
}  // namespace headrace::config
