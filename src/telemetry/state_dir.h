// StateDir: the directory in which a gateway keeps what must outlive a crash of it: the rings and
// the dictionary of their ids. One process at a time: a lock, which ends with the process, tells a
// second one that the place is taken. Opened once, at start-up, by the thread that composes the
// workers; open() may wait a moment for a predecessor that is just ending.
//
// The directory must be ours alone, because what lies in it is believed at the next start, and on
// tmpfs, because on a journaled disk a store into a mapped page waits for write-back now and then.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/time.h"

namespace headrace::telemetry {

struct StateDirOptions {
  bool demand_tmpfs = true;
  base::Nanos patience = base::limits::kBindRetry;  // for a predecessor to let go of the lock
};

class StateDir {
 public:
  StateDir(StateDir&& other) noexcept
      : path_(std::move(other.path_)),
        fd_(std::exchange(other.fd_, -1)),
        lock_(std::exchange(other.lock_, -1)) {}
  StateDir& operator=(StateDir&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(lock_, other.lock_);
    return *this;
  }
  ~StateDir();

  // "/dev/shm/headrace-<uid>".
  static std::string default_path();

  // Makes the directory when it is missing (not its parents). Nothing when it is refused, and then
  // `refusal` says why.
  static std::optional<StateDir> open(const std::string& path,
                                      std::string& refusal,
                                      const StateDirOptions& options = {});

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  StateDir() = default;
  bool check(std::string& refusal, bool demand_tmpfs) const;
  bool take_lock(std::string& refusal, base::Nanos patience);

  std::string path_;
  int fd_ = -1;
  int lock_ = -1;
};

}  // namespace headrace::telemetry
