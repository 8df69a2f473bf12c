// headrace-mock: a provider to try the gateway against, with latencies and faults to order.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "io/backend.h"
#include "net/address.h"
#include "net/listen.h"
#include "self_certificate.h"
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
  std::string shape;
  std::string stamp = "off";
  std::string io = "auto";
  std::string busy = "off";
  std::string tls;
  std::string tls_ca;
  Settings settings;
};

constexpr const char* kFooter =
    R"(DIST: const:V | uniform:A,B | normal:MEAN,DEVIATION | lognormal:P50,P99 | exp:MEAN, times as 250us, 20ms, 1.5s

truth: GET /mock/stats      change at run time: POST /mock/control?clear=1&fault=20%25:+http=429&shape=tools%3D2&ttft=const:1s
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
  app.add_option("--shape", arguments.shape, "what answers look like")
      ->check(CLI::Validator(
          [](std::string& text) {
            Choice choice;
            return apply_words(text, choice) && !choice.fault ? std::string()
                                                              : "`" + text + "` is no shape";
          },
          "WORDS"));
  app.add_option("--require-key", arguments.settings.key, "answer 401 without this key");
  app.add_option("--seed", arguments.settings.seed, "of every draw")->capture_default_str();
  app.add_option("--stamp", arguments.stamp, "put CLOCK_MONOTONIC nanoseconds into the tokens")
      ->check(CLI::IsMember({"off", "content"}))
      ->capture_default_str();
  app.add_option("--tls", arguments.tls, "speak TLS, with a certificate of its own making")
      ->check(CLI::IsMember({"self"}));
  app.add_option("--tls-ca", arguments.tls_ca, "where to write whom a client is to believe");
  app.add_flag(
      "--h2", arguments.settings.h2, "speak HTTP/2 too: by ALPN, or to who begins with it");
  app.add_option("--connections", arguments.settings.connections_max, "at most this many at a time")
      ->check(CLI::Range(std::size_t{1}, std::size_t{60'000}))
      ->capture_default_str();
  app.add_option("--io", arguments.io, "kernel interface")
      ->check(CLI::IsMember({"auto", "io_uring", "epoll"}))
      ->capture_default_str();
  app.add_option("--busy", arguments.busy, "poll instead of sleeping")
      ->check(CLI::IsMember({"off", "auto", "always"}))
      ->capture_default_str();
  app.footer(fmt::format("{}\n\n{}\n\n{}", fault_help(), shape_help(), kFooter));
}

Settings settings_of(const Arguments& arguments) {
  Settings settings = arguments.settings;
  settings.ttft = *Distribution::parse(arguments.ttft, Distribution::Unit::time);
  settings.itl = *Distribution::parse(arguments.itl, Distribution::Unit::time);
  settings.tokens = *Distribution::parse(arguments.tokens, Distribution::Unit::count);
  for (const std::string& rule : arguments.faults)
    settings.faults.push_back(*parse_fault_rule(rule));
  Choice choice;
  if (!arguments.shape.empty()) apply_words(arguments.shape, choice);
  settings.shape = choice.shape;
  settings.stamps = arguments.stamp == "content";
  return settings;
}

bool make_tls(const Arguments& arguments, Settings& settings) {
  const std::string file = arguments.tls_ca.empty()
                               ? fmt::format("/tmp/headrace-mock-ca-{}.pem", ::getpid())
                               : arguments.tls_ca;
  std::vector<std::string> protocols = {"http/1.1"};
  if (settings.h2) protocols.insert(protocols.begin(), "h2");
  std::string fault;
  settings.tls = make_self_certificate(file, protocols, fault);
  if (settings.tls == nullptr) {
    fmt::print(stderr, "headrace-mock: {}\n", fault);
    return false;
  }
  fmt::print("headrace-mock: ca_file {}\n", file);
  return true;
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

io::BackendWish wish_of(const std::string& text) {
  if (text == "io_uring") return io::BackendWish::io_uring;
  return text == "epoll" ? io::BackendWish::epoll : io::BackendWish::automatic;
}

io::BusyMode busy_of(const std::string& text) {
  if (text == "always") return io::BusyMode::always;
  return text == "auto" ? io::BusyMode::automatic : io::BusyMode::off;
}

void run_until_signal(io::Io& io) {
  constexpr base::Nanos kLookForSignals = 200 * base::kMillisecond;
  while (!stop_asked.load()) io.run_once(kLookForSignals);
}

// What is open is cut, and the sockets get a moment to close.
void shut_down(io::Io& io, Service& service) {
  constexpr int kTurns = 100;
  service.stop();
  for (int turn = 0; turn < kTurns && !service.idle(); ++turn) {
    io.run_once(10 * base::kMillisecond);
  }
}

// Only the files that are ours: the ones we listened on.
void remove_socket_files(const std::vector<std::string>& places) {
  for (const std::string& place : places) {
    const auto address = net::parse_address(place);
    if (!address) continue;
    const std::string path(net::path_of(address.value()));
    if (!path.empty()) ::unlink(path.c_str());
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

  std::string complaint;
  const auto bundle =
      io::make_io({.wish = wish_of(arguments.io), .busy = busy_of(arguments.busy)}, complaint);
  if (bundle == nullptr) {
    fmt::print(stderr, "headrace-mock: {}\n", complaint);
    return 1;
  }
  Settings settings = settings_of(arguments);
  if (!arguments.tls.empty() && !make_tls(arguments, settings)) return 1;
  Service service(bundle->io(), std::move(settings));
  const bool listening = listen_everywhere(service, arguments.listen);
  if (listening) run_until_signal(bundle->io());
  shut_down(bundle->io(), service);
  remove_socket_files(arguments.listen);
  return listening ? 0 : 1;
}

}  // namespace
}  // namespace headrace::mock

int main(int argc, char** argv) {
  return headrace::mock::run(argc, argv);
}
