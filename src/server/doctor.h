// `headrace doctor`: one page on whether this host and this configuration can serve, and what is
// slow or in the way. Runs in the foreground of its own process and blocks (name look-ups, a
// connect to every provider); takes no connection from a gateway that runs beside it.
#pragma once

#include <string>
#include <string_view>

#include "config/host.h"
#include "config/snapshot.h"

namespace headrace::server {

struct DoctorInput {
  const config::Snapshot& snapshot;
  const config::HostFacts& host;
  std::string_view source;          // where the configuration came from
  std::string_view backend;         // "io_uring", "epoll"; empty: none works
  std::string_view backend_reason;  // why that one
};

struct DoctorReport {
  std::string text;
  bool can_serve =
      true;  // listeners can be bound, a backend works, every route has a target that answers

  int exit_code() const { return can_serve ? 0 : 1; }
};

DoctorReport examine(const DoctorInput& input);

}  // namespace headrace::server
