#include "sim_world.h"

#include <algorithm>
#include <array>

namespace headrace::sim {
namespace {

constexpr std::size_t kRingCapacity = 1024;
constexpr base::Nanos kVirtualLimit = 3000 * base::kSecond;
constexpr std::uint64_t kTurnLimit = 5'000'000;

constexpr std::size_t kWorkersMost = 4;

// The rings' memory serves every run of the process.
std::span<std::byte> ring_memory(std::size_t index) {
  constexpr std::size_t kBytes = telemetry::RecordRing::bytes_for(kRingCapacity);
  alignas(telemetry::kLinePair) static std::array<std::array<std::byte, kBytes>, kWorkersMost>
      memory;
  return memory[index];
}

sockaddr_storage gateway(std::size_t worker) {
  return SimNet::address(1 + static_cast<unsigned>(worker), 8080);
}

std::string text_of(const std::uint8_t (&id)[16]) {
  std::string text;
  for (const std::uint8_t byte : id) {
    std::array<char, 3> hex;
    std::snprintf(hex.data(), hex.size(), "%02x", byte);
    text += hex.data();
  }
  return text;
}

}  // namespace

SimWorld::Node::Node(SimWorld& world, std::size_t index)
    : client_pool(world.scenario_.client_pool),
      upstream_pool(world.scenario_.upstream_pool),
      io(world.net_, client_pool, upstream_pool) {
  const Scenario& scenario = world.scenario_;
  ring.format(ring_memory(index), kRingCapacity, 0);
  server::WorkerOptions options;
  options.id = static_cast<std::uint16_t>(index);
  options.seed = scenario.seed + index;
  options.clients_max = scenario.clients_max;
  options.pool.connections_max = scenario.upstreams_max;
  options.pool.idle_per_origin = scenario.idle_per_origin;
  worker = std::make_unique<server::Worker>(io, ring, counters, options);
  worker->use(*world.rules_.front());
  worker->listen(world.net_.make_listener(gateway(index)),
                 {.address = {}, .group = {}, .half_close = scenario.half_close});
}

SimWorld::SimWorld(const Scenario& scenario, Verdict& verdict)
    : scenario_(scenario),
      verdict_(verdict),
      dice_(scenario.seed * 3 + 2),
      net_(scenario.seed, scenario.faults) {
  for (const KeyPlan& key : scenario.keys) key_limits_.push_back(&registries_.limits.of(key.name));
  add_rules(scenario.snapshots.front());
  for (std::size_t i = 0; i < scenario.workers; ++i)
    nodes_.push_back(std::make_unique<Node>(*this, i));
  for (std::size_t i = 0; i < scenario.clients.size(); ++i) {
    for (const RequestPlan& plan : scenario.clients[i].requests) {
      plans_[plan.id] = &plan;
      client_of_[plan.id] = i;
    }
  }
  const auto find = [this](std::uint64_t id) {
    const auto found = plans_.find(id);
    return found == plans_.end() ? nullptr : found->second;
  };
  for (const ProviderPlan& plan : scenario.providers) {
    providers_.push_back(
        std::make_unique<Provider>(net_, plan, dice_, verdict, find, answers_made_));
  }
  servings_seen_.resize(providers_.size());
  schedule();
}

SimWorld::~SimWorld() = default;

void SimWorld::add_rules(const config::Snapshot& snapshot) {
  rules_.push_back(std::make_unique<proxy::Rules>(snapshot, registries_));
}

void SimWorld::schedule() {
  for (const ClientPlan& plan : scenario_.clients) {
    clients_.push_back(ClientPeer::make(net_, plan));
    net_.after(plan.start_after, [client = clients_.back().get(), worker = plan.worker] {
      client->start(gateway(worker));
    });
  }
  for (const Scenario::Away& away : scenario_.away) {
    Provider* provider = providers_[away.provider].get();
    using Mode = SimListenerPeer::Mode;
    net_.after(away.from, [provider, refuses = away.refuses] {
      provider->change_mode(refuses ? Mode::refuses : Mode::black_hole);
    });
    net_.after(away.to, [provider] { provider->change_mode(Mode::answers); });
  }
  for (std::size_t i = 0; i < scenario_.reload_at.size(); ++i) {
    net_.after(scenario_.reload_at[i], [this, i] {
      add_rules(scenario_.snapshots[i + 1]);
      for (const auto& node : nodes_) node->worker->publish(*rules_.back());
    });
  }
  if (scenario_.drain_at != 0) net_.after(scenario_.drain_at, [this] { start_drain(); });
}

void SimWorld::move_to(server::Worker::Stage stage) {
  for (const auto& node : nodes_) node->worker->move_to(stage);
}

void SimWorld::start_drain() {
  drained_at_ = net_.now();
  move_to(server::Worker::Stage::draining);
  net_.after(scenario_.end_after, [this] {
    move_to(server::Worker::Stage::ending);
    net_.after(scenario_.stop_after, [this] { move_to(server::Worker::Stage::stopped); });
  });
}

const std::vector<Serving*>& SimWorld::servings_of(std::uint64_t id) const {
  static const std::vector<Serving*> kNone;
  const auto found = servings_.find(id);
  return found == servings_.end() ? kNone : found->second;
}

std::uint64_t SimWorld::turn_at(const RequestPlan& plan, base::Nanos time) const {
  const auto& times = nodes_[worker_of(plan.id)]->turn_times;
  const auto behind = std::upper_bound(times.begin(), times.end(), time);
  return static_cast<std::uint64_t>(behind - times.begin()) - 1;
}

// -- the run

void SimWorld::run() {
  const base::Nanos limit = net_.now() + kVirtualLimit;
  while (!clients_done()) {
    turn();
    if (net_.now() > limit || turns() > kTurnLimit) {
      verdict_.fail("no end: %llu turns, %.1f s",
                    static_cast<unsigned long long>(turns()),
                    static_cast<double>(net_.now()) / 1e9);
      for (auto& client : clients_) client->go_home();
      break;
    }
  }
  // The worker learns by itself that they are gone.
  while (drained_at_ == 0 && clients_served() != 0 && net_.now() <= limit) turn();
  if (drained_at_ == 0 && clients_served() != 0) verdict_.fail("clients that are gone are kept");
  wind_down();
}

bool SimWorld::clients_done() const {
  return std::all_of(
      clients_.begin(), clients_.end(), [](const auto& client) { return client->done(); });
}

std::size_t SimWorld::clients_served() const {
  std::size_t clients = 0;
  for (const auto& node : nodes_) clients += node->worker->clients();
  return clients;
}

bool SimWorld::all_quiet() const {
  return std::all_of(
      nodes_.begin(), nodes_.end(), [](const auto& node) { return node->worker->quiet(); });
}

// One turn of one worker. A single one sleeps as it likes; of several one that has work is drawn,
// and where none has any, time goes on until one has.
void SimWorld::turn() {
  if (nodes_.size() == 1) return turn_one(*nodes_.front());
  const std::size_t first = dice_.below(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[(first + i) % nodes_.size()];
    if (node.io.wants_turn()) return turn_one(node);
  }
  base::Nanos limit = net_.now() + base::limits::kLoopTick;
  for (const auto& node : nodes_) limit = std::min(limit, node->io.ready_at());
  if (net_.run_next(limit)) return;
  net_.advance_to(limit);
}

void SimWorld::turn_one(Node& node) {
  node.worker->turn();
  ++turns_;
  node.turn_times.push_back(node.io.now());
  drain_ring(node);
  check_turn();
  free_rules();
}

void SimWorld::drain_ring(Node& node) {
  std::array<Record, 4> records;
  while (const std::size_t count = node.ring.pop(records)) {
    for (std::size_t i = 0; i < count; ++i) {
      const Record& record = records[i];
      if (record.sequence != node.records_popped++) verdict_.fail("a gap in the records");
      if (record.kind == RecordKind::text) continue;
      RequestRecords& of = records_[text_of(record.request_id)];
      if (record.kind == RecordKind::attempt && !of.requests.empty())
        verdict_.fail("an attempt is on record behind its request");
      (record.kind == RecordKind::request ? of.requests : of.attempts).push_back(record);
    }
  }
}

// A configuration that the worker has given back must not be looked at again: it is freed at once.
void SimWorld::free_rules() {
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& node : nodes_) oldest = std::min(oldest, node->worker->epoch_in_use());
  while (rules_.size() > 1 && rules_.front()->epoch() < oldest) rules_.erase(rules_.begin());
}

