#include "json/scan.h"

#include <simdjson.h>

#include <array>

#include "base/assert.h"
#include "json/grammar.h"
#include "json/tape.h"
#include "json/tape_notes.h"
#include "json/text.h"

namespace headrace::json {
namespace {

constexpr std::size_t kKeysMax = 32;
constexpr std::size_t kKeyBytesMax = 64;  // of a key that is asked for

// The members of the top-level object that were asked for.
class Finder {
 public:
  Finder(Bytes document, NameList keys, std::span<FoundValue> found)
      : document_(document), keys_(keys), found_(found) {
    HEADRACE_ASSERT(keys.size() <= kKeysMax);
    HEADRACE_ASSERT(found.size() >= keys.size());
    for (FoundValue& value : found.first(keys.size())) value.type = Type::absent;
  }

  // Of the key that stands there, quotes included: the index of the name asked for, or size().
  std::size_t index_of(const char* begin, const char* end, bool escaped) const {
    Bytes name(begin + 1, static_cast<std::size_t>(end - begin) - 2);
    std::array<char, kKeyBytesMax> scratch;
    if (escaped) name = unescape({begin, name.size() + 2}, scratch).value_or(Bytes{});
    return keys_.find(name);
  }
  std::size_t size() const { return keys_.size(); }

  // REQUIRES: index < size().
  void add(std::size_t index, const char* key, const char* begin, const char* end) {
    FoundValue& value = found_[index];
    if (value.found() && duplicate_.ok()) {
      duplicate_ = {Fault::duplicate_key, offset_of(key), static_cast<std::uint32_t>(index)};
    }
    value.key_begin = offset_of(key);
    value.begin = offset_of(begin);
    value.size = static_cast<std::uint32_t>(end - begin);
    value.type = type_of(*begin);
  }

  // The value of this key is written to `tape`.
  void take_nodes(std::size_t index, std::span<Node> tape) {
    taped_ = index;
    tape_ = tape;
  }
  bool is_taped(std::size_t index) const { return index == taped_; }
  std::span<Node> tape() const { return tape_; }
  bool whole() const { return whole_; }
  void set_whole(bool whole) { whole_ = whole; }

  ScanResult duplicate() const { return duplicate_; }

 private:
  std::uint32_t offset_of(const char* place) const {
    return static_cast<std::uint32_t>(place - document_.data());
  }

