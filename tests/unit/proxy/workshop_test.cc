// Goal: the Date field says the second it is, in the one format that HTTP knows.
#include "proxy/workshop.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy/client_conn.h"
#include "proxy/exchange.h"
#include "sim_stage.h"
#include "telemetry/ring_memory.h"

namespace headrace::test {

TEST_CASE("the date is that of the wall clock and follows it second by second") {
  SimStage stage;
  auto memory =
      std::move(telemetry::RingMemory::create(telemetry::RecordRing::bytes_for(1)).value());
  telemetry::RecordRing ring;
  ring.format(memory.bytes(), 1, 0);
  upstream::Pool pool(stage.io, {});
  proxy::Workshop shop(stage.io, pool, ring, 1, 0, 1);
  const std::string first(shop.date());
  CHECK(first.size() == 29);
  CHECK(first.starts_with("Thu, 01 Jan 2026 00:00:0"));
  CHECK(first.ends_with(" GMT"));
  CHECK(shop.date() == first);
  stage.run_for(61 * base::kSecond);
  CHECK(shop.date().starts_with("Thu, 01 Jan 2026 00:01:0"));
}

}  // namespace headrace::test
