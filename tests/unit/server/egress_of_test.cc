// Goal: what a configuration says of a proxy is what the proxy is told. Method: providers, field by
// field.
#include "server/egress_of.h"

#include <doctest/doctest.h>

namespace headrace::server {
namespace {

config::Provider provider(const std::string& host, std::uint16_t port) {
  config::Provider made;
  made.host = host;
  made.port = port;
  made.egress = {.host = "p", .port = 3128, .authority = "p:3128", .credentials = "joe:x"};
  return made;
}

}  // namespace

TEST_CASE("a provider without a proxy has no way round") {
  config::Provider direct = provider("a.test", 443);
  direct.egress = {};
  CHECK(egress_of(direct) == nullptr);
}

TEST_CASE("over plain HTTP/1.1 the proxy is asked for answers, else for a tunnel") {
  config::Provider plain = provider("a.test", 9000);
  CHECK_FALSE(egress_of(plain)->tunnels());
  plain.http = config::HttpVersion::h2c;
  CHECK(egress_of(plain)->tunnels());
  CHECK(egress_of(plain)->proxy() == "p:3128");
  CHECK(egress_of(plain)->connect_request().find("CONNECT a.test:9000 ") == 0);
  CHECK(egress_of(plain)->connect_request().find("Basic am9lOng=") != std::string::npos);
}

TEST_CASE("an address of version 6 stands in brackets, with its port") {
  config::Provider provider6 = provider("fd00::1", 443);
  provider6.http = config::HttpVersion::h2c;
  CHECK(egress_of(provider6)->connect_request().find("CONNECT [fd00::1]:443 ") == 0);
}

}  // namespace headrace::server
