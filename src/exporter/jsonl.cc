#include "exporter/jsonl.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "exporter/entry_json.h"

namespace headrace::exporter {
namespace {

constexpr std::uint64_t kNanos = 1'000'000'000;
constexpr std::size_t kTailPiece = 64 * 1024;
constexpr std::size_t kPiece = 128 * 1024;  // of lines that go to the file at once

// When a file was begun; the file system may not know.
std::uint64_t birth_of(int fd, std::uint64_t otherwise) {
  struct statx status{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status) != 0) return otherwise;
  if ((status.stx_mask & STATX_BTIME) == 0) return otherwise;
  return static_cast<std::uint64_t>(status.stx_btime.tv_sec) * kNanos + status.stx_btime.tv_nsec;
}

void sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

std::uint64_t Jsonl::wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNanos + static_cast<std::uint64_t>(now.tv_nsec);
}

std::string Jsonl::rotated_name(const std::string& path, std::size_t number) {
  return path + "." + std::to_string(number);
}

std::unique_ptr<Jsonl> Jsonl::open(const config::AuditOptions& options,
                                   std::string& fault,
                                   Clock clock) {
  std::unique_ptr<Jsonl> sink(new Jsonl(options, clock));
  if (!sink->open_file(fault)) return nullptr;
  // Room for all that may wait, and a batch of lines beyond; only what is used costs memory.
  constexpr std::size_t kBatch = 256 * 1024;
  sink->waiting_.reserve(base::limits::kAuditBacklogBytes + kBatch);
  return sink;
}

Jsonl::~Jsonl() {
  if (fd_ < 0) return;
  ::fdatasync(fd_);
  ::close(fd_);
}

bool Jsonl::open_file(std::string& fault) {
  const auto refuse = [&](const std::string& what) {
    fault = options_.path + " " + what;
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    return false;
  };
  fd_ = ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return refuse(std::string("cannot be opened: ") + std::strerror(errno));
  struct stat status{};
  if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) return refuse("is no plain file");
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) return refuse("is being written by another process");
  size_ = static_cast<std::uint64_t>(status.st_size);
  begun_at_ = size_ == 0 ? clock_() : birth_of(fd_, clock_());
  if (!cut_torn_line()) return refuse(std::string("cannot be cut: ") + std::strerror(errno));
  return true;
}

// Back to the last line end: what follows it was torn when its writer died.
bool Jsonl::cut_torn_line() {
  std::string piece(kTailPiece, '\0');
  const std::uint64_t whole = size_;
  std::uint64_t end = size_;
  while (end != 0) {
    const std::uint64_t begin = end - std::min<std::uint64_t>(end, kTailPiece);
    const auto length = static_cast<std::size_t>(end - begin);
    if (::pread(fd_, piece.data(), length, static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(length)) {
      return false;
    }
    const std::size_t last = std::string_view(piece).substr(0, length).rfind('\n');
    if (last != std::string_view::npos) {
      end = begin + last + 1;
      break;
    }
    end = begin;
  }
  size_ = end;
  return size_ == whole || ::ftruncate(fd_, static_cast<off_t>(size_)) == 0;
}

void Jsonl::write(const Entry& entry) {
  append_line(entry, text_, waiting_);
  ++waiting_lines_;
  // While the cache has them; and a whole drain's lines would be much at once.
  if (waiting_.size() >= kPiece && !failing_) flush();
}

bool Jsonl::full() const {
  return waiting_.size() >= base::limits::kAuditBacklogBytes;
}

bool Jsonl::flush() {
  if (waiting_.empty()) return true;
  if (rotation_due() && !rotate()) return fail("cannot be rotated");
  std::size_t done = 0;
  while (done < waiting_.size()) {
    const ssize_t written = ::write(fd_, waiting_.data() + done, waiting_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int why = errno;
      // Undone as a whole: the file holds whole lines, each once.
      [[maybe_unused]] const int undone = ::ftruncate(fd_, static_cast<off_t>(size_));
      errno = why;
      return fail("cannot be written");
    }
    done += static_cast<std::size_t>(written);
  }
  if (failing_) HEADRACE_LOG_INFO("audit: %s is written again", options_.path.c_str());
  failing_ = false;
  size_ += done;
  lines_ += waiting_lines_;
  waiting_.clear();
  waiting_lines_ = 0;
  return true;
}

bool Jsonl::fail(const char* what) {
  ++failures_;
  if (!failing_) {
    HEADRACE_LOG_ERROR("audit: %s %s: %s", options_.path.c_str(), what, std::strerror(errno));
  }
  failing_ = true;
  return false;
}

void Jsonl::discard() {
  lost_ += waiting_lines_;
  waiting_.clear();
  waiting_lines_ = 0;
}

bool Jsonl::rotation_due() const {
  if (size_ == 0) return false;
  if (size_ + waiting_.size() > options_.rotate_bytes) return true;
  const auto age = static_cast<std::uint64_t>(options_.rotate_age);
  const std::uint64_t now = clock_();
  return age != 0 && now > begun_at_ && now - begun_at_ >= age;
}

bool Jsonl::rotate() {
  if (::fdatasync(fd_) != 0 || !move_up()) return false;
  const int old = std::exchange(fd_, -1);
  std::string fault;
  if (!open_file(fault)) {
    fd_ = old;  // go on in the file that has moved, rather than lose lines
    HEADRACE_LOG_ERROR("audit: %s", fault.c_str());
    return false;
  }
  ::close(old);
  sync_folder_of(options_.path);
  return true;
}

// PATH.1 -> PATH.2 and so on, up to the first gap or to where the last one falls off; then PATH ->
// PATH.1. A death in the middle leaves a gap, which the next rotation fills.
bool Jsonl::move_up() const {
  const std::string& path = options_.path;
  const std::size_t keep = options_.keep == 0 ? SIZE_MAX : options_.keep;
  std::size_t gap = 1;
  while (gap < keep && ::access(rotated_name(path, gap).c_str(), F_OK) == 0) ++gap;
  for (; gap > 1; --gap) {
    const std::string from = rotated_name(path, gap - 1);
    if (std::rename(from.c_str(), rotated_name(path, gap).c_str()) != 0) return false;
  }
  return std::rename(path.c_str(), rotated_name(path, 1).c_str()) == 0;
}

void Jsonl::render(Exposition& out) const {
  out.family("headrace_audit_lines_total", MetricType::counter, "Lines written to the audit file.");
  out.sample({}, lines_);
  out.family("headrace_audit_lines_lost_total",
             MetricType::counter,
             "Lines given up because the audit file could not be written for too long.");
  out.sample({}, lost_);
  out.family("headrace_audit_failures_total",
             MetricType::counter,
             "Attempts to write or rotate the audit file that failed.");
  out.sample({}, failures_);
}

}  // namespace headrace::exporter
