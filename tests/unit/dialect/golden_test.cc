// Goal: what each translation makes of whole requests, answers and streams is exactly what lies in
// tests/golden/<provider's dialect>/<case>/<side>, and no cut of a stream changes it. Method: every
// side whose name begins with `in_` is translated and compared with its `out_`; with
// HEADRACE_GOLDEN_UPDATE=1 the results are written instead, and the diff is the review.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "api/json_builder.h"
#include "dialect/dialect.h"
#include "http/sse.h"
#include "json/scan.h"
#include "split.h"

namespace headrace::dialect {
namespace {

namespace fs = std::filesystem;
using api::Family;

constexpr std::int64_t kCreated = 1795000000;
constexpr std::size_t kCasesMin = 12;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A case: one directory, and the family of the provider that it is about.
struct Case {
  fs::path path;
  Family provider;

  Family client() const { return provider == Family::openai ? Family::anthropic : Family::openai; }
  bool has(const char* side) const { return fs::exists(path / side); }
  std::string side(const char* name) const { return read_file(path / name); }
};

std::vector<Case> cases_of(const char* dialect, Family provider) {
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(fs::path("tests/golden") / dialect)) {
    if (entry.is_directory()) cases.push_back({entry.path(), provider});
  }
  std::sort(
      cases.begin(), cases.end(), [](const Case& a, const Case& b) { return a.path < b.path; });
  return cases;
}

void compare(const Case& test, const char* side, const std::string& result) {
  const fs::path path = test.path / side;
  CAPTURE(path.string());
  const char* const update = std::getenv("HEADRACE_GOLDEN_UPDATE");
  if (update != nullptr && std::string(update) == "1") {
    std::ofstream(path, std::ios::binary) << result;
  }
  REQUIRE(fs::exists(path));
  CHECK_EQ(read_file(path), result);
}

// The model a request names is the one that its target knows.
std::string model_in(const std::string& body) {
  constexpr std::string_view kKey = "\"model\":\"";
  const std::size_t at = body.find(kKey);
  REQUIRE(at != std::string::npos);
  const std::size_t begin = at + kKey.size();
  return body.substr(begin, body.find('"', begin) - begin);
}

std::string translate_request(const Case& test, const std::string& body) {
  io::BlockPool pool;
  Translator translator(pool);
  api::JsonBuilder out(pool);
  const std::string model = model_in(body);
  RequestTranslation translation;
  translation.model = model;
  const base::Status status = translator.request(test.client(), body, translation, out);
  if (!status.ok()) {
    std::string text = "400 ";
    text += translation.detail.param;
    text += ": ";
    text += translation.detail.reason;
    return text + "\n";
  }
  CHECK(json::validate(out.view()).ok());
  std::string text(out.view());
  for (std::size_t i = 0; i < translation.dropped.size(); ++i) {
    text += i == 0 ? "\ndropped: " : ", ";
    text += translation.dropped[i];
  }
  return text + "\n";
}

std::string facts(const api::Usage& usage, api::Finish finish) {
  constexpr const char* kClasses[] = {"input",
                                      "cache_read",
                                      "cache_write_5m",
                                      "cache_write_1h",
                                      "audio_in",
                                      "audio_cached",
                                      "image_in",
                                      "output",
                                      "reasoning",
                                      "audio_out",
                                      "image_out"};
  constexpr const char* kFinishes[] = {"none", "stop", "length", "tool_calls", "content_filter"};
  std::string text = std::string("finish: ") + kFinishes[static_cast<std::size_t>(finish)] + "\n";
  text += "usage:";
  for (std::size_t i = 0; i < kTokenClasses; ++i) {
    if (usage.tokens[i] == kNoTokens) continue;
    text += std::string(" ") + kClasses[i] + "=" + std::to_string(usage.tokens[i]);
  }
  return text + "\n";
}

std::string translate_answer(const Case& test, const std::string& body) {
  io::BlockPool pool;
  Translator translator(pool);
  api::JsonBuilder out(pool);
  AnswerTranslation translation;
  translation.created = kCreated;
  const base::Status status = translator.answer(test.provider, body, translation, out);
  if (!status.ok()) return std::string(base::name_of(status.error().code)) + "\n";
  CHECK(json::validate(out.view()).ok());
  return std::string(out.view()) + "\n" + facts(translation.usage, translation.finish);
}

// The first line of an error is its status.
std::string translate_error(const Case& test, const std::string& text) {
  constexpr const char* kRemedies[] = {
      "give_back", "larger_window", "next_credential", "next_pair", "wait_long", "wait", "retry"};
  io::BlockPool pool;
  Translator translator(pool);
  api::JsonBuilder out(pool);
  const std::size_t end = text.find('\n');
  const std::string body = text.substr(end + 1);
  const auto status = static_cast<std::uint16_t>(std::stoi(text.substr(0, end)));
  const ProviderError error = translator.error(status, body);
  write_provider_error(test.client(), error, out);
  CHECK(json::validate(out.view()).ok());
  const ErrorRow& row = row_of(error.which);
  return std::to_string(row.status) + " " + kRemedies[static_cast<std::size_t>(row.remedy)] + "\n" +
         std::string(out.view()) + "\n";
}

// Feeds a filter with the events of a stream that arrives in pieces.
class StreamRun {
 public:
  explicit StreamRun(const Case& test)
      : out_(pool_),
        filter_(place_.start(pool_, {test.provider, kCreated, !test.has("no_usage")})) {}

