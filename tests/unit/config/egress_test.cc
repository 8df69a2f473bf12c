// Goal: which proxy a provider is reached by is what the operator of other programs expects, and no
// word about a proxy holds its credentials. Method: tables.
#include "config/egress.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/base_url.h"

namespace headrace::config {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

// "host port authority credentials", or what is wrong.
std::string read(std::string_view url) {
  Proxy proxy;
  const std::string fault = read_proxy(url, proxy);
  if (!fault.empty()) return "fault: " + fault;
  return proxy.host + " " + std::to_string(proxy.port) + " " + proxy.authority + " " +
         proxy.credentials;
}

// The proxy chosen, "" for none, or what is wrong.
std::string choose(const std::string& base_url, const Variables& variables, std::string own = {}) {
  Provider provider;
  REQUIRE(split_base_url(base_url, provider).empty());
  provider.proxy = std::move(own);
  if (!provider.proxy.empty() && provider.proxy != kNoProxy)
    REQUIRE(read_proxy(provider.proxy, provider.egress).empty());
  const std::string fault = choose_egress({.variables = variables}, provider);
  return fault.empty() ? provider.egress.authority : "fault: " + fault;
}

const std::string kTarget = "https://api.example.com/v1";

}  // namespace

TEST_CASE("a proxy is a host, a port and maybe credentials, in plain or escaped letters") {
  CHECK(read("http://proxy.corp:3128") == "proxy.corp 3128 proxy.corp:3128 ");
  CHECK(read("HTTP://Proxy.Corp:3128/") == "proxy.corp 3128 proxy.corp:3128 ");
  CHECK(read("proxy.corp:3128") == "proxy.corp 3128 proxy.corp:3128 ");
  CHECK(read("http://proxy.corp") == "proxy.corp 80 proxy.corp:80 ");
  CHECK(read("http://10.1.2.3:8080") == "10.1.2.3 8080 10.1.2.3:8080 ");
  CHECK(read("http://[::1]:8080") == "::1 8080 [::1]:8080 ");
  CHECK(read("http://joe:secret@proxy.corp:1") == "proxy.corp 1 proxy.corp:1 joe:secret");
  CHECK(read("http://joe@proxy.corp:1") == "proxy.corp 1 proxy.corp:1 joe:");
  CHECK(read("http://joe:a%40b%3Ac%2fd@proxy.corp:1") == "proxy.corp 1 proxy.corp:1 joe:a@b:c/d");
  CHECK(read("http://joe:a@b:c@proxy.corp:1") == "proxy.corp 1 proxy.corp:1 joe:a@b:c");
}

TEST_CASE("what is no proxy is refused in words that do not quote it") {
  for (const std::string_view url : {"https://joe:sk-canary@proxy.corp:3128",
                                     "socks5://joe:sk-canary@proxy.corp:1080",
                                     "http://joe:sk-canary%0d%0ax@proxy.corp:1",
                                     "http://joe:sk-canary%0@proxy.corp:1",
                                     "http://joe:sk-canary%zz@proxy.corp:1",
                                     "http://:sk-canary@proxy.corp:1",
                                     "http://a%3ab:sk-canary@proxy.corp:1",
                                     "http://joe:sk-canary@",
                                     "http://joe:sk-canary@:3128",
                                     "http://joe:sk-canary@proxy.corp:0",
                                     "http://joe:sk-canary@proxy.corp:99999",
                                     "http://joe:sk-canary@proxy.corp:1/path",
                                     "http://joe:sk-canary@proxy.corp:1?x",
                                     "http://joe:sk-canary@proxy corp:1",
                                     "http://joe:sk-canary@127.1:1",
                                     "://sk-canary",
                                     "sk-canary@"}) {
    const std::string said = read(url);
    CAPTURE(url);
    CHECK(said.starts_with("fault: "));
    CHECK(said.find("canary") == std::string::npos);
  }
  CHECK(read("http://" + std::string(2000, 'a')).find("longer than") != std::string::npos);
  CHECK(read("https://p:1").find("https://) is not supported") != std::string::npos);
}

