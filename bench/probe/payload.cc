#include "payload.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace headrace::probe {
namespace {

constexpr std::size_t kIdDigits = 16;
constexpr std::string_view kZeroId = "0000000000000000";

// Ordinary words, so that nobody's shortcut for repeated bytes helps.
constexpr std::string_view kWords =
    "the water that turns the wheel is led along the hill in a channel of its own; it is fast and "
    "straight, it has one gate, and whoever stands at the mill hears at once when somebody "
    "upstream "
    "opens it. what the miller cannot hear is how long the water took, so he floats a stick with a "
    "mark on it and counts until it passes the door. the stick must neither slow the water nor "
    "wet ";

std::string words(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += kWords;
  text.resize(bytes);
  return text;
}

std::string request_start(std::string_view model) {
  return R"({"model":")" + std::string(model) + R"(","user":")";
}

std::string request_body(std::string_view model, bool stream, std::size_t filler) {
  std::string body = request_start(model);
  body += kZeroId;
  body +=
      stream ? R"(","stream":true,"stream_options":{"include_usage":true})" : R"(","stream":false)";
  body += R"(,"max_tokens":256,"messages":[{"role":"user","content":")";
  body += words(filler);
  body += R"("}]})";
  return body;
}

std::string answer_body(std::size_t filler) {
  std::string body = R"({"id":"chatcmpl-)";
  body += kZeroId;
  body += R"(","object":"chat.completion","created":1700000000,"model":"probe-model",)"
          R"("choices":[{"index":0,"message":{"role":"assistant","content":")";
  body += words(filler);
  body += R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":64,"completion_tokens":24,)"
          R"("total_tokens":88}})";
  return body;
}

constexpr std::string_view kChunkStart =
    R"(data: {"id":"c-1","object":"chat.completion.chunk","created":1700000000,)"
    R"("model":"probe-model","choices":[)";

std::string event_text(std::string_view choice_and_rest) {
  return std::string(kChunkStart) + std::string(choice_and_rest) + "\n\n";
}

std::string chunk_of(std::string_view payload) {
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", payload.size());
  return size.data() + std::string(payload) + "\r\n";
}

std::string content_event(std::size_t filler) {
  return event_text(R"({"index":0,"delta":{"content":"0000000000000000 0000 00000000)" +
                    words(filler) + R"("},"finish_reason":null}]})");
}

// `build(filler)` of exactly `total` bytes.
template <typename Build>
std::string built_to_size(std::size_t total, Build build) {
  const std::size_t bare = build(std::size_t{0}).size();
  if (bare > total) die("a message of %zu bytes does not fit into %zu", bare, total);
  std::string text = build(total - bare);
  if (text.size() != total) die("a message has %zu bytes instead of %zu", text.size(), total);
  return text;
}

constexpr std::size_t kStreamAfterStamp = 17;
constexpr std::size_t kSequenceAfterStamp = 22;

}  // namespace

void write_fixed_hex(char* out, std::uint64_t value, std::size_t digits) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = digits; i-- > 0; value >>= 4) out[i] = kDigits[value & 15];
}

std::uint64_t read_fixed_hex(std::string_view text, std::size_t digits) {
  if (text.size() < digits) die("a stamp is cut off");
  std::uint64_t value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + static_cast<std::uint64_t>(c - 'a' + 10);
    } else {
      die("a stamp arrived corrupt");
    }
  }
  return value;
}

RequestText::RequestText(const Endpoint& server, std::string_view model, bool stream) {
  text_ = built_to_size(kRequestBytes, [&](std::size_t filler) {
    const std::string body = request_body(model, stream, filler);
    std::array<char, 8> length{};  // always three digits: the total stays what it is
    std::snprintf(length.data(), length.size(), "%03zu", body.size());
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: " + server.text +
           "\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
           std::string(kClientKey) + "\r\nContent-Length: " + length.data() + "\r\n\r\n" + body;
  });
  id_at_ = text_.find(kZeroId);
}