// -- in every turn

void SimWorld::check_turn() {
  for (std::size_t i = 0; i < providers_.size(); ++i) {
    auto& all = providers_[i]->servings;
    for (; servings_seen_[i] < all.size(); ++servings_seen_[i]) {
      Serving* serving = all[servings_seen_[i]].get();
      servings_[serving->request->id].push_back(serving);
      active_.push_back(serving);
    }
  }
  for (Serving* serving : active_) check_serving(*serving);
  std::erase_if(active_, [](const Serving* serving) {
    return serving->answer_over() || serving->peer->worker_gone() || serving->client_gone != 0 ||
           serving->unheard || (serving->text != nullptr && serving->text->over());
  });
}

void SimWorld::check_serving(Serving& serving) {
  const std::size_t index = client_of_.at(serving.request->id);
  const ClientPeer& client = *clients_[index];
  const auto id = static_cast<unsigned long long>(serving.request->id);
  const std::size_t request = client.index_of(*serving.request);
  const bool translated = serving.request->family != serving.answer.family;
  const bool gone = client.worker_gave_up(request);
  const bool lives_on = gone && !serving.answer_over() && !serving.peer->worker_gone();
  const bool drains = scenario_.providers[serving.provider].drains;
  if (lives_on && drains) {  // by its record: whether it should, and how it ended
    serving.unheard = true;
  } else if (lives_on && serving.answer.h2) {  // whether it was told is seen when that arrives
    serving.client_gone = nodes_[worker_of(serving.request->id)]->turn_times.size() - 1;
  } else if (lives_on) {
    verdict_.fail("request %llu: the client is gone, its attempt is not (turn %llu)",
                  id,
                  static_cast<unsigned long long>(turns()));
  }
  // What was read from the provider and not taken by the client: the gateway's bounds and two
  // windows.
  constexpr std::uint64_t kBound = base::limits::kHoldBytes + base::limits::kPauseBytes +
                                   base::limits::kEventBytes + io::Socket::kOvershootBytes;
  const std::uint64_t most = kBound + 2 * scenario_.faults.window_max +
                             (serving.answer.h2 ? base::limits::kH2StreamWindow : 0) +
                             (client.plan().h2 ? base::limits::kH2SendBytes : 0);
  const server::Worker& worker = *nodes_[worker_of(serving.request->id)]->worker;
  const proxy::Tally& tally = worker.shop().tally;
  const bool thrown_away =
      drains && (worker.shop().unheard() != 0 || tally.unheard_whole + tally.unheard_cut != 0);
  if (!translated && !thrown_away && serving.bytes_read() > client.received_of(request) + most) {
    verdict_.fail(
        "request %llu: %llu bytes wait for the client",
        id,
        static_cast<unsigned long long>(serving.bytes_read() - client.received_of(request)));
  }
}

