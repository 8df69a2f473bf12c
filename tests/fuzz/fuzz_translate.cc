// Fuzz target of the translations. The first byte chooses what the rest is: a request, an answer,
// an error or a stream, of either family. Nothing may crash; what comes out must be JSON, or events
// that the other family's own reader understands; and what was translated must survive being
// translated back.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "dialect/dialect.h"
#include "fuzz_cuts.h"
#include "http/sse.h"
#include "json/scan.h"

namespace headrace {
namespace {

using api::Family;
using base::Bytes;

Family other(Family family) {
  return family == Family::openai ? Family::anthropic : Family::openai;
}

Bytes model_for(Family client, std::uint8_t choice) {
  constexpr std::array<Bytes, 4> kClaude = {
      "claude-opus-5", "claude-sonnet-4-5", "claude-3-5-haiku", "claude-opus-4-6"};
  constexpr std::array<Bytes, 2> kGpt = {"gpt-5.1", "llama-3"};
  return client == Family::openai ? kClaude[choice % kClaude.size()] : kGpt[choice % kGpt.size()];
}

// The scanner's own bound on depth may be passed by what a translation puts around a value, and
// broken UTF-8 in a provider's stream is passed on.
void check_json(Bytes text) {
  const json::Fault fault = json::validate(text).fault;
  fuzz_check(fault == json::Fault::none || fault == json::Fault::depth ||
             fault == json::Fault::utf8);
}

bool request(Family client, std::uint8_t choice, Bytes body, std::string& result) {
  io::BlockPool pool;
  dialect::Translator translator(pool);
  api::JsonBuilder out(pool);
  dialect::RequestTranslation translation;
  translation.model = model_for(client, choice);
  translation.keeps_reasoning = choice >= 128;
  const base::Status status = translator.request(client, body, translation, out);
  if (!status.ok()) {
    fuzz_check(status.error().code == base::Errc::bad_json || !translation.detail.param.empty());
    return false;
  }
  check_json(out.view());
  // What is written is a bounded multiple of what was read.
  fuzz_check(out.size() <= 8 * body.size() + 4096);
  result = out.view();
  return true;
}

void check_request(Family client, std::uint8_t choice, Bytes body) {
  std::string there;
  std::string back;
  if (!request(client, choice, body, there)) return;
  // The way back may be refused (a form that only one family has), but never breaks.
  (void)request(other(client), choice, there, back);
}

void check_answer(Family provider, Bytes body) {
  io::BlockPool pool;
  dialect::Translator translator(pool);
  api::JsonBuilder out(pool);
  dialect::AnswerTranslation translation;
  if (!translator.answer(provider, body, translation, out).ok()) return;
  check_json(out.view());
  api::JsonBuilder back(pool);
  dialect::AnswerTranslation again;
  if (json::validate(out.view()).ok()) {
    fuzz_check(translator.answer(other(provider), out.view(), again, back).ok());
    // A call that its provider did not stop for is one that OpenAI's words cannot tell apart.
    const bool calls = again.finish == api::Finish::tool_calls;
    fuzz_check(again.finish == translation.finish ||
               (calls && translation.finish == api::Finish::stop));
  }
}

void check_error(Family family, std::uint8_t choice, Bytes body) {
  io::BlockPool pool;
  dialect::Translator translator(pool);
  api::JsonBuilder out(pool);
  constexpr std::array<std::uint16_t, 5> kStatus = {0, 400, 401, 429, 529};
  const std::uint16_t status = kStatus[choice % kStatus.size()];
  dialect::write_provider_error(family, translator.error(status, body), out);
  check_json(out.view());
}

// Feeds whole events and checks that what comes out are whole events of JSON.
std::string filtered(Family provider, bool wants_usage, Bytes stream, bool& whole) {
  io::BlockPool pool;
  api::JsonBuilder out(pool);
  dialect::StreamPlace place;
  api::StreamFilter& filter = place.start(pool, {provider, 7, wants_usage});
  http::SseSplitter splitter;
  while (!filter.over()) {
    const std::size_t size = splitter.next_end(stream);
    if (size == http::SseSplitter::kNone) break;
    const std::unique_ptr<char[]> copy(new char[size]);
    stream.copy(copy.get(), size);
    const std::size_t before = out.size();
    const api::EventKind kind = filter.take({copy.get(), size}, out);
    fuzz_check((kind == api::EventKind::error) == filter.failed());
    fuzz_check(kind != api::EventKind::useful || out.size() > before);
    stream.remove_prefix(size);
  }
  whole = filter.end(out);
  return std::string(out.view());
}

void check_events(Bytes text) {
  http::SseSplitter splitter;
  const std::unique_ptr<char[]> scratch(new char[text.size()]);
  while (!text.empty()) {
    const std::size_t size = splitter.next_end(text);
    fuzz_check(size != http::SseSplitter::kNone);
    const http::SseEvent event = http::parse_sse_event(text.substr(0, size), scratch.get());
    fuzz_check(event.has_data);
    if (event.data != "[DONE]") check_json(event.data);
    text.remove_prefix(size);
  }
}

// An id or a model's name that is too long to keep is refused on the way back.
bool has_long_run(Bytes text) {
  constexpr std::size_t kLong = 120;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == '"' ? 0 : run + 1;
    if (run >= kLong) return true;
  }
  return false;
}

void check_stream(Family provider, std::uint8_t choice, Bytes stream) {
  bool whole = false;
  const std::string there = filtered(provider, (choice & 1) != 0, stream, whole);
  check_events(there);
  bool back_whole = false;
  const std::string back = filtered(other(provider), true, there, back_whole);
  check_events(back);
  fuzz_check(!whole || back_whole || has_long_run(there));

  dialect::UsageScan scan;
  const std::unique_ptr<char[]> scratch(new char[stream.size()]);
  (void)dialect::scan_chat_event(stream, scratch.get(), scan);
  (void)dialect::scan_message_event(stream, scratch.get(), scan);
  const dialect::Dialect& row = dialect::anthropic_dialect();
  const api::EventTable& events = dialect::answers_of(row, dialect::Call::chat).events;
  (void)events.classify(stream, scratch.get());
  (void)events.ends_stream(stream);
  (void)events.may_fail(stream);
}

}  // namespace
}  // namespace headrace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using headrace::api::Family;
  if (size < 2) return 0;
  const Family family = (data[0] & 1) != 0 ? Family::openai : Family::anthropic;
  const headrace::base::Bytes text(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch ((data[0] >> 1) & 3) {
    case 0:
      headrace::check_request(family, data[1], text);
      break;
    case 1:
      headrace::check_answer(family, text);
      break;
    case 2:
      headrace::check_error(family, data[1], text);
      break;
    default:
      headrace::check_stream(family, data[1], text);
      break;
  }
  return 0;
}
