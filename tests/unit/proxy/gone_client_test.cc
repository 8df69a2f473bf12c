// Goal: whoever stands in for a client that is gone takes everything, keeps nothing and never holds
// anything up. Method: the sink by itself; what it does for an exchange is in unheard_test.cc.
#include "proxy/gone_client.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy/client_conn.h"
#include "proxy/exchange.h"
#include "sim_stage.h"
#include "telemetry/ring_memory.h"

namespace headrace::test {

TEST_CASE("what a client that is gone is sent is thrown away, until it is too much") {
  SimStage stage;
  auto memory =
      std::move(telemetry::RingMemory::create(telemetry::RecordRing::bytes_for(1)).value());
  telemetry::RecordRing ring;
  ring.format(memory.bytes(), 1, 0);
  upstream::Pool pool(stage.io, {});
  proxy::Workshop shop(stage.io, pool, ring, 1, 0, 1);
  alignas(proxy::Exchange) unsigned char room[sizeof(proxy::Exchange)];
  auto& exchange = reinterpret_cast<proxy::Exchange&>(room);  // only named
  proxy::GoneClient::Seen seen;
  seen.events = 3;
  proxy::GoneClient* client = shop.take_gone_client(exchange, seen, true);
  REQUIRE(client != nullptr);
  CHECK(shop.unheard() == 1);
  client->begin({}, stage.io.blocks().copy_of("abc"));
  client->body(stage.io.blocks().copy_of("de"));
  client->body({});
  client->finish();
  client->abort();
  CHECK(client->queued_bytes() == 0);
  CHECK(client->used_before());
  CHECK(client->certificate() == nullptr);
  CHECK(client->seen().events == 3);
  CHECK(stage.io.blocks().blocks_out() == 0);
  const std::string much(1u << 20, 'x');
  for (std::size_t sent = 5; sent + much.size() <= base::limits::kUnheardBytes;
       sent += much.size()) {
    client->body(stage.io.blocks().copy_of(much));
    CHECK(client->queued_bytes() == 0);
  }
  client->body(stage.io.blocks().copy_of(much));
  CHECK(client->queued_bytes() > base::limits::kUnheardBytes);
  client->on_exchange_end();
  CHECK(shop.unheard() == 0);
}

}  // namespace headrace::test
