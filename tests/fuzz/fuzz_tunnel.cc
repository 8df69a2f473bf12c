// A forward proxy's answer to CONNECT, cut in pieces: the cuts do not change what comes of it, but
// that bytes behind an answer are seen only where they come with it. Words about a failure name the
// proxy and never what it was shown.
#include <memory>
#include <string>

#include "fuzz_cuts.h"
#include "upstream/tunnel.h"

namespace headrace {
namespace {

using upstream::Tunnel;

constexpr const char* kBehind = "sent bytes behind";

// "open", "waiting", or the words.
std::string outcome_of(base::Bytes text, const test::Cuts& cuts) {
  static const auto egress = std::make_shared<upstream::Egress>(upstream::EgressOptions{
      .proxy = "proxy:3128", .target = "api.example:443", .credentials = "joe:sk-canary"});
  io::BlockPool blocks;
  Tunnel tunnel(egress);
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    if (cut == begin) continue;
    if (tunnel.feed(blocks.copy_of(text.substr(begin, cut - begin)), blocks) !=
        Tunnel::State::waiting)
      break;
    begin = cut;
  }
  if (tunnel.state() == Tunnel::State::open) return "open";
  if (tunnel.state() == Tunnel::State::waiting) return "waiting";
  const std::string words = tunnel.failure_text();
  fuzz_check(words.starts_with("proxy:3128 "));
  fuzz_check(words.find("canary") == std::string::npos);
  return words;
}

void check_answer(base::Bytes text, const test::Cuts& cuts) {
  const std::string whole = outcome_of(text, test::whole(text));
  const std::string cut = outcome_of(text, cuts);
  if (whole.find(kBehind) != std::string::npos) {
    fuzz_check(cut == whole || cut == "open");
  } else {
    fuzz_check(cut == whole);
  }
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const headrace::test::FuzzInput input(data, size);
  headrace::check_answer(input.text, input.cuts);
  return 0;
}
