// Goal: a key that was made is admitted by the lines that were printed with it. Method: the lines
// are read as configuration.
#include "policy/new_key.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "config/load.h"
#include "policy/keys.h"

namespace headrace::policy {
namespace {

TEST_CASE("keys are well formed, of one length, and never the same") {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string key = new_key();
    CHECK(key.size() == 46);
    CHECK(key.starts_with("hr-"));
    CHECK(is_well_formed_key(key));
    CHECK(seen.insert(key).second);
  }
}

TEST_CASE("the printed lines admit the key, with a secret that was there or with a new one") {
  for (const std::string secret : {"", "theirs"}) {
    const std::string key = new_key();
    const std::string text = describe_new_key(key, "team", secret);
    CHECK((text.find("key_secret") == std::string::npos) == !secret.empty());
    std::string yaml = text.substr(text.find(secret.empty() ? "key_secret" : "keys:"));
    if (const auto note = yaml.find("  # "); note != std::string::npos) {
      yaml.erase(note, yaml.find('\n') - note);
    }
    CHECK(yaml.find(key) == std::string::npos);
    if (!secret.empty()) yaml += "key_secret: " + secret + "\n";
    const auto outcome = config::load_text(yaml +
                                               "providers: {p: {base_url: 'http://127.0.0.1:1'}}\n"
                                               "routes: [{model: '*', targets: [p]}]\n",
                                           {});
    REQUIRE_MESSAGE(outcome.ok(), config::format_faults(outcome));
    LimitRegistry registry;
    const KeyTable table(*outcome.snapshot, registry);
    const Key* found = table.find(key, 0);
    REQUIRE(found != nullptr);
    CHECK(found->name == "team");
  }
}

}  // namespace
}  // namespace headrace::policy
