#include "json/scan.h"

#include <simdjson.h>

#include <array>
#include <cstring>

#include "base/assert.h"
#include "json/string_end.h"
#include "json/text.h"

namespace headrace::json {
namespace {

constexpr std::size_t kKeysMax = 32;
constexpr std::size_t kKeyBytesMax = 64;  // of a key that is asked for

// The bytes that end a literal's first letter: what may follow is checked by the grammar around it.
constexpr Bytes kTrue = "true";
constexpr Bytes kFalse = "false";
constexpr Bytes kNull = "null";

// Which kind of bracket each open level has, one bit each: no memory to grow, no recursion to
// overflow.
class Levels {
 public:
  bool push(bool object) {
    if (depth_ == kDepth) return false;
    const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
    std::uint64_t& word = words_[depth_ / 64];
    word = object ? (word | bit) : (word & ~bit);
    ++depth_;
    return true;
  }
  void pop() { --depth_; }
  std::size_t depth() const { return depth_; }
  bool in_object() const {
    const std::size_t top = depth_ - 1;
    return ((words_[top / 64] >> (top % 64)) & 1) != 0;
  }

 private:
  std::array<std::uint64_t, kDepth / 64> words_{};
  std::size_t depth_ = 0;
};

// Moves over the document value by value. After a failure it stays at the byte at fault.
class Cursor {
 public:
  explicit Cursor(Bytes document)
      : begin_(document.data()), next_(begin_), end_(begin_ + document.size()) {}

  std::uint32_t offset() const { return static_cast<std::uint32_t>(next_ - begin_); }
  Fault fault() const { return fault_; }
  bool saw_non_ascii() const { return saw_non_ascii_; }
  bool at_end() const { return next_ == end_; }

  void skip_blanks() {
    while (next_ != end_ && is_space(*next_)) ++next_;
  }

  // Takes `c` if it is next.
  bool take(char c) {
    if (next_ == end_ || *next_ != c) return false;
    ++next_;
    return true;
  }
  bool next_is(char c) const { return next_ != end_ && *next_ == c; }

  bool enter(bool object) {
    if (!levels_.push(object)) return fail(Fault::depth);
    ++next_;
    return true;
  }
  void leave() { levels_.pop(); }

  // A string with both quotes. `escaped` tells whether it has escapes.
  [[gnu::always_inline]] bool string(bool& escaped) {
    if (!take('"')) return fail(Fault::syntax);
    while (true) {
      next_ = find_string_end(next_, end_, saw_non_ascii_);
      if (next_ == end_) return fail(Fault::syntax);
      if (*next_ == '"') {
        ++next_;
        return true;
      }
      if (*next_ != '\\' || !escape()) return fail(Fault::syntax);
      escaped = true;
    }
  }

  // A whole value, however deep. REQUIRES: blanks before it are skipped.
  bool value(Type& type) {
    const std::size_t floor = levels_.depth();
    bool opened = false;
    if (!scalar_or_open(type, opened)) return false;
    if (!opened) return true;
    Type inner = Type::absent;
    while (to_next_value(floor, opened)) {
      if (!scalar_or_open(inner, opened)) return false;
    }
    return fault_ == Fault::none;
  }

  // The start of an object's member, through the colon and the blanks behind it.
  [[gnu::always_inline]] bool member_key(bool& escaped) {
    if (!string(escaped)) return false;
    skip_blanks();
    if (!take(':')) return fail(Fault::syntax);
    skip_blanks();
    return true;
  }

  bool fail(Fault fault) {
    fault_ = fault;
    return false;
  }

 private:
  // One scalar, or the opening bracket of something larger.
  [[gnu::always_inline]] bool scalar_or_open(Type& type, bool& opened) {
    opened = false;
    if (next_ == end_) return fail(Fault::syntax);
    bool escaped = false;
    switch (*next_) {
      case '"':
        type = Type::string;
        return string(escaped);
      case '{':
        type = Type::object;
        return opened = enter(true);
      case '[':
        type = Type::array;
        return opened = enter(false);
      case 't':
        type = Type::boolean;
        return literal(kTrue);
      case 'f':
        type = Type::boolean;
        return literal(kFalse);
      case 'n':
        type = Type::null;
        return literal(kNull);
      default:
        type = Type::number;
        return number();
    }
  }

  // Behind an opening bracket or a value: through the ends of levels to the next value. False when
  // no level above `floor` is left, and at a fault.
  [[gnu::always_inline]] bool to_next_value(std::size_t floor, bool opened) {
    while (levels_.depth() > floor) {
      const bool object = levels_.in_object();
      skip_blanks();
      if (take(object ? '}' : ']')) {
        levels_.pop();
        opened = false;
        continue;
      }
      if (!opened) {
        if (!take(',')) return fail(Fault::syntax);
        skip_blanks();
      }
      bool escaped = false;
      return !object || member_key(escaped);
    }
    return false;
  }

  bool literal(Bytes word) {
    if (Bytes(next_, static_cast<std::size_t>(end_ - next_)).starts_with(word)) {
      next_ += word.size();
      return true;
    }
    for (const char c : word) {
      if (!take(c)) break;  // to the byte at fault
    }
    return fail(Fault::syntax);
  }

  bool digits() {
    const char* const first = next_;
    while (next_ != end_ && base::is_digit(*next_)) ++next_;
    return next_ != first || fail(Fault::syntax);
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }

