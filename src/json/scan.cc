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

  // Reads the value of the key that has this index.
  template <class Reader>
  [[gnu::always_inline]] bool read(Reader& reader, std::size_t /*index*/) {
    return reader.value();
  }

  ScanResult duplicate() const { return duplicate_; }

 private:
  std::uint32_t offset_of(const char* place) const {
    return static_cast<std::uint32_t>(place - document_.data());
  }

  Bytes document_;
  NameList keys_;
  std::span<FoundValue> found_;
  ScanResult duplicate_;
};

// One that takes the nodes of a member on the way.
class TapingFinder : public Finder {
 public:
  TapingFinder(Bytes document,
               NameList keys,
               std::span<FoundValue> found,
               std::size_t taped,
               std::span<Node> tape)
      : Finder(document, keys, found), document_(document), taped_(taped), tape_(tape) {}

  template <class Reader>
  [[gnu::always_inline]] bool read(Reader& reader, std::size_t index) {
    if (index != taped_) return reader.value();
    auto writer = reader.with(TapeNotes(document_, tape_));
    whole_ = writer.value();
    // What does not fit the tape must be judged all the same.
    if (writer.notes().full()) return reader.value();
    reader.go_on(writer);
    return whole_;
  }

  bool whole() const { return whole_; }

 private:
  Bytes document_;
  std::size_t taped_;
  std::span<Node> tape_;
  bool whole_ = false;
};

// The top-level object. REQUIRES: the reader is at its bracket.
template <class Reader, class FinderKind>
[[gnu::always_inline]] inline bool members(Reader& reader, FinderKind& finder) {
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
    if (!finder.read(reader, index)) return false;
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

// Walks are functions of their own: nothing of their callers is in the way of what they keep in
// registers.
template <bool kClosed>
[[gnu::noinline]] Walked walk(Bytes document) {
  Grammar<kClosed, NoNotes> reader(document, {});
  return walked(reader, reader.document());
}

// REQUIRES: the first byte that is not blank is a brace.
template <bool kClosed, class FinderKind>
[[gnu::noinline]] Walked walk_object(Bytes document, FinderKind& finder) {
  Grammar<kClosed, NoNotes> reader(document, {});
  reader.blanks();
  return walked(reader, members(reader, finder) && reader.nothing_follows());
}

// The first element of the rest of an array, or nothing. REQUIRES: the rest ends in a bracket.
Bytes next_element(Bytes rest) {
  Grammar<true, NoNotes> reader(rest, {});
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

template <class FinderKind>
ScanResult scan(Bytes document, FinderKind& finder, Utf8 utf8) {
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
  TapingFinder finder(document, keys, found, taped, tape);
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
