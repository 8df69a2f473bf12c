// What finding the ends of events costs, and what taking one apart costs. After the commit every
// event of a stream goes through the splitter.
#include "http/sse.h"

#include <string>

#include <benchmark/benchmark.h>

namespace headrace {
namespace {

using base::Bytes;

constexpr Bytes kFront = "data: {\"choices\":[{\"delta\":{\"content\":\"";
constexpr Bytes kBack = "\"}}]}\n\n";

std::string event_of(std::size_t size) {
  std::string event(kFront);
  event.append(size - kFront.size() - kBack.size(), 'x');
  return event.append(kBack);
}

void split(benchmark::State& state) {
  constexpr std::size_t kEvents = 64;
  const std::string event = event_of(static_cast<std::size_t>(state.range(0)));
  std::string stream;
  for (std::size_t i = 0; i < kEvents; ++i) stream += event;
  http::SseSplitter splitter;
  for (auto _ : state) {
    for (Bytes piece = stream; !piece.empty();) piece.remove_prefix(splitter.next_end(piece));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
}

// An event a piece, as it comes in when each fills a packet of its own.
void split_one(benchmark::State& state) {
  const std::string event = event_of(200);
  http::SseSplitter splitter;
  for (auto _ : state) benchmark::DoNotOptimize(splitter.next_end(event));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(event.size()));
}

void parse(benchmark::State& state) {
  const std::string event = "event: content_block_delta\n" + event_of(200);
  for (auto _ : state) benchmark::DoNotOptimize(http::parse_sse_event(event, nullptr, false));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(event.size()));
}

BENCHMARK(split)->Arg(64)->Arg(200)->Arg(1000);
BENCHMARK(split_one);
BENCHMARK(parse);

}  // namespace
}  // namespace headrace

BENCHMARK_MAIN();
