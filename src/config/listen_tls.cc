#include "config/listen_tls.h"

#include "config/reader_path.h"
#include "net/tls_server.h"

namespace headrace::config {

std::vector<std::string> load_listen_tls(Snapshot& snapshot) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < snapshot.listen.size(); ++i) {
    Listen& listen = snapshot.listen[i];
    if (listen.tls_certificates.empty()) continue;
    net::TlsServerOptions options;
    options.client_ca_file = listen.client_ca_file;
    for (const TlsCertificate& each : listen.tls_certificates)
      options.certificates.push_back({each.certificate, each.key});
    if (listen.http == ListenHttp::automatic) options.protocols.emplace_back("h2");
    options.protocols.insert(options.protocols.end(), {"http/1.1", "http/1.0"});
    std::string fault;
    listen.tls = net::TlsServer::make(options, fault);
    if (listen.tls == nullptr) lines.push_back(indexed("listen", i) + ": " + fault);
  }
  return lines;
}

}  // namespace headrace::config
