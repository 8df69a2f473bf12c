// Goal: a line says what the record says, in valid JSON whatever bytes came from outside, and
// nothing about what is absent. Method: whole lines by hand, and every line through the scanner.
#include "exporter/entry_json.h"

#include <doctest/doctest.h>

#include "json/scan.h"
#include "records.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::attempt;
using exporter_test::numbered;
using exporter_test::request;

namespace {

const Dictionary kNames{.epoch = 1,
                        .routes = {"gpt-*"},
                        .targets = {"openai/gpt-5.1"},
                        .providers = {"openai"},
                        .keys = {"alice"},
                        .prices = {"openai/gpt-5.1"}};

bool is_json(std::string_view line) {
  return line.ends_with('\n') && json::validate(line).ok() && line.find('\n') == line.size() - 1;
}

}  // namespace

TEST_CASE("a refused request is a short line") {
  Record refused = numbered(request(1), 12);
  refused.route = kNoShortId;
  refused.status = 404;
  refused.error = 13;
  refused.attempts = 0;
  const Entry entry{.ring = 0xabc, .request = Part{refused, {}}, .attempts = {}, .names = nullptr};
  CHECK(line_of(entry) ==
        R"({"kind":"request","ring":"0000000000000abc","worker":0,"sequence":12,)"
        R"("time":"2026-11-20T13:06:40.123456789Z",)"
        R"("request_id":"00000000-0000-0000-0100-000000000000","outcome":"rejected","status":404,)"
        R"("error":"model_not_found","blame":"client","events":0,"bytes_in":0,"bytes_out":0,)"
        R"("ns":{"settled":1000000},"attempts_made":0,"attempts":[]})"
        "\n");
}

TEST_CASE("a full entry names everything and leaves out what is absent") {
  Record record = numbered(request(1), 3);
  record.key = 0;
  record.target = 0;
  record.provider = 0;
  record.price_row = 0;
  record.cost_picodollars = 6'250'000'000;
  record.tokens[0] = 1000;
  record.tokens[7] = 0;
  record.flags = record_flag::kStreamed | record_flag::kCostReported | record_flag::kDrained;
  record.overhead_ns = 5;
  const Part part{record, telemetry::text_slot(record, "gpt-\"5\n\xff", "req_1")};
  const Part tried{numbered(attempt(1), 2), {}};
  const std::string line =
      line_of({.ring = 1, .request = part, .attempts = {tried}, .names = &kNames});
  CHECK(is_json(line));
  for (const char* expected :
       {R"("key":"alice")",
        R"("route":"gpt-*")",
        R"("model":"gpt-\"5\n)",
        R"("target":"openai/gpt-5.1","provider":"openai")",
        R"("provider_request_id":"req_1")",
        R"("flags":["streamed","cost_reported","drained"])",
        R"("tokens":{"input":1000,"output":0})",
        R"("price":"openai/gpt-5.1","cost_picodollars":6250000000)",
        R"("overhead":5)",
        R"("attempts":[{"sequence":2,"attempt":0,"target":"openai/gpt-5.1")"}) {
    CAPTURE(expected);
    CHECK(line.find(expected) != std::string::npos);
  }
  CHECK(exporter_test::count_of(line, "cost_picodollars") == 1);  // the attempt's is unknown
  CHECK(line.find("cancel") == std::string::npos);
}

TEST_CASE("the only attempt of a request says only what the request does not") {
  Record record = numbered(request(1), 3);
  Record tried = numbered(attempt(1), 2);
  record.attempts = 1;
  for (Record* each : {&record, &tried}) {
    each->target = 0;
    each->provider = 0;
    each->price_row = 0;
    each->upstream_status = 200;
    each->cost_picodollars = 7;
    each->tokens[0] = 10;
    each->events = 4;
    each->bytes_out = 300;
    each->settled_ns = 500;
    each->upstream_wait_ns = 400;
  }
  tried.flags = record_flag::kWon;
  const auto text_of = [&](const Record& of_attempt) {
    const std::string line = line_of({.ring = 1,
                                      .request = Part{record, {}},
                                      .attempts = {Part{of_attempt, {}}},
                                      .names = &kNames});
    CHECK(is_json(line));
    return line.substr(line.find(R"("attempts":)"));
  };
  CHECK(text_of(tried) == "\"attempts\":[{\"sequence\":2,\"attempt\":0,\"flags\":[\"won\"]}]}\n");
  SUBCASE("unless it went another way than the request") {
    const auto differs = [&](auto change) {
      Record other = tried;
      change(other);
      return text_of(other).find(R"("ns":{)") != std::string::npos;
    };
    CHECK(differs([](Record& r) { r.upstream_status = 500; }));
    CHECK(differs([](Record& r) { r.error = 13; }));
    CHECK(differs([](Record& r) { r.blame = 2; }));
    CHECK(differs([](Record& r) { r.target = kNoId; }));
    CHECK(differs([](Record& r) { r.provider = kNoShortId; }));
    CHECK(differs([](Record& r) { r.tokens[7] = 1; }));
    CHECK(differs([](Record& r) { r.price_row = kNoId; }));
    CHECK(differs([](Record& r) { r.cost_picodollars = 8; }));
    CHECK(differs([](Record& r) { r.events = 5; }));
    CHECK(differs([](Record& r) { r.bytes_out = 301; }));
    CHECK(differs([](Record& r) { r.settled_ns = 501; }));
    CHECK(differs([](Record& r) { r.upstream_wait_ns = 401; }));
    CHECK_FALSE(differs([](Record& r) { r.head_complete_ns = 1; }));  // of the client's request
  }
  SUBCASE("or was not the only one") {
    record.attempts = 2;
    CHECK(text_of(tried).find(R"("target":)") != std::string::npos);
  }
}

TEST_CASE("ids that nobody named are written as numbers") {
  Record record = request(1);
  record.target = 5;
  const std::string line =
      line_of({.ring = 1, .request = Part{record, {}}, .attempts = {}, .names = &kNames});
  CHECK(line.find(R"("target":"#5")") != std::string::npos);
}

TEST_CASE("attempts alone are a line of their own kind") {
  const Part tried{numbered(attempt(1), 2), {}};
  const std::string line = line_of({.ring = 1, .request = {}, .attempts = {tried}, .names = {}});
  CHECK(is_json(line));
  CHECK(line.starts_with(R"({"kind":"attempt","ring":"0000000000000001","worker":0,"time":)"));
}

TEST_CASE("records of any bytes make valid lines") {
  std::uint64_t state = 1;
  for (int round = 0; round < 500; ++round) {
    Record record;
    auto* bytes = reinterpret_cast<unsigned char*>(&record);
    for (std::size_t i = 0; i < sizeof record; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      bytes[i] = static_cast<unsigned char>(state >> 56);
    }
    const Part part{record, telemetry::as_text(record)};
    const std::string line =
        line_of({.ring = state, .request = part, .attempts = {part}, .names = &kNames});
    REQUIRE(is_json(line));
    REQUIRE(exporter_test::count_of(line, "\"sequence\":") == 2);
  }
}
