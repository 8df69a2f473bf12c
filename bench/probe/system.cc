#include "system.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace headrace::probe {
namespace {

void set_non_blocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

const sockaddr* generic(const Endpoint& endpoint) {
  return reinterpret_cast<const sockaddr*>(&endpoint.address);
}

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  const std::string path = "/proc/" + std::to_string(process) + "/task";
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) die("process %d is gone", static_cast<int>(process));
  while (const dirent* entry = readdir(directory)) {
    const int thread = std::atoi(entry->d_name);
    if (thread > 0) threads.push_back(thread);
  }
  closedir(directory);
  return threads;
}

// The first field of schedstat: nanoseconds spent on a CPU. 0 for a thread that has just ended.
Nanos thread_cpu_time(pid_t process, pid_t thread) {
  const std::string path =
      "/proc/" + std::to_string(process) + "/task/" + std::to_string(thread) + "/schedstat";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return 0;
  long long time = 0;
  if (std::fscanf(file, "%lld", &time) != 1) time = 0;
  std::fclose(file);
  return time;
}

}  // namespace

Nanos now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<Nanos>(time.tv_sec) * kSecond + time.tv_nsec;
}

void die(const char* format, ...) {
  std::array<char, 512> text{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  std::string escaped;
  for (const char c : std::string_view(text.data())) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  std::printf("{\"error\":\"%s\"}\n", escaped.c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "headrace-probe: %s\n", text.data());
  std::exit(1);
}

Endpoint parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  endpoint.text = text;
  endpoint.address.sin_family = AF_INET;
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  const bool has_port =
      colon != std::string_view::npos &&
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ptr ==
          text.data() + text.size();
  const std::string host(text.substr(0, has_port ? colon : 0));
  if (!has_port || port == 0 || inet_pton(AF_INET, host.c_str(), &endpoint.address.sin_addr) != 1) {
    die("`%s` is not an IPv4 address and a port", endpoint.text.c_str());
  }
  endpoint.address.sin_port = htons(port);
  return endpoint;
}

int listen_on(const Endpoint& endpoint) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) die("socket: %s", std::strerror(errno));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  set_no_delay(fd);
  if (bind(fd, generic(endpoint), sizeof endpoint.address) != 0 || listen(fd, 4096) != 0) {
    die("cannot listen on %s: %s", endpoint.text.c_str(), std::strerror(errno));
  }
  return fd;
}

int connect_to(const Endpoint& endpoint) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, generic(endpoint), sizeof endpoint.address) != 0) {
    die("cannot connect to %s: %s", endpoint.text.c_str(), std::strerror(errno));
  }
  set_no_delay(fd);
  set_non_blocking(fd);
  return fd;
}

void send_all(int fd, std::string_view bytes, const char* what) {
  const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(bytes.size())) return;
  if (sent < 0) die("sending %s: %s", what, std::strerror(errno));
  die("sending %s: the peer does not read (%zd of %zu bytes taken)", what, sent, bytes.size());
}

void pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    die("cannot run on CPU %d: %s", cpu, std::strerror(errno));
  }
}

void raise_file_limit(std::size_t descriptors) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= descriptors) return;
  limit.rlim_cur = limit.rlim_max < descriptors ? limit.rlim_max : descriptors;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < descriptors) {
    die("needs %zu open files, the hard limit is %llu",
        descriptors,
        static_cast<unsigned long long>(limit.rlim_max));
  }
}

Nanos cpu_time(const std::vector<pid_t>& processes) {
  Nanos sum = 0;
  for (const pid_t process : processes) {
    for (const pid_t thread : threads_of(process)) sum += thread_cpu_time(process, thread);
  }
  return sum;
}

SpinLoop::SpinLoop(Nanos time_limit)
    : fd_(epoll_create1(EPOLL_CLOEXEC)), deadline_(now() + time_limit) {
  if (fd_ < 0) die("epoll_create1: %s", std::strerror(errno));
}

SpinLoop::~SpinLoop() {
  close(fd_);
}

void SpinLoop::add(int fd, Pollable& pollable) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &pollable;
  if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl: %s", std::strerror(errno));
}

void SpinLoop::remove(int fd) {
  epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void SpinLoop::turn() {
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(fd_, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    static_cast<Pollable*>(events[static_cast<std::size_t>(i)].data.ptr)->on_readable();
  }
  if (count <= 0 && now() > deadline_) die("out of time: the answers stopped coming");
}

RealtimeBursts::RealtimeBursts(bool enabled, std::vector<pid_t> processes)
    : enabled_(enabled), processes_(std::move(processes)) {}

void RealtimeBursts::raise() {
  if (!enabled_ || raised_) return;
  set_policy(SCHED_FIFO, 10);
  raised_ = true;
  raised_at_ = now();
}

void RealtimeBursts::lower() {
  if (!raised_) return;
  set_policy(SCHED_OTHER, 0);
  raised_ = false;
}

bool RealtimeBursts::breathe() {
  if (!raised_ || now() - raised_at_ < kBurst) return false;
  lower();
  usleep(kRest / 1000);
  raise();
  return true;
}

void RealtimeBursts::set_policy(int policy, int priority) {
  const sched_param parameter{.sched_priority = priority};
  if (sched_setscheduler(0, policy, &parameter) != 0) {
    die("cannot change the scheduling policy: %s", std::strerror(errno));
  }
  for (const pid_t process : processes_) {
    for (const pid_t thread : threads_of(process)) {
      sched_setscheduler(thread, policy, &parameter);
    }
  }
}

}  // namespace headrace::probe
