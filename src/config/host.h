// What this host gives the process: CPUs (affinity and the quota of its cgroup), file limits,
// kernel. Read once at start and by `headrace doctor`; the rules that turn facts into decisions are
// beside them, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/snapshot.h"

namespace headrace::config {

struct ResourceLimit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  // UINT64_MAX: unlimited
};

struct KernelVersion {
  int major = 0;
  int minor = 0;
};

struct HostFacts {
  std::uint32_t affinity_cpus = 1;
  std::optional<double> quota_cpus;  // the least of our cgroup and its parents; absent: no quota
  ResourceLimit open_files;
  ResourceLimit locked_memory;
  std::string kernel;  // as uname has it
  KernelVersion kernel_version;
  std::string hypervisor;  // "KVMKVMKVM", "xen"; empty: none seen
  std::string clock_source;
  std::string congestion_control;
};

// `root` stands in front of /proc and /sys, for tests.
HostFacts read_host(const std::string& root = "");

// The least CPU quota of version 1 and 2 groups, from our own up to the root of each mount.
std::optional<double> read_cpu_quota(const std::string& root);

// Open files and locked memory up to the hard limit; what cannot be raised stays. Call before
// read_host().
void raise_limits();

// Configured, or min(affinity, ceil(quota)); at least 1.
std::uint32_t worker_count(const Snapshot& snapshot, const HostFacts& facts);

// `automatic` becomes `off` when a quota is below the CPUs we could run on: time spent polling
// would be missing later, as throttling. What the operator wrote stays.
Busy busy_mode(const Snapshot& snapshot, const HostFacts& facts);

// `automatic`: with a CPU for each worker and no quota.
bool should_pin(const Snapshot& snapshot, const HostFacts& facts);

}  // namespace headrace::config
