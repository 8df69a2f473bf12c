// What the admin listener answers: /livez, /healthz, /readyz, /metrics and refusals, as whole
// HTTP/1.1 messages. No sockets here (admin.h), no state: what is true comes from an AdminSource.
// Control thread.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "http/h1_parser.h"
#include "telemetry/counters.h"

namespace headrace::server {

// The questions that the admin listener cannot answer itself.
class AdminSource {
 public:
  // What is wrong with a worker's loop; empty when nothing is (see stalled_worker()).
  virtual std::string not_live() = 0;
  // Why requests are not welcome ("starting", "draining"); empty when they are.
  virtual std::string not_ready() = 0;
  // The exposition, in OpenMetrics or the older Prometheus text.
  virtual std::string metrics(bool openmetrics) = 0;

 protected:
  ~AdminSource() = default;
};

// The answer to a request that was read. `text` is what `request` was parsed from. Every answer
// closes.
std::string admin_answer(const http::H1RequestParser& request,
                         http::Bytes text,
                         AdminSource& source);

// The answer to one that could not be.
std::string admin_refusal(base::Errc error);

// Says which worker's loop did not turn within limits::kLiveWindow; empty when all did.
std::string stalled_worker(std::span<const telemetry::WorkerCounters* const> workers,
                           base::Nanos now);

}  // namespace headrace::server
