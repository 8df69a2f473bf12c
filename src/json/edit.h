// Changes to a document without copying it: a list of edits (replace, insert, erase a span) over
// bytes that stay where they are, read back as the pieces that make the edited document. What no
// edit names goes out byte for byte and in order. Text to insert that does not live elsewhere is
// kept in the caller's scratch. Allocates nothing, any thread, at most kEdits edits; what does not
// fit is remembered and told by ok(). Edits may be added in any order and must not overlap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "json/scan.h"

namespace headrace::json {

class EditList {
 public:
  static constexpr std::size_t kEdits = 12;
  static constexpr std::size_t kPieces = 2 * kEdits + 1;
  using Pieces = std::array<Bytes, kPieces>;

  // `scratch` outlives the list and the pieces.
  explicit EditList(std::span<char> scratch) : scratch_(scratch) {}

  // `text` must live as long as the pieces: a constant, or what own() and own_string() return.
  void replace(std::uint32_t begin, std::uint32_t size, Bytes text);
  // Two insertions at one place stay in the order in which they came, before what stands there.
  void insert(std::uint32_t at, Bytes text) { replace(at, 0, text); }
  void erase(std::uint32_t begin, std::uint32_t size) { replace(begin, size, {}); }

  // Erases whole members of one object, each with the comma that it no longer needs. Those that
  // were not found are skipped. To be called once for each object. REQUIRES: spans of `document`.
  void erase_members(Bytes document, std::span<const FoundValue> members);

  // A copy of `text` in the scratch, as it is or as a JSON string; empty and !ok() when it does not
  // fit.
  Bytes own(Bytes text);
  Bytes own_string(Bytes text);

  bool ok() const { return !overflow_; }
  bool empty() const { return count_ == 0; }

  // The edited document, in order and without empty pieces. REQUIRES: ok(), and every edit lies
  // within `document`.
  std::span<const Bytes> pieces(Bytes document, Pieces& out) const;

  // The bytes of all pieces.
  std::size_t edited_size(Bytes document) const;

 private:
  struct Edit {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    Bytes text;

    std::uint32_t end() const { return begin + size; }
  };

  std::span<char> scratch_;  // what is left of it
  std::array<Edit, kEdits> edits_{};
  std::size_t count_ = 0;
  bool overflow_ = false;
};

}  // namespace headrace::json