std::string_view RequestText::with_id(std::uint64_t id) {
  write_fixed_hex(text_.data() + id_at_, id, kIdDigits);
  return text_;
}

RequestCheck::RequestCheck(std::string_view model) : model_(model), start_(request_start(model)) {}

std::uint64_t RequestCheck::operator()(std::string_view body) {
  if (body.substr(0, start_.size()) != start_) {
    const std::string begins(body.substr(0, start_.size()));
    die("a request body arrived corrupt or for another model: %s", begins.c_str());
  }
  const std::uint64_t id = read_fixed_hex(body.substr(start_.size()), kIdDigits);
  const bool stream = body.find(R"("stream":true)") != std::string_view::npos;
  std::string& expected = expected_[stream ? 1 : 0];
  if (expected.size() != body.size()) {
    const std::size_t bare = request_body(model_, stream, 0).size();
    if (body.size() < bare) die("a request body arrived cut");
    expected = request_body(model_, stream, body.size() - bare);
  }
  write_fixed_hex(expected.data() + start_.size(), id, kIdDigits);
  if (body != expected) die("a request body arrived changed");
  return id;
}

AnswerText::AnswerText() {
  text_ = built_to_size(kAnswerBytes, [](std::size_t filler) {
    const std::string body = answer_body(filler);
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size() + 1000).substr(1) + "\r\n\r\n" + body;
  });
  body_at_ = text_.find("\r\n\r\n") + 4;
  id_at_ = text_.find(kZeroId);
}

std::string_view AnswerText::with_id(std::uint64_t id) {
  write_fixed_hex(text_.data() + id_at_, id, kIdDigits);
  return text_;
}

void AnswerText::check_body(std::string_view answer, std::uint64_t id) {
  with_id(id);
  if (answer != body())
    die("an answer of %zu bytes arrived changed or to the wrong client", answer.size());
}

EventText::EventText() {
  const std::string event = built_to_size(kEventBytes, content_event);
  chunk_ = chunk_of(event);
  event_at_ = chunk_.find("data:");
  stamp_at_ = chunk_.find(kZeroId);
}

std::string_view EventText::as_chunk(std::uint64_t stream, std::uint64_t sequence, Nanos stamp) {
  patch(stream, sequence, static_cast<std::uint64_t>(stamp));
  return chunk_;
}

Nanos EventText::check(std::string_view text, std::uint64_t stream, std::uint64_t sequence) {
  if (text.size() != kEventBytes) die("an event of %zu bytes arrived", text.size());
  const std::uint64_t stamp = read_fixed_hex(text.substr(stamp_at_ - event_at_), kIdDigits);
  patch(stream, sequence, stamp);
  if (text != event()) die("an event arrived changed, out of order or in the wrong stream");
  return static_cast<Nanos>(stamp);
}

void EventText::patch(std::uint64_t stream, std::uint64_t sequence, std::uint64_t stamp) {
  write_fixed_hex(chunk_.data() + stamp_at_, stamp, kIdDigits);
  write_fixed_hex(chunk_.data() + stamp_at_ + kStreamAfterStamp, stream, 4);
  write_fixed_hex(chunk_.data() + stamp_at_ + kSequenceAfterStamp, sequence, 8);
}

std::string_view opening_event() {
  static const std::string text =
      event_text(R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})");
  return text;
}

std::string_view ending_events() {
  static const std::string text =
      event_text(R"({"index":0,"delta":{},"finish_reason":"stop"}]})") +
      event_text(R"(],"usage":{"prompt_tokens":64,"completion_tokens":256,"total_tokens":320}})") +
      "data: [DONE]\n\n";
  return text;
}

std::string stream_opening() {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
         "chunked\r\n\r\n" +
         chunk_of(opening_event());
}

std::string stream_ending() {
  return chunk_of(ending_events()) + "0\r\n\r\n";
}

}  // namespace headrace::probe
