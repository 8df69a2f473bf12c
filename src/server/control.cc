// control.cc – start, the loop, reload, the end.
#include "server/control.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/log.h"
#include "headrace/version.h"
#include "net/listen.h"
#include "server/reload.h"
#include "server/sd_listen.h"

namespace headrace::server {
namespace {

constexpr base::Nanos kRefreshNames = 30 * base::kSecond;
constexpr base::Nanos kEndingGrace = 1 * base::kSecond;  // for terminal errors to leave
constexpr base::Nanos kStopGrace = 3 * base::kSecond;    // for descriptors to close
constexpr int kEndingPollMs = 5;

base::Nanos monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * base::kSecond + now.tv_nsec;
}

double unix_now() {
  return static_cast<double>(::time(nullptr));
}

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = our_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

Control::Control(std::string path, config::LoadOutcome loaded)
    : path_(std::move(path)),
      host_(config::read_host()),
      source_(std::move(loaded.source)),
      admin_(*this) {
  HEADRACE_ASSERT(loaded.ok());
  initial_ = std::move(*loaded.snapshot);
}

Control::~Control() {
  if (signals_ >= 0) ::close(signals_);
}

int Control::run() {
  if (!start()) return 1;
  while (stage_ != Stage::stopped) step();
  fleet_->move_to(Worker::Stage::stopped);
  const base::Nanos deadline = monotonic_now() + kStopGrace;
  while (!fleet_->ended() && monotonic_now() < deadline) ::poll(nullptr, 0, kEndingPollMs);
  if (!fleet_->ended()) {
    HEADRACE_LOG_ERROR("a worker did not end; leaving without it");
    ::_exit(1);
  }
  fleet_->join();
  exporter_->stop();
  exporter_thread_.join();
  admin_.close();
  for (const std::string& file : socket_files_) ::unlink(file.c_str());
  HEADRACE_LOG_INFO("ended");
  return 0;
}

// -- start

bool Control::start() {
  const sigset_t set = our_signals();
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  HEADRACE_ASSERT(signals_ >= 0);
  HEADRACE_LOG_INFO("configuration: %s", source_.c_str());
  if (!open_book()) return false;
  if (!open_listeners()) return false;
  if (!start_fleet()) return false;
  if (!start_admin()) return false;
  stage_ = Stage::serving;
  refresh_at_ = monotonic_now() + kRefreshNames;
  say_where();
  return true;
}

// What a process before this one left behind is settled before anything new is begun.
bool Control::open_book() {
  std::string fault;
  journal_ = exporter::Journal::open(initial_, config::worker_count(initial_, host_), fault);
  if (journal_ != nullptr) {
    book_ = std::make_unique<Rulebook>(*journal_);
    if (book_->add(std::move(initial_), fault) != nullptr) return true;
  }
  HEADRACE_LOG_ERROR("%s", fault.c_str());
  return false;
}

bool Control::open_listeners() {
  listeners_.resize(config::worker_count(current(), host_));
  PassedSockets passed = take_passed_sockets();
  if (!passed.fault.empty()) {
    HEADRACE_LOG_ERROR("%s", passed.fault.c_str());
    return false;
  }
  for (const config::Listen& listen : current().listen) {
    base::Result<net::Address> place = net::parse_address(listen.address);
    HEADRACE_ASSERT(place.ok());  // checked with the configuration
    if (!open_listener(listen, *place, passed.claim(*place))) return false;
    HEADRACE_LOG_INFO("listening on %s%s",
                      net::format(*place).c_str(),
                      listen.tls == nullptr           ? ""
                      : listen.client_ca_file.empty() ? " with TLS"
                                                      : " with TLS of both sides");
  }
  return true;
}

// One listening socket a worker; one that the service manager passed, or a Unix socket, has a
// single queue, which the workers share. `place` becomes the address with the port the kernel
// chose.
bool Control::open_listener(const config::Listen& listen, net::Address& place, int shared) {
  for (std::vector<WorkerListener>& own : listeners_) {
    int fd = shared;
    if (shared < 0) {
      base::Result<int> opened =
          net::listen_on(place, {.mode = listen.mode, .group = listen.group});
      if (!opened) {
        HEADRACE_LOG_ERROR("%s", net::explain_listen_error(place, opened.error()).c_str());
        return false;
      }
      fd = *opened;
      if (net::is_unix(place)) {
        shared = fd;
        if (!net::path_of(place).empty()) socket_files_.emplace_back(net::path_of(place));
      }
    } else if (&own != &listeners_.front()) {
      fd = ::dup(shared);
    }
    if (base::Result<net::Address> bound = net::bound_address(fd)) place = *bound;
    own.push_back({fd, listen});
  }
  return true;
}

bool Control::start_fleet() {
  FleetOptions options = FleetOptions::of(current(), host_);
  const io::BackendChoice choice = io::choose_backend(options.io.wish);
  if (!choice.usable) {
    HEADRACE_LOG_ERROR("%s", choice.reason.c_str());
    return false;
  }
  options.io.wish = choice.uring ? io::BackendWish::io_uring : io::BackendWish::epoll;
  options.io.probed = true;
  io_backend_ = choice.uring ? "io_uring" : "epoll";
  HEADRACE_LOG_INFO("io backend: %s (%s)", io_backend_.c_str(), choice.reason.c_str());

  std::vector<telemetry::RingMemory> rings;
  rings.reserve(options.workers);
  for (std::uint32_t i = 0; i < options.workers; ++i) rings.push_back(journal_->take_ring(i));
  fleet_ = std::make_unique<Fleet>(options, std::move(rings));
  start_exporter(choice.reason);
  const base::Status status = fleet_->start(book_->current(), listeners_);
  if (status) return true;
  HEADRACE_LOG_ERROR("%s", fleet_->complaint().c_str());
  abandon_start();
  return false;
}

void Control::start_exporter(const std::string& backend_reason) {
  std::vector<exporter::Exporter::Worker> rings;
  rings.reserve(fleet_->size());
  for (std::size_t i = 0; i < fleet_->size(); ++i)
    rings.push_back({&fleet_->ring(i), &fleet_->counters(i)});
  exporter_ = std::make_unique<exporter::Exporter>(
      std::move(rings),
      exporter::Exporter::BuildInfo{{"version", HEADRACE_VERSION},
                                    {"io_backend", io_backend_},
                                    {"io_backend_reason", backend_reason}},
      exporter::Outputs{.sinks = journal_->take_sinks(),
                        .required = current().audit.required,
                        .rings_outlive_us = journal_->rings_outlive_us()},
      fleet_->bell());
  exporter_->learn(book_->dictionary());
  exporter_->reloaded(true, unix_now());
  exporter_thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "exporter");
    exporter_->run();
  });
}

