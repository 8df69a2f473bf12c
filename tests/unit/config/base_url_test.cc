// Goal: a base URL means one thing or is refused. Method: tables; the refused ones are the tricks
// that make two programs disagree about the host.
#include "config/base_url.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace headrace::config {
namespace {

// "host port authority path", or "refused".
std::string split(std::string_view url) {
  Provider provider;
  const std::string fault = split_base_url(url, provider);
  if (!fault.empty()) return "refused";
  const bool secure = url.starts_with("https") || url.starts_with("HTTPS");
  CHECK(provider.scheme == (secure ? "https" : "http"));
  return provider.host + " " + std::to_string(provider.port) + " " + provider.authority + " " +
         provider.base_path;
}

TEST_CASE("a base URL is split into host, port, Host field and path") {
  CHECK(split("http://127.0.0.1:9001/v1") == "127.0.0.1 9001 127.0.0.1:9001 /v1");
  CHECK(split("http://127.0.0.1:9001/v1/") == "127.0.0.1 9001 127.0.0.1:9001 /v1");
  CHECK(split("http://example.com") == "example.com 80 example.com ");
  CHECK(split("http://example.com/") == "example.com 80 example.com ");
  CHECK(split("http://example.com:80") == "example.com 80 example.com ");
  CHECK(split("HTTP://Example.COM:8080/A/b") == "example.com 8080 example.com:8080 /A/b");
  CHECK(split("http://[::1]:9001/v1") == "::1 9001 [::1]:9001 /v1");
  CHECK(split("http://[::1]/v1") == "::1 80 [::1] /v1");
  CHECK(split("http://my_host-2.svc.cluster.local/v1") ==
        "my_host-2.svc.cluster.local 80 my_host-2.svc.cluster.local /v1");
  CHECK(split("http://h1/a%20b/c:d") == "h1 80 h1 /a%20b/c:d");
}

TEST_CASE("what two programs could read differently is refused") {
  using namespace std::string_view_literals;
  for (const auto url : {""sv,
                         "example.com"sv,
                         "//example.com"sv,
                         "https//example.com"sv,
                         "httpss://example.com"sv,
                         "ftp://example.com"sv,
                         "http+unix://x"sv,
                         "http://"sv,
                         "http:///v1"sv,
                         "http://user@example.com"sv,
                         "http://user:pass@example.com/v1"sv,
                         "http://example.com@evil.test/"sv,
                         "http://example.com?x"sv,
                         "http://example.com/v1?key=1"sv,
                         "http://example.com#x"sv,
                         "http://example.com/v1#"sv,
                         "http://example.com\\@evil.test/"sv,
                         "http://example.com:/v1"sv,
                         "http://example.com:0/"sv,
                         "http://example.com:65536/"sv,
                         "http://example.com:80x/"sv,
                         "http://exa mple.com/"sv,
                         "http://example.com./"sv,
                         "http://.example.com/"sv,
                         "http://a..b/"sv,
                         "http://-a/"sv,
                         "http://127.1/"sv,
                         "http://2130706433/"sv,
                         "http://0x7f000001/"sv,
                         "http://0177.0.0.1/"sv,
                         "http://0x7f.1/"sv,
                         "http://::1/"sv,
                         "http://[::1/"sv,
                         "http://[127.0.0.1]/"sv,
                         "http://[fe80::1%25eth0]/"sv,
                         "http://h/a//b"sv,
                         "http://h/a/../b"sv,
                         "http://h/./a"sv,
                         "http://h//"sv,
                         "http://h/a b"sv,
                         "http://h/a%2"sv,
                         "http://h/a%zz"sv,
                         "http://h/a\r\nx: y"sv,
                         "http://h/\xc3\xa9"sv,
                         "http://h\0/"sv}) {
    CHECK_MESSAGE(split(url) == "refused", std::string(url));
  }
  CHECK(split("http://" + std::string(300, 'a')) == "refused");
}

TEST_CASE("https has its own usual port, and a port that is usual is not in the Host field") {
  CHECK(split("https://api.example.com/v1") == "api.example.com 443 api.example.com /v1");
  CHECK(split("https://api.example.com:443/v1") == "api.example.com 443 api.example.com /v1");
  CHECK(split("HTTPS://api.example.com:80") == "api.example.com 80 api.example.com:80 ");
  CHECK(split("http://api.example.com:443") == "api.example.com 443 api.example.com:443 ");
  CHECK(split("https://[::1]/v1") == "::1 443 [::1] /v1");
}

TEST_CASE("only addresses of this host and localhost are loopback hosts") {
  CHECK(is_loopback_host("localhost"));
  CHECK(is_loopback_host("127.0.0.1"));
  CHECK(is_loopback_host("127.9.9.9"));
  CHECK(is_loopback_host("::1"));
  for (const auto* host :
       {"localhost.example", "my-localhost", "0.0.0.0", "10.0.0.1", "127.0.0.1.nip.io"}) {
    CHECK_MESSAGE(!is_loopback_host(host), host);
  }
}

}  // namespace
TEST_CASE("a Unix socket stands escaped where the host would") {
  Provider provider;
  CHECK(split_base_url("http+unix://%2Frun%2Fmodel.sock/v1", provider).empty());
  CHECK(provider.scheme == "http+unix");
  CHECK(provider.host == "/run/model.sock");
  CHECK(provider.authority == "localhost");
  CHECK(provider.base_path == "/v1");
  CHECK(split_base_url("http+unix://%40name", provider).empty());
  CHECK(provider.host == "@name");
  for (const char* bad : {"http+unix://run/x.sock/v1",
                          "http+unix:///run/x.sock",
                          "http+unix://%2",
                          "http+unix://%2Fa%00b/v1",
                          "http+unix://%2g/v1"}) {
    CAPTURE(bad);
    CHECK_FALSE(split_base_url(bad, provider).empty());
  }
  CHECK_FALSE(split_base_url("http+unix://%2F" + std::string(200, 'x'), provider).empty());
}

}  // namespace headrace::config
