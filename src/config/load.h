// From a file (or the embedded default) to a Snapshot, or to everything that is wrong with it. The
// one entry to configuration for main and for reloads on the control thread; it reads files and the
// environment and nothing else. On a fault there is no snapshot, so a reload keeps the one it has.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/fault.h"
#include "config/secrets.h"
#include "config/snapshot.h"

namespace headrace::config {

struct LoadOutcome {
  std::optional<Snapshot> snapshot;  // present exactly when `faults` is empty
  std::vector<Fault> faults;
  std::vector<std::string> warnings;  // nothing that stops a start
  std::string source;                 // the path, or in words where else it came from

  bool ok() const { return snapshot.has_value(); }
};

inline constexpr std::string_view kEmbeddedSource = "embedded default";

LoadOutcome load_text(std::string_view yaml, const Environment& environment);
LoadOutcome load_file(const std::string& path, const Environment& environment);

// The path given; without one ./headrace.yaml, then /etc/headrace/headrace.yaml, then the providers
// whose keys are in the environment (from_environment.h), then the embedded default.
LoadOutcome load(const std::string& path_or_empty, const Environment& environment);

// What runs without any file or key: 127.0.0.1:8080 in front of a mock provider on 127.0.0.1:9001.
std::string_view default_text();
Snapshot default_config();

// "headrace.yaml:12: io.backend: ...", one line a fault.
std::string format_faults(const LoadOutcome& outcome);

}  // namespace headrace::config
