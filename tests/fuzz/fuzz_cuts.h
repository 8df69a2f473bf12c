// The shape of a parser's fuzz input: two bytes choose where the rest is cut in pieces.
// `fuzz_check` ends the process like any other finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/bytes.h"

namespace headrace {

inline void fuzz_check(bool holds) {
  if (!holds) std::abort();
}

namespace test {

using Cuts = std::vector<std::size_t>;

inline Cuts whole(base::Bytes text) {
  return {text.size()};
}

struct FuzzInput {
  base::Bytes text;
  Cuts cuts;

  // A first byte of 0 cuts behind every byte; otherwise pieces of two sizes take turns.
  FuzzInput(const std::uint8_t* data, std::size_t size) {
    const std::size_t first = size > 0 ? data[0] : 0;
    const std::size_t second = size > 1 ? data[1] : 0;
    const std::size_t skipped = size < 2 ? size : 2;
    text = base::Bytes(reinterpret_cast<const char*>(data) + skipped, size - skipped);
    bool turn = false;
    for (std::size_t at = first; at < text.size(); turn = !turn) {
      cuts.push_back(at);
      at += 1 + (first == 0 ? 0 : turn ? first : second);
    }
    cuts.push_back(text.size());
  }
};

}  // namespace test
}  // namespace headrace
