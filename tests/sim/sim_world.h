// SimWorld: one run. Whole workers, each on a SimIo of its own, their clients and providers, and
// the operator who reloads and drains them, in one thread, from one seed; what workers share
// (limits, health, rules) they share here. run() ends when every client is gone and the workers
// have stopped; what must hold in every turn is checked on the way, the rest by the oracle
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
  // The loop time of a turn of the worker whose client asked.
  base::Nanos time_of(const RequestPlan& plan, std::uint64_t turn) const {
    return nodes_[worker_of(plan.id)]->turn_times.at(turn);
  }
  // The last of its turns that began by then.
  std::uint64_t turn_at(const RequestPlan& plan, base::Nanos time) const;
  // The attempts at a request that providers saw, in order.
  const std::vector<Serving*>& servings_of(std::uint64_t id) const;
  const std::map<std::string, RequestRecords>& records() const {
    return records_;
  }  // by request id
  std::uint64_t requests_begun() const { return requests_begun_; }
  // What a key has used, in the end.
  const policy::KeyLimits& limits_of(std::size_t key) const { return *key_limits_[key]; }
  base::Nanos now() const { return net_.now(); }
  // Answers that were read on without their client, and of those the whole ones, by the workers'
  // count.
  std::uint64_t drained() const { return drained_; }
  std::uint64_t drained_whole() const { return drained_whole_; }
  // Of all workers: what they say of connections to providers.
  const upstream::PoolCounters& pool_counters() const { return pool_counters_; }
  // While there were clients; afterwards every run drains.
  bool draining() const { return scenario_.drain_at != 0; }
  // What became of everything, for people.
  std::string describe() const;
  std::uint64_t turns() const { return turns_; }

 private:
  // A worker and what it needs of its own.
  struct Node {
    Node(SimWorld& world, std::size_t index);

    io::ReceivePool client_pool;
    io::ReceivePool upstream_pool;
    SimIo io;
    telemetry::RecordRing ring;
    telemetry::WorkerCounters counters;
    std::unique_ptr<server::Worker> worker;
    std::vector<base::Nanos> turn_times{0};  // by turn
    std::uint64_t records_popped = 0;
  };

  std::size_t worker_of(std::uint64_t request) const {
    return scenario_.clients[client_of_.at(request)].worker;
  }
  void schedule();
  void turn();
  void turn_one(Node& node);
  void drain_ring(Node& node);
  std::size_t clients_served() const;
  bool all_quiet() const;
  void check_turn();
  void check_serving(Serving& serving);
  void add_rules(const config::Snapshot& snapshot);
  void free_rules();
  bool clients_done() const;
  void wind_down();
  void check_rest();
  void check_node(Node& node);
  void move_to(server::Worker::Stage stage);
  void start_drain();

  const Scenario& scenario_;
  Verdict& verdict_;
  base::Prng dice_;
  SimNet net_;
  proxy::Registries registries_;
  std::vector<const policy::KeyLimits*> key_limits_;
  std::vector<std::unique_ptr<proxy::Rules>> rules_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::unordered_map<std::uint64_t, const RequestPlan*> plans_;
  std::unordered_map<std::uint64_t, std::size_t> client_of_;
  std::vector<std::unique_ptr<Provider>> providers_;
  std::vector<std::unique_ptr<ClientPeer>> clients_;
  std::unordered_map<std::uint64_t, std::vector<Serving*>> servings_;
  std::map<std::uint64_t, std::uint64_t> answers_made_;  // by request
  std::vector<std::size_t> servings_seen_;
  std::vector<Serving*> active_;
  std::map<std::string, RequestRecords> records_;
  std::uint64_t turns_ = 0;  // of all workers
  std::uint64_t requests_begun_ = 0;
  std::uint64_t drained_ = 0;
  std::uint64_t drained_whole_ = 0;
  base::Nanos drained_at_ = 0;
  upstream::PoolCounters pool_counters_;
};

}  // namespace headrace::sim
