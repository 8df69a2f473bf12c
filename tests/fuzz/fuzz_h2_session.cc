// HTTP/2 sessions of both roles, fed with anything, cut in pieces: no crash, memory within its
// bound, events in order, and the cuts change nothing of what is heard. The first byte of the text
// chooses the role and whether the peer's greeting stands in front of it, which mutations would
// have to keep intact.
#include "fuzz_cuts.h"
#include "h2_frames.h"
#include "h2_outcome.h"

namespace headrace {
namespace {

using base::Bytes;
using test::Cuts;
namespace h2 = test::h2;

template <class Ear>
std::string outcome(Bytes greeting, Bytes text, const Cuts& cuts) {
  Ear ear;
  if constexpr (std::is_same_v<Ear, test::ServerEar>) {
    ear.answer_all = true;
  } else {
    ear.ask("a body");
    ear.ask();
    if (test::HeardStream* third = ear.ask("another")) {
      ear.session.reset(*third, http::H2Code::cancel);
    }
    (void)ear.output();
  }
  ear.give(greeting);
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    if (cut <= at || cut > text.size()) continue;
    ear.give(text.substr(at, cut - at));
    at = cut;
  }
  ear.give(text.substr(at));
  (void)ear.output();
  fuzz_check(ear.session.memory().most_bytes() <= base::limits::kH2SessionBytes);
  for (const test::HeardStream& stream : ear.streams) {
    fuzz_check(!stream.open() || !stream.closed);
  }
  // A flood is noticed before any of the piece that completes it is read: where that is depends on
  // the cuts.
  return ear.session.counts().frames() > 100 ? "" : ear.log;
}

template <class Ear>
void check(Bytes greeting, Bytes text, const Cuts& cuts) {
  const std::string whole = outcome<Ear>(greeting, text, test::whole(text));
  fuzz_check(outcome<Ear>(greeting, text, cuts) == whole);
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace h2 = headrace::test::h2;
  headrace::test::FuzzInput input(data, size);
  if (input.text.empty()) return 0;
  const bool client = (input.text.front() & 1) != 0;
  const bool greeted = (input.text.front() & 2) == 0;
  const headrace::base::Bytes text = input.text.substr(1);
  std::string greeting;
  if (greeted && !client) greeting = h2::kPreface;
  if (greeted) greeting += h2::settings();
  if (client) {
    headrace::check<headrace::test::ClientEar>(greeting, text, input.cuts);
  } else {
    headrace::check<headrace::test::ServerEar>(greeting, text, input.cuts);
  }
  return 0;
}