bool Control::start_admin() {
  if (current().admin.empty()) return true;
  base::Result<net::Address> address = net::parse_address(current().admin);
  HEADRACE_ASSERT(address.ok());  // checked with the configuration
  const base::Status status = admin_.listen(*address);
  if (status) {
    HEADRACE_LOG_INFO("admin on %s", net::format(admin_.address()).c_str());
    return true;
  }
  HEADRACE_LOG_ERROR("%s", net::explain_listen_error(*address, status.error()).c_str());
  abandon_start();
  return false;
}

void Control::abandon_start() {
  exporter_->stop();
  exporter_thread_.join();
  fleet_.reset();
}

void Control::say_where() const {
  HEADRACE_LOG_INFO("ready: %zu worker%s, %zu route%s",
                    fleet_->size(),
                    fleet_->size() == 1 ? "" : "s",
                    current().routes.size(),
                    current().routes.size() == 1 ? "" : "s");
}

// -- the loop

void Control::step() {
  std::vector<pollfd> fds;
  fds.push_back({signals_, POLLIN, 0});
  base::Nanos now = monotonic_now();
  admin_.add_fds(fds, now);
  ::poll(fds.data(), fds.size(), wait_ms(now));
  now = monotonic_now();
  admin_.on_ready(fds, now);
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    on_signal(static_cast<int>(info.ssi_signo));
  }
  advance(monotonic_now());
  prune_rules();
}

