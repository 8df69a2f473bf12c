// Writes JSON into a fixed span: error bodies and the few objects of our own. Commas and nesting
// are the writer's business, escaping too; whether keys and values alternate is the caller's.
// Overflow is remembered, not written: ok() says whether everything fitted. One writer, one
// document, any thread, no memory of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace headrace::json {

using base::Bytes;

// How many bytes at the front of `text` stand for themselves in a string: printable ASCII but for
// the quote and the backslash.
std::size_t plain_size(Bytes text);

class Writer {
 public:
  explicit Writer(std::span<char> out)
      : begin_(out.data()), next_(out.data()), end_(out.data() + out.size()) {}

  void begin_object();
  void end_object();
  void key(Bytes name);
  void string(Bytes text);  // escaped; bytes that are not UTF-8 become U+FFFD
  void number(std::uint64_t value);
  void null();

  // A string in parts: any number of append() between them.
  void begin_string();
  void append(Bytes text);
  void append(std::uint64_t value);
  void end_string();

  // Bytes around the document, such as the `data: ` of an event.
  void raw(Bytes bytes);

  bool ok() const { return !overflow_; }
  std::size_t size() const { return static_cast<std::size_t>(next_ - begin_); }
  Bytes written() const { return {begin_, size()}; }

 private:
  void before_value();
  void character(char c);

  char* begin_;
  char* next_;
  char* end_;
  bool comma_due_ = false;
  bool overflow_ = false;
};

}  // namespace headrace::json
