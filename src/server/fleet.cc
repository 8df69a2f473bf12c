#include "server/fleet.h"

#include <pthread.h>
#include <sched.h>
#include <sys/random.h>

#include <algorithm>

#include "base/log.h"
#include "telemetry/ring_file.h"

namespace headrace::server {
namespace {

constexpr std::size_t kOwnFiles = 24;  // descriptors that are neither clients nor upstreams

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  const auto got = ::getrandom(&seed, sizeof seed, 0);
  HEADRACE_ASSERT(got == static_cast<ssize_t>(sizeof seed));
  return seed;
}

// The index-th CPU that this process may run on.
void pin_to_cpu(std::size_t index) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  const auto count = static_cast<std::size_t>(CPU_COUNT(&allowed));
  if (count == 0) return;
  std::size_t left = index % count;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    if (left-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

telemetry::RingMemory private_memory(std::uint32_t worker) {
  auto ring = telemetry::private_ring(worker, telemetry::kRingRecords);
  HEADRACE_ASSERT(ring.has_value());
  return std::move(ring->memory);
}

// One look for all workers, before there are any: a probe makes a ring and ends it.
FleetOptions with_backend_chosen(FleetOptions options) {
  if (options.io.probed) return options;
  const io::BackendChoice choice = io::choose_backend(options.io.wish);
  if (!choice.usable) return options;  // start() says why
  options.io.wish = choice.uring ? io::BackendWish::io_uring : io::BackendWish::epoll;
  options.io.probed = true;
  return options;
}

// What one worker may hold open, within the process's limit of open files. Two connections a
// request, one to the client, one to the provider; those who are refused take none of these away.
struct Places {
  std::size_t clients = 1;
  std::size_t refusals = 0;
};

Places places_within(std::size_t configured, std::uint64_t open_files, std::size_t workers) {
  constexpr std::uint64_t kRefusals = 64;
  const std::uint64_t own = kOwnFiles + 8 * workers;
  const std::uint64_t rest = (open_files > own + 8 ? open_files - own : 8) / workers;
  Places places;
  places.refusals = std::min(kRefusals, rest / 4);
  places.clients =
      std::max<std::uint64_t>(1, std::min<std::uint64_t>(configured, (rest - places.refusals) / 2));
  return places;
}

io::BackendWish wish_of(config::Backend backend) {
  switch (backend) {
    case config::Backend::automatic:
      return io::BackendWish::automatic;
    case config::Backend::io_uring:
      return io::BackendWish::io_uring;
    case config::Backend::epoll:
      return io::BackendWish::epoll;
  }
  return io::BackendWish::automatic;
}

io::BusyMode busy_of(config::Busy busy) {
  switch (busy) {
    case config::Busy::automatic:
      return io::BusyMode::automatic;
    case config::Busy::always:
      return io::BusyMode::always;
    case config::Busy::off:
      return io::BusyMode::off;
  }
  return io::BusyMode::automatic;
}

}  // namespace

FleetOptions FleetOptions::of(const config::Snapshot& snapshot, const config::HostFacts& host) {
  FleetOptions options;
  options.workers = config::worker_count(snapshot, host);
  options.pin = config::should_pin(snapshot, host);
  const Places places =
      places_within(snapshot.limits.client_connections, host.open_files.soft, options.workers);
  options.clients_max = places.clients;
  options.refusals_max = places.refusals;
  options.upstreams_max = options.clients_max;
  options.io.wish = wish_of(snapshot.io.backend);
  options.io.busy = busy_of(config::busy_mode(snapshot, host));
  options.io.tiny = snapshot.io.tiny;
  options.io.compat_61 = snapshot.io.compat == "6.1";
  return options;
}

Fleet::Fleet(const FleetOptions& options, std::vector<telemetry::RingMemory> rings)
    : options_(with_backend_chosen(options)) {
  HEADRACE_ASSERT(rings.empty() || rings.size() == options_.workers);
  for (std::uint32_t i = 0; i < options_.workers; ++i) {
    auto member = std::make_unique<Member>();
    member->memory = rings.empty() ? private_memory(i) : std::move(rings[i]);
    const base::Status attached = member->ring.attach(member->memory.bytes());
    HEADRACE_ASSERT(attached.ok());
    members_.push_back(std::move(member));
  }
}

Fleet::~Fleet() {
  move_to(Worker::Stage::stopped);
  join();
}

base::Status Fleet::start(const proxy::Rules& rules,
                          const std::vector<std::vector<WorkerListener>>& listeners) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i]->thread =
        std::thread([this, i, &rules, &listeners] { run(i, rules, listeners[i]); });
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return reported_ == members_.size(); });
  return first_failure_;
}

