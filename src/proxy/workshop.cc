#include "proxy/workshop.h"

#include <ctime>

#include "proxy/client_conn.h"
#include "proxy/exchange.h"
#include "proxy/h2_client_conn.h"

namespace headrace::proxy {

Workshop::Workshop(io::Io& io_in,
                   upstream::Pool& pool_in,
                   telemetry::RecordRing& records_in,
                   std::uint64_t seed,
                   std::uint16_t worker_in,
                   std::size_t clients_max)
    : io(io_in),
      pool(pool_in),
      records(records_in),
      clients(clients_max),
      exchanges(clients_max),
      h2_conns(clients_max),
      h2_requests(2 * clients_max),
      translator(io_in.blocks()),
      random(seed),
      worker(worker_in) {}

Workshop::~Workshop() = default;

base::Bytes Workshop::date() {
  constexpr std::size_t kDateBytes = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
  const std::uint64_t second = io.wall_clock() / 1'000'000'000;
  if (second != date_second_) {
    date_second_ = second;
    const auto time = static_cast<std::time_t>(second);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::strftime(date_.data(), date_.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return {date_.data(), kDateBytes};
}

}  // namespace headrace::proxy
