// A second, small reader of JSON and of event streams for the oracle, so that no mistake is shared
// with src/json and src/http. Builds a tree; slow on purpose. Tests only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "answer_plan.h"

namespace headrace::sim {

struct Json {
  enum class Kind : std::uint8_t { absent, null, boolean, number, string, array, object };

  Kind kind = Kind::absent;
  std::string text;                // a string's value; a number or a boolean as written
  std::vector<std::string> names;  // of an object's members, in order
  std::vector<Json> items;         // the members, or the elements of an array

  const Json& at(std::string_view name) const;  // absent where there is none
  const Json& at(std::size_t index) const;
  std::uint64_t count() const { return kind == Kind::number ? std::stoull(text) : 0; }
  explicit operator bool() const { return kind != Kind::absent && kind != Kind::null; }
};

// Absent where the text is not one whole JSON value.
Json read_json(std::string_view text);

// What a client makes of an answer in its dialect.
struct Understood {
  Content content;
  std::string reason;    // stop, tool_calls, end_turn ...
  bool ended = false;    // the end marker was there
  bool failed = false;   // an error was
  std::string nonsense;  // not empty: what could not be understood
};

Understood understand_stream(std::string_view body, api::Family family);
Understood understand_plain(std::string_view body, api::Family family);

}  // namespace headrace::sim
