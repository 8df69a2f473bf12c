// What a translation costs: a request of 100 KB and 1 MB with tools, images and results, against a
// simdjson DOM parse of the same bytes; and one event of a stream, against judging it in its own
// dialect. The workloads are fixed.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <string>

#include "dialect/dialect.h"

namespace headrace {
namespace {

using api::Family;

constexpr const char* kTool =
    R"({"type":"function","function":{"name":"get_weather","description":"Current weather of a city","parameters":{"type":"object","properties":{"city":{"type":"string","description":"The name of the city"},"unit":{"type":"string","enum":["C","F"]},"days":{"type":"integer","minimum":1,"maximum":10}},"required":["city"],"additionalProperties":false}}})";
constexpr const char* kTurn =
    R"({"role":"user","content":[{"type":"text","text":"What is the weather like in Paris at this time of the year? \"Mild\", they say.\nReally?"}]},)"
    R"({"role":"assistant","content":"Let me look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\",\"unit\":\"C\",\"days\":3}"}}]},)"
    R"({"role":"tool","tool_call_id":"call_1","content":"{\"temperature\":21.5,\"wind\":\"NW\",\"sky\":\"clear\"}"})";

std::string request_of(std::size_t size) {
  std::string body = R"({"model":"gpt","max_tokens":512,"stream":true,"tools":[)";
  for (int i = 0; i < 20; ++i) body += std::string(i == 0 ? "" : ",") + kTool;
  body += R"(],"messages":[{"role":"system","content":"You are helpful."})";
  while (body.size() + 1000 < size) body += std::string(",") + kTurn;
  return body + "]}";
}

void dom_parse(benchmark::State& state) {
  const std::string body = request_of(static_cast<std::size_t>(state.range(0)));
  const simdjson::padded_string padded(body);
  simdjson::dom::parser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(padded).error());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void translate(benchmark::State& state) {
  const std::string body = request_of(static_cast<std::size_t>(state.range(0)));
  io::BlockPool pool;
  dialect::Translator translator(pool);
  api::JsonBuilder out(pool);
  for (auto _ : state) {
    dialect::RequestTranslation translation;
    translation.model = "claude-sonnet-4-5";
    out.clear();
    if (!translator.request(Family::openai, body, translation, out).ok()) {
      state.SkipWithError("the workload is not valid");
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void filter_event(benchmark::State& state, Family provider, base::Bytes first, base::Bytes event) {
  io::BlockPool pool;
  api::JsonBuilder out(pool);
  dialect::StreamPlace place;
  api::StreamFilter& filter = place.start(pool, {provider, 1795000000, true});
  filter.take(first, out);
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(filter.take(event, out));
  }
}

constexpr base::Bytes kStart =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_01A\",\"model\":"
    "\"claude-sonnet-4-5\"}}\n\n";
constexpr base::Bytes kDelta =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
    "\"type\":\"text_delta\",\"text\":\" token\"}   }\n\n";
constexpr base::Bytes kChunk =
    R"(data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5.1",)"
    R"("choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}]})"
    "\n\n";

BENCHMARK(dom_parse)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(translate)->Arg(100'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(filter_event, anthropic_to_openai, Family::anthropic, kStart, kDelta);
BENCHMARK_CAPTURE(filter_event, openai_to_anthropic, Family::openai, kChunk, kChunk);

}  // namespace
}  // namespace headrace

BENCHMARK_MAIN();