  Bytes document_;
  NameList keys_;
  std::span<FoundValue> found_;
  ScanResult duplicate_;
  std::size_t taped_ = SIZE_MAX;
  std::span<Node> tape_;
  bool whole_ = false;  // the last value that was to be taped did fit
};

struct Taping {
  Stop stop;
  bool full;
};

// Writes the value at `place`, a top-level member's, to the tape. A walk of its own, like those
// below: nothing of its callers is in the way of what it keeps in registers.
template <bool kClosed>
[[gnu::noinline]] Taping tape_value(Bytes document, const char* place, std::span<Node> tape) {
  Grammar<kClosed, TapeNotes> reader(document, document, tape);
  reader.start_inside(place);
  (void)reader.value();
  return {reader.stop(), reader.notes().full()};
}

template <bool kClosed>
[[gnu::always_inline]] inline bool member_value(Grammar<kClosed, NoNotes>& reader,
                                                Bytes document,
                                                Finder& finder,
                                                std::size_t index) {
  if (finder.is_taped(index)) {
    const Taping taping = tape_value<kClosed>(document, reader.place(), finder.tape());
    finder.set_whole(!taping.full);
    if (!taping.full) return reader.go_on(taping.stop);
  }
  // What does not fit the tape is judged all the same.
  return reader.value();
}

// The top-level object. REQUIRES: the reader is at its bracket.
template <bool kClosed>
[[gnu::always_inline]] inline bool members(Grammar<kClosed, NoNotes>& reader,
                                           Bytes document,
                                           Finder& finder) {
  if (!reader.open(true)) return false;
  reader.blanks();
  while (reader.peek() != '}') {
    bool escaped = false;
    const char* const key = reader.place();
    if (reader.peek() != '"') return reader.fail(Fault::syntax);
    if (!reader.string(escaped)) return false;
    const std::size_t index = finder.index_of(key, reader.place(), escaped);
    if (!reader.colon()) return false;
    const char* const begin = reader.place();
    if (!member_value(reader, document, finder, index)) return false;
    if (index != finder.size()) finder.add(index, key, begin, reader.place());
    // A bracket that ends the document too soon is found by asking for it.
    if (reader.at_end()) return reader.fail(Fault::syntax);
    reader.blanks();
    if (reader.peek() != ',') break;
    reader.step();
    reader.blanks();
    if (reader.peek() != '"') return reader.fail(Fault::syntax);
  }
  if (reader.peek() != '}') return reader.fail(Fault::syntax);
  reader.close();
  return true;
}

// What was found before the UTF-8 was looked at.
struct Walked {
  ScanResult result;
  bool saw_non_ascii;
};

template <class Reader>
[[gnu::always_inline]] inline Walked walked(const Reader& reader, bool done) {
  return {done ? ScanResult{} : ScanResult{reader.fault(), reader.offset()},
          reader.saw_non_ascii()};
}

template <bool kClosed>
[[gnu::noinline]] Walked walk(Bytes document) {
  Grammar<kClosed, NoNotes> reader(document);
  return walked(reader, reader.document());
}

// REQUIRES: the first byte that is not blank is a brace.
template <bool kClosed>
[[gnu::noinline]] Walked walk_object(Bytes document, Finder& finder) {
  Grammar<kClosed, NoNotes> reader(document);
  reader.blanks();
  return walked(reader, members(reader, document, finder) && reader.nothing_follows());
}

// The first element of the rest of an array, or nothing. REQUIRES: the rest ends in a bracket.
Bytes next_element(Bytes rest) {
  Grammar<true, NoNotes> reader(rest);
  reader.blanks();
  if (reader.peek() == ',') {
    reader.step();
    reader.blanks();
  }
  const std::size_t begin = reader.offset();
  if (reader.peek() == ']' || !reader.value()) return {};
  return rest.substr(begin, reader.offset() - begin);
}

ScanResult judged(Bytes document, const Walked& walked, Utf8 utf8) {
  if (!walked.result.ok() || utf8 == Utf8::trust || !walked.saw_non_ascii) return walked.result;
  return judge_utf8(document);
}

ScanResult judge(Bytes document, Utf8 utf8) {
  HEADRACE_ASSERT(document.size() < UINT32_MAX);
  const Walked walked = ends_in_bracket(document) ? walk<true>(document) : walk<false>(document);
  return judged(document, walked, utf8);
}

ScanResult scan(Bytes document, Finder& finder, Utf8 utf8) {
  HEADRACE_ASSERT(document.size() < UINT32_MAX);
  std::uint32_t top = 0;
  while (top < document.size() && is_space(document[top])) ++top;
  if (top == document.size() || document[top] != '{') {
    const ScanResult result = judge(document, utf8);
    return result.ok() ? ScanResult{Fault::not_object, top} : result;
  }
  const Walked walked = ends_in_bracket(document) ? walk_object<true>(document, finder)
                                                  : walk_object<false>(document, finder);
  const ScanResult result = judged(document, walked, utf8);
  return result.ok() ? finder.duplicate() : result;
}

}  // namespace

ScanResult judge_utf8(Bytes document) {
  if (simdjson::validate_utf8(document.data(), document.size())) return {};
  std::size_t at = 0;
  while (at < document.size()) {
    const std::size_t size = utf8_size(document.substr(at));
    if (size == 0) break;
    at += size;
  }
  return {Fault::utf8, static_cast<std::uint32_t>(at)};
}

ScanResult scan_object(Bytes document, NameList keys, std::span<FoundValue> found, Utf8 utf8) {
  Finder finder(document, keys, found);
  return scan(document, finder, utf8);
}

TapedScan scan_object_taping(Bytes document,
                             NameList keys,
                             std::span<FoundValue> found,
                             std::size_t taped,
                             std::span<Node> tape,
                             Utf8 utf8) {
  Finder finder(document, keys, found);
  finder.take_nodes(taped, tape);
  TapedScan result;
  result.scan = scan(document, finder, utf8);
  result.taped = finder.whole();
  return result;
}

ScanResult validate(Bytes document) {
  return judge(document, Utf8::check);
}

ArrayWalk::ArrayWalk(Bytes array) : rest_(array) {
  HEADRACE_ASSERT(!rest_.empty());
  HEADRACE_ASSERT(rest_.front() == '[');
  rest_.remove_prefix(1);
}

std::optional<Bytes> ArrayWalk::next() {
  const Bytes element = ends_in_bracket(rest_) ? next_element(rest_) : Bytes{};
  if (element.empty()) {
    rest_ = {};
    return std::nullopt;
  }
  rest_.remove_prefix(static_cast<std::size_t>(element.data() - rest_.data()) + element.size());
  return element;
}

}  // namespace headrace::json
