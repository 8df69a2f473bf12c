#include "exporter/log_lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "exporter/entry_json.h"

namespace headrace::exporter {
namespace {

// Beyond this the reader has lost touch.
constexpr std::size_t kWaitingMax = 256 * 1024;

std::uint64_t lines_in(const std::string& text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

void LogLines::write(const Entry& entry) {
  if (!entry.request) return;  // people look for requests; an attempt without one is in the audit
  const std::size_t before = waiting_.size();
  append_line(entry, text_, waiting_);
  if (waiting_.size() <= kWaitingMax) return;
  waiting_.resize(before);
  ++lost_;
}

// Up to PIPE_BUF bytes do not block once poll() said so, and are not torn by other writers.
bool LogLines::has_room() const {
  pollfd fd{fd_, POLLOUT, 0};
  return ::poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) != 0;
}

// Always true: the records need not be kept for the log's sake.
bool LogLines::flush() {
  while (!waiting_.empty() && has_room()) {
    const std::size_t most = std::min<std::size_t>(waiting_.size(), PIPE_BUF);
    const std::size_t end = waiting_.rfind('\n', most - 1);
    // A line longer than PIPE_BUF goes in pieces.
    const std::size_t length = end == std::string::npos ? most : end + 1;
    const ssize_t written = ::write(fd_, waiting_.data(), length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) break;
    if (written < 0) {
      discard();
      break;
    }
    waiting_.erase(0, static_cast<std::size_t>(written));
  }
  return true;
}

void LogLines::discard() {
  lost_ += lines_in(waiting_);
  waiting_.clear();
}

void LogLines::render(Exposition& out) const {
  out.family("headrace_log_lines_lost_total",
             MetricType::counter,
             "Lines of the request log that its reader did not take in time.");
  out.sample({}, lost_);
}

}  // namespace headrace::exporter
