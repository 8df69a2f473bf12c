#include "config/served.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace headrace::config {
namespace {

struct Row {
  std::string_view key;
  bool (*is_set)(const Snapshot&);
};

bool any_provider(const Snapshot& snapshot, bool (*test)(const Provider&)) {
  return std::any_of(snapshot.providers.begin(), snapshot.providers.end(), test);
}

constexpr std::array<Row, 7> kRows = {{
    {"access: keys", [](const Snapshot& s) { return s.access == Access::keys; }},
    {"access: bring", [](const Snapshot& s) { return s.access == Access::bring; }},
    {"keys", [](const Snapshot& s) { return !s.keys.empty(); }},
    {"providers.NAME.api_keys",
     [](const Snapshot& s) {
       return any_provider(s, [](const Provider& p) { return p.credentials.size() > 1; });
     }},
    {"providers.NAME.client_key",
     [](const Snapshot& s) {
       return any_provider(s, [](const Provider& p) { return p.takes_client_key; });
     }},
    {"routes[].targets with more than one target",
     [](const Snapshot& s) {
       return std::any_of(
           s.routes.begin(), s.routes.end(), [](const Route& r) { return r.targets.size() > 1; });
     }},
    {"providers.NAME.dialect: anthropic",
     [](const Snapshot& s) {
       return any_provider(s, [](const Provider& p) { return p.dialect == "anthropic"; });
     }},
}};

}  // namespace

std::vector<std::string> not_served(const Snapshot& snapshot) {
  std::vector<std::string> lines;
  for (const Row& row : kRows) {
    if (!row.is_set(snapshot)) continue;
    lines.push_back("`" + std::string(row.key) +
                    "` is known but not served by this version yet; remove it");
  }
  return lines;
}

std::string not_served_markdown() {
  std::string text =
      "\n## Not served yet\n\nThese are checked, but this version does not act on them. Rather "
      "than ignore "
      "what somebody relies on, it refuses to start (or to reload) with them:\n\n";
  for (const Row& row : kRows) text += "- `" + std::string(row.key) + "`\n";
  return text;
}

}  // namespace headrace::config
