// SimWorld: one run. The whole worker on SimIo, its clients and providers, and the operator who
// reloads and drains it, in one thread, from one seed. run() ends when every client is gone and the
// worker has stopped; what must hold in every turn is checked on the way, the rest by the oracle
// (oracle.h) behind it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "headrace/record.h"
#include "scenario.h"
#include "server/worker.h"
#include "sim_client.h"
#include "sim_io.h"
#include "sim_provider.h"
#include "telemetry/counters.h"
#include "telemetry/ring.h"
#include "verdict.h"

namespace headrace::sim {

// The records of one request.
struct RequestRecords {
  std::vector<Record> requests;  // must be one
  std::vector<Record> attempts;
};

class SimWorld {
 public:
  SimWorld(const Scenario& scenario, Verdict& verdict);
  ~SimWorld();

  void run();
  SimNet& net() { return net_; }

  // -- for the oracle
  const Scenario& scenario() const { return scenario_; }
  const std::vector<std::unique_ptr<ClientPeer>>& clients() const { return clients_; }
  const Provider& provider(std::size_t index) const { return *providers_[index]; }
  // The loop time of a turn of the worker.
  base::Nanos time_of(std::uint64_t turn) const { return turn_times_.at(turn); }
  // The attempts at a request that providers saw, in order.
  const std::vector<Serving*>& servings_of(std::uint64_t id) const;
  const std::map<std::string, RequestRecords>& records() const {
    return records_;
  }  // by request id
  std::uint64_t requests_begun() const { return requests_begun_; }
  // While there were clients; afterwards every run drains.
  bool draining() const { return scenario_.drain_at != 0; }
  // What became of everything, for people.
  std::string describe() const;
  std::uint64_t turns() const { return io_.turn(); }

 private:
  void schedule();
  void turn();
  void drain_ring();
  void check_turn();
  void check_serving(const Serving& serving);
  void add_rules(const config::Snapshot& snapshot);
  void free_rules();
  bool clients_done() const;
  void wind_down();
  void check_rest();
  void start_drain();

  const Scenario& scenario_;
  Verdict& verdict_;
  base::Prng dice_;
  SimNet net_;
  io::ReceivePool client_pool_;
  io::ReceivePool upstream_pool_;
  SimIo io_;
  telemetry::RecordRing ring_;
  telemetry::WorkerCounters counters_;
  proxy::Registries registries_;
  std::vector<std::unique_ptr<proxy::Rules>> rules_;
  std::unique_ptr<server::Worker> worker_;
  std::unordered_map<std::uint64_t, const RequestPlan*> plans_;
  std::unordered_map<std::uint64_t, std::size_t> client_of_;
  std::vector<std::unique_ptr<Provider>> providers_;
  std::vector<std::unique_ptr<ClientPeer>> clients_;
  std::unordered_map<std::uint64_t, std::vector<Serving*>> servings_;
  std::map<std::uint64_t, std::uint64_t> answers_made_;  // by request
  std::vector<base::Nanos> turn_times_{0};               // by turn
  std::vector<std::size_t> servings_seen_;
  std::vector<Serving*> active_;
  std::map<std::string, RequestRecords> records_;
  std::uint64_t records_popped_ = 0;
  std::uint64_t requests_begun_ = 0;
  base::Nanos drained_at_ = 0;
};

}  // namespace headrace::sim
