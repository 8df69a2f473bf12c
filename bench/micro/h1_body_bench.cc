// What taking chunks apart costs: a token's event a chunk, as providers stream them, and large
// chunks.
#include "http/h1_body.h"

#include <string>

#include <benchmark/benchmark.h>

namespace headrace {
namespace {

using base::Bytes;
using http::H1Body;

std::string chunked(std::size_t chunk_bytes, std::size_t chunks) {
  std::string out;
  char digits[16];
  const char* const end = base::write_hex(digits, chunk_bytes);
  for (std::size_t i = 0; i < chunks; ++i) {
    out.append(digits, static_cast<std::size_t>(end - digits)).append("\r\n");
    out.append(chunk_bytes, 'x').append("\r\n");
  }
  return out + "0\r\n\r\n";
}

void chunks(benchmark::State& state) {
  constexpr std::size_t kChunks = 64;
  const std::string wire = chunked(static_cast<std::size_t>(state.range(0)), kChunks);
  H1Body body;
  for (auto _ : state) {
    body.start(http::Framing::chunked, 0);
    Bytes input = wire;
    while (!body.done()) {
      const H1Body::Step step = body.next(input);
      benchmark::DoNotOptimize(step);
      input.remove_prefix(step.framing + step.payload);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kChunks));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(wire.size()));
}

BENCHMARK(chunks)->Arg(200)->Arg(4096);

}  // namespace
}  // namespace headrace

BENCHMARK_MAIN();
