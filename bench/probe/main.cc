// headrace-probe: the ruler of `./dev bench wire`. See docs/benchmarks.md for the method.
#include <getopt.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "workload.h"

namespace headrace::probe {
namespace {

constexpr const char* kHelp =
    R"(usage: headrace-probe MODE --proxy ADDRESS:PORT --upstream ADDRESS:PORT [options]

Client and upstream in one spinning thread. Listens on --upstream, where the proxy must forward to, and asks
--proxy. Prints JSON lines; every message is checked byte for byte, and any fault ends the program with 1.

modes
  rtt        one connection: round trip, less the direct round trip
  events     many streams at a steady rate: upstream write to client read of each event, less direct
  saturate   many connections in a closed loop: requests a second, CPU time a request
  idle       many streams that keep silent while somebody weighs the proxy (use --marks)

options
  --upstream-model NAME
                    what the proxy must make of the model `probe-model`; a name of the same length
  --tls-certificate FILE, --tls-key FILE
                    TLS on both sides; the probe's upstream shows this certificate
  --cpu N           run on this CPU
  --pid N           a process of the proxy (repeatable): CPU time, real-time bursts
  --rounds N        rtt: measured round trips a path          (4000)
  --warmup N        discarded round trips or events           (400)
  --streams N       events, idle                              (100)
  --events N        events: measured events a path            (5000)
  --rate N          events: events a second, all streams      (5000)
  --connections N   saturate                                  (64)
  --seconds N       saturate: measured time                   (2)
  --time-limit N    seconds until the probe gives up          (60)
  --no-direct       leave the direct path out
  --marks           print {"mark":...} around the measured part and wait for a line on standard input
  --realtime        short SCHED_FIFO bursts for probe and proxy (needs the right to)
)";

// As long as the clients' own, so that no message changes its size.
std::string parse_model(std::string_view text) {
  if (text.size() != kClientModel.size() || text.find_first_of("\"\\") != std::string_view::npos) {
    die("`%.*s` is no model's name of %zu bytes",
        static_cast<int>(text.size()),
        text.data(),
        kClientModel.size());
  }
  return std::string(text);
}

std::size_t parse_count(const char* text, std::size_t max, std::size_t min = 1) {
  std::size_t value = 0;
  const char* end = text + std::strlen(text);
  const auto result = std::from_chars(text, end, value);
  if (result.ec != std::errc() || result.ptr != end || value < min || value > max) {
    die("`%s` is not a number from %zu to %zu", text, min, max);
  }
  return value;
}

Nanos parse_seconds(const char* text) {
  const double value = std::atof(text);
  if (!(value > 0) || value > 600) die("`%s` is not a number of seconds up to 600", text);
  return static_cast<Nanos>(value * 1e9);
}

enum Flag : int {
  kProxy = 1,
  kUpstream,
  kUpstreamModel,
  kTlsCertificate,
  kTlsKey,
  kCpu,
  kPid,
  kRounds,
  kWarmup,
  kStreams,
  kEvents,
  kRate,
  kConnections,
  kSeconds,
  kTimeLimit,
  kNoDirect,
  kMarks,
  kRealtime,
  kHelpFlag
};

constexpr std::array<option, 20> kFlags = {{
    {"proxy", required_argument, nullptr, kProxy},
    {"upstream", required_argument, nullptr, kUpstream},
    {"upstream-model", required_argument, nullptr, kUpstreamModel},
    {"tls-certificate", required_argument, nullptr, kTlsCertificate},
    {"tls-key", required_argument, nullptr, kTlsKey},
    {"cpu", required_argument, nullptr, kCpu},
    {"pid", required_argument, nullptr, kPid},
    {"rounds", required_argument, nullptr, kRounds},
    {"warmup", required_argument, nullptr, kWarmup},
    {"streams", required_argument, nullptr, kStreams},
    {"events", required_argument, nullptr, kEvents},
    {"rate", required_argument, nullptr, kRate},
    {"connections", required_argument, nullptr, kConnections},
    {"seconds", required_argument, nullptr, kSeconds},
    {"time-limit", required_argument, nullptr, kTimeLimit},
    {"no-direct", no_argument, nullptr, kNoDirect},
    {"marks", no_argument, nullptr, kMarks},
    {"realtime", no_argument, nullptr, kRealtime},
    {"help", no_argument, nullptr, kHelpFlag},
    {},
}};

void apply(Options& options, int flag) {
  switch (flag) {
    case kProxy:
      options.proxy = parse_endpoint(optarg);
      break;
    case kUpstream:
      options.upstream = parse_endpoint(optarg);
      break;
    case kUpstreamModel:
      options.upstream_model = parse_model(optarg);
      break;
    case kTlsCertificate:
      options.tls_certificate = optarg;
      break;
    case kTlsKey:
      options.tls_key = optarg;
      break;
    case kCpu:
      options.cpu = static_cast<int>(parse_count(optarg, 1023, 0));
      break;
    case kPid:
      options.processes.push_back(static_cast<pid_t>(parse_count(optarg, 1u << 22)));
      break;
    case kRounds:
      options.rounds = parse_count(optarg, 10'000'000);
      break;
    case kWarmup:
      options.warmup = parse_count(optarg, 10'000'000);
      break;
    case kStreams:
      options.streams = parse_count(optarg, 10'000);
      break;
    case kEvents:
      options.events = parse_count(optarg, 10'000'000);
      break;
    case kRate:
      options.rate = parse_count(optarg, 1'000'000);
      break;
    case kConnections:
      options.connections = parse_count(optarg, 4000);
      break;
    case kSeconds:
      options.duration = parse_seconds(optarg);
      break;
    case kTimeLimit:
      options.time_limit = parse_seconds(optarg);
      break;
    case kNoDirect:
      options.direct = false;
      break;
    case kMarks:
      options.marks = true;
      break;
    case kRealtime:
      options.realtime = true;
      break;
    case kHelpFlag:
      std::fputs(kHelp, stdout);
      std::exit(0);
    default:
      std::exit(2);
  }
}

int run(int argc, char** argv) {
  Options options;
  int flag = 0;
  while ((flag = getopt_long(argc, argv, "", kFlags.data(), nullptr)) != -1) apply(options, flag);
  const std::string mode = optind + 1 == argc ? argv[optind] : "";
  if (mode.empty() || options.proxy.text.empty() || options.upstream.text.empty()) {
    std::fputs(kHelp, stderr);
    return 2;
  }
  if (options.tls_certificate.empty() != options.tls_key.empty())
    die("a certificate needs its key");
  if (!options.tls_key.empty()) {
    options.tls = std::make_shared<const TlsTerms>(options.tls_certificate, options.tls_key);
  }
  if (options.cpu >= 0) pin_to_cpu(options.cpu);
  if (mode == "rtt") {
    run_round_trips(options);
  } else if (mode == "events") {
    run_events(options);
  } else if (mode == "saturate") {
    run_saturated(options);
  } else if (mode == "idle") {
    run_idle_streams(options);
  } else {
    die("there is no mode `%s`", mode.c_str());
  }
  return 0;
}

}  // namespace

void mark(const Options& options, const char* name) {
  if (!options.marks) return;
  std::printf("{\"mark\":\"%s\"}\n", name);
  std::fflush(stdout);
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  std::array<char, 64> line;
  const int limit_ms = static_cast<int>(options.time_limit / kMillisecond);
  if (poll(&input, 1, limit_ms) != 1 || read(STDIN_FILENO, line.data(), line.size()) <= 0) {
    die("nobody answered the mark `%s`", name);
  }
}

}  // namespace headrace::probe

int main(int argc, char** argv) {
  alarm(900);  // whatever happens, the spinning ends
  return headrace::probe::run(argc, argv);
}
