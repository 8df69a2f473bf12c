// Result<T> and Status: what the world may refuse. Programmer errors are asserts, not results.
#pragma once

#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/error.h"

namespace headrace::base {

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(error) {}  // implicit, so that `return error;` reads as it should

  bool ok() const { return error_.code == Errc::ok; }
  explicit operator bool() const { return ok(); }
  Error error() const { return error_; }

 private:
  Error error_{};
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(error) { HEADRACE_ASSERT(error.code != Errc::ok); }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  Error error() const { return error_; }

  T& value() {
    HEADRACE_ASSERT(ok());
    return *value_;
  }
  const T& value() const {
    HEADRACE_ASSERT(ok());
    return *value_;
  }
  T* operator->() { return &value(); }
  T& operator*() { return value(); }

 private:
  std::optional<T> value_;
  Error error_{};
};

}  // namespace headrace::base

#define HEADRACE_TRY(expression)                                    \
  do {                                                              \
    if (auto headrace_status = (expression); !headrace_status.ok()) \
      return headrace_status.error();                               \
  } while (false)
