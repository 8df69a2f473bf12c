// Which Io runs, and why: io_uring where the host allows it, epoll where it does not. Asked once at
// start; probing makes a throw-away ring and carries a request through it, under whatever seccomp
// profile is in force. make_io() gives a worker its Io together with the pools it receives into;
// called on the worker's own thread. The reason is one line, names the remedy, and is meant to be
// logged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "io/busy_mode.h"
#include "io/io.h"

namespace headrace::io {

enum class BackendWish : std::uint8_t { automatic, io_uring, epoll };

struct BackendChoice {
  bool uring = false;
  bool usable = true;  // false: what was wished for explicitly cannot run here
  std::string reason;
};

struct IoOptions {
  BackendWish wish = BackendWish::automatic;
  bool probed = false;  // choose_backend() of this process named the wish: no second look
  BusyMode busy = BusyMode::automatic;
  bool tiny = false;       // test mode: 8 submission entries, 2 buffers of 64 bytes on each side
  bool compat_61 = false;  // use nothing that kernel 6.1 lacks
  std::size_t buffers_initial = 32;  // receive buffers of one side at start
  std::size_t buffers_max = 4096;    // and under pressure; at most 32768
};

// Can io_uring run here? The reason names the remedy when it cannot.
BackendChoice probe_uring();
BackendChoice choose_backend(BackendWish wish);

// The remedy for an errno that io_uring_setup, _register or _enter answered.
std::string explain_uring_refusal(int os_errno);
// The reason why a kernel of this release ("5.10.0-28-amd64") is too old; empty when it is not.
std::string explain_old_kernel(const char* release);

class IoBundle {
 public:
  virtual ~IoBundle() = default;
  virtual Io& io() = 0;
};

// Null when nothing of what was wished for runs; `complaint` says why.
std::unique_ptr<IoBundle> make_io(const IoOptions& options, std::string& complaint);

}  // namespace headrace::io
