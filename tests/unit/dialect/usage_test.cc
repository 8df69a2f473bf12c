// Goal: usage is read from events that pass by, in disjoint classes, whatever the provider's way of
// counting, and nothing else is taken for usage. Method: events and answers as providers send them.
#include "dialect/usage.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace headrace::dialect {
namespace {

bool scan(ScanUsage how, const std::string& text, UsageScan& state) {
  const std::unique_ptr<char[]> scratch(new char[text.size()]);
  return how(text, scratch.get(), state);
}

api::Usage chat_usage(const std::string& usage) {
  UsageScan state;
  CHECK(scan(scan_chat_event, "data: {\"choices\":[],\"usage\":" + usage + "}\n\n", state));
  return state.usage;
}

TEST_CASE("parts that a provider counts within their wholes are taken out of them") {
  const api::Usage usage = chat_usage(
      R"({"prompt_tokens":100,"completion_tokens":40,"total_tokens":140,"prompt_tokens_details":{"cached_tokens":30,"audio_tokens":10},"completion_tokens_details":{"reasoning_tokens":12}})");
  CHECK(usage.of(TokenClass::input) == 60);
  CHECK(usage.of(TokenClass::cache_read) == 30);
  CHECK(usage.of(TokenClass::audio_in) == 10);
  CHECK(usage.of(TokenClass::output) == 28);
  CHECK(usage.of(TokenClass::reasoning) == 12);
  CHECK_FALSE(usage.has(TokenClass::image_in));
}

TEST_CASE("other names for the same counts are known") {
  CHECK(
      chat_usage(R"({"prompt_tokens":9,"prompt_cache_hit_tokens":4})").of(TokenClass::cache_read) ==
      4);
  CHECK(chat_usage(R"({"prompt_tokens":9,"cached_tokens":4})").of(TokenClass::input) == 5);
  CHECK(chat_usage(R"({"prompt_tokens":9,"num_cached_tokens":4})").of(TokenClass::input) == 5);
  CHECK(
      chat_usage(
          R"({"input_tokens":9,"output_tokens":4,"output_tokens_details":{"reasoning_tokens":1}})")
          .of(TokenClass::output) == 3);
  CHECK(chat_usage(R"({"completion_tokens":9,"reasoning_tokens":4})").of(TokenClass::output) == 5);
}

TEST_CASE("reasoning that is left out of the completion is added to what came out") {
  const api::Usage by_total = chat_usage(
      R"({"prompt_tokens":10,"completion_tokens":4,"total_tokens":34,"completion_tokens_details":{"reasoning_tokens":20}})");
  CHECK(by_total.total_out() == 24);
  CHECK(by_total.of(TokenClass::output) == 4);
  const api::Usage unsaid =
      chat_usage(R"({"prompt_tokens":10,"completion_tokens":4,"total_tokens":34})");
  CHECK(unsaid.of(TokenClass::reasoning) == 20);
  const api::Usage larger =
      chat_usage(R"({"completion_tokens":4,"completion_tokens_details":{"reasoning_tokens":20}})");
  CHECK(larger.total_out() == 24);
}

TEST_CASE("the last usage of a stream counts, and events without one change nothing") {
  UsageScan state;
  CHECK_FALSE(scan(scan_chat_event, "data: {\"choices\":[{}],\"usage\":null}\n\n", state));
  CHECK_FALSE(scan(scan_chat_event, "data: [DONE]\n\n", state));
  CHECK_FALSE(scan(scan_chat_event, "data: {\"a\":\"\\\"usage\\\":{\"}\n\n", state));
  CHECK(state.usage.empty());
  CHECK(scan(scan_chat_event, "data: {\"usage\":{\"completion_tokens\":1}}\n\n", state));
  CHECK(scan(scan_chat_event, "data: {\"usage\" : {\"completion_tokens\":2}}\n\n", state));
  CHECK(state.usage.of(TokenClass::output) == 2);
  CHECK(scan(scan_chat_event,
             "data: {\"usage\":null,\"x_groq\":{\"usage\":{\"prompt_tokens\":7}}}\n\n",
             state));
  CHECK(state.usage.of(TokenClass::input) == 7);
}

TEST_CASE("what Anthropic reports in pieces is put together, the last word on each count wins") {
  UsageScan state;
  CHECK(scan(
      scan_message_event,
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{"
      "\"input_tokens\":12,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":2000,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":40,\"ephemeral_1h_input_tokens\":60},"
      "\"output_tokens\":1}}}\n\n",
      state));
  CHECK(state.usage.of(TokenClass::output) == 1);
  CHECK(scan(scan_message_event,
             "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":null,"
             "\"output_tokens\":88,\"output_tokens_details\":{\"thinking_tokens\":20}}}\n\n",
             state));
  CHECK(state.usage.of(TokenClass::input) == 12);
  CHECK(state.usage.of(TokenClass::cache_read) == 2000);
  CHECK(state.usage.of(TokenClass::cache_write_5m) == 40);
  CHECK(state.usage.of(TokenClass::cache_write_1h) == 60);
  CHECK(state.usage.of(TokenClass::output) == 68);
  CHECK(state.usage.of(TokenClass::reasoning) == 20);
}

TEST_CASE("a response's usage is read from the events that report the whole response") {
  UsageScan state;
  CHECK_FALSE(scan(scan_response_event,
                   "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{"
                   "\"id\":\"r\",\"usage\":null}}\n\n",
                   state));
  CHECK_FALSE(scan(scan_response_event,
                   "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n",
                   state));
  CHECK_FALSE(scan(scan_response_event, "data: {\"usage\":{\"input_tokens\":1}}\n\n", state));
  CHECK(state.usage.empty());
  for (const std::string type : {"completed", "incomplete", "failed"}) {
    UsageScan seen;
    CHECK(scan(scan_response_event,
               "event: response." + type + "\ndata: {\"type\":\"response." + type +
                   "\",\"sequence_number\":9,\"response\":{\"output\":[{\"usage\":{}}],\"usage\":{"
                   "\"input_tokens\":37,\"input_tokens_details\":{\"cached_tokens\":30},"
                   "\"output_tokens\":11,\"output_tokens_details\":{\"reasoning_tokens\":4},"
                   "\"total_tokens\":48}}}\n\n",
               seen));
    CHECK(seen.usage.of(TokenClass::input) == 7);
    CHECK(seen.usage.of(TokenClass::cache_read) == 30);
    CHECK(seen.usage.of(TokenClass::output) == 7);
    CHECK(seen.usage.of(TokenClass::reasoning) == 4);
  }
}

TEST_CASE("a plain response has its usage at the top") {
  UsageScan state;
  CHECK(scan(scan_response_answer,
             R"({"id":"r","output":[],"usage":{"input_tokens":3,"output_tokens":2}})",
             state));
  CHECK(state.usage.of(TokenClass::input) == 3);
  CHECK(state.usage.of(TokenClass::output) == 2);
  CHECK_FALSE(state.usage.has(TokenClass::cache_read));
  CHECK_FALSE(scan(scan_response_answer, R"({"usage":null})", state));
  CHECK_FALSE(scan(scan_response_answer, R"({"response":{"usage":{"input_tokens":1}}})", state));
}

TEST_CASE("usage is suspected wherever an object of that name stands, and not in what is said") {
  for (std::size_t size = 0; size < 70; ++size) {
    CAPTURE(size);
    const std::string padding(size, 'u');
    CHECK(may_carry_usage(padding + "\"usage\":{"));
    CHECK(may_carry_usage("\"usage\" : {" + padding));
    CHECK(may_carry_usage("\"usage\":null,\"usage\"\n:\t{" + padding));
    CHECK_FALSE(may_carry_usage(padding + "\"usage\":null" + padding));
    CHECK_FALSE(may_carry_usage(padding + "\"usage\""));
    CHECK_FALSE(may_carry_usage(padding + "\"usage\":"));
    CHECK_FALSE(may_carry_usage(padding + "\\\"usage\\\":{"));
    CHECK_FALSE(may_carry_usage(padding));
  }
}

TEST_CASE("the service tier is read where each provider says it") {
  const auto tier_of = [](ScanUsage how, const std::string& text) {
    UsageScan state;
    CHECK(scan(how, text, state));
    return std::string(state.usage.tier());
  };
  CHECK(tier_of(scan_chat_event,
                "data: {\"service_tier\":\"flex\",\"usage\":{\"prompt_tokens\":1}}\n\n") == "flex");
  CHECK(tier_of(
            scan_response_event,
            "data: "
            "{\"response\":{\"service_tier\":\"priority\",\"usage\":{\"input_tokens\":1}}}\n\n") ==
        "priority");
  CHECK(tier_of(scan_message_answer, R"({"usage":{"input_tokens":1,"service_tier":"batch"}})") ==
        "batch");
  CHECK(tier_of(scan_message_answer,
                R"({"usage":{"input_tokens":1,"service_tier":"standard","speed":"fast"}})") ==
        "fast");
  CHECK(tier_of(scan_chat_event,
                "data: {\"service_tier\":\"a name that is no tier of "
                "any\",\"usage\":{\"prompt_tokens\":1}}\n\n")
            .empty());
  UsageScan state;  // the last event of a stream need not repeat it
  scan(scan_message_event,
       "data: {\"message\":{\"usage\":{\"input_tokens\":1,\"service_tier\":\"batch\"}}}\n\n",
       state);
  scan(scan_message_event, "data: {\"usage\":{\"output_tokens\":2}}\n\n", state);
  CHECK(state.usage.tier() == "batch");
  CHECK(state.usage.of(TokenClass::output) == 2);
}

TEST_CASE("a cost that the provider reports stands beside its counts") {
  const api::Usage usage = chat_usage(R"({"prompt_tokens":9,"cost":0.002})");
  CHECK(usage.reported_cost == 2'000'000'000);
  CHECK(chat_usage(R"({"prompt_tokens":9})").reported_cost == kNoCost);
}

TEST_CASE("absent differs from 0") {
  UsageScan state;
  CHECK(scan(scan_message_answer, R"({"usage":{"input_tokens":0}})", state));
  CHECK(state.usage.has(TokenClass::input));
  CHECK_FALSE(state.usage.has(TokenClass::cache_read));
  CHECK_FALSE(state.usage.has(TokenClass::output));
}

TEST_CASE("usage that is not what it should be is left alone") {
  UsageScan state;
  CHECK_FALSE(scan(scan_chat_answer, "{\"usage\":[1]}", state));
  CHECK_FALSE(scan(scan_chat_answer, "{\"usage\":{\"prompt_tokens\":", state));
  CHECK_FALSE(scan(scan_chat_answer, "", state));
  CHECK(chat_usage(R"({"prompt_tokens":"many","completion_tokens":-1})").empty());
  CHECK(chat_usage(R"({"prompt_tokens":99999999999999})").of(TokenClass::input) == kNoTokens - 1);
}

}  // namespace
}  // namespace headrace::dialect
