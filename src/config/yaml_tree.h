// YAML text as a tree of maps, lists and scalars with line numbers, and nothing else of YAML:
// anchors and aliases (so no alias bombs), tags, second documents and keys that are not text are
// faults. The library's exceptions end here. Bounds: kConfigBytes, kConfigDepth, kConfigValues.
// Start-up and reload only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/fault.h"

namespace headrace::config {

struct Entry;

struct TreeNode {
  enum class Kind : std::uint8_t { null, scalar, list, map };

  Kind kind = Kind::null;
  std::size_t line = 0;         // 0: from the environment, see `origin`
  std::string text;             // scalar, as written (before interpolation)
  std::string origin;           // the environment variable that set it; empty: the file
  std::vector<TreeNode> items;  // list
  std::vector<Entry> entries;   // map, in the order of the file

  bool is(Kind wanted) const { return kind == wanted; }
  const TreeNode* find(std::string_view key) const;
  TreeNode* find(std::string_view key);
};

struct Entry {
  std::string key;
  std::size_t line = 0;
  TreeNode value;
};

// False when the text is no tree at all (one fault says why). Duplicate keys are faults too, but
// the rest of the tree stays usable, so that all its faults can be told at once.
bool parse_yaml(std::string_view text, TreeNode& root, Faults& faults);

}  // namespace headrace::config
