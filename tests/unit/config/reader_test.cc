// Goal: every fault of a file is told once, at its line, with what to do; a good file fills the
// snapshot. Method: whole files against the whole list of their faults.
#include "config/reader.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "config/yaml_tree.h"

namespace headrace::config {
namespace {

constexpr std::string_view kGood = R"(
providers: {mock: {base_url: "http://127.0.0.1:9001/v1"}}
routes: [{model: "*", targets: [mock]}]
)";

Snapshot read(std::string_view yaml, Faults& faults, const Environment& environment = {}) {
  TreeNode root;
  REQUIRE(parse_yaml(yaml, root, faults));
  return Reader(environment, faults).read(root);
}

Snapshot read_good(std::string_view yaml, const Environment& environment = {}) {
  Faults faults;
  Snapshot snapshot = read(yaml, faults, environment);
  for (const auto& fault : faults.take()) FAIL(fault.message);
  return snapshot;
}

// "line: message" for each fault.
std::string faults_of(std::string_view yaml, const Environment& environment = {}) {
  Faults faults;
  read(yaml, faults, environment);
  std::string text;
  for (const auto& fault : faults.take())
    text += std::to_string(fault.line) + ": " + fault.message + "\n";
  return text;
}

// The faults of a file that is good but for these lines in front.
std::string faults_with(std::string_view lines) {
  return faults_of(std::string(lines) + std::string(kGood));
}

TEST_CASE("a file with every key fills every field") {
  const Snapshot snapshot = read_good(R"(
listen:
  - 127.0.0.1:8081
  - {address: "unix:/run/h.sock", mode: "0600", group: web, half_close: ignore}
  - {address: "127.0.0.1:8443", http: "1.1", client_ca_file: ca.pem, tls_certificates: [{certificate: a.pem, key: a.key}, {certificate: b.pem, key: b.key}]}
admin: unix:@admin
workers: 3
busy: always
pin: false
drain_timeout: 10s
drain_delay: 5s
io: {backend: epoll, tiny: true, compat: "6.1"}
limits: {body: 64KiB, client_connections: 5, head_timeout: 1s, body_grace: 2s, write_stall_timeout: 3s,
         keep_alive_timeout: 4s}
state_dir: /dev/shm/h
log_requests: true
prices: /etc/p.json
audit: {path: /var/a.jsonl, rotate_bytes: 1MiB, rotate_age: 1h, keep: all, required: true}
providers:
  first: {base_url: "http://127.0.0.1:1", api_key: k1}
  second: {base_url: "http://lab.example:2/x", dialect: openai, api_key: k2, private: true}
routes:
  - {model: "a*", targets: [second, {provider: first, model: m}], connect_timeout: 1s,
     first_token_timeout: 2s, idle_timeout: 3s, total_timeout: 4s, reasoning_is_useful: true}
)");
  REQUIRE(snapshot.listen.size() == 3);
  CHECK(snapshot.listen[0].address == "127.0.0.1:8081");
  CHECK(snapshot.listen[0].half_close == HalfClose::cancel);
  CHECK(snapshot.listen[1].address == "unix:/run/h.sock");
  CHECK(snapshot.listen[1].mode == 0600);
  CHECK(snapshot.listen[1].group == "web");
  CHECK(snapshot.listen[1].half_close == HalfClose::ignore);
  CHECK(snapshot.admin == "unix:@admin");
  CHECK(snapshot.workers == 3);
  CHECK(snapshot.listen[2].http == ListenHttp::http1);
  CHECK(snapshot.listen[2].client_ca_file == "ca.pem");
  REQUIRE(snapshot.listen[2].tls_certificates.size() == 2);
  CHECK(snapshot.listen[2].tls_certificates[1].certificate == "b.pem");
  CHECK(snapshot.listen[2].tls_certificates[1].key == "b.key");
  CHECK(snapshot.busy == Busy::always);
  CHECK(snapshot.pin == Pin::off);
  CHECK(snapshot.drain_timeout == 10 * base::kSecond);
  CHECK(snapshot.drain_delay == 5 * base::kSecond);
  CHECK(snapshot.io.backend == Backend::epoll);
  CHECK(snapshot.io.tiny);
  CHECK(snapshot.io.compat == "6.1");
  CHECK(snapshot.limits.body_bytes == 64 * 1024);
  CHECK(snapshot.limits.client_connections == 5);
  CHECK(snapshot.limits.head_timeout == 1 * base::kSecond);
  CHECK(snapshot.limits.body_grace == 2 * base::kSecond);
  CHECK(snapshot.limits.write_stall_timeout == 3 * base::kSecond);
  CHECK(snapshot.limits.keep_alive_timeout == 4 * base::kSecond);
  CHECK(snapshot.state_dir == "/dev/shm/h");
  CHECK(snapshot.log_requests);
  CHECK(snapshot.prices == "/etc/p.json");
  CHECK(snapshot.audit.path == "/var/a.jsonl");
  CHECK(snapshot.audit.rotate_bytes == 1u << 20);
  CHECK(snapshot.audit.rotate_age == 3600 * base::kSecond);
  CHECK(snapshot.audit.keep == 0);
  CHECK(snapshot.audit.required);
  REQUIRE(snapshot.providers.size() == 2);
  CHECK(snapshot.providers[0].api_key == "k1");
  CHECK(snapshot.providers[1].name == "second");
  CHECK(snapshot.providers[1].host == "lab.example");
  CHECK(snapshot.providers[1].port == 2);
  CHECK(snapshot.providers[1].authority == "lab.example:2");
  CHECK(snapshot.providers[1].base_path == "/x");
  CHECK(snapshot.providers[1].is_private);
  REQUIRE(snapshot.routes.size() == 1);
  const Route& route = snapshot.routes[0];
  CHECK(route.model == "a*");
  CHECK(route.connect_timeout == 1 * base::kSecond);
  CHECK(route.first_token_timeout == 2 * base::kSecond);
  CHECK(route.idle_timeout == 3 * base::kSecond);
  CHECK(route.total_timeout == 4 * base::kSecond);
  CHECK(route.reasoning_is_useful);
  REQUIRE(route.targets.size() == 2);
  CHECK(route.targets[0].name == "second");
  CHECK(route.targets[0].provider == 1);
  CHECK(route.targets[1].name == "first/m");
  CHECK(route.targets[1].provider == 0);
  CHECK(route.targets[1].model == "m");
}

TEST_CASE("what a file leaves out is the default") {
  const Snapshot snapshot = read_good(kGood);
  REQUIRE(snapshot.listen.size() == 1);
  CHECK(snapshot.listen[0].address == "127.0.0.1:8080");
  CHECK(snapshot.admin == "127.0.0.1:9090");
  CHECK(snapshot.workers == 0);
  CHECK(snapshot.pin == Pin::automatic);
  CHECK(snapshot.limits.body_bytes == Limits{}.body_bytes);
  CHECK(read_good("io:\nlimits:\n" + std::string(kGood)).io.backend == Backend::automatic);
  CHECK(read_good("listen: \"[::1]:80\"\nadmin: off\n" + std::string(kGood)).admin.empty());
}

TEST_CASE("an audit that is required must have a file") {
  CHECK(faults_with("audit: {required: true}\n") ==
        "1: audit.required: nothing is written without audit.path; name a file, or write required: "
        "false\n");
  CHECK(read_good("audit: {path: a.jsonl}\n" + std::string(kGood)).audit.keep == 8);
}

TEST_CASE("routes may stand before the providers they name") {
  CHECK(read_good("routes: [{model: x, targets: [p]}]\nproviders: {p: {base_url: http://h1}}\n")
            .routes[0]
            .targets[0]
            .name == "p");
}

TEST_CASE("an unknown key is a fault that knows where it belongs or what it resembles") {
  CHECK(faults_with("lisen: x\n") ==
        "1: unknown key \"lisen\" at the top level; did you mean \"listen\"?\n");
  CHECK(faults_with("io:\n  backnd: epoll\n") ==
        "2: unknown key \"backnd\" in io; did you mean \"backend\"?\n");
  CHECK(faults_with("limits: {drain_timeout: 3s}\n") ==
        "1: unknown key \"drain_timeout\" in limits; it belongs to the top level\n");
  CHECK(faults_with("body: 3\n") ==
        "1: unknown key \"body\" at the top level; it is a key of \"limits\"\n");
  CHECK(faults_with("io: {frobnicate: 1}\n") ==
        "1: unknown key \"frobnicate\" in io; known are backend, tiny, compat\n");
}

TEST_CASE("all faults of a file are told, in its order") {
  CHECK(faults_of(R"(busy: alwys
drain_timeout: 25
limits:
  body: 32MB
providers:
  a: {}
routes:
  - model: x
    targets: [b]
)") == R"(1: busy: "alwys" is not one of auto, always, off; did you mean "always"?
2: drain_timeout: "25" has no unit; write "25s" or "25ms"
4: limits.body: "32MB" is not a size; write bytes, or a whole number and KiB, MiB or GiB: "32MiB"
6: providers.a: the key "base_url" is missing. `https://host[:port][/path]`, `http://`, or `http+unix://%2Frun%2Fx.sock[/path]` for a Unix socket; the API's paths are appended. No user, query or fragment.
9: routes[0].targets[0]: no provider is named "b"; add it under providers
)");
}

TEST_CASE("a wrong shape is told with the right one") {
  CHECK(faults_with("io: epoll\n") ==
        "1: io: must be a map, not a single value; write its keys below it, each on its own line, "
        "such as "
        "backend:\n");
  CHECK(faults_with("busy: [auto]\n") ==
        "1: busy: must be a single value, not a list; write one value\n");
  CHECK(faults_with("busy:\n") == "1: busy: has no value; give one, or remove the key\n");
  CHECK(faults_with("listen: []\n") == "1: listen: the list is empty; name an address\n");
  CHECK(faults_of("- a\n") ==
        "1: the file must be a map of keys, beginning with for example \"listen:\"\n");
  CHECK(faults_of("").find("the key \"routes\" is missing") != std::string::npos);
  CHECK(faults_of("providers: {}\nroutes: []\n") ==
        "1: providers: the map is empty; name a provider\n"
        "2: routes: the list is empty; add - {model: \"*\", targets: [name]}\n");
  CHECK(faults_of("providers: [a]\nroutes: {}\n").find("1: providers: must be a map, not a list") ==
        0);
}

TEST_CASE("two listeners need two addresses, in whatever spelling") {
  CHECK(faults_with("listen:\n  - localhost:80\n  - 127.0.0.1:80\n") ==
        "3: listen[1]: the same address stands here a second time; remove one\n");
  CHECK(faults_with("listen: localhost:80\nadmin: 127.0.0.1:80\n") ==
        "2: admin: clients listen on the same address; choose another, or write admin: off\n");
  CHECK(faults_with("listen: 127.0.0.1:9090\n").find("admin: clients listen on the same address") !=
        std::string::npos);
  CHECK(faults_with("listen: [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n") == "");
}

TEST_CASE("certificates of a listener come in a list of pairs, and belong to those of clients") {
  CHECK(faults_with("listen: {address: 127.0.0.1:1, client_ca_file: ca.pem}\n") ==
        "1: listen.client_ca_file: means nothing without TLS; add tls_certificates, or remove "
        "it\n");
  CHECK(faults_with("listen: [{address: 127.0.0.1:1, tls_certificates: []}]\n") ==
        "1: listen[0].tls_certificates: the list is empty; add - {certificate: /path.pem, key: "
        "/path.key}, or remove it\n");
  CHECK(faults_with("listen: [{address: 127.0.0.1:1, tls_certificates: [a.pem]}]\n")
            .find("listen[0].tls_certificates[0]: must be a map, not a single value") !=
        std::string::npos);
  CHECK(faults_with("listen: [{address: 127.0.0.1:1, tls_certificates: [{certificate: a}]}]\n")
            .find("the key \"key\" is missing") != std::string::npos);
}

TEST_CASE("a listener that asks for certificates may face the network without keys") {
  const std::string tls =
      "listen: [{address: 0.0.0.0:1, tls_certificates: [{certificate: a, key: b}]";
  CHECK(faults_with(tls + "}]\n").find("is open to the network") != std::string::npos);
  CHECK(faults_with(tls + ", client_ca_file: c}]\n").empty());
}

TEST_CASE("mode and group belong to socket files only") {
  CHECK(faults_with("listen: {address: 127.0.0.1:80, mode: \"0600\"}\n") ==
        "1: listen.mode: only a unix:/path socket has one; remove it\n");
  CHECK(faults_with("listen: {address: \"unix:@x\", group: web}\n").find("listen.group") !=
        std::string::npos);
}

TEST_CASE("the admin listener stays on this host") {
  for (const std::string_view address : {"0.0.0.0:9090", "10.0.0.1:9090", "[::]:9090"}) {
    CHECK(
        faults_with("admin: \"" + std::string(address) + "\"\n").find("admin: must be loopback") !=
        std::string::npos);
  }
  CHECK(faults_with("admin: \"[::1]:9090\"\n") == "");
  CHECK(faults_with("admin: unix:/run/admin.sock\n") == "");
}

std::string provider(const std::string& keys) {
  return faults_of("providers: {p: {" + keys + "}}\nroutes: [{model: x, targets: [p]}]\n");
}

TEST_CASE("a key never crosses a network in plain text unless the network is called private") {
  CHECK(
      provider("base_url: 'http://10.0.0.1', api_key: sk-canary").find("would cross the network") !=
      std::string::npos);
  CHECK(provider("base_url: 'http://example.com', api_key: sk-canary")
            .find("would cross the network") != std::string::npos);
  CHECK(
      provider("base_url: 'http://0.0.0.0', api_key: sk-canary").find("would cross the network") !=
      std::string::npos);
  CHECK(provider("base_url: 'http://10.0.0.1', api_key: sk-canary, private: true") == "");
  CHECK(provider("base_url: 'http://localhost', api_key: sk-canary") == "");
  CHECK(provider("base_url: 'http://127.0.0.1:1', api_key: sk-canary") == "");
  CHECK(provider("base_url: 'http://[::1]:1', api_key: sk-canary") == "");
  CHECK(provider("base_url: 'http://example.com', api_key: ''") == "");
  CHECK(provider("base_url: 'https://example.com', api_key: sk-canary") == "");
}

TEST_CASE("a key for this host that goes by way of a proxy elsewhere crosses a network too") {
  const std::string here = "base_url: 'http://127.0.0.1:1', api_key: sk-canary, ";
  CHECK(provider(here + "proxy: 'http://p.test:1'").find("would cross the network") !=
        std::string::npos);
  CHECK(provider(here + "proxy: 'http://127.0.0.1:2'") == "");
  CHECK(provider(here + "proxy: none") == "");
  CHECK(provider(here + "proxy: 'http://p.test:1', private: true") == "");
}

TEST_CASE("a proxy that cannot be used is told without its URL") {
  const std::string fault = provider("base_url: 'https://a.test', proxy: 'socks5://joe:canary@p'");
  CHECK(fault.find("providers.p.proxy: the value is no proxy: only proxies that speak HTTP") !=
        std::string::npos);
  CHECK(fault.find("canary") == std::string::npos);
  CHECK(provider("base_url: 'http+unix://%2Fx.sock', proxy: 'http://p.test:1'")
            .find("providers.p.proxy: means nothing to a Unix socket") != std::string::npos);
  Environment environment;
  environment.variables = {{"ALL_PROXY", "socks5://joe:canary@p"}};
  const std::string by_environment = faults_of(
      "providers: {p: {base_url: 'https://a.test'}}\nroutes: [{model: x, targets: [p]}]\n",
      environment);
  CHECK(by_environment.find("ALL_PROXY of the environment is no proxy") != std::string::npos);
  CHECK(by_environment.find("canary") == std::string::npos);
}

TEST_CASE("keys of TLS belong to https, and a certificate to its key") {
  CHECK(provider("base_url: 'https://x.test', ca_file: /a, tls_certificate: /b, tls_key: /c") ==
        "");
  CHECK(provider("base_url: 'https://x.test', tls_certificate: /b")
            .find("tls_certificate: needs its tls_key") != std::string::npos);
  CHECK(provider("base_url: 'https://x.test', tls_key: /c")
            .find("tls_key: needs its tls_certificate") != std::string::npos);
  for (const std::string key : {"ca_file", "tls_certificate", "tls_key"}) {
    CHECK(provider("base_url: 'http://x.test', " + key + ": /a")
              .find(key + ": means nothing to a provider without TLS") != std::string::npos);
    CHECK(provider("base_url: 'http://x.test', " + key + ": ''") == "");
  }
}

TEST_CASE("no fault repeats a secret, wherever it was put") {
  const Environment environment{{{"SECRET", "sk-canary with blanks"}}};
  const std::string text = faults_of(R"(
busy: ${SECRET}
admin: "${SECRET}"
providers:
  a: {base_url: "http://user:sk-canary@x/", api_key: "sk-canary\n"}
  b: {base_url: "http://x/?sk-canary", api_key: "${SECRET}"}
  c: sk-canary
  d: {base_url: "http://1.2.3.4", api_key: sk-canary}
  e: {base_url: "${SECRET}", dialect: "${SECRET}", apikey: sk-canary, api_key: [sk-canary]}
routes:
  - {model: "${SECRET}", targets: ["${SECRET}", {provider: "${SECRET}"}]}
)",
                                     environment);
  CHECK(text.find("canary") == std::string::npos);
  CHECK(text.find("busy: \"${SECRET}\" is not one of") != std::string::npos);
  CHECK(text.find("no provider is named \"${SECRET}\"") != std::string::npos);
}

TEST_CASE("providers have names that are fit for metrics") {
  for (const std::string_view name : {"'a b'", "'-a'", "''", "'a/b'", "'a\"b'", "'\xc3\xa9'"}) {
    const std::string text = faults_of("providers: {" + std::string(name) +
                                       ": {base_url: http://h1}}\nroutes: [{model: x, targets: [" +
                                       std::string(name) + "]}]\n");
    CHECK_MESSAGE(text.find("a name is 1 to 63 of") != std::string::npos, text);
  }
}

TEST_CASE("routes have targets that exist, and no model twice") {
  const std::string providers = "providers: {mock: {base_url: http://h1}}\n";
  CHECK(faults_of(providers + "routes:\n  - {model: x, targets: [mok]}\n") ==
        "3: routes[0].targets[0]: no provider is named \"mok\"; did you mean \"mock\"?\n");
  CHECK(faults_of(providers + "routes:\n  - {model: x, targets: []}\n") ==
        "3: routes[0].targets: the list is empty; name a provider\n");
  CHECK(faults_of(providers + "routes:\n  - {model: x, targets: mock}\n") ==
        "3: routes[0].targets: must be a list, not a single value; write [name]\n");
  CHECK(faults_of(providers +
                  "routes:\n  - {model: x, targets: [mock]}\n  - {model: x, targets: [mock]}\n") ==
        "4: routes[1].model: routes[0] has this model already; remove one\n");
  CHECK(faults_of(providers + "routes:\n  - {targets: [mock]}\n")
            .find("the key \"model\" is missing") != std::string::npos);
  CHECK(faults_of(providers + "routes:\n  - {model: '', targets: [mock]}\n") ==
        "3: routes[0].model: \"\" is empty; name one\n");
  CHECK(faults_of(providers + "routes:\n  - {model: x, targets: [{model: m}]}\n")
            .find("routes[0].targets[0]: the key \"provider\" is missing") != std::string::npos);
  CHECK(
      faults_of(providers + "routes:\n  - {model: x, targets: [mock], first_token_timeout: 5m, "
                            "total_timeout: 1m}\n") ==
      "3: routes[0].first_token_timeout: is longer than total_timeout; shorten it, or write 0s\n");
}

TEST_CASE("the number of faults is bounded, and the rest is counted") {
  std::string yaml;
  for (int i = 0; i < 150; ++i) yaml += "zzzzzz" + std::to_string(i) + ": 1\n";
  const std::string text = faults_with(yaml);
  CHECK(text.find("0: 50 more faults are not shown\n") != std::string::npos);
}

}  // namespace
}  // namespace headrace::config
