// How the configuration names the certificate of a client. Start-up and reload only.
#pragma once

#include <string>

namespace headrace::config {

// From "sha256:" and 64 hex digits (colons between them count for nothing), "dns:NAME" or
// "uri:URI" to the spelling of net::PeerCertificate. Returns what is wrong, as assign() does, or
// nothing.
std::string read_certificate_name(const std::string& text, std::string& name);

}  // namespace headrace::config
