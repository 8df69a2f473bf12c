// Egress: the terms on which an origin is reached by way of a forward proxy: what is said to the
// proxy, and with which credentials. Over https and h2c a tunnel is asked for (CONNECT); a plain
// HTTP/1.1 request is asked of the proxy itself, in absolute form, because the usual proxies tunnel
// to the ports of TLS only (docs/egress.md).
//
// Made by a worker from its configuration, immutable from then on, shared by whatever is being
// dialled. The credentials go to the proxy alone: no text for people holds them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/block_pool.h"

namespace headrace::upstream {

struct EgressOptions {
  std::string proxy;        // "proxy.corp:3128", for people
  std::string target;       // "api.example:443": a host, in brackets where it needs them, and port
  std::string credentials;  // "user:password"; empty: none are shown
  bool tunnels = true;
};

class Egress {
 public:
  explicit Egress(const EgressOptions& options);

  const std::string& proxy() const { return proxy_; }
  bool tunnels() const { return tunnels_; }
  // The whole request for a tunnel. REQUIRES: tunnels().
  std::string_view connect_request() const { return connect_request_; }
  // The request line of a request, and the field for the proxy, as they are sent in place of the
  // line at the front of `head`, which is cut off. REQUIRES: !tunnels(), a head with its line.
  io::Slice take_request_line(io::Slice& head, io::BlockPool& blocks) const;

 private:
  std::string proxy_;
  std::string target_;
  std::string authorization_;  // a finished line, or nothing
  std::string connect_request_;
  bool tunnels_;
};

// RFC 4648, with padding.
std::string base64_of(std::string_view bytes);

}  // namespace headrace::upstream
