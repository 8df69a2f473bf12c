#include "config/provider_tls.h"

#include <map>

#include "net/tls_client.h"

namespace headrace::config {
namespace {

using Trusts = std::map<std::string, std::shared_ptr<const net::TlsTrust>>;

// What we offer, the most wanted first.
std::vector<std::string> protocols_of(const Provider& provider) {
  switch (provider.http) {
    case HttpVersion::h2:
      return {"h2"};
    case HttpVersion::automatic:
      return {"h2", "http/1.1"};
    default:
      return {"http/1.1"};
  }
}

std::string load(Provider& provider, Trusts& trusts) {
  const bool named = !provider.ca_file.empty();
  const std::string file = named ? provider.ca_file : net::TlsTrust::default_file();
  std::string fault;
  std::shared_ptr<const net::TlsTrust>& trust = trusts[file];
  if (trust == nullptr) trust = net::TlsTrust::load(file, fault);
  if (trust == nullptr) {
    return "ca_file: " + fault +
           (named ? "" : "; name the authorities that its certificate may come from");
  }
  provider.tls = net::TlsClient::make({.host = provider.host,
                                       .certificate_file = provider.tls_certificate,
                                       .key_file = provider.tls_key,
                                       .protocols = protocols_of(provider)},
                                      trust,
                                      fault);
  return provider.tls != nullptr ? std::string() : "tls_certificate: " + fault;
}

}  // namespace

std::vector<std::string> load_provider_tls(Snapshot& snapshot) {
  std::vector<std::string> lines;
  Trusts trusts;
  for (Provider& provider : snapshot.providers) {
    if (provider.scheme != "https") continue;
    const std::string fault = load(provider, trusts);
    if (!fault.empty()) lines.push_back("providers." + provider.name + "." + fault);
  }
  return lines;
}

}  // namespace headrace::config
