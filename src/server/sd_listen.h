// Sockets that the service manager opened for us (systemd socket activation: LISTEN_PID,
// LISTEN_FDS, LISTEN_FDNAMES; descriptors from 3 on). Main takes them once at start, before threads
// exist; a listener then claims the one that is bound to its configured address instead of opening
// its own.
#pragma once

#include <string>
#include <vector>

#include "config/secrets.h"
#include "net/address.h"

namespace headrace::server {

struct PassedSocket {
  int fd = -1;
  std::string name;  // FileDescriptorName= of the socket unit; may be empty
  net::Address address;
};

struct PassedSockets {
  std::vector<PassedSocket> sockets;
  std::string
      fault;  // not empty: something unusable was passed, and the start should end with this

  // The descriptor bound to the address, now the caller's; -1 when none was passed for it.
  int claim(const net::Address& address);
};

// Non-blocking and close-on-exec from here on. Variables meant for another process are ignored. The
// first descriptor and our process id are parameters for tests.
PassedSockets read_passed_sockets(const config::Environment& environment,
                                  int process,
                                  int first = 3);

// The same for this process; then removes the variables, so that no child takes them for its own.
PassedSockets take_passed_sockets();

}  // namespace headrace::server
