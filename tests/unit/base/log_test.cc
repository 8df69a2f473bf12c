// Goal: one log call is one whole line on standard error, cut rather than torn, and silent below
// its level. Method: standard error is a pipe for the length of a call; what arrives is compared
// byte by byte.
#include "base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

namespace headrace::base {
namespace {

// Points standard error at a pipe while alive.
class CapturedStderr {
 public:
  CapturedStderr() {
    REQUIRE(::pipe(ends_) == 0);
    REQUIRE(::fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
    saved_ = ::dup(STDERR_FILENO);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  std::string text() {
    char room[8192];
    const ssize_t size = ::read(ends_[0], room, sizeof room);
    return size > 0 ? std::string(room, static_cast<std::size_t>(size)) : std::string();
  }

 private:
  int ends_[2] = {-1, -1};
  int saved_ = -1;
};

TEST_CASE("a line names the program and the level, and ends in one newline") {
  CapturedStderr captured;
  HEADRACE_LOG_INFO("%d workers, %s", 2, "epoll");
  CHECK(captured.text() == "headrace: info: 2 workers, epoll\n");
  HEADRACE_LOG_WARNING("slow");
  CHECK(captured.text() == "headrace: warning: slow\n");
  HEADRACE_LOG_ERROR("%s", "");
  CHECK(captured.text() == "headrace: error: \n");
}

TEST_CASE("lines below the threshold are not written") {
  CapturedStderr captured;
  log(LogLevel::debug, "details");
  CHECK(captured.text().empty());
  set_log_level(LogLevel::error);
  HEADRACE_LOG_WARNING("hidden");
  HEADRACE_LOG_ERROR("shown");
  CHECK(captured.text() == "headrace: error: shown\n");
  set_log_level(LogLevel::debug);
  log(LogLevel::debug, "details");
  CHECK(captured.text() == "headrace: debug: details\n");
  set_log_level(LogLevel::info);
}

TEST_CASE("a line too long is cut and still one line, whatever its length") {
  CapturedStderr captured;
  for (const std::size_t size : {1000u, 1005u, 1006u, 1007u, 1008u, 1009u, 1010u, 1024u, 5000u}) {
    CAPTURE(size);
    const std::string message(size, 'x');
    HEADRACE_LOG_INFO("%s", message.c_str());
    const std::string text = captured.text();
    CHECK(text.size() <= 1024);
    CHECK(text.find('\n') == text.size() - 1);
    CHECK(text.find('\0') == std::string::npos);
    const std::string whole = "headrace: info: " + message;
    CHECK(text.substr(0, text.size() - 1) == whole.substr(0, text.size() - 1));
  }
}

TEST_CASE("a closed standard error is no reason to fail") {
  const int saved = ::dup(STDERR_FILENO);
  ::close(STDERR_FILENO);
  HEADRACE_LOG_ERROR("nobody reads this");
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  CHECK(::fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

}  // namespace
}  // namespace headrace::base
