// The grammar of RFC 8259, written once for all who read documents: the scanner takes places from
// it, the tape writes what it passes. It moves over a document value by value and judges every
// byte; after a failure it stays at the byte at fault.
//
// Most documents end with the bracket that they are: nothing but a string can run over that byte,
// so `kClosed` readers need not ask at every byte whether there is one more. Both kinds of reader
// find the same faults at the same places.
//
// `Notes` is told of every value, and ends the walk when it has no room for one.
//
// This is the loop that all text of all requests and answers goes through. Its steps are inlined
// into the walks of scan.cc and tape.cc whatever the compiler thinks of their size, so that the
// place and the level stay in registers; what is rare or long is a function of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "json/scan.h"
#include "json/string_end.h"

namespace headrace::json {

// Whether a reader of the kind that does not look for the document's end may be used.
inline bool ends_in_bracket(Bytes document) {
  return !document.empty() && (document.back() == '}' || document.back() == ']');
}

// Takes no notes.
struct NoNotes {
  static bool has_room() { return true; }
  static void scalar(const char* /*first*/, const char* /*behind*/, bool /*escaped*/) {}
  static void open(std::size_t /*depth*/, const char* /*first*/) {}
  static void close(std::size_t /*depth*/, const char* /*behind*/) {}
};

// Where a reader stands, and what it found.
struct Stop {
  const char* place;
  Fault fault;
  bool saw_non_ascii;
};

// Over the blanks of documents that are written for readers: their lines are indented.
[[gnu::noinline]] inline const char* behind_blanks(const char* next, const char* end) {
  while (next != end && is_space(*next)) ++next;
  return next;
}

template <bool kClosed, class Notes>
class Grammar {
 public:
  // The notes are made of what follows the document.
  // REQUIRES: kClosed only where ends_in_bracket(document).
  template <class... ForNotes>
  [[gnu::always_inline]] explicit Grammar(Bytes document, ForNotes... for_notes)
      : next_(document.data()),
        begin_(next_),
        end_(next_ + document.size()),
        blocks_end_(document.size() >= kBlock ? end_ - kBlock + 1 : next_),
        notes_(for_notes...) {}

  // Starts at `place`, where a value of the outermost level stands.
  [[gnu::always_inline]] void start_inside(const char* place) {
    next_ = place;
    depth_ = 1;
  }

  std::uint32_t offset() const { return static_cast<std::uint32_t>(next_ - begin_); }
  const char* place() const { return next_; }
  Fault fault() const { return fault_; }
  bool saw_non_ascii() const { return saw_non_ascii_; }
  const Notes& notes() const { return notes_; }
  bool at_end() const { return next_ == end_; }

  // The byte that is next, or 0, which can stand nowhere in a document.
  // REQUIRES: a closed document's end is not reached.
  [[gnu::always_inline]] char peek() const { return kClosed || next_ != end_ ? *next_ : '\0'; }
  [[gnu::always_inline]] void step() { ++next_; }

  [[gnu::always_inline]] void blanks() {
    char c = peek();
    while (static_cast<unsigned char>(c) <= ' ') {
      if (c != ' ') {
        next_ = behind_blanks(next_, end_);
        break;
      }
      ++next_;
      c = peek();
    }
  }
  // Blanks at a place where a document may end.
  [[gnu::always_inline]] void outer_blanks() {
    if (next_ != end_) blanks();
  }

  // REQUIRES: a bracket is next.
  [[gnu::always_inline]] bool open(bool object) {
    if (depth_ == kDepth) return fail(Fault::depth);
    if (!notes_.has_room()) return false;
    notes_.open(depth_, next_);
    closings_[depth_++] = closing_;
    closing_ = object ? '}' : ']';
    ++next_;
    return true;
  }
  // REQUIRES: the closing bracket is next.
  [[gnu::always_inline]] void close() {
    ++next_;
    closing_ = closings_[--depth_];
    notes_.close(depth_, next_);
  }

  // With both quotes. `escaped` is set where there is an escape. REQUIRES: a quote is next.
  [[gnu::always_inline]] bool string(bool& escaped) {
    if (!notes_.has_room()) return false;
    const char* const first = next_;
    const char* text = first + 1;
    if (to_plain_end(text, blocks_end_)) {
      next_ = text + 1;
      notes_.scalar(first, next_, false);
      return true;
    }
    const JudgedString judged = judge_string(text, begin_, end_);
    next_ = judged.next;
    if ((judged.flags & JudgedString::kBroken) != 0) return fail(Fault::syntax);
    if ((judged.flags & JudgedString::kNonAscii) != 0) saw_non_ascii_ = true;
    if ((judged.flags & JudgedString::kEscaped) != 0) escaped = true;
    notes_.scalar(first, next_, escaped);
    return true;
  }

  // The colon behind a key, and the blanks around it.
  [[gnu::always_inline]] bool colon() {
    if (peek() != ':') {
      blanks();
      if (peek() != ':') return fail(Fault::syntax);
    }
    ++next_;
    blanks();
    return true;
  }

