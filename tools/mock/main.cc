// headrace-mock: a provider to try the gateway against, with latencies and faults to order.
#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "io/epoll_io.h"
#include "net/address.h"
#include "net/listen.h"
#include "service.h"

namespace headrace::mock {
namespace {

std::atomic<bool> stop_asked{false};

void on_signal(int) {
  stop_asked.store(true);
}

CLI::Validator distribution_check(Distribution::Unit unit) {
  return CLI::Validator(
      [unit](std::string& text) {
        return Distribution::parse(text, unit) ? std::string()
                                               : "`" + text + "` is no distribution";
      },
      "DIST");
}

struct Arguments {
  std::vector<std::string> listen = {"127.0.0.1:9001"};
  std::string ttft = "const:200ms";
  std::string itl = "const:20ms";
  std::string tokens = "const:32";
  std::vector<std::string> faults;
  std::string stamp = "off";
  std::string io = "auto";
  Settings settings;
};

constexpr const char* kFooter =
    R"(DIST: const:V | uniform:A,B | normal:MEAN,DEVIATION | lognormal:P50,P99 | exp:MEAN, times as 250us, 20ms, 1.5s

truth: GET /mock/stats      change at run time: POST /mock/control?clear=1&fault=20%25:+http=429&ttft=const:1s
)";

void declare(CLI::App& app, Arguments& arguments) {
  const auto time = distribution_check(Distribution::Unit::time);
  const auto count = distribution_check(Distribution::Unit::count);
  app.add_option("--listen", arguments.listen, "address:port or unix:/path (repeatable)")
      ->capture_default_str();
  app.add_option("--ttft", arguments.ttft, "time to the first token")
      ->check(time)
      ->capture_default_str();
  app.add_option("--itl", arguments.itl, "time between tokens")->check(time)->capture_default_str();
  app.add_option("--tokens", arguments.tokens, "tokens of an answer")
      ->check(count)
      ->capture_default_str();
  app.add_option("--fault", arguments.faults, "what goes wrong, and how often (repeatable)")
      ->check(CLI::Validator(
          [](std::string& text) {
            return parse_fault_rule(text) ? std::string() : "`" + text + "` is no fault rule";
          },
          "RULE"))
      ->allow_extra_args(false);
  app.add_option("--seed", arguments.settings.seed, "of every draw")->capture_default_str();
  app.add_option("--stamp", arguments.stamp, "put CLOCK_MONOTONIC nanoseconds into the tokens")
      ->check(CLI::IsMember({"off", "content"}))
      ->capture_default_str();
  app.add_option("--connections", arguments.settings.connections_max, "at most this many at a time")
      ->check(CLI::Range(std::size_t{1}, std::size_t{60'000}))
      ->capture_default_str();
  app.add_option("--io", arguments.io, "kernel interface")
      ->check(CLI::IsMember({"auto", "io_uring", "epoll"}))
      ->capture_default_str();
  app.footer(std::string(fault_help()) + "\n\n" + kFooter);
}

Settings settings_of(const Arguments& arguments) {
  Settings settings = arguments.settings;
  settings.ttft = *Distribution::parse(arguments.ttft, Distribution::Unit::time);
  settings.itl = *Distribution::parse(arguments.itl, Distribution::Unit::time);
  settings.tokens = *Distribution::parse(arguments.tokens, Distribution::Unit::count);
  for (const std::string& rule : arguments.faults)
    settings.faults.push_back(*parse_fault_rule(rule));
  settings.stamps = arguments.stamp == "content";
  return settings;
}

bool listen_everywhere(Service& service, const std::vector<std::string>& places) {
  for (const std::string& place : places) {
    std::string_view reason;
    const auto address = net::parse_address(place, &reason);
    if (!address) {
      fmt::print(stderr, "headrace-mock: `{}`: {}\n", place, reason);
      return false;
    }
    const auto fd = net::listen_on(address.value(), {});
    if (!fd) {
      fmt::print(
          stderr, "headrace-mock: {}\n", net::explain_listen_error(address.value(), fd.error()));
      return false;
    }
    service.listen(fd.value());
    fmt::print("headrace-mock: listening on {}\n", place);
  }
  std::fflush(stdout);
  return true;
}

// The event loop, until a signal; then what is open is cut, and the sockets get a moment to close.
void run_until_signal(io::Io& io, Service& service) {
  constexpr base::Nanos kLookForSignals = 200 * base::kMillisecond;
  constexpr int kClosingTurns = 100;
  while (!stop_asked.load()) io.run_once(kLookForSignals);
  service.stop();
  for (int turn = 0; turn < kClosingTurns && !service.idle(); ++turn) {
    io.run_once(10 * base::kMillisecond);
  }
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "headrace-mock: a provider to try the gateway against, with latencies and faults to order");
  declare(app, arguments);
  CLI11_PARSE(app, argc, argv);

  // Pacing to the microsecond: the default slack of a wait is 50 us.
  prctl(PR_SET_TIMERSLACK, 1000);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);

  io::ReceivePool clients({});
  io::ReceivePool unused({.buffer_bytes = 4096, .initial = 1, .cap = 1});
  io::EpollIo io(clients, unused, io::BusyMode::off);
  Service service(io, settings_of(arguments));
  if (!listen_everywhere(service, arguments.listen)) return 1;
  run_until_signal(io, service);
  return 0;
}

}  // namespace
}  // namespace headrace::mock

int main(int argc, char** argv) {
  return headrace::mock::run(argc, argv);
}