  void piece(base::Bytes bytes) {
    while (!bytes.empty()) {
      const std::size_t size = splitter_.next_end(bytes);
      tail_ += bytes.substr(0, size);
      if (size == http::SseSplitter::kNone) return;
      bytes.remove_prefix(size);
      event();
    }
  }

  std::string end() {
    const bool whole = filter_.end(out_);
    std::string text(out_.view());
    text += whole ? "-- whole\n" : "-- cut off\n";
    text += "kinds:" + kinds_ + "\n";
    return text + facts(filter_.usage(), filter_.finish());
  }

 private:
  // An exact copy, so that a sanitizer sees a step too far.
  void event() {
    constexpr const char* kKinds[] = {"quiet", "reasoning", "useful", "finish", "done", "error"};
    if (!filter_.over()) {
      const std::unique_ptr<char[]> copy(new char[tail_.size()]);
      tail_.copy(copy.get(), tail_.size());
      const api::EventKind kind = filter_.take({copy.get(), tail_.size()}, out_);
      kinds_ += std::string(" ") + kKinds[static_cast<std::size_t>(kind)];
    }
    tail_.clear();
  }

  io::BlockPool pool_;
  api::JsonBuilder out_;
  StreamPlace place_;
  api::StreamFilter& filter_;
  http::SseSplitter splitter_;
  std::string tail_;
  std::string kinds_;
};

std::string translate_stream(const Case& test, const std::string& stream) {
  return test::same_at_every_split(stream, [&](const test::Cuts& cuts) {
    StreamRun run(test);
    std::size_t begin = 0;
    for (const std::size_t cut : cuts) {
      run.piece(base::Bytes(stream).substr(begin, cut - begin));
      begin = cut;
    }
    return run.end();
  });
}

// Every data line of a translated stream is a JSON document or the end marker.
void check_events(const std::string& stream) {
  std::istringstream lines(stream);
  std::string line;
  while (std::getline(lines, line) && line.rfind("-- ", 0) != 0) {
    if (line.rfind("data: ", 0) != 0 || line == "data: [DONE]") continue;
    CAPTURE(line);
    CHECK(json::validate(base::Bytes(line).substr(6)).ok());
  }
}

// How many cases of a dialect have each side.
struct Seen {
  std::size_t requests = 0;
  std::size_t answers = 0;
  std::size_t streams = 0;
  std::size_t errors = 0;
};

Seen run_cases(const char* dialect, Family provider) {
  Seen seen;
  for (const Case& test : cases_of(dialect, provider)) {
    CAPTURE(test.path.string());
    if (test.has("in_request.json")) {
      compare(test, "out_request.json", translate_request(test, test.side("in_request.json")));
      ++seen.requests;
    }
    if (test.has("in_answer.json")) {
      compare(test, "out_answer.json", translate_answer(test, test.side("in_answer.json")));
      ++seen.answers;
    }
    if (test.has("in_error.txt")) {
      compare(test, "out_error.txt", translate_error(test, test.side("in_error.txt")));
      ++seen.errors;
    }
    if (test.has("in_stream.txt")) {
      const std::string result = translate_stream(test, test.side("in_stream.txt"));
      check_events(result);
      compare(test, "out_stream.txt", result);
      ++seen.streams;
    }
  }
  return seen;
}

TEST_CASE("what OpenAI's clients and Anthropic's providers say to each other is as recorded") {
  const Seen seen = run_cases("anthropic", Family::anthropic);
  CHECK(seen.requests >= kCasesMin);
  CHECK(seen.streams >= kCasesMin);
  CHECK(seen.answers >= 4);
  CHECK(seen.errors >= 4);
}

TEST_CASE("what Anthropic's clients and OpenAI's providers say to each other is as recorded") {
  const Seen seen = run_cases("openai", Family::openai);
  CHECK(seen.requests >= kCasesMin);
  CHECK(seen.streams >= kCasesMin);
  CHECK(seen.answers >= 4);
  CHECK(seen.errors >= 4);
}

}  // namespace
}  // namespace headrace::dialect
