// What an errno of the kernel means for failover, the same on every backend.
#pragma once

#include <cerrno>

#include "base/error.h"
#include "io/socket.h"

namespace headrace::io {

inline bool out_of_descriptors(int os_errno) {
  return os_errno == EMFILE || os_errno == ENFILE;
}

// An established connection broke.
inline base::Error socket_error(Side side, int os_errno) {
  if (side == Side::upstream) return base::upstream_error(base::Errc::upstream_reset, os_errno);
  base::Error error = base::client_error(base::Errc::client_closed);
  error.os_errno = os_errno;
  return error;
}

// A connection did not come about.
inline base::Error connect_error(int os_errno) {
  if (out_of_descriptors(os_errno)) return base::gateway_error(base::Errc::out_of_files, os_errno);
  return base::upstream_error(base::Errc::connect_failed, os_errno);
}

// Accepting, or making a descriptor, failed.
inline base::Error descriptor_error(int os_errno) {
  const bool files = out_of_descriptors(os_errno);
  return base::gateway_error(files ? base::Errc::out_of_files : base::Errc::io_failed, os_errno);
}

}  // namespace headrace::io
