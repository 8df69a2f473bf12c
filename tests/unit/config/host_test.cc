// Goal: the CPU quota is found in either version of control groups, in our group and above it, and
// decides about workers, polling and pinning. Method: a made-up /proc and /sys in a directory of
// the test's own.
#include "config/host.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace headrace::config {
namespace {

class FakeRoot {
 public:
  FakeRoot() { REQUIRE(::mkdtemp(path_) != nullptr); }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  FakeRoot& with(const std::string& file, std::string_view content) {
    const std::filesystem::path full = path_ + file;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << content;
    return *this;
  }
  std::optional<double> quota() const { return read_cpu_quota(path_); }
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/headrace-host-XXXXXX";
};

constexpr std::string_view kMountV2 = "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
constexpr std::string_view kMountV1 =
    "30 29 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

FakeRoot& with_v2(FakeRoot& root, std::string_view group) {
  return root.with("/proc/self/mountinfo", kMountV2)
      .with("/proc/self/cgroup", "0::" + std::string(group) + "\n");
}

TEST_CASE("a host without groups or without quota has none") {
  FakeRoot root;
  CHECK_FALSE(root.quota());
  with_v2(root, "/app").with("/sys/fs/cgroup/app/cpu.max", "max 100000\n");
  CHECK_FALSE(root.quota());
}

TEST_CASE("version 2: the quota of our group") {
  FakeRoot root;
  with_v2(root, "/app").with("/sys/fs/cgroup/app/cpu.max", "150000 100000\n");
  CHECK(root.quota() == 1.5);
}

TEST_CASE("version 2: a parent's smaller quota binds, a larger one does not") {
  FakeRoot root;
  with_v2(root, "/pod/app")
      .with("/sys/fs/cgroup/pod/app/cpu.max", "200000 100000\n")
      .with("/sys/fs/cgroup/pod/cpu.max", "50000 100000\n")
      .with("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  CHECK(root.quota() == 0.5);
}

TEST_CASE("version 2: inside a namespace our group is the mount itself") {
  for (const std::string_view group : {"/", "/../outside"}) {
    FakeRoot root;
    with_v2(root, group).with("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    CHECK(root.quota() == 0.5);
  }
}

TEST_CASE("version 1: quota and period, with -1 for none") {
  FakeRoot root;
  root.with("/proc/self/mountinfo", kMountV1)
      .with("/proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/app\n0::/\n")
      .with("/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "-1\n")
      .with("/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(root.quota());
  root.with("/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "250000\n");
  CHECK(root.quota() == 2.5);
}

TEST_CASE("version 1: a container sees its group as the root of the mount") {
  FakeRoot root;
  root.with("/proc/self/mountinfo",
            "30 29 0:27 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n")
      .with("/proc/self/cgroup", "4:cpu:/docker/abc\n")
      .with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n")
      .with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(root.quota() == 0.5);
}

TEST_CASE("with both versions mounted the smaller quota binds") {
  FakeRoot root;
  root.with("/proc/self/mountinfo", std::string(kMountV2) + std::string(kMountV1))
      .with("/proc/self/cgroup", "4:cpu,cpuacct:/a\n0::/a\n")
      .with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n")
      .with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n")
      .with("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  CHECK(root.quota() == 2.0);
}

TEST_CASE("a mount point with a blank in it is found") {
  FakeRoot root;
  root.with("/proc/self/mountinfo", "29 23 0:26 / /sys/c\\040g rw - cgroup2 cgroup2 rw\n")
      .with("/proc/self/cgroup", "0::/\n")
      .with("/sys/c g/cpu.max", "100000 100000\n");
  CHECK(root.quota() == 1.0);
}

TEST_CASE("nonsense in these files is no quota") {
  FakeRoot root;
  root.with("/proc/self/mountinfo", "x\n - \n29 - cgroup2\n" + std::string(kMountV2))
      .with("/proc/self/cgroup", ":\nx\n0::\n0::/app\n");
  for (const std::string_view text : {"", "max", "0 100000", "5 0", "a b", "1 2 3", "-5 100000"}) {
    root.with("/sys/fs/cgroup/cpu.max", text).with("/sys/fs/cgroup/app/cpu.max", text);
    CHECK_FALSE(root.quota());
  }
}

HostFacts host(std::uint32_t cpus, std::optional<double> quota) {
  HostFacts facts;
  facts.affinity_cpus = cpus;
  facts.quota_cpus = quota;
  return facts;
}

TEST_CASE("workers follow affinity and the quota rounded up, and never fall below one") {
  const Snapshot automatic;
  CHECK(worker_count(automatic, host(64, std::nullopt)) == 64);
  CHECK(worker_count(automatic, host(64, 0.5)) == 1);
  CHECK(worker_count(automatic, host(64, 1.0)) == 1);
  CHECK(worker_count(automatic, host(64, 1.5)) == 2);
  CHECK(worker_count(automatic, host(2, 8.0)) == 2);
  CHECK(worker_count(automatic, host(0, std::nullopt)) == 1);
  Snapshot fixed;
  fixed.workers = 3;
  CHECK(worker_count(fixed, host(1, 0.5)) == 3);
}

TEST_CASE("a quota below the CPUs turns automatic polling off, and only that") {
  Snapshot snapshot;
  CHECK(busy_mode(snapshot, host(4, std::nullopt)) == Busy::automatic);
  CHECK(busy_mode(snapshot, host(4, 4.0)) == Busy::automatic);
  CHECK(busy_mode(snapshot, host(4, 2.0)) == Busy::off);
  snapshot.busy = Busy::always;
  CHECK(busy_mode(snapshot, host(4, 2.0)) == Busy::always);
  snapshot.busy = Busy::off;
  CHECK(busy_mode(snapshot, host(4, std::nullopt)) == Busy::off);
}

TEST_CASE("workers are pinned when each has a CPU and nothing is rationed") {
  Snapshot snapshot;
  CHECK(should_pin(snapshot, host(4, std::nullopt)));
  CHECK_FALSE(should_pin(snapshot, host(4, 2.0)));
  snapshot.workers = 5;
  CHECK_FALSE(should_pin(snapshot, host(4, std::nullopt)));
  snapshot.pin = Pin::on;
  CHECK(should_pin(snapshot, host(4, std::nullopt)));
  snapshot.workers = 1;
  snapshot.pin = Pin::off;
  CHECK_FALSE(should_pin(snapshot, host(4, std::nullopt)));
}

TEST_CASE("the facts of this host are plausible, and its limits rise to the hard ones") {
  raise_limits();
  FakeRoot root;
  root.with("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
      .with("/proc/sys/net/ipv4/tcp_congestion_control", "cubic\n");
  const HostFacts facts = read_host(root.path());
  CHECK(facts.affinity_cpus >= 1);
  CHECK(facts.kernel_version.major >= 3);
  CHECK(facts.kernel.starts_with(std::to_string(facts.kernel_version.major) + "." +
                                 std::to_string(facts.kernel_version.minor)));
  CHECK(facts.open_files.soft == facts.open_files.hard);
  CHECK(facts.locked_memory.soft == facts.locked_memory.hard);
  CHECK(facts.clock_source == "tsc");
  CHECK(facts.congestion_control == "cubic");
}

}  // namespace
}  // namespace headrace::config
