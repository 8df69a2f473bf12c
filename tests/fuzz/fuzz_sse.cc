// An event stream in pieces: the splitter and the event parser say what the slow reference says.
#include "fuzz_cuts.h"
#include "sse_outcome.h"

namespace headrace {
namespace {

void check_stream(base::Bytes stream, const test::Cuts& cuts) {
  const auto expected = test::slow_sse(stream);
  bool open = false;
  bool open_in_pieces = false;
  fuzz_check(test::split_sse(stream, test::whole(stream), open) == expected);
  fuzz_check(test::split_sse(stream, cuts, open_in_pieces) == expected);
  fuzz_check(open == open_in_pieces);
  const std::size_t rest = stream.size() - (expected.empty() ? 0 : expected.back().end);
  fuzz_check(!open || rest > 0);
  // Bytes behind the last event are an unfinished one, but for the LF of a CRLF that ended it.
  fuzz_check(open || rest == 0 || (rest == 1 && stream.back() == '\n'));
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const headrace::test::FuzzInput input(data, size);
  headrace::check_stream(input.text, input.cuts);
  return 0;
}
