// A few bytes of a provider's that must outlive the event they came in: an id, a model's name. What
// is too long is refused, not cut: half an escape would be no text any more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace headrace::dialect {

template <std::size_t Room>
class ShortText {
 public:
  bool assign(base::Bytes text) {
    if (text.size() > Room) return false;
    text.copy(bytes_.data(), text.size());
    size_ = static_cast<std::uint16_t>(text.size());
    return true;
  }
  base::Bytes view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, Room> bytes_;
  std::uint16_t size_ = 0;
};

}  // namespace headrace::dialect