TEST_CASE("NO_PROXY names hosts as other programs read it") {
  struct Row {
    std::string_view list;
    std::string_view host;
    std::uint16_t port;
    bool exempt;
  };
  constexpr Row kRows[] = {
      {"", "a.example.com", 443, false},
      {" , ,", "a.example.com", 443, false},
      {"*", "a.example.com", 443, true},
      {"b.test *", "a.example.com", 443, true},
      {"a.example.com", "a.example.com", 443, true},
      {"A.Example.COM", "a.example.com", 443, true},
      {"example.com", "a.example.com", 443, true},
      {".example.com", "a.example.com", 443, true},
      {".example.com", "example.com", 443, true},
      {"*.example.com", "a.example.com", 443, true},
      {"example.com", "badexample.com", 443, false},
      {"a.example.com", "example.com", 443, false},
      {"example", "a.example.com", 443, false},
      {".", "a.example.com", 443, false},
      {"x, example.com ,y", "a.example.com", 443, true},
      {"x example.com", "a.example.com", 443, true},
      {"example.com:443", "a.example.com", 443, true},
      {"example.com:444", "a.example.com", 443, false},
      {"example.com:x", "a.example.com", 443, false},
      {"*.com:443", "a.example.com", 443, true},
      {"10.1.2.3", "10.1.2.3", 443, true},
      {"10.1.2.3:80", "10.1.2.3", 443, false},
      {"10.1.2.4", "10.1.2.3", 443, false},
      {"1.2.3", "10.1.2.3", 443, false},
      {"10.0.0.0/8", "10.1.2.3", 443, true},
      {"10.1.2.0/31", "10.1.2.1", 443, true},
      {"10.1.2.0/31", "10.1.2.2", 443, false},
      {"0.0.0.0/0", "10.1.2.3", 443, true},
      {"10.0.0.0/33", "10.1.2.3", 443, false},
      {"10.0.0.0/8", "a.example.com", 443, false},
      {"fd00::/8", "fd12::1", 443, true},
      {"fd00::/8", "fe12::1", 443, false},
      {"fd00::/8", "10.1.2.3", 443, false},
      {"fd12::1", "fd12::1", 443, true},
      {"[fd12::1]", "fd12::1", 443, true},
      {"[fd12::1]:443", "fd12::1", 443, true},
      {"[fd12::1]:80", "fd12::1", 443, false},
      {"fd12:0::1", "fd12::1", 443, true},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.list);
    CAPTURE(row.host);
    CHECK(is_exempt(row.list, row.host, row.port) == row.exempt);
  }
}

TEST_CASE("the variable is that of the scheme, then the one for all; small letters win") {
  CHECK(choose(kTarget, {}) == "");
  CHECK(choose(kTarget, {{"HTTPS_PROXY", "http://p:1"}}) == "p:1");
  CHECK(choose(kTarget, {{"HTTPS_PROXY", "http://p:1"}, {"https_proxy", "http://q:2"}}) == "q:2");
  CHECK(choose(kTarget, {{"HTTPS_PROXY", "http://p:1"}, {"https_proxy", ""}}) == "p:1");
  CHECK(choose(kTarget, {{"HTTP_PROXY", "http://p:1"}}) == "");
  CHECK(choose(kTarget, {{"ALL_PROXY", "http://p:1"}}) == "p:1");
  CHECK(choose(kTarget, {{"all_proxy", "p:1"}, {"https_proxy", "q:2"}}) == "q:2");
  CHECK(choose("http://lab.example/v1", {{"HTTP_PROXY", "http://p:1"}}) == "p:1");
  CHECK(choose("http://lab.example/v1", {{"HTTPS_PROXY", "http://p:1"}}) == "");
  CHECK(choose(kTarget, {{"https_proxy", "p:1"}, {"NO_PROXY", "example.com"}}) == "");
  CHECK(choose(kTarget, {{"https_proxy", "p:1"}, {"NO_PROXY", "x"}, {"no_proxy", "*"}}) == "");
}

TEST_CASE("this host is reached directly, whatever the environment says, unless its own key does") {
  const Variables everything = {{"ALL_PROXY", "http://p:1"}};
  for (const char* url : {"http://localhost:1/v1",
                          "https://127.0.0.1/v1",
                          "http://127.5.5.5/v1",
                          "http://[::1]:1/v1",
                          "http+unix://%2Frun%2Fx.sock/v1"}) {
    CAPTURE(url);
    CHECK(choose(url, everything) == "");
  }
  CHECK(choose("http://localhost:1/v1", everything, "http://q:2") == "q:2");
}

TEST_CASE("a provider's own proxy wins, over NO_PROXY too, and `none` means none") {
  const Variables variables = {{"HTTPS_PROXY", "http://p:1"}, {"NO_PROXY", "*"}};
  CHECK(choose(kTarget, variables, "http://q:2") == "q:2");
  CHECK(choose(kTarget, {{"HTTPS_PROXY", "http://p:1"}}, "none") == "");
  CHECK(choose("http+unix://%2Frun%2Fx.sock/v1", {}, "http://q:2").find("Unix socket") !=
        std::string::npos);
}

TEST_CASE("a variable that is no proxy is told by its name, when somebody would go by it") {
  const Variables variables = {{"ALL_PROXY", "socks5://joe:sk-canary@p:1"}, {"NO_PROXY", "b.test"}};
  const std::string said = choose(kTarget, variables);
  CHECK(said.starts_with("fault: ALL_PROXY of the environment is no proxy"));
  CHECK(said.find("canary") == std::string::npos);
  CHECK(choose("https://b.test/v1", variables) == "");
  CHECK(choose(kTarget, variables, "none") == "");
}

}  // namespace headrace::config
