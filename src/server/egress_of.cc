#include "server/egress_of.h"

namespace headrace::server {

std::shared_ptr<const upstream::Egress> egress_of(const config::Provider& provider) {
  if (provider.egress.host.empty()) return nullptr;
  const bool is_v6 = provider.host.find(':') != std::string::npos;
  upstream::EgressOptions options;
  options.proxy = provider.egress.authority;
  options.target =
      (is_v6 ? "[" + provider.host + "]" : provider.host) + ":" + std::to_string(provider.port);
  options.credentials = provider.egress.credentials;
  // A proxy that is asked for an answer speaks HTTP/1.1, and sees what is asked.
  options.tunnels = provider.tls != nullptr || provider.http == config::HttpVersion::h2c;
  return std::make_shared<upstream::Egress>(options);
}

}  // namespace headrace::server
