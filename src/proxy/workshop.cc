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
      exchanges(clients_max + base::limits::kUnheardMost),
      h2_conns(clients_max),
      translator(io_in.blocks()),
      random(seed),
      worker(worker_in),
      h2_requests_(2 * clients_max) {}

Workshop::~Workshop() {
  for (H2Request* each : resting_) h2_requests_.destroy(each);
}

H2Request* Workshop::take_h2_request() {
  if (resting_.empty()) return h2_requests_.make(*this);
  H2Request* request = resting_.back();
  resting_.pop_back();
  return request;
}

void Workshop::rest(H2Request& request) {
  resting_.push_back(&request);
}

GoneClient* Workshop::take_gone_client(Exchange& exchange,
                                       const GoneClient::Seen& seen,
                                       bool used_before) {
  GoneClient* client = gone_clients_.make(*this, exchange, seen, used_before);
  if (client != nullptr) gone_.push_back(*client);
  return client;
}

void Workshop::rest(GoneClient& client) {
  client.link.unlink();
  gone_clients_.destroy(&client);
}

void Workshop::end_unheard() {
  while (GoneClient* client = gone_.front()) client->end_now();
}

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
