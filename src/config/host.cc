#include "config/host.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/bytes.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace headrace::config {
namespace {

// Files of /proc and /sys are small; what is longer is cut, which no reader here minds.
std::string read_small(const std::string& path) {
  constexpr std::size_t kMost = 256 * 1024;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  std::string text;
  std::array<char, 4096> piece{};
  ssize_t got = 0;
  while (text.size() < kMost && (got = ::read(fd, piece.data(), piece.size())) > 0) {
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  return text;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    if (end != 0 && !text.empty()) parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool has_option(std::string_view options, std::string_view wanted) {
  const auto list = split(options, ',');
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

struct Mount {
  std::string root;  // the part of the hierarchy that is mounted
  std::string point;
};

// proc(5): blanks in mountinfo are written as \040 and the like.
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                  (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// Where the v2 hierarchy, or the v1 one with the cpu controller, is mounted.
std::optional<Mount> find_mount(std::string_view mountinfo, bool version2) {
  for (const auto line : split(mountinfo, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.empty()) continue;
    const bool matches =
        version2 ? after[0] == "cgroup2"
                 : after[0] == "cgroup" && after.size() > 2 && has_option(after[2], "cpu");
    if (matches) return Mount{unescape(before[3]), unescape(before[4])};
  }
  return std::nullopt;
}

// Our group: "0::/path" for v2, "4:cpu,cpuacct:/path" for v1.
std::optional<std::string> find_group(std::string_view self, bool version2) {
  for (const auto line : split(self, '\n')) {
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const bool matches = version2 ? line.starts_with("0::") : has_option(controllers, "cpu");
    if (matches) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// The group's path below the mount point. A group that the mount does not show (another
// namespace's) is taken to be the mount itself, whose limits bind it too.
std::string path_below(const std::string& group, const std::string& mount_root) {
  if (group.find("..") != std::string::npos || !group.starts_with('/')) return "";
  std::string path = group;
  if (mount_root != "/") {
    if (!path.starts_with(mount_root)) return "";
    path.erase(0, mount_root.size());
    if (!path.empty() && path.front() != '/') return "";
  }
  while (path.ends_with('/')) path.pop_back();
  return path;
}

std::optional<double> ratio(std::string_view quota, std::string_view period) {
  const auto part = base::parse_decimal(quota);
  const auto whole = base::parse_decimal(period);
  if (!part || !whole || *part == 0 || *whole == 0) return std::nullopt;
  return static_cast<double>(*part) / static_cast<double>(*whole);
}

// "max 100000" or "150000 100000" (v2); cpu.cfs_quota_us of -1 is none (v1).
std::optional<double> quota_of(const std::string& folder, bool version2) {
  if (!version2) {
    return ratio(first_line(read_small(folder + "/cpu.cfs_quota_us")),
                 first_line(read_small(folder + "/cpu.cfs_period_us")));
  }
  const std::string line = first_line(read_small(folder + "/cpu.max"));
  const auto words = split(line, ' ');
  return words.size() == 2 ? ratio(words[0], words[1]) : std::nullopt;
}

std::optional<double> least(std::optional<double> left, std::optional<double> right) {
  if (!left || !right) return left ? left : right;
  return std::min(*left, *right);
}

std::optional<double> quota_of_hierarchy(const std::string& root, bool version2) {
  const auto mount = find_mount(read_small(root + "/proc/self/mountinfo"), version2);
  const auto group = find_group(read_small(root + "/proc/self/cgroup"), version2);
  if (!mount || !group) return std::nullopt;
  std::string path = path_below(*group, mount->root);
  const std::string top = root + mount->point;
  std::optional<double> quota;
  while (true) {
    quota = least(quota, quota_of(top + path, version2));
    if (path.empty()) return quota;
    path.erase(path.rfind('/'));
  }
}

std::uint32_t count_affinity() {
  constexpr std::size_t kMostCpus = 8192;  // NR_CPUS of the largest kernels
  std::array<unsigned long, kMostCpus / (8 * sizeof(unsigned long))> mask{};
  auto* set = reinterpret_cast<cpu_set_t*>(mask.data());
  if (::sched_getaffinity(0, sizeof(mask), set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT_S(sizeof(mask), set)));
}

ResourceLimit read_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return {};
  const auto widen = [](rlim_t value) {
    return value == RLIM_INFINITY ? UINT64_MAX : static_cast<std::uint64_t>(value);
  };
  return {widen(limit.rlim_cur), widen(limit.rlim_max)};
}

KernelVersion parse_version(std::string_view release) {
  KernelVersion version;
  const std::size_t dot = release.find('.');
  if (dot == std::string_view::npos) return version;
  const auto major = base::parse_decimal(release.substr(0, dot));
  std::size_t end = dot + 1;
  while (end < release.size() && base::is_digit(release[end])) ++end;
  const auto minor = base::parse_decimal(release.substr(dot + 1, end - dot - 1));
  if (major && minor && *major < 1000 && *minor < 1000) {
    version = {static_cast<int>(*major), static_cast<int>(*minor)};
  }
  return version;
}

std::string read_hypervisor(const std::string& root) {
#if defined(__x86_64__)
  // Leaf 1, ECX bit 31 is set by hypervisors only; leaf 0x40000000 then holds the name in EBX, ECX,
  // EDX.
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 31) != 0) {
    __cpuid(0x40000000, a, b, c, d);
    const unsigned words[3] = {b, c, d};
    char name[sizeof(words) + 1] = {};
    std::memcpy(name, words, sizeof(words));
    return name[0] == '\0' ? "unnamed" : name;
  }
#endif
  return first_line(read_small(root + "/sys/hypervisor/type"));
}

void raise(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(resource, &limit);
}

bool has_tight_quota(const HostFacts& facts) {
  return facts.quota_cpus && *facts.quota_cpus < static_cast<double>(facts.affinity_cpus);
}

}  // namespace

std::optional<double> read_cpu_quota(const std::string& root) {
  return least(quota_of_hierarchy(root, true), quota_of_hierarchy(root, false));
}

HostFacts read_host(const std::string& root) {
  HostFacts facts;
  facts.affinity_cpus = count_affinity();
  facts.quota_cpus = read_cpu_quota(root);
  facts.open_files = read_limit(RLIMIT_NOFILE);
  facts.locked_memory = read_limit(RLIMIT_MEMLOCK);
  utsname names{};
  if (::uname(&names) == 0) facts.kernel = names.release;
  facts.kernel_version = parse_version(facts.kernel);
  facts.hypervisor = read_hypervisor(root);
  facts.clock_source = first_line(
      read_small(root + "/sys/devices/system/clocksource/clocksource0/current_clocksource"));
  facts.congestion_control =
      first_line(read_small(root + "/proc/sys/net/ipv4/tcp_congestion_control"));
  return facts;
}

void raise_limits() {
  raise(RLIMIT_NOFILE);
  raise(RLIMIT_MEMLOCK);
}

std::uint32_t worker_count(const Snapshot& snapshot, const HostFacts& facts) {
  if (snapshot.workers != 0) return snapshot.workers;
  std::uint32_t count = facts.affinity_cpus;
  if (has_tight_quota(facts)) count = static_cast<std::uint32_t>(std::ceil(*facts.quota_cpus));
  return std::max(1u, count);
}

Busy busy_mode(const Snapshot& snapshot, const HostFacts& facts) {
  if (snapshot.busy == Busy::automatic && has_tight_quota(facts)) return Busy::off;
  return snapshot.busy;
}

bool should_pin(const Snapshot& snapshot, const HostFacts& facts) {
  if (snapshot.pin != Pin::automatic) return snapshot.pin == Pin::on;
  return !has_tight_quota(facts) && worker_count(snapshot, facts) <= facts.affinity_cpus;
}

}  // namespace headrace::config