void Fleet::report(base::Status status, std::string complaint) {
  const std::lock_guard lock(mutex_);
  ++reported_;
  if (!status && first_failure_.ok()) {
    first_failure_ = status;
    complaint_ = std::move(complaint);
  }
  changed_.notify_all();
}

// The whole life of a worker's thread.
void Fleet::run(std::size_t index,
                const proxy::Rules& rules,
                const std::vector<WorkerListener>& listeners) {
  Member& member = *members_[index];
  const std::string name = "worker-" + std::to_string(index);
  ::pthread_setname_np(::pthread_self(), name.c_str());
  if (options_.pin) pin_to_cpu(index);
  std::string complaint;
  std::unique_ptr<io::IoBundle> bundle = io::make_io(options_.io, complaint);
  if (bundle == nullptr) {
    report(base::gateway_error(base::Errc::io_failed), std::move(complaint));
    member.ended = true;
    return;
  }
  {
    WorkerOptions options;
    options.id = static_cast<std::uint16_t>(index);
    options.seed = random_seed();
    options.first_sequence = member.ring.next_sequence();
    options.clients_max = options_.clients_max;
    options.refusals_max = options_.refusals_max;
    options.pool.seed = random_seed();
    options.pool.connections_max = options_.upstreams_max;
    if (options_.io.tiny) options.pool.idle_per_origin = 1;
    options.bell = bell_.get();
    Worker worker(bundle->io(), member.ring, member.counters, options);
    worker.use(rules);
    for (const WorkerListener& listener : listeners) worker.listen(listener.fd, listener.terms);
    member.worker.store(&worker, std::memory_order_release);
    report({}, {});
    worker.run();
    // Nobody may post to a worker that is being destroyed.
    const std::lock_guard lock(mutex_);
    member.worker.store(nullptr, std::memory_order_release);
  }
  bundle.reset();
  member.ended = true;
}

void Fleet::publish(const proxy::Rules& rules) {
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_) {
    if (Worker* worker = member->worker.load(std::memory_order_acquire)) worker->publish(rules);
  }
}

void Fleet::move_to(Worker::Stage stage) {
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_) {
    if (Worker* worker = member->worker.load(std::memory_order_acquire)) worker->move_to(stage);
  }
}

bool Fleet::drained() const {
  return std::all_of(members_.begin(), members_.end(), [](const auto& member) {
    const Worker* worker = member->worker.load(std::memory_order_acquire);
    return worker == nullptr || worker->drained();
  });
}

bool Fleet::ended() const {
  return std::all_of(
      members_.begin(), members_.end(), [](const auto& member) { return member->ended.load(); });
}

void Fleet::join() {
  for (const auto& member : members_) {
    if (member->thread.joinable()) member->thread.join();
  }
}

std::uint64_t Fleet::oldest_epoch_in_use() const {
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& member : members_) {
    const Worker* worker = member->worker.load(std::memory_order_acquire);
    if (worker != nullptr) oldest = std::min(oldest, worker->epoch_in_use());
  }
  return oldest;
}

}  // namespace headrace::server
