// Cuts an input into pieces in every way that has found faults in parsers: not at all, behind every
// byte, and in two at each point. A test's `run` gets the ends of the pieces (the last is the size
// of the input) and returns what came out as text, which must be the same every time. Long inputs
// are cut in two at fewer points.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/bytes.h"

namespace headrace::test {

using Cuts = std::vector<std::size_t>;

inline Cuts cut_nowhere(std::size_t size) {
  return {size};
}

inline Cuts cut_everywhere(std::size_t size) {
  Cuts cuts;
  for (std::size_t end = 1; end <= size; ++end) cuts.push_back(end);
  if (size == 0) cuts.push_back(0);
  return cuts;
}

template <class Run>
std::string same_at_every_split(base::Bytes input, Run run) {
  const std::string whole = run(cut_nowhere(input.size()));
  constexpr std::size_t kLong = 4096;
  if (input.size() <= kLong) CHECK_EQ(run(cut_everywhere(input.size())), whole);
  const std::size_t step = input.size() / kLong * 64 + 1;
  for (std::size_t at = 0; at <= input.size(); at += step) {
    CAPTURE(at);
    CHECK_EQ(run(Cuts{at, input.size()}), whole);
  }
  return whole;
}

}  // namespace headrace::test
