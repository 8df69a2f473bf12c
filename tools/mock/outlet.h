// Outlet: where a mock's connection writes: a byte stream of its own, or a stream of HTTP/2. One
// thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "io/socket.h"

namespace headrace::mock {

class Outlet {
 public:
  virtual void send(std::string_view bytes) = 0;
  virtual std::size_t queued_bytes() const = 0;
  virtual void set_prompt_sent(bool prompt) = 0;
  // Nothing follows; whoever writes here may die afterwards, never inside.
  virtual void close(io::CloseHow how) = 0;
  // The request is refused as one that was not looked at.
  virtual void refuse() = 0;
  // No further request is wanted here: GOAWAY. False: this kind of outlet cannot say so.
  virtual bool say_goodbye() = 0;

 protected:
  ~Outlet() = default;
};

}  // namespace headrace::mock
