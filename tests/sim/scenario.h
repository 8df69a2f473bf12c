// Everything that one seed decides before the run: how rough the network is, what the gateway is
// configured to be, who asks what, and when operators interfere. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/snapshot.h"
#include "io/receive_pool.h"
#include "sim_client.h"
#include "sim_net.h"
#include "sim_provider.h"

namespace headrace::sim {

struct Scenario {
  std::uint64_t seed = 0;
  std::size_t workers = 1;
  SimFaults faults;
  io::ReceivePoolOptions client_pool;
  io::ReceivePoolOptions upstream_pool;
  std::size_t clients_max = 1000;
  std::size_t upstreams_max = 1000;
  std::size_t idle_per_origin = 8;
  config::HalfClose half_close = config::HalfClose::cancel;
  std::vector<ProviderPlan> providers;
  std::size_t routes = 1;  // "m0", "m1" ...
  config::Access access = config::Access::open;
  std::vector<KeyPlan> keys;
  std::vector<ClientPlan> clients;
  std::vector<config::Snapshot> snapshots;  // the first is live from the start
  std::vector<base::Nanos> reload_at;       // of the others
  base::Nanos drain_at = 0;                 // 0: after the last client
  base::Nanos end_after = 0;                // between the stages of the drain
  base::Nanos stop_after = 0;
  struct Away {
    std::size_t provider;
    bool refuses;  // else a black hole
    base::Nanos from;
    base::Nanos to;
  };
  std::vector<Away> away;

  std::string describe() const;
};

Scenario make_scenario(std::uint64_t seed);
// As a configuration has it.
config::Provider make_provider(const ProviderPlan& plan);

}  // namespace headrace::sim
