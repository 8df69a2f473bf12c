// A certificate for this host alone (localhost, 127.0.0.1, ::1), made when the mock starts: an
// authority that exists as long as the process, and what it signs. Start-up only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/tls_server.h"

namespace headrace::mock {

// Writes the authority's certificate to `ca_file`, which a client is to believe. Null: `fault` says
// why.
std::shared_ptr<const net::TlsServer> make_self_certificate(
    const std::string& ca_file, const std::vector<std::string>& protocols, std::string& fault);

}  // namespace headrace::mock
