// Goal: keys, credentials, access and the order of targets are read as written, and what cannot be
// meant is told at its line. Method: whole files against snapshots or the whole list of faults.
#include "config/reader.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "config/load.h"
#include "config/print.h"
#include "config/yaml_tree.h"

namespace headrace::config {
namespace {

const std::string kHash(64, 'a');

// A good file but for these lines: `keys` and others at the top, what follows the provider's URL,
// and the list of targets.
std::string file(const std::string& top,
                 const std::string& provider = "",
                 const std::string& targets = "[mock]") {
  return top + "\nproviders: {mock: {base_url: 'http://127.0.0.1:1'" + provider +
         "}, two: {base_url: 'http://127.0.0.1:2'}}\nroutes: [{model: '*', targets: " + targets +
         "}]\n";
}

Snapshot read_good(const std::string& yaml) {
  LoadOutcome outcome = load_text(yaml, {});
  REQUIRE_MESSAGE(outcome.ok(), format_faults(outcome));
  return *outcome.snapshot;
}

std::string fault_of(const std::string& yaml) {
  const LoadOutcome outcome = load_text(yaml, {});
  REQUIRE(outcome.faults.size() == 1);
  return outcome.faults[0].message;
}

void check_fault(const std::string& yaml, std::string_view part) {
  const std::string fault = fault_of(yaml);
  CHECK_MESSAGE(fault.find(part) != std::string::npos, fault);
}

std::string with_key(const std::string& attributes, const std::string& more = "") {
  return file("key_secret: s\nkeys: {team: {hash: " + kHash + attributes + "}}" + more);
}

TEST_CASE("a key has all of its attributes, or its defaults") {
  const Snapshot snapshot = read_good(
      file("key_secret: s\nkeys:\n  plain: {hash: " + std::string(64, 'B') +
           "}\n  full: {hash: " + kHash +
           ", models: [m, 'gpt-*'], rpm: 1, tpm: 2, concurrency: 3, expires: 2030-01-31T18:00:01Z, "
           "disabled: true, labels: {team: search it}}"));
  REQUIRE(snapshot.keys.size() == 2);
  const ClientKey& plain = snapshot.keys[0];
  CHECK(plain.name == "plain");
  CHECK(plain.hash == std::string(64, 'b'));
  CHECK(plain.models.empty());
  CHECK(plain.requests_per_minute == 0);
  CHECK(plain.tokens_per_minute == 0);
  CHECK(plain.concurrency == 0);
  CHECK(plain.expires == 0);
  CHECK_FALSE(plain.disabled);
  const ClientKey& full = snapshot.keys[1];
  CHECK(full.models == std::vector<std::string>{"m", "gpt-*"});
  CHECK(full.requests_per_minute == 1);
  CHECK(full.tokens_per_minute == 2);
  CHECK(full.concurrency == 3);
  CHECK(full.expires == 1896112801);
  CHECK(full.disabled);
  REQUIRE(full.labels.size() == 1);
  CHECK(full.labels[0].name == "team");
  CHECK(full.labels[0].value == "search it");
}

TEST_CASE("what is wrong with a key is told") {
  check_fault(file("key_secret: s\nkeys: {team: {rpm: 1}}"), "keys.team: nothing says whose it is");
  check_fault(file("key_secret: s\nkeys: {team: {hash: ''}}"), "nothing says whose it is");
  check_fault(file("keys: {team: {hash: " + kHash + "}}"), "write key_secret");
  check_fault(file("key_secret: s\nkeys: {team: {hash: hr-abc}}"), "is no hash of a key");
  check_fault(file("key_secret: s\nkeys: {a: {hash: " + kHash + "}, b: {hash: " + kHash + "}}"),
              "keys.b.hash: is that of \"a\" too");
  check_fault(file("key_secret: s\nkeys: {'a b': {hash: " + kHash + "}}"), "a name is 1 to 63");
  check_fault(with_key(", models: []"), "the list is empty");
  check_fault(with_key(", models: m"), "must be a list");
  check_fault(with_key(", expires: tomorrow"), "is not a date");
  check_fault(with_key(", rpm: 0"), "out of bounds");
  check_fault(with_key(", labels: {a b: c}"), "a name is 1 to 63");
}

TEST_CASE("a key may go by certificates, where a listener asks for them") {
  const std::string listen =
      "listen: {address: '127.0.0.1:1', client_ca_file: ca, tls_certificates: [{certificate: a, "
      "key: b}]}\n";
  const Snapshot snapshot = read_good(
      file(listen + "keys: {team: {certificates: ['dns:A.test', 'uri:spiffe://lab/a']}}"));
  CHECK(snapshot.keys[0].hash.empty());
  CHECK(snapshot.keys[0].certificates ==
        std::vector<std::string>{"dns:a.test", "uri:spiffe://lab/a"});
  CHECK(print_redacted(read_good(print_redacted(snapshot))) == print_redacted(snapshot));
  check_fault(file("keys: {team: {certificates: ['dns:a']}}"), "no listener asks");
  check_fault(file(listen + "keys: {team: {certificates: []}}"), "the list is empty");
  check_fault(file(listen + "keys: {team: {certificates: [team]}}"), "names no certificate");
  check_fault(file(listen + "keys: {a: {certificates: ['dns:x']}, b: {certificates: ['dns:X']}}"),
              "keys.b.certificates[0]: stands here a second time");
}

TEST_CASE("a key that was written where its hash belongs is not repeated") {
  const std::string fault = fault_of(file("key_secret: s\nkeys: {team: {hash: hr-abc}}"));
  CHECK(fault.find("hr-abc") == std::string::npos);
  CHECK(fault.find("keys.team.hash") != std::string::npos);
}

TEST_CASE("a provider has the key that stands alone, and those of its list") {
  CHECK(read_good(file("")).providers[0].credentials.size() == 1);
  CHECK(read_good(file("")).providers[0].credentials[0].api_key.empty());
  const Snapshot plain = read_good(file("", ", api_key: k"));
  REQUIRE(plain.providers[0].credentials.size() == 1);
  CHECK(plain.providers[0].credentials[0].name == "default");
  CHECK(plain.providers[0].credentials[0].api_key == "k");
  const Snapshot many =
      read_good(file("", ", api_key: k, api_keys: [a, {name: big, api_key: b, weight: 5}]"));
  const auto& all = many.providers[0].credentials;
  REQUIRE(all.size() == 3);
  CHECK(all[0].api_key == "k");
  CHECK(all[1].name == "key1");
  CHECK(all[1].api_key == "a");
  CHECK(all[1].weight == 1);
  CHECK(all[2].name == "big");
  CHECK(all[2].weight == 5);
}

TEST_CASE("what is wrong with a list of provider keys is told, and no key is shown") {
  check_fault(file("", ", api_keys: []"), "the list is empty");
  check_fault(file("", ", api_keys: ['']"), "is empty");
  check_fault(file("", ", api_keys: [{name: a}]"), "\"api_key\" is missing");
  check_fault(file("", ", api_keys: [{name: a, api_key: x}, {name: a, api_key: y}]"),
              "is the name of another key");
  const std::string fault = fault_of(
      "providers: {p: {base_url: 'http://far.example', api_keys: [sk-canary]}}\n"
      "routes: [{model: '*', targets: [p]}]\n");
  CHECK(fault.find("providers.p.api_keys: would cross the network") != std::string::npos);
  CHECK(fault.find("canary") == std::string::npos);
}

TEST_CASE("targets are ordered by priority, or by their place") {
  const Snapshot snapshot = read_good(
      file("", "", "[{provider: mock, priority: 2, weight: 3}, {provider: two, priority: 2}]"));
  CHECK(snapshot.routes[0].targets[0].priority == 2);
  CHECK(snapshot.routes[0].targets[0].weight == 3);
  CHECK(snapshot.routes[0].targets[1].weight == 1);
  CHECK(read_good(file("")).routes[0].targets[0].priority == 0);
  CHECK(read_good(file("")).routes[0].attempts == 4);
  check_fault(file("", "", "[{provider: mock, priority: 1}, two]"), "give it to all");
  check_fault(file("", "", "[{provider: mock, weight: 3}, two]"), "has no effect");
}

TEST_CASE("without keys only this host may ask, unless the operator says otherwise") {
  CHECK(read_good(file("")).access == Access::automatic);
  CHECK(read_good(file("access: open\nlisten: 'unix:@x'")).access == Access::open);
  check_fault(file("listen: 0.0.0.0:1"), "listen: \"0.0.0.0:1\" is open to the network");
  CHECK(read_good(file("access: open\nlisten: '[::]:1'")).access == Access::open);
  CHECK(read_good(with_key("", "\nlisten: 0.0.0.0:1")).keys.size() == 1);
  check_fault(file("access: keys"), "keys has none");
  check_fault(with_key("", "\naccess: open"), "although there are keys");
}

TEST_CASE(
    "a network listener is open to whoever connects only where that is said or keys are asked") {
  for (const char* place : {"0.0.0.0:1",
                            "'[::]:1'",
                            "192.0.2.1:1",
                            "[127.0.0.1:1, 10.0.0.1:2]",
                            "{address: 0.0.0.0:1}"}) {
    check_fault(file("listen: " + std::string(place)), "is open to the network");
  }
  for (const char* place :
       {"127.0.0.1:1", "localhost:1", "'[::1]:1'", "127.9.9.9:1", "'unix:/x'"}) {
    CHECK(read_good(file("listen: " + std::string(place))).access == Access::automatic);
  }
  // Keys that nobody can use any more still shut the door.
  CHECK(read_good(with_key(", disabled: true", "\nlisten: 0.0.0.0:1")).keys[0].disabled);
  CHECK(read_good(with_key("", "\nlisten: 0.0.0.0:1\naccess: keys")).access == Access::keys);
  // A map of no keys is no protection, however it is spelt.
  check_fault(file("keys: {}\nlisten: 0.0.0.0:1"), "is open to the network");
  check_fault(file("keys: {}\naccess: keys\nlisten: 0.0.0.0:1"), "keys has none");
  const Snapshot both = read_good(
      file("key_secret: s\nkeys: {team: {hash: " + kHash + "}}\naccess: bring\nlisten: 0.0.0.0:1",
           ", client_key: true"));
  CHECK(both.access == Access::bring);
  CHECK(both.keys.size() == 1);
}

TEST_CASE("a key can only be brought for a provider that takes it") {
  check_fault(file("access: bring\nlisten: 0.0.0.0:1"), "write client_key: true");
  const Snapshot snapshot =
      read_good(file("access: bring\nlisten: 0.0.0.0:1", ", client_key: true"));
  CHECK(snapshot.providers[0].takes_client_key);
  check_fault(
      "access: bring\nproviders: {p: {base_url: 'http://far.example', client_key: true}}\n"
      "routes: [{model: '*', targets: [p]}]\n",
      "providers.p.client_key: would cross the network");
}

TEST_CASE("keys and credentials are printed without secrets and load again") {
  const Snapshot snapshot = read_good(file(
      "key_secret: canary-1\naccess: keys\nkeys: {full: {hash: " + kHash +
          ", models: [m, 'gpt-*'], rpm: 1, expires: 2030-01-31, labels: {team: 'a: b'}}}",
      ", api_key: canary-2, api_keys: [canary-3, {name: default2, api_key: canary-4, weight: 2}]",
      "[{provider: mock, priority: 1, weight: 3}, {provider: two, priority: 1}]"));
  const std::string printed = print_redacted(snapshot);
  CHECK(printed.find("canary") == std::string::npos);
  const Snapshot again = read_good(printed);
  CHECK(print_redacted(again) == printed);
  CHECK(again.keys[0].expires == 1896048000);
  CHECK(again.keys[0].labels[0].value == "a: b");
  CHECK(again.providers[0].credentials.size() == 3);
  CHECK(again.providers[0].credentials[2].weight == 2);
}

TEST_CASE(
    "a provider's HTTP is left to the server unless it is written otherwise, and fits its URL") {
  CHECK(read_good(file("")).providers[0].http == HttpVersion::automatic);
  CHECK(read_good(file("", ", http: 1.1")).providers[0].http == HttpVersion::http1);
  CHECK(read_good(file("", ", http: h2c")).providers[0].http == HttpVersion::h2c);
  check_fault(file("", ", http: 2"), "2 is HTTP/2 over TLS, and base_url has none");
  check_fault(file("", ", http: 3"), "is not one of auto, 1.1, 2, h2c");
}

TEST_CASE("spare connections are kept where a handshake would be waited for, or as it is written") {
  CHECK(read_good(file("")).providers[0].warm_min == 0);
  CHECK(read_good(file("", ", http: h2c")).providers[0].warm_min == 1);
  CHECK(read_good(file("", ", warm_min: 3")).providers[0].warm_min == 3);
  CHECK(read_good(file("", ", http: h2c, warm_min: 0")).providers[0].warm_min == 0);
  check_fault(file("", ", warm_min: 65"), "64");
}

TEST_CASE("whose answers are read to their end is known by the host, or as it is written") {
  const auto drains = [](const std::string& url, const std::string& more = "") {
    return read_good("providers: {p: {base_url: \"" + url + "\"" + more +
                     "}}\nroutes: [{model: \"*\", targets: [p]}]\n")
        .providers[0]
        .drains;
  };
  CHECK_FALSE(drains("https://api.openai.com/v1"));
  CHECK_FALSE(drains("http://127.0.0.1:8000/v1"));
  CHECK(drains("https://api.groq.com/openai/v1"));
  CHECK(drains("https://api.groq.com/openai/v1", ", on_disconnect: auto"));
  CHECK_FALSE(drains("https://api.groq.com/openai/v1", ", on_disconnect: cancel"));
  CHECK(drains("https://api.openai.com/v1", ", on_disconnect: drain"));
  check_fault(file("", ", on_disconnect: drian"), "did you mean \"drain\"?");
}

}  // namespace
}  // namespace headrace::config
