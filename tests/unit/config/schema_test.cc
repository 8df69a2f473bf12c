// Goal: the table is consistent with the types it fills, so that reading and printing cannot
// disagree.
#include "config/schema.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "config/value.h"

namespace headrace::config {
namespace {

struct Everything {
  Snapshot snapshot;
  Listen listen;
  Provider provider;
  Route route;
  Target target;
  std::string target_provider;
  Credential credential;
  ClientKey key;
  Place place{&snapshot, &listen, &provider, &route, &target, &target_provider, &credential, &key};
};

TEST_CASE("no section has a key twice, and every key is explained") {
  for (const auto& each : sections()) {
    std::set<std::string_view> names;
    for (const auto& key : each.keys) {
      CHECK_MESSAGE(names.insert(key.name).second, key.name);
      CHECK_MESSAGE(key.help.ends_with('.'), key.name);
      CHECK(each.find(key.name) == &key);
    }
    CHECK(&section(each.path) == &each);
  }
  CHECK(section("io").find("nothing") == nullptr);
}

TEST_CASE("every default is a value that the key itself accepts, and comes back unchanged") {
  for (const auto& each : sections()) {
    for (const auto& key : each.keys) {
      if (key.slot == nullptr || key.required) continue;
      Everything all;
      const std::string value = show(key, key.slot(all.place));
      CHECK_MESSAGE(assign(key, value, all.place) == "", key.name);
      CHECK_MESSAGE(show(key, key.slot(all.place)) == value, key.name);
    }
  }
}

TEST_CASE("every word of a choice is accepted and shown again") {
  for (const auto& each : sections()) {
    for (const auto& key : each.keys) {
      if (key.kind != Kind::choice) continue;
      for (std::size_t i = 0; i < count_words(key.words); ++i) {
        Everything all;
        const std::string word(word_at(key.words, i));
        CHECK(assign(key, word, all.place) == "");
        CHECK(show(key, key.slot(all.place)) == word);
      }
    }
  }
}

TEST_CASE("words stand for the enumeration's values in its order") {
  Everything all;
  const auto set = [&](std::string_view path, std::string_view name, const char* word) {
    REQUIRE(assign(*section(path).find(name), word, all.place) == "");
  };
  set("io", "backend", "io_uring");
  CHECK(all.snapshot.io.backend == Backend::io_uring);
  set("io", "backend", "epoll");
  CHECK(all.snapshot.io.backend == Backend::epoll);
  set("", "busy", "always");
  CHECK(all.snapshot.busy == Busy::always);
  set("", "busy", "off");
  CHECK(all.snapshot.busy == Busy::off);
  set("", "pin", "true");
  CHECK(all.snapshot.pin == Pin::on);
  set("", "pin", "false");
  CHECK(all.snapshot.pin == Pin::off);
  set("listen[]", "half_close", "ignore");
  CHECK(all.listen.half_close == HalfClose::ignore);
}

TEST_CASE("lists of words are taken apart") {
  CHECK(count_words("") == 0);
  CHECK(count_words("a") == 1);
  CHECK(count_words("a|bc|d") == 3);
  CHECK(word_at("a|bc|d", 1) == "bc");
  CHECK(list_words("a|bc|d") == "a, bc, d");
}

TEST_CASE("a secret is never shown, only that there is one") {
  Everything all;
  const Key& key = *section("providers.NAME").find("api_key");
  CHECK(show(key, key.slot(all.place)) == "");
  all.provider.api_key = "sk-canary";
  CHECK(show(key, key.slot(all.place)) == "***");
}

TEST_CASE("a misspelling finds its word, and a stranger finds none") {
  const std::vector<std::string_view> words{"listen", "admin", "drain_timeout", "io_uring"};
  CHECK(did_you_mean("lisen", words) == "; did you mean \"listen\"?");
  CHECK(did_you_mean("LISTEN", words) == "; did you mean \"listen\"?");
  CHECK(did_you_mean("lsiten", words) == "; did you mean \"listen\"?");
  CHECK(did_you_mean("drain-timeout", words) == "; did you mean \"drain_timeout\"?");
  CHECK(did_you_mean("uring", words) == "; did you mean \"io_uring\"?");
  CHECK(did_you_mean("frobnicate", words) == "");
  CHECK(did_you_mean("", words) == "");
  CHECK(did_you_mean(std::string(100'000, 'x'), words) == "");
}

TEST_CASE("a key's variable is its path in capitals") {
  CHECK(variable_name("listen") == "HEADRACE_LISTEN");
  CHECK(variable_name("io.backend") == "HEADRACE_IO_BACKEND");
  CHECK(variable_name("providers.my-lab2.api_key") == "HEADRACE_PROVIDERS_MY_LAB2_API_KEY");
}

}  // namespace
}  // namespace headrace::config
