// Goal: a key is found by its keyed hash or not at all, and whatever is wrong with one looks the
// same. Method: the vectors of RFC 4231, heads in every accepted form, tables of many keys.
#include "policy/keys.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace headrace::policy {
namespace {

const std::string kGood = "hr-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

std::string mac(const std::string& secret, const std::string& text) {
  return to_hex(KeyHash(secret)(text));
}

config::ClientKey key_of(const std::string& name, const std::string& key) {
  config::ClientKey from;
  from.name = name;
  from.hash = mac("secret", key);
  return from;
}

config::Snapshot with_keys(std::vector<config::ClientKey> keys) {
  config::Snapshot snapshot;
  snapshot.key_secret = "secret";
  snapshot.keys = std::move(keys);
  return snapshot;
}

struct Found {
  std::string key;
  bool conflicting = false;
};

// What a head of these lines presents.
Found found_in(std::initializer_list<std::pair<const char*, std::string>> lines) {
  std::string text;
  http::Fields fields;
  for (const auto& [name, value] : lines) {
    http::FieldSpan span;
    span.name_begin = static_cast<std::uint16_t>(text.size());
    text += name;
    span.name_size = static_cast<std::uint16_t>(text.size() - span.name_begin);
    span.value_begin = static_cast<std::uint16_t>(text.size());
    span.value_size = static_cast<std::uint16_t>(value.size());
    text += value;
    fields.add(span);
  }
  const PresentedKey presented = present_key(fields, text);
  return {std::string(presented.key), presented.conflicting};
}

TEST_CASE("the hash is HMAC-SHA256, as RFC 4231 has it") {
  CHECK(mac(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(mac("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(mac(std::string(20, '\xaa'), std::string(50, '\xdd')) ==
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK(mac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("a key's form is checked before anything else") {
  CHECK(is_well_formed_key(kGood));
  CHECK(is_well_formed_key(std::string(16, 'a')));
  CHECK(is_well_formed_key(std::string(256, '_')));
  CHECK_FALSE(is_well_formed_key(""));
  CHECK_FALSE(is_well_formed_key(std::string(15, 'a')));
  CHECK_FALSE(is_well_formed_key(std::string(257, 'a')));
  for (const char bad : {' ', '.', '\0', '\n', '"', '+', '/', '=', '\x7f', '\x80'}) {
    CHECK_FALSE(is_well_formed_key(kGood + bad));
  }
}

TEST_CASE("a key comes in any of four fields") {
  CHECK(found_in({{"Authorization", "Bearer " + kGood}}).key == kGood);
  CHECK(found_in({{"authorization", "BEARER  " + kGood + " "}}).key == kGood);
  CHECK(found_in({{"X-Api-Key", kGood}}).key == kGood);
  CHECK(found_in({{"api-key", kGood}}).key == kGood);
  CHECK(found_in({{"x-goog-api-key", kGood}}).key == kGood);
  CHECK(found_in({{"host", "x"}}).key.empty());
  CHECK_FALSE(found_in({{"host", "x"}}).conflicting);
}

TEST_CASE("the same key twice is one key; two different ones, or a strange scheme, are none") {
  CHECK_FALSE(found_in({{"x-api-key", kGood}, {"Authorization", "Bearer " + kGood}}).conflicting);
  CHECK(found_in({{"x-api-key", kGood}, {"Authorization", "Bearer other"}}).conflicting);
  CHECK(found_in({{"x-api-key", kGood}, {"x-api-key", kGood + "x"}}).conflicting);
  CHECK(found_in({{"Authorization", "Basic " + kGood}, {"x-api-key", kGood}}).conflicting);
  CHECK(found_in({{"x-api-key", kGood}, {"api-key", ""}}).conflicting);
  CHECK(found_in({{"Authorization", "Bearer"}}).conflicting);
  CHECK(found_in({{"Authorization", kGood}}).conflicting);
}

TEST_CASE("only the very key is found, among many") {
  std::vector<config::ClientKey> keys;
  for (int i = 0; i < 1000; ++i) {
    keys.push_back(key_of("k" + std::to_string(i), kGood + std::to_string(i)));
  }
  LimitRegistry registry;
  const KeyTable table(with_keys(keys), registry);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const Key* key = table.find(kGood + std::to_string(i), 0);
    REQUIRE(key != nullptr);
    CHECK(key->index == i);
    CHECK(key->limits == &registry.of("k" + std::to_string(i)));
  }
  CHECK(table.find(kGood, 0) == nullptr);
  CHECK(table.find(kGood + "1000", 0) == nullptr);
  CHECK(table.find(keys[0].hash, 0) == nullptr);  // the hash opens nothing
}

TEST_CASE("a disabled, expired, malformed or missing key is as good as unknown") {
  config::ClientKey disabled = key_of("disabled", kGood + "1");
  disabled.disabled = true;
  config::ClientKey expired = key_of("expired", kGood + "2");
  expired.expires = 1000;
  // Even a hash that somebody made of a malformed key admits nothing.
  const config::ClientKey malformed = key_of("malformed", "short");
  const config::ClientKey nothing = key_of("nothing", std::string(16, '\0'));
  LimitRegistry registry;
  const KeyTable table(with_keys({disabled, expired, malformed, nothing}), registry);
  CHECK(table.find(kGood + "1", 0) == nullptr);
  CHECK(table.find(kGood + "2", 999) != nullptr);
  CHECK(table.find(kGood + "2", 1000) == nullptr);
  CHECK(table.find("short", 0) == nullptr);
  CHECK(table.find("", 0) == nullptr);
  CHECK(table.find(std::string(100000, 'a'), 0) == nullptr);
  const KeyTable none(with_keys({}), registry);
  CHECK(none.empty());
  CHECK(none.find(kGood, 0) == nullptr);
}

TEST_CASE("a key may use the models that it names, or all") {
  Key key;
  CHECK(key.may_use("anything"));
  key.models = {"gpt-4", "claude-*"};
  CHECK(key.may_use("gpt-4"));
  CHECK(key.may_use("claude-x"));
  CHECK_FALSE(key.may_use("gpt-4o"));
  CHECK_FALSE(key.may_use(""));
}

}  // namespace
}  // namespace headrace::policy
