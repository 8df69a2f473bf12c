#include "telemetry/ring_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/bytes.h"

namespace headrace::telemetry {
namespace {

constexpr std::string_view kPrefix = "ring-";

std::string name_of(std::uint32_t worker) {
  return std::string(kPrefix) + std::to_string(worker);
}

std::string because(const StateDir& dir, const std::string& name, const char* what) {
  return dir.path() + "/" + name + " " + what + ": " + std::strerror(errno);
}

std::uint64_t random_id() {
  std::uint64_t id = 0;
  while (id == 0) {
    if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id)) id = 0;
  }
  return id;
}

// The ring in an existing file, or nothing when it is none of ours.
std::optional<RingMemory> resume(int fd, std::uint32_t worker) {
  struct stat status{};
  const bool plain = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                     status.st_uid == ::geteuid() &&
                     status.st_size >= static_cast<off_t>(sizeof(RingHeader));
  if (!plain) {
    ::close(fd);
    return std::nullopt;
  }
  auto memory = RingMemory::map(fd, static_cast<std::size_t>(status.st_size));
  if (!memory) return std::nullopt;
  RecordRing ring;
  if (!ring.attach(memory->bytes()) || ring.worker() != worker) return std::nullopt;
  return std::move(memory.value());
}

std::optional<RingMemory> make(const StateDir& dir,
                               std::uint32_t worker,
                               std::size_t capacity,
                               std::string& fault) {
  const std::string name = name_of(worker);
  const std::string fresh = name + ".new";
  ::unlinkat(dir.fd(), fresh.c_str(), 0);
  const int fd =
      ::openat(dir.fd(), fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    fault = because(dir, fresh, "cannot be made");
    return std::nullopt;
  }
  const std::size_t size = RecordRing::bytes_for(capacity);
  errno = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  if (errno != 0) {
    fault = because(dir, fresh, "finds no room");
    ::close(fd);
    ::unlinkat(dir.fd(), fresh.c_str(), 0);
    return std::nullopt;
  }
  auto memory = RingMemory::map(fd, size);
  if (!memory) {
    errno = memory.error().os_errno;
    fault = because(dir, fresh, "cannot be mapped");
    return std::nullopt;
  }
  RecordRing().format(memory->bytes(), capacity, worker, random_id());
  if (::renameat(dir.fd(), fresh.c_str(), dir.fd(), name.c_str()) != 0) {
    fault = because(dir, fresh, "cannot be renamed");
    return std::nullopt;
  }
  return std::move(memory.value());
}

}  // namespace

std::optional<OpenedRing> open_ring(const StateDir& dir,
                                    std::uint32_t worker,
                                    std::size_t capacity,
                                    std::string& fault) {
  const std::string name = name_of(worker);
  OpenedRing opened;
  fault.clear();
  const int fd = ::openat(dir.fd(), name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) {
    if (auto memory = resume(fd, worker)) {
      opened.memory = std::move(*memory);
      opened.origin = RingOrigin::resumed;
      return opened;
    }
  }
  if (fd >= 0 || errno != ENOENT) {
    const std::string aside = name + ".refused";
    if (::renameat(dir.fd(), name.c_str(), dir.fd(), aside.c_str()) != 0) {
      fault = because(dir, name, "is no ring of this version and cannot be put aside");
      return std::nullopt;
    }
    opened.origin = RingOrigin::replaced;
  }
  auto memory = make(dir, worker, capacity, fault);
  if (!memory) return std::nullopt;
  opened.memory = std::move(*memory);
  if (opened.origin == RingOrigin::replaced) {
    fault = dir.path() + "/" + name + " was no ring of this version; it is kept as " + name +
            ".refused, and what is in it is not counted";
  }
  return opened;
}

std::optional<OpenedRing> private_ring(std::uint32_t worker, std::size_t capacity) {
  auto memory = RingMemory::create(RecordRing::bytes_for(capacity));
  if (!memory) return std::nullopt;
  RecordRing().format(memory->bytes(), capacity, worker, random_id());
  return OpenedRing{std::move(memory.value()), RingOrigin::made};
}

std::vector<std::uint32_t> list_rings(const StateDir& dir) {
  std::vector<std::uint32_t> workers;
  const int fd = ::openat(dir.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = fd < 0 ? nullptr : ::fdopendir(fd);
  if (entries == nullptr) return workers;
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name(entry->d_name);
    if (!name.starts_with(kPrefix)) continue;
    const auto worker = base::parse_decimal(name.substr(kPrefix.size()));
    if (worker && *worker <= UINT16_MAX) workers.push_back(static_cast<std::uint32_t>(*worker));
  }
  ::closedir(entries);
  std::sort(workers.begin(), workers.end());
  return workers;
}

void remove_ring(const StateDir& dir, std::uint32_t worker) {
  ::unlinkat(dir.fd(), name_of(worker).c_str(), 0);
}

}  // namespace headrace::telemetry
