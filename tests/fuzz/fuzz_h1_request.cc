// A request head, cut in two where the first two bytes say: the cut changes nothing, no view leaves
// the text, and what was accepted reads the same when we have written it again. A body behind it is
// taken by its framing.
#include "fuzz_cuts.h"
#include "h1_outcome.h"

namespace headrace {
namespace {

using base::Bytes;
using test::Cuts;

bool lies_inside(Bytes part, Bytes whole) {
  if (part == "/" || part.data() == nullptr) return true;  // an absolute-form target without a path
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_views(const http::RequestHead& head, const http::Fields& fields, Bytes text) {
  fuzz_check(lies_inside(head.method, text));
  fuzz_check(lies_inside(head.target, text));
  fuzz_check(lies_inside(head.path, text));
  fuzz_check(lies_inside(head.query, text));
  fuzz_check(lies_inside(head.host, text));
  for (std::size_t i = 0; i < fields.count(); ++i) {
    fuzz_check(lies_inside(fields.name(i, text), text));
    fuzz_check(lies_inside(fields.value(i, text), text));
  }
}

// What the head says, without where it lay; HTTP/1.0 is written as 1.1, so only the latter
// compares.
std::string meaning(Bytes text) {
  const std::string outcome = test::request_outcome(text, test::whole(text));
  return outcome.substr(0, outcome.rfind(" left "));
}

void check_request(Bytes text, const Cuts& cuts) {
  const std::string outcome = test::request_outcome(text, test::whole(text));
  fuzz_check(test::request_outcome(text, cuts) == outcome);
  const test::ExactCopy copy(text);
  http::H1RequestParser parser;
  if (parser.parse(copy.bytes()) != http::Parse::done) return;
  fuzz_check(parser.head_bytes() <= text.size());
  const http::RequestHead head = parser.head(copy.bytes());
  check_views(head, parser.fields(), copy.bytes().substr(0, parser.head_bytes()));
  if (head.version_minor == 1) {
    fuzz_check(meaning(test::rewritten_request(copy.bytes(), parser)) == meaning(text));
  }
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const headrace::test::FuzzInput input(data, size);
  headrace::check_request(input.text, input.cuts);
  return 0;
}
