// What the records behind a handshake are not ours to understand: the owner of TlsRecords hears it.
#pragma once

#include <string_view>

namespace headrace::net {

class TlsRecordsOwner {
 public:
  // Bytes of NewSessionTicket messages, in order, cut anywhere. False: they are none.
  virtual bool on_ticket_bytes(std::string_view bytes) = 0;

 protected:
  ~TlsRecordsOwner() = default;
};

}  // namespace headrace::net
