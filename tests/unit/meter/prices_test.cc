// Goal: the exact price of an answer, found under every name that providers give a model. Method:
// worked cases against the table that is built in, by hand.
#include "meter/prices.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::meter {
namespace {

using api::InclusiveUsage;

const PriceTable& table() {
  static const PriceTable parsed = [] {
    std::string fault;
    auto made = PriceTable::parse(PriceTable::built_in(), fault);
    REQUIRE_MESSAGE(made.has_value(), fault);
    return std::move(*made);
  }();
  return parsed;
}

// 2026-11-20, so many minutes after midnight UTC.
std::uint64_t wall(unsigned minute) {
  return (20777ull * 24 * 60 + minute) * 60 * 1'000'000'000;
}

struct Case {
  const char* name;
  const char* provider;
  const char* model;
  InclusiveUsage usage;
  std::int64_t picodollars;
  std::uint16_t percent = 100;
  unsigned minute = 12 * 60;
};

const Case kCases[] = {
    {"plain", "openai", "gpt-5.1", {.prompt = 1000, .completion = 500}, 6'250'000'000},
    {"cached",
     "openai",
     "gpt-5.1",
     {.prompt = 10000, .cached = 8000, .completion = 500},
     8'500'000'000},
    {"long context tier",
     "openai",
     "gpt-5.6-terra",
     {.prompt = 300000, .cached = 100000, .completion = 1000},
     858'000'000'000},
    {"at the threshold",
     "openai",
     "gpt-5.6-terra",
     {.prompt = 272000, .completion = 1000},
     556'000'000'000},
    {"cache write",
     "openai",
     "gpt-5.6-terra",
     {.prompt = 5000, .write_5m = 4000, .completion = 10},
     12'120'000'000},
    {"flex", "openai", "gpt-5.1", {.prompt = 1000, .completion = 500}, 3'125'000'000, 50},
    {"anthropic 5m write",
     "anthropic",
     "claude-sonnet-4-5",
     {.prompt = 2112, .cached = 2000, .write_5m = 100, .completion = 88},
     2'331'000'000},
    {"anthropic 1h write",
     "anthropic",
     "claude-sonnet-4-5",
     {.prompt = 2112, .cached = 2000, .write_1h = 100, .completion = 88},
     2'556'000'000},
    {"gemini thoughts",
     "google",
     "gemini-2.5-flash",
     {.prompt = 90, .cached = 40, .completion = 81, .reasoning = 60},
     218'700'000},
    {"realtime",
     "openai",
     "gpt-realtime",
     {.prompt = 132, .cached = 64, .audio_in = 13, .completion = 121, .audio_out = 91},
     6'965'600'000},
    {"perplexity deep research",
     "perplexity",
     "sonar-deep-research",
     {.prompt = 100, .completion = 1000, .reasoning = 600},
     5'200'000'000},
    {"qwen thinking",
     "dashscope",
     "qwen-plus",
     {.prompt = 1000, .completion = 1000, .reasoning = 10},
     4'400'000'000},
    {"qwen no thinking",
     "dashscope",
     "qwen-plus",
     {.prompt = 1000, .completion = 1000},
     1'600'000'000},
    {"deepseek off-peak",
     "deepseek",
     "deepseek-v4-flash",
     {.prompt = 1000, .completion = 1000},
     880'000'000},
    {"deepseek peak",
     "deepseek",
     "deepseek-v4-flash",
     {.prompt = 1000, .completion = 1000},
     1'760'000'000,
     100,
     6 * 60 + 30},
    {"deepseek at the end of the peak",
     "deepseek",
     "deepseek-v4-flash",
     {.prompt = 1000, .completion = 1000},
     880'000'000,
     100,
     10 * 60},
    {"embedding", "openai", "text-embedding-3-small", {.prompt = 1234}, 24'680'000},
    {"a price for each request",
     "perplexity",
     "sonar",
     {.prompt = 100, .completion = 10},
     12'000'000'000 + 110'000'000},
    {"a fraction of a picodollar is not charged",
     "openai",
     "gpt-5-nano",
     {.prompt = 0, .cached = 1, .completion = 0},
     2'500,
     50},
};

std::string named(std::string_view provider, std::string_view model) {
  const Price price = table().find(provider, model);
  return price.found() ? std::string(table().name(price.row)) : "none";
}

}  // namespace

TEST_CASE("worked cases come to their exact price") {
  for (const Case& each : kCases) {
    CAPTURE(each.name);
    const Price price = table().find(each.provider, each.model);
    REQUIRE(price.found());
    CHECK(price.match == PriceMatch::exact);
    const auto cost =
        table().cost(price, each.usage.disjoint(), wall(each.minute), {.percent = each.percent});
    REQUIRE(cost.has_value());
    CHECK(*cost == each.picodollars);
  }
}

TEST_CASE("a change of price holds from its day on") {
  const Price price = table().find("google", "gemini-3.8-flash");
  REQUIRE(price.found());
  const auto usage = InclusiveUsage{.prompt = 1000, .completion = 1000}.disjoint();
  constexpr std::uint64_t kNewYear2027 = 1'798'761'600ull * 1'000'000'000;
  CHECK(table().cost(price, usage, kNewYear2027 - 1) == 4'500'000'000);
  CHECK(table().cost(price, usage, kNewYear2027) == 9'000'000'000);
}

TEST_CASE("a tier replaces also the price that stood in for a missing one") {
  // No discount for cached tokens is listed: they cost what input costs, below and above.
  const Price price = table().find("openai", "gpt-5.5-pro");
  const auto usage = InclusiveUsage{.prompt = 300000, .cached = 100000}.disjoint();
  CHECK(table().cost(price, usage, wall(0)) == 300'000ll * 60'000'000);
}

TEST_CASE("what nobody counted or priced has no cost, which is not a cost of nothing") {
  const Price embedding = table().find("openai", "text-embedding-3-small");
  CHECK_FALSE(table().cost(embedding, {}, wall(0)).has_value());
  const auto with_output = InclusiveUsage{.prompt = 1, .completion = 1}.disjoint();
  CHECK_FALSE(table().cost(embedding, with_output, wall(0)).has_value());
  const auto nothing = InclusiveUsage{.prompt = 0, .completion = 0}.disjoint();
  CHECK(table().cost(embedding, nothing, wall(0)) == 0);
  CHECK_FALSE(table().find("openai", "nobody-knows").found());
  CHECK_FALSE(table().find("nobody", "gpt-5.1").found());
  CHECK_FALSE(table().find("openai", "").found());
  CHECK_FALSE(PriceTable().find("openai", "gpt-5.1").found());
}

TEST_CASE("a sum beyond all bounds is the largest, not a small one") {
  const Price price = table().find("openai", "gpt-5.5-pro");
  api::Usage usage;
  for (std::size_t i = 0; i < kTokenClasses; ++i) {
    usage.set(static_cast<TokenClass>(i), UINT32_MAX);
  }
  CHECK(table().cost(price, usage, wall(0), {.percent = 10000}) == INT64_MAX);
}

TEST_CASE("a model is found by alias, without its date, in any region, by its longest prefix") {
  CHECK(named("openai", "gpt-4o-2024-08-06") == "openai/gpt-4o");
  CHECK(named("anthropic", "claude-sonnet-4-5-20250929") == "anthropic/claude-sonnet-4-5");
  CHECK(named("openai", "gpt-5.1-2031-01-02") == "openai/gpt-5.1");
  CHECK(named("google", "gemini-2.5-flash-001") == "google/gemini-2.5-flash");
  CHECK(named("anthropic", "claude-sonnet-4-5@20250929") == "anthropic/claude-sonnet-4-5");
  CHECK(table().find("openai", "gpt-5.1-2031-01-02").match == PriceMatch::undated);
  CHECK(named("openai", "gpt-4o-mini-of-tomorrow") == "openai/gpt-4o-mini");
  CHECK(table().find("openai", "gpt-4o-mini-of-tomorrow").match == PriceMatch::prefix);
}

TEST_CASE("a name that goes on with a version is another model") {
  CHECK(named("openai", "gpt-5-9") == "none");
  CHECK(named("openai", "gpt-5.1x") == "none");
}

TEST_CASE("a model without a published price does not take that of a shorter name") {
  CHECK(named("anthropic", "claude-sonnet-5") == "anthropic/claude-sonnet-5");
  CHECK(named("anthropic", "claude-sonnet-5-5") == "none");
  CHECK(named("anthropic", "claude-sonnet-5-5-20261101") == "none");
  CHECK(named("openai", "tts-1-hd") == "none");
}

TEST_CASE("a region of Bedrock costs a tenth more where a global profile is listed") {
  const std::string global = "bedrock/global.anthropic.claude-opus-5-5";
  CHECK(named("bedrock", "global.anthropic.claude-opus-5-5") == global);
  CHECK(named("bedrock", "eu.anthropic.claude-opus-5-5") == global);
  CHECK(named("bedrock", "anthropic.claude-opus-5-5") == global);
  CHECK(table().find("bedrock", "global.anthropic.claude-opus-5-5").percent == 100);
  CHECK(table().find("bedrock", "eu.anthropic.claude-opus-5-5").percent == 110);
  CHECK(table().find("bedrock", "anthropic.claude-opus-5-5").percent == 110);
  const Price old = table().find("bedrock", "us.amazon.nova-pro-v1:0");
  CHECK(old.match == PriceMatch::regional);
  CHECK(old.percent == 100);
  const auto usage = InclusiveUsage{.prompt = 1000}.disjoint();
  CHECK(table().cost(table().find("bedrock", "us.anthropic.claude-opus-5-5"), usage, wall(0)) ==
        4'400'000'000);
}

TEST_CASE(
    "the service tier that an answer reports changes its price, and says when that is a guess") {
  const Price plain = table().find("openai", "gpt-5.1");
  CHECK(table().service_tier(plain, "flex").percent == 50);
  CHECK(table().service_tier(plain, "priority").percent == 200);
  CHECK(table().service_tier(plain, "default").percent == 100);
  CHECK(table().service_tier(plain, "").certain);
  CHECK(table().service_tier(table().find("openai", "gpt-5.5"), "priority").percent == 250);
  const ServiceTier unknown = table().service_tier(plain, "of-tomorrow");
  CHECK(unknown.percent == 100);
  CHECK_FALSE(unknown.certain);
  CHECK_FALSE(table().service_tier(table().find("google", "gemini-2.5-pro"), "priority").certain);
  CHECK(table().service_tier(table().find("anthropic", "claude-opus-4-8"), "fast").percent == 200);
  CHECK_FALSE(table().service_tier(table().find("anthropic", "claude-sonnet-5"), "fast").certain);
}

TEST_CASE("the table knows its providers and its age") {
  CHECK(table().has_provider("openai"));
  CHECK_FALSE(table().has_provider("open"));
  CHECK(table().size() > 200);
  CHECK(table().as_of().size() == 10);
}

}  // namespace headrace::meter
