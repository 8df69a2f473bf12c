#include "json/tape.h"

#include "base/assert.h"
#include "json/grammar.h"
#include "json/tape_notes.h"
#include "json/text.h"

namespace headrace::json {
namespace {

constexpr std::size_t kBytesMax = Node::kEscaped - 1;  // no link takes the bit of an escape

struct Written {
  TapeResult result;
  bool saw_non_ascii = false;
};

// Its own function: nothing of its callers is in the way of what it keeps in registers.
template <bool kClosed>
[[gnu::noinline]] Written write(Bytes document, std::span<Node> tape) {
  Grammar<kClosed, TapeNotes> reader(document, document, tape);
  Written written;
  TapeResult& result = written.result;
  if (!reader.document()) result.scan = {reader.fault(), reader.offset()};
  result.full = reader.notes().full();
  result.nodes = reader.notes().nodes();
  written.saw_non_ascii = reader.saw_non_ascii();
  return written;
}

}  // namespace

TapeResult write_tape(Bytes document, std::span<Node> tape, Utf8 utf8) {
  HEADRACE_ASSERT(document.size() <= kBytesMax);
  Written written =
      ends_in_bracket(document) ? write<true>(document, tape) : write<false>(document, tape);
  TapeResult& result = written.result;
  if (result.ok() && utf8 == Utf8::check && written.saw_non_ascii) {
    result.scan = judge_utf8(document);
  }
  return result;
}

bool Value::reads_unescaped(Bytes text) const {
  std::array<char, 64> scratch;
  HEADRACE_ASSERT(text.size() <= scratch.size());
  return unescape(raw(), scratch) == text;
}

std::size_t Value::index_unescaped(NameList names) const {
  std::array<char, 64> scratch;
  const std::optional<Bytes> name = unescape(raw(), scratch);
  return name ? names.find(*name) : names.size();
}

std::optional<std::uint64_t> Value::count() const {
  constexpr std::size_t kNeverTooLarge = 19;  // digits
  const Bytes text = raw();
  if (text.size() > kNeverTooLarge) {
    return is(Type::number) ? base::parse_decimal(text) : std::nullopt;
  }
  // Of all values only a number has digits alone.
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!base::is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return text.empty() ? std::nullopt : std::optional(value);
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
