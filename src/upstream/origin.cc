#include "upstream/origin.h"

#include <algorithm>
#include <cstring>

namespace headrace::upstream {
namespace {

bool same_address(const Endpoint& left, const Endpoint& right) {
  return left.size == right.size && std::memcmp(&left.address, &right.address, left.size) == 0;
}

}  // namespace

void Origin::set_endpoints(std::vector<Endpoint> endpoints) {
  for (Endpoint& endpoint : endpoints) {
    for (const Endpoint& known : endpoints_) {
      if (same_address(known, endpoint)) endpoint.failed = known.failed;
    }
  }
  endpoints_ = std::move(endpoints);
}

std::optional<std::size_t> Origin::pick_endpoint(std::size_t turn,
                                                 std::uint32_t tried,
                                                 int last_family) const {
  static_assert(base::limits::kResolvedAddresses <= 32);  // the bits of `tried`
  const std::size_t count = std::min(endpoints_.size(), base::limits::kResolvedAddresses);
  std::optional<std::size_t> found;
  int best = -1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (turn + i) % count;
    if ((tried & (1u << at)) != 0) continue;
    const bool other_family = endpoints_[at].address.ss_family != last_family;
    const int worth = (endpoints_[at].failed ? 0 : 2) + (other_family ? 1 : 0);
    if (worth <= best) continue;
    best = worth;
    found = at;
  }
  return found;
}

// The list may have changed since the dial began.
void Origin::note_endpoint(std::size_t index, bool failed) {
  if (index < endpoints_.size()) endpoints_[index].failed = failed;
}

// What a server chose stays known when a configuration goes live that leaves the choice to it too.
void Origin::set_protocol(Protocol protocol) {
  const bool negotiated = negotiates_;
  negotiates_ = protocol == Protocol::either;
  if (!negotiates_) {
    protocol_ = protocol;
  } else if (!negotiated) {
    protocol_ = Protocol::h2;
  }
}

}  // namespace headrace::upstream
