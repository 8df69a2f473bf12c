// An answer's head and its body, cut in pieces: the cuts change neither the head nor the payload,
// and the body never takes bytes that are not there.
#include "fuzz_cuts.h"
#include "h1_outcome.h"

namespace headrace {
namespace {

using base::Bytes;
using test::Cuts;

// The part of `cuts` behind `begin`, counted from there.
Cuts cuts_behind(const Cuts& cuts, std::size_t begin) {
  Cuts rest;
  for (const std::size_t cut : cuts) {
    if (cut > begin) rest.push_back(cut - begin);
  }
  if (rest.empty()) rest.push_back(0);
  return rest;
}

void check_body(http::Framing framing, std::uint64_t length, Bytes text, const Cuts& cuts) {
  const std::string outcome = test::body_outcome(framing, length, text, test::whole(text));
  fuzz_check(outcome != "outside");
  fuzz_check(outcome != "bytes left behind");
  fuzz_check(test::body_outcome(framing, length, text, cuts) == outcome);
}

void check_answer(Bytes text, const Cuts& cuts) {
  for (const bool head_request : {false, true}) {
    const std::string outcome = test::response_outcome(text, test::whole(text), head_request);
    fuzz_check(test::response_outcome(text, cuts, head_request) == outcome);
  }
  http::H1ResponseParser parser;
  if (parser.parse(text) != http::Parse::done) return;
  const http::ResponseHead head = parser.head();
  fuzz_check(head.status >= 100 && head.status <= 999 && head.status != 101);
  fuzz_check(parser.head_bytes() <= text.size());
  check_body(head.framing,
             head.content_length,
             text.substr(parser.head_bytes()),
             cuts_behind(cuts, parser.head_bytes()));
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const headrace::test::FuzzInput input(data, size);
  headrace::check_answer(input.text, input.cuts);
  // Chunks without a head before them, which mutations would have to keep intact.
  headrace::check_body(headrace::http::Framing::chunked, 0, input.text, input.cuts);
  return 0;
}
