#include "server/reload.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace headrace::server {
namespace {

bool same_place(const config::Listen& left, const config::Listen& right) {
  return left.address == right.address && left.mode == right.mode && left.group == right.group &&
         (left.tls == nullptr) == (right.tls == nullptr);
}

bool same_io(const config::IoOptions& left, const config::IoOptions& right) {
  return left.backend == right.backend && left.tiny == right.tiny && left.compat == right.compat;
}

bool same_audit(const config::AuditOptions& left, const config::AuditOptions& right) {
  return left.path == right.path && left.rotate_bytes == right.rotate_bytes &&
         left.rotate_age == right.rotate_age && left.keep == right.keep &&
         left.required == right.required;
}

}  // namespace

std::vector<std::string_view> keys_for_the_next_start(const config::Snapshot& old,
                                                      const config::Snapshot& fresh) {
  std::vector<std::string_view> keys;
  const auto note = [&](bool changed, std::string_view key) {
    if (changed) keys.push_back(key);
  };
  note(!std::equal(old.listen.begin(),
                   old.listen.end(),
                   fresh.listen.begin(),
                   fresh.listen.end(),
                   same_place),
       "listen");
  note(old.admin != fresh.admin, "admin");
  note(old.workers != fresh.workers, "workers");
  note(old.busy != fresh.busy, "busy");
  note(old.pin != fresh.pin, "pin");
  note(!same_io(old.io, fresh.io), "io");
  note(old.state_dir != fresh.state_dir, "state_dir");
  note(!same_audit(old.audit, fresh.audit), "audit");
  note(old.log_requests != fresh.log_requests, "log_requests");
  return keys;
}

// The sockets are those of the start, in that order; what their connections are told may change.
void keep_what_was_opened(const config::Snapshot& old, config::Snapshot& fresh) {
  std::vector<config::Listen> kept = old.listen;
  std::vector<bool> used(fresh.listen.size());
  for (config::Listen& place : kept) {
    for (std::size_t i = 0; i < fresh.listen.size(); ++i) {
      if (used[i] || !same_place(place, fresh.listen[i])) continue;
      used[i] = true;
      place = fresh.listen[i];
      break;
    }
  }
  fresh.listen = std::move(kept);
  fresh.state_dir = old.state_dir;
  fresh.audit = old.audit;
  fresh.log_requests = old.log_requests;
}

}  // namespace headrace::server
