// A tape: the places of every value of a JSON document, in document order, written in one pass into
// memory of the caller. Translations read from it: a member may be looked up before or after its
// neighbours, and what lies between is stepped over without looking at its bytes again.
//
// Nothing is converted or copied: a value is its bytes as they were written. The grammar is that of
// scan.h and every byte is judged; a document that does not fit the tape is reported, not cut.
// Where an object holds a key twice the last one counts. Views live as long as tape and document.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "json/scan.h"

namespace headrace::json {

// One value, or one key. The nodes of a container's insides follow its own.
struct Node {
  static constexpr std::uint32_t kEscaped = 1u << 31;

  // Without values of their own: a tape on the stack is not filled twice.
  std::uint32_t begin;
  std::uint32_t size;
  std::uint32_t link;  // nodes from here to the one behind its insides; kEscaped: has escapes

  const Node* next() const { return this + (link & ~kEscaped); }
  bool escaped() const { return (link & kEscaped) != 0; }
};

// More nodes than any document of that many bytes has, brackets that nobody closes included.
constexpr std::size_t nodes_max(std::size_t bytes) {
  return bytes / 2 + kDepth + 2;
}
// Enough for almost all documents.
constexpr std::size_t nodes_likely(std::size_t bytes) {
  return bytes / 8 + 64;
}

struct TapeResult {
  ScanResult scan;
  bool full = false;  // the tape was too short; `scan` says nothing then
  std::size_t nodes = 0;

  bool ok() const { return !full && scan.ok(); }
};

TapeResult write_tape(Bytes document, std::span<Node> tape, Utf8 utf8 = Utf8::check);

// scan_object (scan.h) that writes the value of keys[taped] to `tape` on the way; its nodes count
// from the whole document. `taped`: it was there and did fit. Of several it is the last one.
struct TapedScan {
  ScanResult scan;
  bool taped = false;
};
TapedScan scan_object_taping(Bytes document,
                             NameList keys,
                             std::span<FoundValue> found,
                             std::size_t taped,
                             std::span<Node> tape,
                             Utf8 utf8 = Utf8::check);

// A value on a tape: a handle, cheap to copy. The default one is absent, and so is every member of
// something that is not an object: lookups chain without checks between them.
class Value {
 public:
  Value() = default;
  Value(const char* document, const Node* node) : document_(document), node_(node) {}

  bool found() const { return node_ != nullptr; }
  Type type() const;
  bool is(Type expected) const { return type() == expected; }
  // Neither absent nor null.
  bool given() const { return found() && front() != 'n'; }
  bool is_true() const { return found() && front() == 't'; }

  // The bytes as they stand in the document; empty when absent.
  Bytes raw() const;
  // What stands between the quotes, as written; empty where this is no string.
  Bytes body() const;
  bool has_text() const { return !body().empty(); }
  bool escaped() const { return found() && node().escaped(); }
  // A string that reads `text`, escaped or not. REQUIRES: text is at most 64 bytes.
  bool reads(Bytes text) const;
  // Which of `names` this string reads, escaped or not, or how many they are.
  template <std::size_t kCount>
  std::size_t index_in(const Names<kCount>& names) const {
    return node().escaped() ? index_unescaped(names) : names.find(body());
  }
  // A number without sign, fraction or exponent, or nothing.
  std::optional<std::uint64_t> count() const;

  Value member(Bytes name) const;

  // How many nodes lie inside a container: 0 says that it is empty.
  std::size_t inner_nodes() const {
    return found() ? static_cast<std::size_t>(node_->next() - node_) - 1 : 0;
  }

 private:
  friend class Elements;
  friend class Members;

  bool reads_unescaped(Bytes text) const;
  std::size_t index_unescaped(NameList names) const;
  const Node& node() const { return *node_; }
  char front() const { return document_[node().begin]; }

  const char* document_ = nullptr;
  const Node* node_ = nullptr;
};

// Walks an array; anything else has no elements.
class Elements {
 public:
  explicit Elements(Value array);
  bool next(Value& element);
  bool empty() const { return at_.node_ == end_; }
  // Of two walks of one array: they are at the same element.
  bool operator==(const Elements& other) const { return at_.node_ == other.at_.node_; }

 private:
  Value at_;
  const Node* end_ = nullptr;
};

// Walks an object in the order of the document; anything else has no members.
class Members {
 public:
  explicit Members(Value object);
  bool next(Value& key, Value& value);

 private:
  Value at_;
  const Node* end_ = nullptr;
};

// Several members at once, in one walk: the values of `names`, absent where there is none.
// `names` is a constant array of Bytes, so that looking for them is comparing with constants.
template <const auto& names>
std::array<Value, names.size()> pick(Value object);

// -- looked at for every value

inline Type Value::type() const {
  return found() ? type_of(front()) : Type::absent;
}

inline Bytes Value::raw() const {
  if (!found()) return {};
  return {document_ + node().begin, node().size};
}

inline Bytes Value::body() const {
  if (!found() || front() != '"') return {};
  return {document_ + node().begin + 1, node().size - 2};
}

inline Elements::Elements(Value array) {
  if (!array.is(Type::array)) return;
  at_ = array;
  end_ = array.node().next();
  ++at_.node_;
}

inline bool Elements::next(Value& element) {
  if (at_.node_ == end_) return false;
  element = at_;
  at_.node_ = at_.node().next();
  return true;
}

inline Members::Members(Value object) {
  if (!object.is(Type::object)) return;
  at_ = object;
  end_ = object.node().next();
  ++at_.node_;
}

inline bool Members::next(Value& key, Value& value) {
  if (at_.node_ == end_) return false;
  key = at_;
  ++at_.node_;
  value = at_;
  at_.node_ = at_.node().next();
  return true;
}

inline bool Value::reads(Bytes text) const {
  if (!found() || front() != '"') return false;
  return node().escaped() ? reads_unescaped(text) : same_name(body(), text);
}

template <const auto& names>
std::array<Value, names.size()> pick(Value object) {
  constexpr std::size_t kFew = 8;
  static constexpr Names<names.size()> kLists(names);
  std::array<Value, names.size()> values;
  Members members(object);
  Value key;
  Value value;
  while (members.next(key, value)) {
    if (names.size() > kFew || key.escaped()) {
      const std::size_t index = key.index_in(kLists);
      if (index != names.size()) values[index] = value;
      continue;
    }
    // Unrolled: no loop over the names is left, and most of them differ in size.
    const Bytes name = key.body();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (void)((same_name(name, names[I]) && (values[I] = value, true)) || ...);
    }(std::make_index_sequence<names.size()>());
  }
  return values;
}

}  // namespace headrace::json
