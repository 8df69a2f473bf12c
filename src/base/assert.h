// Assertions. HEADRACE_ASSERT is always on: a broken invariant ends the process with one line,
// because a sidecar restarts in milliseconds and a corrupt relay does not heal. HEADRACE_DCHECK is
// for checks too dear for the data path and disappears in release builds.
#pragma once

namespace headrace::base {

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace headrace::base

#define HEADRACE_ASSERT(condition)                                     \
  do {                                                                 \
    if (__builtin_expect(!(condition), 0)) {                           \
      ::headrace::base::assert_failed(#condition, __FILE__, __LINE__); \
    }                                                                  \
  } while (false)

#ifdef NDEBUG
#define HEADRACE_DCHECK(condition) \
  do {                             \
  } while (false)
#else
#define HEADRACE_DCHECK(condition) HEADRACE_ASSERT(condition)
#endif
