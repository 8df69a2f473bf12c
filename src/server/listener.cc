#include "server/listener.h"

#include <cstring>

#include "base/log.h"

namespace headrace::server {

void Listener::stop() {
  if (stopping_ || closed()) return;
  stopping_ = true;
  io_.listen_stop(listener_);
}

// Io pauses and tries again by itself; the log hears of it once a minute.
void Listener::on_accept_error(base::Error error) {
  const base::Nanos now = io_.now();
  if (complained_at_ != 0 && now - complained_at_ < 60 * base::kSecond) return;
  complained_at_ = now;
  HEADRACE_LOG_WARNING("cannot accept a connection: %s; raise the limit of open files",
                       std::strerror(error.os_errno));
}

}  // namespace headrace::server