  // REQUIRES: next_ is at a backslash.
  bool escape() {
    ++next_;
    if (next_ == end_) return false;
    switch (*next_) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        ++next_;
        return true;
      case 'u':
        break;
      default:
        return false;
    }
    ++next_;
    for (int i = 0; i < 4; ++i, ++next_) {
      if (next_ == end_ || base::hex_value(*next_) < 0) return false;
    }
    return true;
  }

  const char* begin_;
  const char* next_;
  const char* end_;
  Levels levels_;
  Fault fault_ = Fault::none;
  bool saw_non_ascii_ = false;
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

// The members of the top-level object that were asked for.
class Finder {
 public:
  Finder(Bytes document, std::span<const Bytes> keys, std::span<FoundValue> found)
      : document_(document), keys_(keys), found_(found) {
    HEADRACE_ASSERT(keys.size() <= kKeysMax);
    HEADRACE_ASSERT(found.size() >= keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) found[i] = {};
  }

  // `quoted`: a key with its quotes. The index of the name asked for, or keys.size().
  std::size_t index_of(Bytes quoted, bool escaped) const {
    std::array<char, kKeyBytesMax> scratch;
    Bytes name = quoted.substr(1, quoted.size() - 2);
    if (escaped) name = unescape(quoted, scratch).value_or(Bytes{});
    std::size_t i = 0;
    while (i < keys_.size() && !same_name(keys_[i], name)) ++i;
    return i;
  }

  void add(std::size_t index, const FoundValue& value) {
    if (index == keys_.size()) return;
    if (found_[index].found() && duplicate_.ok()) {
      duplicate_ = {Fault::duplicate_key, value.key_begin, static_cast<std::uint32_t>(index)};
    }
    found_[index] = value;
  }

  Bytes document() const { return document_; }
  ScanResult duplicate() const { return duplicate_; }

 private:
  Bytes document_;
  std::span<const Bytes> keys_;
  std::span<FoundValue> found_;
  ScanResult duplicate_;
};

bool member(Cursor& cursor, Finder& finder) {
  FoundValue value;
  bool escaped = false;
  value.key_begin = cursor.offset();
  const char* const key = finder.document().data() + value.key_begin;
  if (!cursor.string(escaped)) return false;
  const std::size_t index = finder.index_of({key, cursor.offset() - value.key_begin}, escaped);
  cursor.skip_blanks();
  if (!cursor.take(':')) return cursor.fail(Fault::syntax);
  cursor.skip_blanks();
  value.begin = cursor.offset();
  if (!cursor.value(value.type)) return false;
  value.size = cursor.offset() - value.begin;
  finder.add(index, value);
  return true;
}

// The top-level object. REQUIRES: the cursor is at its bracket.
bool members(Cursor& cursor, Finder& finder) {
  if (!cursor.enter(true)) return false;
  cursor.skip_blanks();
  if (cursor.take('}')) {
    cursor.leave();
    return true;
  }
  while (true) {
    if (!member(cursor, finder)) return false;
    cursor.skip_blanks();
    if (cursor.take('}')) break;
    if (!cursor.take(',')) return cursor.fail(Fault::syntax);
    cursor.skip_blanks();
  }
  cursor.leave();
  return true;
}

// `finder` is null when nothing is asked for and any type will do.
ScanResult scan(Bytes document, Finder* finder, Utf8 utf8) {
  HEADRACE_ASSERT(document.size() < UINT32_MAX);
  Cursor cursor(document);
  cursor.skip_blanks();
  if (cursor.at_end()) return {Fault::empty, cursor.offset()};
  const std::uint32_t top = cursor.offset();
  const bool object = cursor.next_is('{');
  Type type = Type::absent;
  if (!(finder != nullptr && object ? members(cursor, *finder) : cursor.value(type))) {
    return {cursor.fault(), cursor.offset()};
  }
  cursor.skip_blanks();
  if (!cursor.at_end()) return {Fault::trailing, cursor.offset()};
  if (utf8 == Utf8::check && cursor.saw_non_ascii() &&
      !simdjson::validate_utf8(document.data(), document.size())) {
    return {Fault::utf8, first_bad_utf8(document)};
  }
  if (finder == nullptr) return {};
  if (!object) return {Fault::not_object, top};
  return finder->duplicate();
}

}  // namespace

ScanResult scan_object(Bytes document,
                       std::span<const Bytes> keys,
                       std::span<FoundValue> found,
                       Utf8 utf8) {
  Finder finder(document, keys, found);
  return scan(document, &finder, utf8);
}

ScanResult validate(Bytes document) {
  return scan(document, nullptr, Utf8::check);
}

ArrayWalk::ArrayWalk(Bytes array) : rest_(array) {
  HEADRACE_ASSERT(!rest_.empty());
  HEADRACE_ASSERT(rest_.front() == '[');
  rest_.remove_prefix(1);
}

std::optional<Bytes> ArrayWalk::next() {
  Cursor cursor(rest_);
  cursor.skip_blanks();
  if (cursor.take(',')) cursor.skip_blanks();
  const std::uint32_t begin = cursor.offset();
  Type type = Type::absent;
  if (cursor.next_is(']') || !cursor.value(type)) {
    rest_ = {};
    return std::nullopt;
  }
  const Bytes element = rest_.substr(begin, cursor.offset() - begin);
  rest_.remove_prefix(cursor.offset());
  return element;
}

}  // namespace headrace::json
