#include "telemetry/state_dir.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace headrace::telemetry {
namespace {

constexpr base::Nanos kLockNap = 5 * base::kMillisecond;

std::string because(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

}  // namespace

StateDir::~StateDir() {
  if (lock_ >= 0) ::close(lock_);
  if (fd_ >= 0) ::close(fd_);
}

std::string StateDir::default_path() {
  return "/dev/shm/headrace-" + std::to_string(::geteuid());
}

std::optional<StateDir> StateDir::open(const std::string& path,
                                       std::string& refusal,
                                       const StateDirOptions& options) {
  StateDir made;
  made.path_ = path;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    refusal = because(path + " cannot be made");
    return std::nullopt;
  }
  made.fd_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (made.fd_ < 0) {
    refusal = because(path + " cannot be opened as a directory");
    return std::nullopt;
  }
  if (!made.check(refusal, options.demand_tmpfs)) return std::nullopt;
  if (!made.take_lock(refusal, options.patience)) return std::nullopt;
  return made;
}

// /dev/shm is open to all: somebody else may have made a directory of that name before us.
bool StateDir::check(std::string& refusal, bool demand_tmpfs) const {
  struct stat status{};
  struct statfs filesystem{};
  if (::fstat(fd_, &status) != 0 || ::fstatfs(fd_, &filesystem) != 0) {
    refusal = because(path_ + " cannot be examined");
    return false;
  }
  if (status.st_uid != ::geteuid()) {
    refusal = path_ + " belongs to user " + std::to_string(status.st_uid) + ", not to us";
    return false;
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    refusal = path_ + " may be written by others; take that right from them";
    return false;
  }
  const auto type = static_cast<unsigned long>(filesystem.f_type);
  if (demand_tmpfs && type != TMPFS_MAGIC && type != RAMFS_MAGIC) {
    refusal = path_ + " is not on tmpfs, where alone a ring does not wait for a disk";
    return false;
  }
  return true;
}

bool StateDir::take_lock(std::string& refusal, base::Nanos patience) {
  lock_ = ::openat(fd_, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    refusal = because(path_ + "/lock cannot be opened");
    return false;
  }
  for (base::Nanos waited = 0;; waited += kLockNap) {
    if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) {
      refusal = because(path_ + "/lock cannot be locked");
      return false;
    }
    if (waited >= patience) break;
    const timespec nap{0, kLockNap};
    ::nanosleep(&nap, nullptr);
  }
  refusal = path_ + " is in use by another process; give each one a state_dir of its own";
  return false;
}

}  // namespace headrace::telemetry
