// From a provider's configuration to the proxy on the way to it, as connections and the doctor use
// it. Null: it is reached directly. Any thread.
#pragma once

#include <memory>

#include "config/snapshot.h"
#include "upstream/egress.h"

namespace headrace::server {

std::shared_ptr<const upstream::Egress> egress_of(const config::Provider& provider);

}  // namespace headrace::server