  // A whole value, however deep. REQUIRES: blanks before it are skipped.
  [[gnu::always_inline]] bool value() {
    const std::size_t floor = depth_;
    while (true) {
      bool opened = false;
      if (!scalar_or_open(opened)) return false;
      Next next = opened ? first_inside() : Next::none;
      if (next == Next::none) {
        if (depth_ == floor) return true;
        next = behind_value(floor);
      }
      if (next != Next::value) return next == Next::none;
    }
  }

  // A whole document. Without a fault it fails where the notes have no room.
  [[gnu::always_inline]] bool document() {
    outer_blanks();
    if (next_ == end_) return fail(Fault::empty);
    return value() && nothing_follows();
  }
  [[gnu::always_inline]] bool nothing_follows() {
    outer_blanks();
    return next_ == end_ || fail(Fault::trailing);
  }

  [[gnu::always_inline]] bool fail(Fault fault) {
    fault_ = fault;
    return false;
  }

  Stop stop() const { return {next_, fault_, saw_non_ascii_}; }
  // Takes the place of a reader of a value that was next here. False: it found a fault.
  [[gnu::always_inline]] bool go_on(const Stop& other) {
    next_ = other.place;
    fault_ = other.fault;
    if (other.saw_non_ascii) saw_non_ascii_ = true;
    return fault_ == Fault::none;
  }

 private:
  enum class Next : std::uint8_t { value, none, fault };

  // Behind an opening bracket: to the first value, if there is one.
  [[gnu::always_inline]] Next first_inside() {
    if (closing_ == '}' && peek() == '"') return key() ? Next::value : Next::fault;
    blanks();
    if (peek() == closing_) return Next::none;
    return closing_ != '}' || key() ? Next::value : Next::fault;
  }

  // Behind a value: through the ends of levels to the next one, or to none above `floor`.
  [[gnu::always_inline]] Next behind_value(std::size_t floor) {
    while (peek() != ',') {
      blanks();
      if (peek() == ',') break;
      if (peek() != closing_) return fault_at_place();
      close();
      if (depth_ == floor) return Next::none;
      if (next_ == end_) return fault_at_place();
    }
    ++next_;
    if (closing_ == '}') return key() ? Next::value : Next::fault;
    blanks();
    return Next::value;
  }

  [[gnu::always_inline]] Next fault_at_place() {
    fault_ = Fault::syntax;
    return Next::fault;
  }

  // A member's key with its colon, and the blanks around them.
  [[gnu::always_inline]] bool key() {
    bool escaped = false;
    if (peek() != '"') {
      blanks();
      if (peek() != '"') return fail(Fault::syntax);
    }
    return string(escaped) && colon();
  }

  [[gnu::always_inline]] bool scalar_or_open(bool& opened) {
    bool escaped = false;
    const char c = peek();
    if (c == '"') return string(escaped);
    if (base::is_digit(c)) return number();
    if (c == '{' || c == '[') return opened = open(c == '{');
    if (c == 'n') return literal("null");
    if (c == 't') return literal("true");
    if (c == 'f') return literal("false");
    return number();
  }

  [[gnu::always_inline]] bool literal(Bytes word) {
    if (!notes_.has_room()) return false;
    const char* const first = next_;
    if (!Bytes(next_, static_cast<std::size_t>(end_ - next_)).starts_with(word)) {
      for (const char c : word) {
        if (next_ == end_ || *next_ != c) break;  // at the byte at fault
        ++next_;
      }
      return fail(Fault::syntax);
    }
    next_ += word.size();
    notes_.scalar(first, next_, false);
    return true;
  }

  [[gnu::always_inline]] bool digits() {
    if (!base::is_digit(peek())) return fail(Fault::syntax);
    do {
      ++next_;
    } while (base::is_digit(peek()));
    return true;
  }

  [[gnu::always_inline]] bool number() {
    if (!kClosed && next_ == end_) return fail(Fault::syntax);
    if (!notes_.has_room()) return false;
    const char* const first = next_;
    if (peek() == '-') ++next_;
    if (peek() == '0') {
      ++next_;
    } else if (!digits()) {
      return false;
    }
    if (peek() == '.') {
      ++next_;
      if (!digits()) return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++next_;
      if (peek() == '+' || peek() == '-') ++next_;
      if (!digits()) return false;
    }
    notes_.scalar(first, next_, false);
    return true;
  }

  const char* next_;
  const char* begin_;
  const char* end_;
  const char* blocks_end_;  // where no block may begin any more
  Notes notes_;
  std::size_t depth_ = 0;
  char closing_ = '\0';  // of the innermost open level
  Fault fault_ = Fault::none;
  bool saw_non_ascii_ = false;
  std::array<char, kDepth> closings_;  // of those around it; those below depth_
};

}  // namespace headrace::json