std::string SimWorld::describe() const {
  std::string text;
  char line[300];
  for (const auto& provider : providers_) {
    for (const auto& serving : provider->servings) {
      const AnswerPlan& answer = serving->answer;
      std::snprintf(line,
                    sizeof line,
                    "  provider %zu (%s%s) credential %zd saw request %llu (%s): fault %d, status "
                    "%d, said %d, %s of "
                    "%zu B, cut %llu/%zu, read %llu, ending %d\n",
                    serving->provider,
                    answer.family == api::Family::openai ? "openai" : "anthropic",
                    answer.h2 ? ", HTTP/2" : "",
                    static_cast<ssize_t>(serving->credential),
                    static_cast<unsigned long long>(serving->request->id),
                    serving->request->family == api::Family::openai ? "openai" : "anthropic",
                    static_cast<int>(answer.fault),
                    answer.status,
                    answer.said,
                    answer.stream ? "stream" : "plain",
                    answer.payload.size(),
                    static_cast<unsigned long long>(answer.cut),
                    answer.wire.size(),
                    static_cast<unsigned long long>(serving->bytes_read()),
                    static_cast<int>(answer.ending));
      text += line;
      if (answer.payload.size() < 1500) text += answer.payload + "\n";
    }
  }
  const auto tell = [&](const Record& record) {
    std::snprintf(line,
                  sizeof line,
                  "    %s provider %d target %d: %.3f to %.3f ms, status %d/%d, flags %x, %s\n",
                  record.kind == RecordKind::request ? "request" : "attempt",
                  record.provider,
                  static_cast<int>(record.target),
                  static_cast<double>(record.start_ns + record.dispatched_ns) / 1e6,
                  static_cast<double>(record.start_ns + record.settled_ns) / 1e6,
                  record.status,
                  record.upstream_status,
                  record.flags,
                  base::name_of(base::Errc{record.error}).data());
    text += line;
  };
  for (const auto& [id, of] : records_) {
    text += "  " + id + ", body of " +
            std::to_string(of.requests.empty() ? 0 : of.requests.front().bytes_in) + " B\n";
    for (const Record& record : of.attempts) tell(record);
    for (const Record& record : of.requests) tell(record);
  }
  return text;
}