int Control::wait_ms(base::Nanos now) const {
  int wait = admin_.timeout_ms(now);
  const auto at_most = [&wait](base::Nanos left) {
    const auto ms =
        static_cast<int>(std::clamp<base::Nanos>(left / base::kMillisecond + 1, 0, 60'000));
    wait = wait < 0 ? ms : std::min(wait, ms);
  };
  if (stage_deadline_ != base::kNever) at_most(stage_deadline_ - now);
  if (refresh_at_ != base::kNever) at_most(refresh_at_ - now);
  if (stage_ >= Stage::draining) at_most(kEndingPollMs * base::kMillisecond);
  if (book_->size() > 1) at_most(base::kSecond);
  return wait;
}

void Control::on_signal(int signal) {
  if (signal == SIGHUP) {
    if (stage_ == Stage::serving) reload();
    return;
  }
  if (stage_ == Stage::serving) {
    HEADRACE_LOG_INFO("draining: no new connections; what runs has %lld ms to finish",
                      static_cast<long long>(current().drain_timeout / base::kMillisecond));
    stage_ = Stage::delaying;
    stage_deadline_ = monotonic_now() + current().drain_delay;
  } else {
    HEADRACE_LOG_INFO("second signal: ending now");
    begin_end();
  }
}

// Moves through the stages of the end as their time comes.
void Control::advance(base::Nanos now) {
  if (stage_ == Stage::serving && now >= refresh_at_) refresh_names(now);
  if (stage_ == Stage::delaying && now >= stage_deadline_) {
    stage_ = Stage::draining;
    stage_deadline_ = now + current().drain_timeout;
    fleet_->move_to(Worker::Stage::draining);
  }
  if (stage_ == Stage::draining && now >= stage_deadline_) begin_end();
  if (stage_ == Stage::draining && fleet_->drained()) stage_ = Stage::stopped;
  if (stage_ == Stage::ending && (fleet_->drained() || now >= stage_deadline_))
    stage_ = Stage::stopped;
}

void Control::begin_end() {
  if (stage_ >= Stage::ending) {  // a third signal: no grace at all
    stage_ = Stage::stopped;
    return;
  }
  stage_ = Stage::ending;
  stage_deadline_ = monotonic_now() + kEndingGrace;
  fleet_->move_to(Worker::Stage::ending);
}

// -- configuration

void Control::reload() {
  config::LoadOutcome loaded = config::load(path_, config::process_environment());
  std::string fault = loaded.ok() ? "" : config::format_faults(loaded);
  const proxy::Rules* rules = nullptr;
  if (loaded.ok()) {
    for (const std::string_view key : keys_for_the_next_start(current(), *loaded.snapshot)) {
      HEADRACE_LOG_WARNING("reload: `%.*s` changed; that takes effect at the next start",
                           static_cast<int>(key.size()),
                           key.data());
    }
    keep_what_was_opened(current(), *loaded.snapshot);
    rules = book_->add(std::move(*loaded.snapshot), fault);
  }
  exporter_->reloaded(rules != nullptr, unix_now());
  if (rules == nullptr) {
    // One fault is one line.
    const bool one = fault.find('\n') + 1 >= fault.size();
    HEADRACE_LOG_ERROR("reload failed, the old configuration stays:%s%s",
                       one ? " " : "\n",
                       fault.substr(0, fault.find_last_not_of('\n') + 1).c_str());
    return;
  }
  publish(*rules);
  HEADRACE_LOG_INFO("reloaded %s", loaded.source.c_str());
}

void Control::publish(const proxy::Rules& rules) {
  exporter_->learn(book_->dictionary());
  fleet_->publish(rules);
}

// What no worker looks at any more.
void Control::prune_rules() {
  if (book_->size() < 2 || stage_ == Stage::stopped) return;
  book_->prune(fleet_->oldest_epoch_in_use());
}

void Control::refresh_names(base::Nanos now) {
  refresh_at_ = book_->has_names() ? now + kRefreshNames : base::kNever;
  std::string fault;
  const proxy::Rules* rules = book_->add_refreshed(fault);
  if (!fault.empty()) HEADRACE_LOG_ERROR("%s", fault.c_str());
  if (rules != nullptr) publish(*rules);
}

// -- what the admin listener asks

std::string Control::not_live() {
  std::vector<const telemetry::WorkerCounters*> workers;
  workers.reserve(fleet_->size());
  for (std::size_t i = 0; i < fleet_->size(); ++i) workers.push_back(&fleet_->counters(i));
  return stalled_worker(workers, monotonic_now());
}

std::string Control::not_ready() {
  switch (stage_) {
    case Stage::starting:
      return "starting";
    case Stage::serving:
      return "";
    default:
      return "draining";
  }
}

std::string Control::metrics(bool openmetrics) {
  return exporter_->render(openmetrics ? exporter::Format::openmetrics
                                       : exporter::Format::prometheus);
}

}  // namespace headrace::server
