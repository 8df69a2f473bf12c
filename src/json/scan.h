// Validates a JSON document and finds the places of named members, in one pass, without building
// anything.
//
// What is forwarded must be judged whole: a gateway that checks only what it reads can be made to
// see another document than the provider does. So every byte is checked: RFC 8259 grammar for every
// value, legal escapes, well-formed UTF-8, no byte order mark, one document, nesting up to kDepth.
// Numbers are never converted, and lone surrogate escapes and numbers of any size are legal: they
// go out as they came in.
//
// Stateless and without memory of its own, so it may be used from any thread. It reads exactly the
// bytes it is given (no padding behind them). Documents above 4 GiB are refused by an assertion:
// bodies are bounded far below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "json/names.h"

namespace headrace::json {

using base::Bytes;

inline constexpr std::size_t kDepth = 128;

enum class Type : std::uint8_t { absent, object, array, string, number, boolean, null };

// Where a member's value lies in the scanned document. A string's span includes its quotes.
struct FoundValue {
  std::uint32_t key_begin = 0;  // the opening quote of the key
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
  Type type = Type::absent;

  bool found() const { return type != Type::absent; }
  Bytes text(Bytes document) const { return document.substr(begin, size); }
};

enum class Fault : std::uint8_t {
  none,
  empty,          // nothing but white space
  syntax,         // not JSON
  utf8,           // a byte sequence that is not UTF-8
  depth,          // nested deeper than kDepth
  trailing,       // something follows the document
  not_object,     // valid JSON, but not an object
  duplicate_key,  // valid JSON, but a key that was asked for stands in it twice
};

struct ScanResult {
  Fault fault = Fault::none;
  std::uint32_t offset =
      0;                  // of the first byte at fault; the document's size when it ends too soon
  std::uint32_t key = 0;  // duplicate_key: index into the keys asked for

  bool ok() const { return fault == Fault::none; }
};

enum class Utf8 : std::uint8_t { check, trust };

// Checks `document`, whose top level must be an object, and finds the top-level members named by
// `keys` (compared unescaped: `mod\u0065l` is `model`). found[i] answers keys[i]; absent ones have
// Type::absent, and nothing else of them is set. With duplicate_key the whole document was valid
// and `found` holds the last one of each.
// REQUIRES: found.size() >= keys.size(), keys.size() <= 32.
ScanResult scan_object(Bytes document,
                       NameList keys,
                       std::span<FoundValue> found,
                       Utf8 utf8 = Utf8::check);

// The same checks for a document of any type; finds nothing.
ScanResult validate(Bytes document);

// Whether `document` is UTF-8 all through, whatever else it is.
ScanResult judge_utf8(Bytes document);

// Walks the elements of an array that was checked before (a FoundValue's text, for instance).
class ArrayWalk {
 public:
  explicit ArrayWalk(Bytes array);
  // The next element's text, or nullopt behind the last one.
  std::optional<Bytes> next();

 private:
  Bytes rest_;
};

// -- looked at for every value

constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// The type of a value by its first byte. REQUIRES: a value begins with it.
constexpr Type type_of(char front) {
  switch (front) {
    case '"':
      return Type::string;
    case '{':
      return Type::object;
    case '[':
      return Type::array;
    case 't':
    case 'f':
      return Type::boolean;
    case 'n':
      return Type::null;
    default:
      return Type::number;
  }
}

}  // namespace headrace::json
