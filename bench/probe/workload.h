// The four workloads. Each runs client and upstream in this one spinning thread, measures the path
// through the proxy and (unless told otherwise) the direct path in alternating blocks, and prints
// one JSON line.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "client.h"
#include "payload.h"
#include "system.h"
#include "wire.h"

namespace headrace::probe {

struct Options {
  Endpoint proxy;
  Endpoint upstream;
  std::string upstream_model{kClientModel};  // what the upstream must be asked for
  std::string tls_certificate;               // paths; with them TLS on both sides
  std::string tls_key;
  std::shared_ptr<const TlsTerms> tls;  // null: everything plain
  int cpu = -1;
  bool direct = true;  // measure the direct path too, and report the difference
  bool marks = false;  // wait for a line on standard input around the measured part
  bool realtime = false;
  std::size_t rounds = 4000;  // rtt: round trips a path
  std::size_t warmup = 400;   // round trips or events, discarded
  std::size_t streams = 100;
  std::size_t events = 5000;     // events: measured events a path, all streams together
  std::size_t rate = 5000;       // events a second
  std::size_t connections = 64;  // saturate
  Nanos duration = 2 * kSecond;  // saturate
  Nanos time_limit = 60 * kSecond;
  std::vector<pid_t> processes;  // of the proxy: CPU time, real-time bursts
};

// The two paths that are measured: through the proxy, which may put another model's name in, and
// straight to the upstream, which is then asked for that one.
inline Path proxied_path(const Options& options) {
  return {options.proxy, kClientModel, options.tls.get()};
}
inline Path direct_path(const Options& options) {
  return {options.upstream, options.upstream_model, options.tls.get()};
}

void run_round_trips(const Options& options);
void run_events(const Options& options);
void run_saturated(const Options& options);
void run_idle_streams(const Options& options);

// Prints {"mark":"NAME"} and waits for a line on standard input, if asked to: whoever reads the
// proxy's counters does so here.
void mark(const Options& options, const char* name);

}  // namespace headrace::probe