// -- the end

void SimWorld::wind_down() {
  if (drained_at_ == 0) start_drain();
  const base::Nanos limit = net_.now() + kVirtualLimit;
  while (!all_quiet() && net_.now() < limit) turn();
  for (const auto& node : nodes_) {
    if (!node->worker->quiet()) verdict_.fail("a worker does not stop");
    if (!node->worker->drained()) verdict_.fail("a worker does not say that it is drained");
    for (int i = 0; i < 20; ++i) turn_one(*node);
  }
  // A configuration that is published in the very end leaves wake-ups that are still to be
  // delivered.
  const auto noisy = [](const auto& node) { return !node->io.quiet(); };
  for (int i = 0; i < 100 && std::any_of(nodes_.begin(), nodes_.end(), noisy); ++i) {
    for (const auto& node : nodes_) turn_one(*node);
  }
  for (const auto& node : nodes_) {
    requests_begun_ += node->worker->shop().tally.requests;
    const upstream::PoolCounters& counters = node->worker->shop().pool.counters();
    pool_counters_.connects += counters.connects;
    pool_counters_.reuses += counters.reuses;
    pool_counters_.waits += counters.waits;
    const proxy::Tally& tally = node->worker->shop().tally;
    drained_ += tally.unheard_whole + tally.unheard_cut;
    drained_whole_ += tally.unheard_whole;
  }
  check_rest();
}

void SimWorld::check_rest() {
  if (rules_.size() != 1) verdict_.fail("%zu configurations are still in use", rules_.size());
  for (const auto& node : nodes_) check_node(*node);
}

void SimWorld::check_node(Node& node) {
  const proxy::Workshop& shop = node.worker->shop();
  if (shop.clients.in_use() != 0) verdict_.fail("%zu clients are left", shop.clients.in_use());
  if (shop.exchanges.in_use() != 0)
    verdict_.fail("%zu exchanges are left", shop.exchanges.in_use());
  if (shop.unheard() != 0) verdict_.fail("%zu answers are read on for nobody", shop.unheard());
  if (shop.tally.streams_open != 0) verdict_.fail("streams_open is not 0");
  if (shop.tally.records_dropped != 0) verdict_.fail("records were dropped");
  if (!node.worker->quiet()) return;
  node.worker.reset();
  if (!node.io.quiet()) verdict_.fail("the kernel still has work");
  if (node.client_pool.out() != 0)
    verdict_.fail("%zu client buffers are out", node.client_pool.out());
  if (node.upstream_pool.out() != 0)
    verdict_.fail("%zu upstream buffers are out", node.upstream_pool.out());
  if (node.io.blocks().blocks_out() != 0)
    verdict_.fail("%zu blocks are out", node.io.blocks().blocks_out());
  if (node.io.timers().size() != 0) verdict_.fail("%zu timers are left", node.io.timers().size());
}

}  // namespace headrace::sim
