// What the certificate that a peer showed says of who it is, in the words of the configuration:
// "sha256:<64 hex digits>" of the whole certificate, and its alternative names as "dns:<name>" and
// "uri:<uri>". The common name says nothing (as with RFC 9525). Read once a connection, after the
// handshake; allocates.
#pragma once

#include <string>
#include <vector>

struct x509_st;

namespace headrace::net {

struct PeerCertificate {
  std::string fingerprint;
  std::vector<std::string> names;  // dns in lower case; a name that holds a NUL is none

  static PeerCertificate of(x509_st* certificate);
};

}  // namespace headrace::net
