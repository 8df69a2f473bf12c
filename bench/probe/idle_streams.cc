// Many streams that have begun (one useful event each) and then keep silent, for as long as
// somebody weighs the proxy; then each gets its proper end, so that a proxy that lost one is
// noticed.
#include <cstdio>
#include <memory>

#include "client.h"
#include "upstream.h"
#include "workload.h"

namespace headrace::probe {
namespace {

class Holder final : public ClientOwner {
 public:
  void on_answer(Client&) override { ++answers; }
  void on_event(Client&, Nanos) override { ++events; }

  std::size_t answers = 0;
  std::size_t events = 0;
};

}  // namespace

void run_idle_streams(const Options& options) {
  raise_file_limit(options.streams * 2 + 64);
  SpinLoop loop(options.time_limit);
  Upstream upstream(
      loop, options.upstream, options.upstream_model, options.tls.get(), Upstream::Kind::stream);
  Holder holder;
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < options.streams; ++i) {
    clients.push_back(std::make_unique<Client>(loop, holder, proxied_path(options), true));
    clients.back()->send_request(i);
    while (!upstream.has_stream(i)) loop.turn();
    upstream.send_event(i);
    while (holder.events <= i) loop.turn();
  }
  mark(options, "held");
  for (std::size_t i = 0; i < options.streams; ++i) upstream.end_stream(i);
  while (holder.answers < options.streams) loop.turn();
  std::printf("{\"mode\":\"idle\",\"streams\":%zu,\"upstream_connections\":%llu}\n",
              options.streams,
              static_cast<unsigned long long>(upstream.connections()));
}

}  // namespace headrace::probe
