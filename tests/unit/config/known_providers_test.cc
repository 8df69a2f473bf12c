// Goal: what is known of providers is of one piece. Method: the table against the rules that it
// must keep, and against the places where names are used.
#include "config/known_providers.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "config/schema.h"

using namespace headrace::config;

TEST_CASE("names and variables of known providers are told apart") {
  std::set<std::string_view> names;
  std::set<std::string_view> variables;
  for (const KnownProvider& each : known_providers()) {
    CAPTURE(std::string(each.name));
    CHECK(names.insert(each.name).second);
    CHECK(variables.insert(each.key_variable).second);
    CHECK(each.base_url.starts_with("https://"));
    CHECK_FALSE(each.base_url.ends_with('/'));
    CHECK(each.models != "");
    CHECK(each.models.find("||") == std::string_view::npos);
  }
}

TEST_CASE("a known provider speaks a dialect that the configuration knows") {
  const Key* dialect = section("providers.NAME").find("dialect");
  REQUIRE(dialect != nullptr);
  for (const KnownProvider& each : known_providers()) {
    bool known = false;
    for (std::size_t i = 0; i < count_words(dialect->words); ++i) {
      known = known || word_at(dialect->words, i) == each.dialect;
    }
    CHECK_MESSAGE(known, std::string(each.name));
  }
}

TEST_CASE("a provider is known by its host, and by nothing like it") {
  const KnownProvider* found = known_provider_at("api.groq.com");
  REQUIRE(found != nullptr);
  CHECK(found->name == "groq");
  for (const char* host : {"", "groq.com", "api.groq.com.example", "eu.api.openai.com"}) {
    CHECK(known_provider_at(host) == nullptr);
  }
}

TEST_CASE("who goes on without its client is known by its host, in every region") {
  for (const char* host : {"generativelanguage.googleapis.com",
                           "aiplatform.googleapis.com",
                           "europe-west1-aiplatform.googleapis.com",
                           "aiplatform.eu.rep.googleapis.com",
                           "api.mistral.ai",
                           "api.groq.com",
                           "api.perplexity.ai",
                           "bedrock-runtime.us-east-1.amazonaws.com",
                           "bedrock-runtime-fips.us-east-1.amazonaws.com",
                           "bedrock-mantle.us-east-1.api.aws",
                           "vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"}) {
    CAPTURE(std::string(host));
    CHECK(ignores_cancel(host));
  }
  for (const char* host : {"",
                           "localhost",
                           "api.openai.com",
                           "api.anthropic.com",
                           "api.deepseek.com",
                           "api.x.ai",
                           "api.together.xyz",
                           "api.fireworks.ai",
                           "storage.googleapis.com",
                           "runtime.sagemaker.us-east-1.amazonaws.com",
                           "bedrock-runtime.us-east-1.amazonaws.com.example"}) {
    CAPTURE(std::string(host));
    CHECK_FALSE(ignores_cancel(host));
  }
}
