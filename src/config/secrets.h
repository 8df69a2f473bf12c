// Where values come from besides the file: environment variables and secret files. `${NAME}`,
// `${NAME:-default}` and `${file:/path}` inside a value are replaced once (what they bring is never
// looked at again); `$${` stands for `${`. Faults name the variable or the file, never what is in
// it.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace headrace::config {

struct Environment {
  std::map<std::string, std::string, std::less<>> variables;
  bool may_read_files = true;  // false: every ${file:...} is a fault

  const std::string* find(std::string_view name) const;
};

// The variables of this process.
Environment process_environment();

struct Expanded {
  std::string text;
  std::string fault;     // empty: `text` is good
  bool changed = false;  // something was put in: `text` may hold a secret
};

Expanded expand(std::string_view text, const Environment& environment);

// Visible ASCII without blanks: what can be sent in a header field and cannot end it.
bool is_header_safe(std::string_view secret);

}  // namespace headrace::config
