// `headrace health`: asks a running gateway's admin listener whether it is ready, for exec probes
// in images that hold no other HTTP client. Blocks for at most limits::kHealthTimeout.
#pragma once

#include <string>

namespace headrace::server {

// Exit code: 0 when GET /readyz at `admin_address` ("127.0.0.1:9901", "unix:/run/admin.sock")
// answers 200; else 1, with one line on standard error that says why.
int health_probe(const std::string& admin_address);

}  // namespace headrace::server
