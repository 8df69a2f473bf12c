// What judging a request body costs, and what looking at an event of a stream costs. The workloads
// are fixed: the 567-byte request of the wire table, a conversation of 106 KB as it is and as one
// dense with tokens, and the 200-byte event. docs/design/0005-json-by-spans.md has the bars.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "api/chat_request.h"
#include "dialect/openai.h"
#include "json/scan.h"

namespace headrace {
namespace {

using base::Bytes;

std::string request_of(std::size_t size, Bytes turn) {
  std::string body =
      R"({"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"temperature":0.7,)"
      R"("max_tokens":256,"messages":[{"role":"system","content":"You are a helpful assistant."})";
  while (body.size() + turn.size() + 2 <= size) body += turn;
  body += "]}";
  body.insert(body.size() - 1, size > body.size() ? size - body.size() : 0, ' ');
  return body;
}

constexpr Bytes kShortTurn =
    R"(,{"role":"user","content":"What is the weather like in Paris at this time of the year?"})";
constexpr Bytes kLongTurn =
    R"(,{"role":"user","content":"A headrace is the channel that carries water to the wheel: fast, straight, )"
    R"(controlled.\nThe miller opens the gate, and the wheel turns. \"Why so fast?\" asks the traveller, who )"
    R"(has come a long way over the hills and wants nothing but a loaf of bread and a place by the fire. )"
    R"(The miller does not answer at once; he looks at the water, and at the wheel, and at the grain."})";
constexpr Bytes kForeignTurn =
    ",{\"role\":\"user\",\"content\":"
    "\"\xE6\xB0\xB4\xE8\xBB\x8A\xE3\x81\xAF\xE9\x80\x9F\xE3\x81\x8F\xE5\x9B\x9E"
    "\xE3\x82\x8B\xE6\xB0\xB4\xE8\xBB\x8A\xE3\x81\xAF\xE9\x80\x9F\xE3\x81\x8F\xE5\x9B\x9E\xE3\x82"
    "\x8B\"}";
constexpr Bytes kDenseTurn = R"(,{"a":[1,-2.5,3e8,true,null],"b":{"c":"d","e":[]}})";

constexpr Bytes kEvent =
    R"(data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5.1",)"
    R"("choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}]})"
    "\n\n";

void scan(benchmark::State& state, Bytes turn, std::size_t size) {
  const std::string body = request_of(size, turn);
  std::array<char, api::kModelScratchBytes> scratch;
  for (auto _ : state) {
    api::ErrorDetail detail;
    auto request = api::parse_chat_request(body, scratch, detail);
    if (!request.ok()) state.SkipWithError("the workload is not valid");
    benchmark::DoNotOptimize(request);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void classify(benchmark::State& state) {
  std::array<char, 1024> scratch;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dialect::classify_chat_event(kEvent, scratch.data()));
  }
}

void ends(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(dialect::ends_chat_stream(kEvent));
}

BENCHMARK_CAPTURE(scan, request_567_b, kShortTurn, 567);
BENCHMARK_CAPTURE(scan, request_106_kb, kLongTurn, 106'000);
BENCHMARK_CAPTURE(scan, request_106_kb_short_turns, kShortTurn, 106'000);
BENCHMARK_CAPTURE(scan, request_106_kb_not_ascii, kForeignTurn, 106'000);
BENCHMARK_CAPTURE(scan, request_106_kb_dense, kDenseTurn, 106'000);
BENCHMARK(classify)->Name("classify_event_200_b");
BENCHMARK(ends)->Name("ends_stream_200_b");

}  // namespace
}  // namespace headrace

BENCHMARK_MAIN();
