// What the probe needs of the kernel: a clock, sockets on loopback, CPU pinning, the CPU time of
// other processes, and a poll loop that spins. Plain system calls and nothing of src/io, so that
// the ruler shares no code with what it measures. One thread. Every failure ends the program with
// one JSON line that says why.
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::probe {

using Nanos = std::int64_t;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

Nanos now();  // CLOCK_MONOTONIC

[[noreturn]] __attribute__((format(printf, 1, 2))) void die(const char* format, ...);

// A numeric IPv4 endpoint, "127.0.0.1:8080".
struct Endpoint {
  sockaddr_in address{};
  std::string text;
};
Endpoint parse_endpoint(std::string_view text);

int listen_on(const Endpoint& endpoint);
int connect_to(
    const Endpoint& endpoint);  // blocks until connected, then the socket is non-blocking
void send_all(int fd, std::string_view bytes, const char* what);

void pin_to_cpu(int cpu);
void raise_file_limit(std::size_t descriptors);

// Nanoseconds on a CPU so far, all threads of all the processes together.
Nanos cpu_time(const std::vector<pid_t>& processes);

class Pollable {
 public:
  virtual void on_readable() = 0;

 protected:
  ~Pollable() = default;
};

// Level-triggered epoll that never blocks: the thread burns its CPU, so no figure holds a wake-up
// of ours.
class SpinLoop {
 public:
  explicit SpinLoop(Nanos time_limit);
  SpinLoop(const SpinLoop&) = delete;
  SpinLoop& operator=(const SpinLoop&) = delete;
  ~SpinLoop();

  void add(int fd, Pollable& pollable);
  void remove(int fd);
  // Delivers what is readable now; ends the program once the time limit is over.
  void turn();

 private:
  int fd_;
  Nanos deadline_;
};

// Short real-time bursts against noisy neighbours: the probe and the threads of the measured
// processes run under SCHED_FIFO for at most kBurst, then everybody else gets kRest. Longer bursts
// meet the kernel's real-time throttle. Does nothing when it is off.
class RealtimeBursts {
 public:
  RealtimeBursts(bool enabled, std::vector<pid_t> processes);
  RealtimeBursts(const RealtimeBursts&) = delete;
  RealtimeBursts& operator=(const RealtimeBursts&) = delete;
  ~RealtimeBursts() { lower(); }

  void raise();
  void lower();
  // Between two measurements: true when the burst was over and a rest was taken.
  bool breathe();

 private:
  static constexpr Nanos kBurst = 100 * kMillisecond;
  static constexpr Nanos kRest = 25 * kMillisecond;

  void set_policy(int policy, int priority);

  bool enabled_;
  bool raised_ = false;
  Nanos raised_at_ = 0;
  std::vector<pid_t> processes_;
};

}  // namespace headrace::probe
