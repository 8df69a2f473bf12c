#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

namespace headrace::base {
namespace {

std::atomic<LogLevel> threshold{LogLevel::info};

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "?";
}

}  // namespace

void set_log_level(LogLevel level) {
  threshold.store(level, std::memory_order_relaxed);
}

void log(LogLevel level, const char* format, ...) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  char line[1024];
  const int prefix = std::snprintf(line, sizeof line, "headrace: %s: ", name_of(level));
  va_list arguments;
  va_start(arguments, format);
  const auto room = sizeof line - static_cast<std::size_t>(prefix) - 1;
  const int body = std::vsnprintf(line + prefix, room, format, arguments);
  va_end(arguments);
  auto length = static_cast<std::size_t>(prefix) +
                std::min(static_cast<std::size_t>(std::max(body, 0)), room - 1);
  line[length++] = '\n';
  // One write a line, so that lines of several threads do not mix; a closed stderr is no reason to
  // fail.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line, length);
}

}  // namespace headrace::base
