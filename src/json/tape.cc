#include "json/tape.h"

#include <simdjson.h>

#include "base/assert.h"
#include "json/string_end.h"
#include "json/text.h"

namespace headrace::json {
namespace {

constexpr std::uint32_t kObjectLevel = 1u << 31;

bool is_short_escape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return true;
    default:
      return false;
  }
}

// Writes the nodes while it judges. After a failure `next_` is at the byte at fault.
class TapeWriter {
 public:
  TapeWriter(Bytes document, std::span<Node> tape)
      : begin_(document.data()),
        next_(begin_),
        end_(begin_ + document.size()),
        node_(tape.data()),
        tape_(tape.data()),
        tape_end_(tape.data() + tape.size()) {}

  bool document() {
    skip_blanks();
    if (next_ == end_) return fail(Fault::empty);
    // One call of value(), so that it is part of this loop and the place stays in registers.
    do {
      if (!value()) return false;
    } while (to_next_value());
    if (fault_ != Fault::none || full_) return false;
    skip_blanks();
    return next_ == end_ || fail(Fault::trailing);
  }

  Fault fault() const { return fault_; }
  bool full() const { return full_; }
  bool saw_non_ascii() const { return saw_non_ascii_; }
  std::uint32_t offset() const { return static_cast<std::uint32_t>(next_ - begin_); }
  std::size_t nodes() const { return index_; }

 private:
  bool fail(Fault fault) {
    fault_ = fault;
    return false;
  }
  void skip_blanks() {
    while (next_ != end_ && is_space(*next_)) ++next_;
  }
  bool take(char c) {
    if (next_ == end_ || *next_ != c) return false;
    ++next_;
    return true;
  }

  bool has_room() {
    if (node_ != tape_end_) return true;
    full_ = true;
    return false;
  }

  void put(const char* first, std::uint32_t flags) {
    node_->begin = static_cast<std::uint32_t>(first - begin_);
    node_->size = static_cast<std::uint32_t>(next_ - first);
    node_->link = 1 | flags;
    ++node_;
    ++index_;
  }

  // Behind a value or an opening bracket: through the ends of containers to the next value. False
  // at the end of the document, and at a fault.
  [[gnu::always_inline]] bool to_next_value() {
    while (depth_ != 0) {
      const bool object = (levels_[depth_ - 1] & kObjectLevel) != 0;
      skip_blanks();
      if (take(object ? '}' : ']')) {
        close();
        continue;
      }
      if (!fresh_) {
        if (!take(',')) return fail(Fault::syntax);
        skip_blanks();
      }
      fresh_ = false;
      return !object || key();
    }
    return false;
  }

  [[gnu::always_inline]] bool key() {
    if (next_ == end_ || *next_ != '"') return fail(Fault::syntax);
    if (!string()) return false;
    skip_blanks();
    if (!take(':')) return fail(Fault::syntax);
    skip_blanks();
    return true;
  }

  bool value() {
    if (next_ == end_) return fail(Fault::syntax);
    switch (*next_) {
      case '"':
        return string();
      case '{':
        return open(kObjectLevel);
      case '[':
        return open(0);
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      default:
        return number();
    }
  }

  bool open(std::uint32_t kind) {
    if (depth_ == kDepth) return fail(Fault::depth);
    if (!has_room()) return false;
    levels_[depth_++] = index_++ | kind;
    node_->begin = offset();
    ++node_;
    ++next_;
    fresh_ = true;
    return true;
  }

  void close() {
    const std::uint32_t opened = levels_[--depth_] & ~kObjectLevel;
    Node& container = tape_[opened];
    container.size = offset() - container.begin;
    container.link = index_ - opened;
    fresh_ = false;
  }

  [[gnu::always_inline]] bool string() {
    if (!has_room()) return false;
    const char* const first = next_++;
    std::uint32_t flags = 0;
    while (true) {
      next_ = find_string_end(next_, end_, saw_non_ascii_);
      if (next_ == end_) return fail(Fault::syntax);
      if (*next_ == '"') break;
      if (*next_ != '\\' || !escape()) return fail(Fault::syntax);
      flags = Node::kEscaped;
    }
    ++next_;
    put(first, flags);
    return true;
  }

  // REQUIRES: next_ is at a backslash.
  bool escape() {
    ++next_;
    if (next_ == end_) return false;
    const char letter = *next_;
    if (letter != 'u') {
      if (!is_short_escape(letter)) return false;
      ++next_;
      return true;
    }
    ++next_;
    for (int i = 0; i < 4; ++i, ++next_) {
      if (next_ == end_ || base::hex_value(*next_) < 0) return false;
    }
    return true;
  }

  bool literal(Bytes word) {
    if (!has_room()) return false;
    const char* const first = next_;
    if (!Bytes(next_, static_cast<std::size_t>(end_ - next_)).starts_with(word)) {
      for (const char c : word) {
        if (!take(c)) break;  // to the byte at fault
      }
      return fail(Fault::syntax);
    }
    next_ += word.size();
    put(first, 0);
    return true;
  }

  bool digits() {
    const char* const first = next_;
    while (next_ != end_ && base::is_digit(*next_)) ++next_;
    return next_ != first || fail(Fault::syntax);
  }

  bool number() {
    if (!has_room()) return false;
    const char* const first = next_;
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    put(first, 0);
    return true;
  }

  const char* begin_;
  const char* next_;
  const char* end_;
  Node* node_;
  Node* tape_;
  Node* tape_end_;
  std::uint32_t index_ = 0;                   // of node_
  std::array<std::uint32_t, kDepth> levels_;  // those below depth_
  std::size_t depth_ = 0;
  bool fresh_ = false;  // just behind an opening bracket
  bool full_ = false;
  bool saw_non_ascii_ = false;
  Fault fault_ = Fault::none;
};

std::uint32_t first_bad_utf8(Bytes document) {
  std::size_t at = 0;
  while (at < document.size()) {
    const std::size_t size = utf8_size(document.substr(at));
    if (size == 0) break;
    at += size;
  }
  return static_cast<std::uint32_t>(at);
}

}  // namespace

TapeResult write_tape(Bytes document, std::span<Node> tape, Utf8 utf8) {
  HEADRACE_ASSERT(document.size() < kObjectLevel);
  TapeWriter writer(document, tape);
  TapeResult result;
  if (!writer.document()) {
    result.full = writer.full();
    result.scan = {writer.fault(), writer.offset()};
    return result;
  }
  result.nodes = writer.nodes();
  if (utf8 == Utf8::check && writer.saw_non_ascii() &&
      !simdjson::validate_utf8(document.data(), document.size())) {
    result.scan = {Fault::utf8, first_bad_utf8(document)};
  }
  return result;
}

bool Value::reads_unescaped(Bytes text) const {
  std::array<char, 64> scratch;
  HEADRACE_ASSERT(text.size() <= scratch.size());
  return unescape(raw(), scratch) == text;
}

std::optional<std::uint64_t> Value::count() const {
  return is(Type::number) ? base::parse_decimal(raw()) : std::nullopt;
}

Value Value::member(Bytes name) const {
  Value found;
  Members members(*this);
  Value key;
  Value value;
  while (members.next(key, value)) {
    if (key.reads(name)) found = value;
  }
  return found;
}

}  // namespace headrace::json
