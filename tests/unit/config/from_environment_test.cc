// Goal: with keys in the environment and no file, the providers they belong to are served, each
// with its models, and no key shows. Method: environments in, configurations out.
#include "config/from_environment.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "config/load.h"
#include "config/print.h"
#include "route/router.h"

namespace headrace::config {
namespace {

constexpr const char* kLocal = "http://127.0.0.1:1/v1";

LoadOutcome load_found(const Environment& environment) {
  return load_text(find_providers(environment).text, environment);
}

// TLS is not of interest here: every URL of the text becomes one on this host.
Snapshot read_good(const Environment& environment) {
  std::string text = find_providers(environment).text;
  for (std::size_t at = 0; (at = text.find("https://")) != std::string::npos;) {
    text.replace(at, text.find('/', at + 8) - at, "http://127.0.0.1:1");
  }
  LoadOutcome outcome = load_text(text, environment);
  CAPTURE(text);
  REQUIRE_MESSAGE(outcome.ok(), format_faults(outcome));
  return std::move(*outcome.snapshot);
}

std::string provider_for(const Snapshot& snapshot, const char* model) {
  const Route* route = route::pick_route(snapshot, model);
  return route == nullptr ? "" : snapshot.providers[route->targets.at(0).provider].name;
}

}  // namespace

TEST_CASE("without a key, or with an empty one, nothing is found") {
  CHECK(find_providers({}).text.empty());
  CHECK(find_providers(Environment{{{"OPENAI_API_KEY", ""}}}).text.empty());
  CHECK(find_providers(Environment{{{"OPENAI_BASE_URL", kLocal}}}).names.empty());
}

TEST_CASE("the only provider that is found gets every model") {
  const Snapshot snapshot =
      read_good(Environment{{{"OPENAI_API_KEY", "sk-1"}, {"OPENAI_BASE_URL", kLocal}}});
  REQUIRE(snapshot.providers.size() == 1);
  CHECK(snapshot.providers[0].base_url == kLocal);
  CHECK(snapshot.providers[0].api_key == "sk-1");
  CHECK(provider_for(snapshot, "any/thing") == "openai");
  const Snapshot other = read_good(Environment{{{"GROQ_API_KEY", "g"}}});
  CHECK(provider_for(other, "gpt-4o") == "groq");
  CHECK(other.providers[0].base_path == "/openai/v1");
}

TEST_CASE("each model goes to the provider that it is known to be of") {
  const Snapshot snapshot = read_good(Environment{{{"OPENAI_API_KEY", "o"},
                                                   {"ANTHROPIC_API_KEY", "a"},
                                                   {"GROQ_API_KEY", "g"},
                                                   {"CEREBRAS_API_KEY", "c"},
                                                   {"DASHSCOPE_API_KEY", "d"},
                                                   {"OPENROUTER_API_KEY", "r"}}});
  CHECK(provider_for(snapshot, "gpt-4o") == "openai");
  CHECK(provider_for(snapshot, "o3-mini") == "openai");
  CHECK(provider_for(snapshot, "claude-sonnet-4-5") == "anthropic");
  CHECK(provider_for(snapshot, "llama-3.1-8b-instant") == "groq");
  CHECK(provider_for(snapshot, "openai/gpt-oss-120b") == "groq");
  CHECK(provider_for(snapshot, "gpt-oss-120b") == "cerebras");
  CHECK(provider_for(snapshot, "qwen/qwen3-32b") == "groq");
  CHECK(provider_for(snapshot, "qwen3-max") == "dashscope");
  CHECK(provider_for(snapshot, "some/model") == "openrouter");
  CHECK(provider_for(snapshot, "something") == "openai");
}

TEST_CASE("what is nobody's by name is served by nobody where several could be meant") {
  const Snapshot snapshot =
      read_good(Environment{{{"GROQ_API_KEY", "g"}, {"MISTRAL_API_KEY", "m"}}});
  CHECK(provider_for(snapshot, "mistral-large-2512") == "mistral");
  CHECK(provider_for(snapshot, "something").empty());
}

TEST_CASE("ANTHROPIC_BASE_URL may leave out the version, as Anthropic's libraries do") {
  for (const char* url : {"http://127.0.0.1:1",
                          "http://127.0.0.1:1/",
                          "http://127.0.0.1:1/v1",
                          "http://127.0.0.1:1/v1/"}) {
    const Snapshot snapshot =
        read_good(Environment{{{"ANTHROPIC_API_KEY", "a"}, {"ANTHROPIC_BASE_URL", url}}});
    CHECK(snapshot.providers[0].base_path == "/v1");
    CHECK(snapshot.providers[0].dialect == "anthropic");
  }
}

TEST_CASE("a found provider meets the checks of any other, and no key shows") {
  constexpr const char* kKey = "sk-canary";
  const auto check = [&](const char* url, const char* part) {
    const Environment environment{{{"OPENAI_API_KEY", kKey}, {"OPENAI_BASE_URL", url}}};
    const std::string said = format_faults(load_found(environment));
    CHECK_MESSAGE(said.find(part) != std::string::npos, said);
    CHECK(said.find(kKey) == std::string::npos);
    CHECK(find_providers(environment).text.find(kKey) == std::string::npos);
    CHECK(find_providers(environment).names == "openai (OPENAI_API_KEY)");
  };
  check("http://10.1.2.3/v1", "providers.openai.api_key: would cross the network");
  check("far.example", "must begin with https://, http:// or http+unix://");
  const Environment blank{{{"OPENAI_API_KEY", "sk canary"}, {"OPENAI_BASE_URL", kLocal}}};
  const std::string said = format_faults(load_found(blank));
  CHECK(said.find("visible ASCII") != std::string::npos);
  CHECK(said.find("canary") == std::string::npos);
}

TEST_CASE("the reference lists every variable") {
  CHECK(docs_markdown().find(known_variables_markdown()) != std::string::npos);
  CHECK(known_variables_markdown().find("`CEREBRAS_API_KEY`") != std::string::npos);
}

}  // namespace headrace::config
