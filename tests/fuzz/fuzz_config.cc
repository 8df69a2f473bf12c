// Any text as a configuration file: it loads or tells its faults, never crashes, never shows a
// secret, and what it loads prints to something that loads to the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "config/load.h"
#include "config/print.h"

namespace {

using headrace::config::Environment;
using headrace::config::LoadOutcome;

constexpr std::string_view kCanary = "sk-canary-7f3a";

const Environment& environment() {
  static const Environment kEnvironment{.variables = {{"KEY", std::string(kCanary)},
                                                      {"BAD", std::string(kCanary) + "\r\n"},
                                                      {"N", "2"}},
                                        .may_read_files = false};
  return kEnvironment;
}

void check_faults(const LoadOutcome& outcome, std::string_view yaml) {
  const auto lines = 1 + static_cast<std::size_t>(std::count(yaml.begin(), yaml.end(), '\n'));
  const bool written_out = yaml.find(kCanary) != std::string_view::npos;
  for (const auto& fault : outcome.faults) {
    HEADRACE_ASSERT(fault.line <= lines + 1);
    HEADRACE_ASSERT(!fault.message.empty());
    HEADRACE_ASSERT(fault.message.find('\n') == std::string::npos);
    HEADRACE_ASSERT(written_out || fault.message.find(kCanary) == std::string::npos);
  }
}

// Keys are not printed, so they are left out of the comparison by printing a second time.
void check_round_trip(const headrace::config::Snapshot& snapshot) {
  HEADRACE_ASSERT(!snapshot.listen.empty());
  HEADRACE_ASSERT(!snapshot.providers.empty());
  HEADRACE_ASSERT(!snapshot.routes.empty());
  for (const auto& route : snapshot.routes) {
    HEADRACE_ASSERT(!route.targets.empty());
    for (const auto& target : route.targets) {
      HEADRACE_ASSERT(target.provider < snapshot.providers.size());
    }
  }
  const std::string printed = headrace::config::print_redacted(snapshot);
  const LoadOutcome again = headrace::config::load_text(printed, {});
  HEADRACE_ASSERT(again.ok());
  HEADRACE_ASSERT(headrace::config::print_redacted(*again.snapshot) == printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view yaml(reinterpret_cast<const char*>(data), size);
  const LoadOutcome outcome = headrace::config::load_text(yaml, environment());
  HEADRACE_ASSERT(outcome.ok() == outcome.faults.empty());
  check_faults(outcome, yaml);
  if (outcome.ok()) check_round_trip(*outcome.snapshot);
  return 0;
}
