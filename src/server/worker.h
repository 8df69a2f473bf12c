// Worker: everything that serves clients on one thread: an Io, its listeners, its clients and
// exchanges, its upstream pools, its end of the record ring. It shares nothing; control speaks to
// it through three atomics and a wake-up. The thread itself is made elsewhere (server/fleet), so
// that a simulation can run the same worker turn by turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/intrusive_list.h"
#include "io/io.h"
#include "net/tls_rehearsal.h"
#include "proxy/client_conn.h"
#include "proxy/workshop.h"
#include "server/listener.h"
#include "telemetry/counters.h"
#include "telemetry/doorbell.h"
#include "telemetry/ring.h"
#include "upstream/pool.h"

namespace headrace::server {

struct WorkerOptions {
  std::uint16_t id = 0;
  std::uint64_t seed = 1;
  std::uint64_t first_sequence = 0;  // of its records: where the ring's numbering goes on
  std::size_t clients_max = base::limits::kClientConnections;
  std::size_t refusals_max = 64;  // connections beyond them that are told so and may linger
  upstream::PoolOptions pool;
  telemetry::Doorbell* bell = nullptr;  // of who reads its records; outlives it
};

class Worker final : public io::WakeOwner, public AcceptOwner, public proxy::ClientConnOwner {
 public:
  // How far the end has come; only ever moves on.
  enum class Stage : std::uint8_t {
    serving,
    draining,  // no new connections; what runs may finish
    ending,    // what still runs gets its terminal error
    stopped,   // everything is closed at once
  };

  Worker(io::Io& io,
         telemetry::RecordRing& records,
         telemetry::WorkerCounters& counters,
         const WorkerOptions& options);
  ~Worker();

  // -- before the first turn
  void use(const proxy::Rules& rules);
  // In the order of the configuration's places to listen.
  void listen(int fd, const config::Listen& terms);

  // -- on the worker's thread
  void turn();
  void run();          // turns until stopped and everything is closed
  bool quiet() const;  // stopped, and nothing is left

  // -- from control's thread
  void publish(const proxy::Rules& rules);
  void move_to(Stage stage);
  bool drained() const { return drained_.load(std::memory_order_acquire); }
  // The oldest configuration that this worker may still look at.
  std::uint64_t epoch_in_use() const { return epoch_in_use_.load(std::memory_order_acquire); }

  // -- events
  void on_wake() override;
  void on_client(int fd, const config::Listen& terms) override;
  void on_client_closed(proxy::ClientConn& conn) override;

  std::size_t clients() const { return shop_.clients.in_use(); }
  const proxy::Workshop& shop() const { return shop_; }

 private:
  using ClientList = base::IntrusiveList<proxy::ClientConn, &proxy::ClientConn::link>;

  void retire_rules();
  void enter(Stage stage);
  void publish_counters();

  io::Io& io_;
  std::unique_ptr<net::TlsRehearsal> tls_rehearsal_;  // where TLS is spoken
  telemetry::WorkerCounters& counters_;
  upstream::Pool pool_;
  proxy::Workshop shop_;
  const std::size_t clients_max_;
  telemetry::Doorbell* const bell_;  // null: nobody sleeps
  ClientList clients_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<proxy::Live>> lives_;  // the last one is current
  Stage stage_ = Stage::serving;
  base::Nanos published_at_ = 0;
  bool unpublished_ = true;

  std::atomic<const proxy::Rules*> next_rules_{nullptr};
  std::atomic<Stage> wanted_{Stage::serving};
  std::atomic<bool> drained_{false};
  std::atomic<std::uint64_t> epoch_in_use_{0};
};

}  // namespace headrace::server
