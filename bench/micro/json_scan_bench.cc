// What judging a request body costs, and what looking at an event of a stream costs. The workloads
// are fixed: the 567-byte request of the wire table, a conversation of 106 KB as it is and as one
// dense with tokens, and the 200-byte event. docs/design/0005-json-by-spans.md has the bars.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "api/chat_request.h"
#include "dialect/anthropic.h"
#include "dialect/openai.h"
#include "dialect/openai_responses.h"
#include "dialect/usage.h"
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

constexpr Bytes kMessageEvent =
    "event: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" token"}})"
    "\n\n";
constexpr Bytes kResponseEvent =
    "event: response.output_text.delta\n"
    R"(data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_68af4030592c8193",)"
    R"("output_index":0,"content_index":0,"delta":" token","logprobs":[],"obfuscation":"k3xR8Qq"})"
    "\n\n";
// Its type is neither in front nor in an event line, so that all of it is searched.
constexpr Bytes kTurnedResponseEvent =
    R"(data: {"item_id":"msg_68af4030592c8193","output_index":0,"content_index":0,"delta":" token",)"
    R"("logprobs":[],"obfuscation":"k3xR8QqA","sequence_number":4,"type":"response.output_text.delta"})"
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

// What every event of a stream is asked behind the commit point.
void look(benchmark::State& state, bool (*question)(Bytes), Bytes event) {
  for (auto _ : state) benchmark::DoNotOptimize(question(event));
}

// The library's search, which `usage_200_b` is measured against.
bool has_usage_slowly(Bytes event) {
  return event.find("\"usage\"") != Bytes::npos;
}

void classify_response(benchmark::State& state) {
  std::array<char, 1024> scratch;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dialect::classify_response_event(kResponseEvent, scratch.data()));
  }
}

BENCHMARK_CAPTURE(scan, request_567_b, kShortTurn, 567);
BENCHMARK_CAPTURE(scan, request_106_kb, kLongTurn, 106'000);
BENCHMARK_CAPTURE(scan, request_106_kb_short_turns, kShortTurn, 106'000);
BENCHMARK_CAPTURE(scan, request_106_kb_not_ascii, kForeignTurn, 106'000);
BENCHMARK_CAPTURE(scan, request_106_kb_dense, kDenseTurn, 106'000);
BENCHMARK(classify)->Name("classify_event_200_b");
BENCHMARK_CAPTURE(look, ends_stream_200_b, dialect::ends_chat_stream, kEvent)
    ->Name("ends_stream_200_b");
BENCHMARK_CAPTURE(look, chat_may_fail, dialect::chat_may_fail, kEvent)->Name("may_fail_200_b");
BENCHMARK_CAPTURE(look, may_carry_usage, dialect::may_carry_usage, kEvent)->Name("usage_200_b");
BENCHMARK_CAPTURE(look, usage_slowly, has_usage_slowly, kEvent)->Name("usage_200_b_std_find");
BENCHMARK_CAPTURE(look, ends_message, dialect::ends_message_stream, kMessageEvent)
    ->Name("ends_message_stream");
BENCHMARK_CAPTURE(look, ends_response, dialect::ends_response_stream, kResponseEvent)
    ->Name("ends_response_stream");
BENCHMARK_CAPTURE(look, ends_turned, dialect::ends_response_stream, kTurnedResponseEvent)
    ->Name("ends_response_stream_type_last");
BENCHMARK_CAPTURE(look, response_may_fail, dialect::response_may_fail, kResponseEvent)
    ->Name("response_may_fail");
BENCHMARK(classify_response)->Name("classify_response_event");

}  // namespace
}  // namespace headrace

BENCHMARK_MAIN();
