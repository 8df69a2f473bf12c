#include "exporter/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace headrace::exporter {

namespace {

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::uint64_t count_open_files() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(directory);
  return count == 0 ? 0 : count - 1;  // without the directory itself
}

// /proc/self/stat, from its third field on: the second is the name and may hold anything but ends
// in the last ')'.
void read_stat(ProcessStats& stats) {
  std::array<char, 1024> text{};
  const int fd = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t size = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  if (size <= 0) return;
  const std::string_view whole(text.data(), static_cast<std::size_t>(size));
  const std::size_t name_end = whole.rfind(')');
  if (name_end == std::string_view::npos) return;

  unsigned long user = 0;
  unsigned long kernel = 0;
  long threads = 0;
  unsigned long long started = 0;
  unsigned long virtual_bytes = 0;
  long resident_pages = 0;
  const int found =
      std::sscanf(text.data() + name_end + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld"
                  " %*d %llu %lu %ld",
                  &user,
                  &kernel,
                  &threads,
                  &started,
                  &virtual_bytes,
                  &resident_pages);
  if (found != 6) return;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  stats.cpu_seconds = static_cast<double>(user + kernel) / ticks;
  stats.threads = static_cast<std::uint64_t>(threads);
  stats.virtual_bytes = virtual_bytes;
  stats.resident_bytes = static_cast<std::uint64_t>(resident_pages) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  // Ticks since boot, so the clock that counts suspended time gives the date.
  stats.start_time_seconds = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) +
                             static_cast<double>(started) / ticks;
}

}  // namespace

ProcessStats ProcessStats::read() {
  ProcessStats stats;
  read_stat(stats);
  stats.open_fds = count_open_files();
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) stats.max_fds = files.rlim_cur;
  return stats;
}

void ProcessStats::render(Exposition& out) const {
  out.family(
      "process_start_time_seconds", MetricType::gauge, "When the process started, since 1970.");
  out.sample({}, start_time_seconds);
  out.family("process_cpu_seconds_total", MetricType::counter, "CPU time, user and system.");
  out.sample({}, cpu_seconds);
  out.family("process_resident_memory_bytes", MetricType::gauge, "Resident memory.");
  out.sample({}, resident_bytes);
  out.family("process_virtual_memory_bytes", MetricType::gauge, "Virtual memory.");
  out.sample({}, virtual_bytes);
  out.family("process_open_fds", MetricType::gauge, "Open file descriptors.");
  out.sample({}, open_fds);
  out.family("process_max_fds", MetricType::gauge, "Limit of open file descriptors.");
  out.sample({}, max_fds);
  out.family("process_threads", MetricType::gauge, "Threads.");
  out.sample({}, threads);
}

}  // namespace headrace::exporter
