// Goal: a value reaches its field only inside its bounds, and a refusal says what to write instead.
#include "config/value.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace headrace::config {
namespace {

struct Fields {
  Snapshot snapshot;
  Listen listen;
  Provider provider;
  Route route;
  Target target;
  std::string target_provider;

  std::string set(std::string_view path, std::string_view name, const std::string& text) {
    Place at{&snapshot, &listen, &provider, &route, &target, &target_provider};
    return assign(*section(path).find(name), text, at);
  }
};

TEST_CASE("a value inside its bounds is stored") {
  Fields fields;
  CHECK(fields.set("", "workers", "3") == "");
  CHECK(fields.snapshot.workers == 3);
  CHECK(fields.set("", "workers", "auto") == "");
  CHECK(fields.snapshot.workers == 0);
  CHECK(fields.set("limits", "body", "1MiB") == "");
  CHECK(fields.snapshot.limits.body_bytes == 1u << 20);
  CHECK(fields.set("", "drain_timeout", "0s") == "");
  CHECK(fields.snapshot.drain_timeout == 0);
  CHECK(fields.set("listen[]", "mode", "0600") == "");
  CHECK(fields.listen.mode == 0600);
  CHECK(fields.set("io", "tiny", "true") == "");
  CHECK(fields.snapshot.io.tiny);
  CHECK(fields.set("io", "compat", "6.1") == "");
  CHECK(fields.snapshot.io.compat == "6.1");
}

TEST_CASE("a value outside its bounds is refused with both ends, and the field stays") {
  Fields fields;
  CHECK(fields.set("", "workers", "257") == "is out of bounds; the least is 1, the most 256");
  CHECK(fields.set("", "workers", "0") == "is out of bounds; the least is 1, the most 256");
  CHECK(fields.set("", "workers", "-1") == "is not a whole number nor \"auto\"");
  CHECK(fields.set("limits", "body", "2GiB") ==
        "is out of bounds; the least is 1KiB, the most 1GiB");
  CHECK(fields.set("routes[]", "connect_timeout", "0s") ==
        "is out of bounds; the least is 1ms, the most 5m");
  CHECK(fields.set("io", "compat", "5.10") == "is not one of 6.1");
  CHECK(fields.set("io", "tiny", "yes") == "is neither true nor false");
  CHECK(fields.snapshot.workers == 0);
  CHECK(fields.snapshot.limits.body_bytes == Limits{}.body_bytes);
}

TEST_CASE("an address is stored in one spelling") {
  Fields fields;
  CHECK(fields.set("", "admin", "localhost:9090") == "");
  CHECK(fields.snapshot.admin == "127.0.0.1:9090");
  CHECK(fields.set("", "admin", "[0:0:0::1]:9090") == "");
  CHECK(fields.snapshot.admin == "[::1]:9090");
  CHECK(fields.set("", "admin", "off") == "");
  CHECK(fields.snapshot.admin.empty());
  CHECK(fields.set("listen[]", "address", "off") != "");
}

TEST_CASE("an API key must fit a header field, and its refusal does not repeat it") {
  Fields fields;
  CHECK(fields.set("providers.NAME", "api_key", "sk-good") == "");
  for (const auto* bad : {"sk canary", "sk-canary\r\nx: y", "sk-canary\n", "caf\xc3\xa9-canary"}) {
    const std::string fault = fields.set("providers.NAME", "api_key", bad);
    CHECK(fault != "");
    CHECK(fault.find("canary") == std::string::npos);
  }
  CHECK(fields.set("providers.NAME", "api_key", std::string(5000, 'k')) != "");
  CHECK(fields.provider.api_key == "sk-good");
}

TEST_CASE("a model is bounded text without control characters, and a route must have one") {
  Fields fields;
  CHECK(fields.set("routes[]", "model", "gpt-*") == "");
  CHECK(fields.set("routes[]", "model", "") != "");
  CHECK(fields.set("routes[].targets[]", "model", "") == "");
  CHECK(fields.set("routes[]", "model", std::string(128, 'm')) == "");
  CHECK(fields.set("routes[]", "model", std::string(129, 'm')) != "");
  CHECK(fields.set("routes[]", "model", "a\nb") != "");
}

TEST_CASE("a base URL fills the fields that a connection needs") {
  Fields fields;
  CHECK(fields.set("providers.NAME", "base_url", "http://10.0.0.1:8000/v1/") == "");
  CHECK(fields.provider.host == "10.0.0.1");
  CHECK(fields.provider.base_path == "/v1");
  CHECK(fields.provider.base_url == "http://10.0.0.1:8000/v1/");
}

}  // namespace
}  // namespace headrace::config
