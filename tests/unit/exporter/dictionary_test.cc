// Goal: an id is read with the names of the configuration it was written under, and with nothing
// else.
#include "exporter/dictionary.h"

#include <doctest/doctest.h>

#include "base/limits.h"
#include "headrace/record.h"

using namespace headrace::exporter;

TEST_CASE("ids are positions in the snapshot, targets counted through all routes") {
  headrace::config::Snapshot snapshot;
  snapshot.epoch = 7;
  snapshot.providers.resize(2);
  snapshot.providers[0].name = "openai";
  snapshot.providers[1].name = "groq";
  snapshot.routes.resize(2);
  snapshot.routes[0].model = "gpt-*";
  snapshot.routes[0].targets.resize(2);
  snapshot.routes[0].targets[0].name = "openai/a";
  snapshot.routes[0].targets[1].name = "groq/b";
  snapshot.routes[1].model = "*";
  snapshot.routes[1].targets.resize(1);
  snapshot.routes[1].targets[0].name = "groq";
  const Dictionary dictionary = Dictionary::of(snapshot);
  CHECK(dictionary.epoch == 7);
  CHECK(dictionary.routes == std::vector<std::string>{"gpt-*", "*"});
  CHECK(dictionary.targets == std::vector<std::string>{"openai/a", "groq/b", "groq"});
  CHECK(dictionary.providers == std::vector<std::string>{"openai", "groq"});
}

TEST_CASE(
    "the same name is the same label in every epoch, and an id means what its own epoch says") {
  Names names;
  names.learn({.epoch = 1, .routes = {"a", "b"}, .targets = {"t"}, .providers = {}});
  names.learn({.epoch = 2, .routes = {"b"}, .targets = {"u", "t"}, .providers = {}});
  CHECK(names.text(names.route(1, 0)) == "a");
  CHECK(names.text(names.route(2, 0)) == "b");
  CHECK(names.route(1, 1) == names.route(2, 0));
  CHECK(names.target(1, 0) == names.target(2, 1));
}

TEST_CASE("ids without a name are none or unknown, never somebody else's") {
  Names names;
  names.learn({.epoch = 1, .routes = {"a"}, .targets = {"t"}, .providers = {}});
  CHECK(names.text(names.route(1, headrace::kNoShortId)) == "none");
  CHECK(names.text(names.target(1, headrace::kNoId)) == "none");
  CHECK(names.text(names.route(1, 1)) == "unknown");
  CHECK(names.text(names.route(2, 0)) == "unknown");
  CHECK(names.text(names.target(9, 0)) == "unknown");
}

TEST_CASE("keys have names of their epoch like everything else") {
  Names names;
  names.learn({.epoch = 1, .routes = {"a"}, .targets = {}, .providers = {}, .keys = {"k", "a"}});
  names.learn({.epoch = 2, .routes = {}, .targets = {}, .providers = {}, .keys = {"l", "k"}});
  CHECK(names.text(names.key(1, 0)) == "k");
  CHECK(names.text(names.key(2, 0)) == "l");
  CHECK(names.key(1, 0) == names.key(2, 1));
  CHECK(names.key(1, 1) == names.route(1, 0));
  CHECK(names.text(names.key(1, headrace::kNoId)) == "none");
  CHECK(names.text(names.key(1, 2)) == "unknown");
}

TEST_CASE("very many keys leave room for routes and targets") {
  constexpr std::size_t kKeys = headrace::base::limits::kMetricKeys;
  Names names;
  Dictionary many;
  many.epoch = 1;
  for (std::size_t i = 0; i < kKeys + 5; ++i) many.keys.push_back("k" + std::to_string(i));
  names.learn(many);
  CHECK(names.text(names.key(1, kKeys - 1)) == "k" + std::to_string(kKeys - 1));
  CHECK(names.text(names.key(1, kKeys)) == "other");
  CHECK(names.folded() == 5);
  names.learn({.epoch = 2, .routes = {"new"}, .targets = {}, .providers = {}, .keys = {"k0", "z"}});
  CHECK(names.text(names.route(2, 0)) == "new");
  CHECK(names.text(names.key(2, 0)) == "k0");
  CHECK(names.text(names.key(2, 1)) == "other");
}

TEST_CASE("a name that is one of our own words shares its label, and is no second one") {
  Names names;
  names.learn({.epoch = 1, .routes = {"none", "other"}, .targets = {"unknown"}, .providers = {}});
  CHECK(names.route(1, 0) == Names::kNone);
  CHECK(names.route(1, 1) == Names::kOther);
  CHECK(names.target(1, 0) == Names::kUnknown);
}

TEST_CASE("names and epochs are bounded") {
  Names names;
  Dictionary many;
  many.epoch = 1;
  for (std::size_t i = 0; i < Names::kMaxNames + 10; ++i) many.routes.push_back(std::to_string(i));
  names.learn(many);
  CHECK(names.count() == Names::kMaxNames);
  CHECK(names.folded() == 13);  // three labels are taken from the start
  CHECK(names.text(names.route(1, Names::kMaxNames)) == "other");
  CHECK(names.text(names.route(1, 0)) == "0");
  for (std::uint32_t epoch = 2; epoch < 2 + Names::kMaxEpochs; ++epoch) {
    names.learn({.epoch = epoch, .routes = {"0"}, .targets = {}, .providers = {}});
  }
  CHECK(names.text(names.route(1, 0)) == "unknown");
  CHECK(names.text(names.route(2, 0)) == "0");
}
