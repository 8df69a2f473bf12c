// The process_* metrics every Prometheus client has, read from /proc at scrape time.
#pragma once

#include "exporter/prometheus.h"

namespace headrace::exporter {

struct ProcessStats {
  double start_time_seconds = 0;  // since 1970
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;

  // What cannot be read (no /proc) stays 0.
  static ProcessStats read();
  void render(Exposition& out) const;
};

}  // namespace headrace::exporter
