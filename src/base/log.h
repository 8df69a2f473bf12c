// Cold-path logging: one line to standard error, with a level. Never called on the data path, never
// given request bytes or credentials.
#pragma once

#include <cstdarg>

namespace headrace::base {

enum class LogLevel { debug, info, warning, error };

void set_log_level(LogLevel level);
__attribute__((format(printf, 2, 3))) void log(LogLevel level, const char* format, ...);

}  // namespace headrace::base

#define HEADRACE_LOG_INFO(...) ::headrace::base::log(::headrace::base::LogLevel::info, __VA_ARGS__)
#define HEADRACE_LOG_WARNING(...) \
  ::headrace::base::log(::headrace::base::LogLevel::warning, __VA_ARGS__)
#define HEADRACE_LOG_ERROR(...) \
  ::headrace::base::log(::headrace::base::LogLevel::error, __VA_ARGS__)
