// Control: the main thread of a serving gateway. It starts the workers and the exporter, answers
// the admin listener, resolves names, reloads the configuration on SIGHUP and ends everything on
// SIGTERM or SIGINT:
//
//   SIGTERM     /readyz says 503, after drain_delay no new connections, what runs may finish
//   drain_timeout later (or a second signal)   what still runs gets its terminal error
//   then        everything is closed, records are drained, exit 0
//
// It sleeps in poll(2) and wakes for signals, scrapes and name refreshes only.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/host.h"
#include "config/load.h"
#include "exporter/exporter.h"
#include "exporter/journal.h"
#include "server/admin.h"
#include "server/fleet.h"
#include "server/rulebook.h"

namespace headrace::server {

class Control final : public AdminSource {
 public:
  // `path`: as given on the command line; empty: the usual places.
  Control(std::string path, config::LoadOutcome loaded);
  ~Control();

  // Serves until told to end; the process's exit code.
  int run();

  // -- for the admin listener
  std::string not_live() override;
  std::string not_ready() override;
  std::string metrics(bool openmetrics) override;

 private:
  enum class Stage : std::uint8_t { starting, serving, delaying, draining, ending, stopped };

  bool start();
  bool open_book();
  bool open_listeners();
  bool open_listener(const config::Listen& listen, net::Address& place, int shared);
  bool start_fleet();
  void start_exporter(const std::string& backend_reason);
  bool start_admin();
  void abandon_start();
  void say_where() const;
  void step();
  int wait_ms(base::Nanos now) const;
  void on_signal(int signal);
  void advance(base::Nanos now);
  void begin_end();
  void reload();
  void publish(const proxy::Rules& rules);
  void prune_rules();
  void refresh_names(base::Nanos now);
  const config::Snapshot& current() const { return book_->snapshot(); }

  const std::string path_;
  const config::HostFacts host_;
  config::Snapshot initial_;  // until it goes live
  const std::string source_;  // of it, in words
  std::unique_ptr<exporter::Journal> journal_;
  std::unique_ptr<Rulebook> book_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<exporter::Exporter> exporter_;
  std::thread exporter_thread_;
  Admin admin_;
  std::vector<std::vector<WorkerListener>> listeners_;  // by worker
  std::vector<std::string> socket_files_;               // ours to remove
  std::string io_backend_;
  int signals_ = -1;
  Stage stage_ = Stage::starting;
  base::Nanos stage_deadline_ = base::kNever;
  base::Nanos refresh_at_ = base::kNever;
};

// Blocks the signals that Control waits for, in this thread and every thread it starts. Before any
// thread.
void block_signals();

}  // namespace headrace::server
