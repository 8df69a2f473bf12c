// Which Io runs, and why: io_uring where the host allows it, epoll where it does not. Asked once at start;
// probing makes a throw-away ring. make_io() gives a worker its Io together with the pools it receives into.
#pragma once

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
  BusyMode busy = BusyMode::automatic;
  bool tiny = false;
  bool compat_61 = false;
};

// Can io_uring run here? The reason names the remedy when it cannot.
BackendChoice probe_uring();
BackendChoice choose_backend(BackendWish wish);

class IoBundle {
 public:
  virtual ~IoBundle() = default;
  virtual Io& io() = 0;
};

// Null when nothing of what was wished for runs; `complaint` says why.
std::unique_ptr<IoBundle> make_io(const IoOptions& options, std::string& complaint);

}  // namespace headrace::io
