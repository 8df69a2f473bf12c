// Fuzz target of json/ and of what is read with it. A slow recursive judge, written from the
// grammar alone, says of every input whether it is a JSON document; the scanner must agree. What
// the scanner found must be spans of valid JSON, error bodies about the input must be valid JSON
// too, and events must be survived at any bytes.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "api/chat_request.h"
#include "api/error_body.h"
#include "base/assert.h"
#include "dialect/anthropic.h"
#include "dialect/openai.h"
#include "dialect/openai_responses.h"
#include "dialect/usage.h"
#include "json/find_word.h"
#include "json/scan.h"
#include "json/tape.h"
#include "json/text.h"

namespace headrace {
namespace {

using base::Bytes;

class SlowJudge {
 public:
  explicit SlowJudge(Bytes text) : text_(text) {}

  bool document() {
    blanks();
    if (!value(0)) return false;
    blanks();
    return at_ == text_.size();
  }

 private:
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  bool eat(Bytes word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  static bool digit(int c) { return c >= '0' && c <= '9'; }
  bool digits() {
    if (!digit(peek())) return false;
    while (digit(peek())) ++at_;
    return true;
  }

  bool value(std::size_t depth) {
    if (peek() == '{' || peek() == '[') return depth < json::kDepth && nested(depth + 1);
    if (peek() == '"') return string();
    return eat("true") || eat("false") || eat("null") || number();
  }

  bool nested(std::size_t depth) {
    const bool object = peek() == '{';
    const Bytes close = object ? "}" : "]";
    ++at_;
    blanks();
    if (eat(close)) return true;
    while (true) {
      blanks();
      if (object && !key()) return false;
      if (!value(depth)) return false;
      blanks();
      if (eat(close)) return true;
      if (!eat(",")) return false;
    }
  }

  bool key() {
    if (peek() != '"' || !string()) return false;
    blanks();
    if (!eat(":")) return false;
    blanks();
    return true;
  }

  bool number() {
    eat("-");
    if (!eat("0") && !digits()) return false;
    if (eat(".") && !digits()) return false;
    if (!eat("e") && !eat("E")) return true;
    if (!eat("+")) eat("-");
    return digits();
  }

  bool string() {
    ++at_;
    while (peek() != '"') {
      if (peek() < 0x20) return false;
      if (peek() == '\\' ? !escape() : !character()) return false;
    }
    ++at_;
    return true;
  }

  bool escape() {
    ++at_;
    if (!eat("u")) {
      if (peek() < 0 || Bytes("\"\\/bfnrt").find(text_[at_]) == Bytes::npos) return false;
      ++at_;
      return true;
    }
    for (int i = 0; i < 4; ++i, ++at_) {
      if (peek() < 0 || Bytes("0123456789abcdefABCDEF").find(text_[at_]) == Bytes::npos)
        return false;
    }
    return true;
  }

  // Decodes and encodes again: only the shortest form of a legal code point survives that.
  bool character() {
    const int lead = peek();
    const int more = lead < 0x80   ? 0
                     : lead < 0xC0 ? -1
                     : lead < 0xE0 ? 1
                     : lead < 0xF0 ? 2
                     : lead < 0xF8 ? 3
                                   : -1;
    if (more < 0) return false;
    std::uint32_t code = more == 0 ? static_cast<std::uint32_t>(lead)
                                   : static_cast<std::uint32_t>(lead) & (0x3Fu >> more);
    ++at_;
    for (int i = 0; i < more; ++i, ++at_) {
      if (peek() < 0x80 || peek() > 0xBF) return false;
      code = code << 6 | (static_cast<std::uint32_t>(peek()) & 0x3F);
    }
    constexpr std::array<std::uint32_t, 4> kLeast = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[static_cast<std::size_t>(more)] || code > 0x10FFFF) return false;
    return code < 0xD800 || code > 0xDFFF;
  }

  Bytes text_;
  std::size_t at_ = 0;
};

void check_scan(Bytes text) {
  const bool valid = SlowJudge(text).document();
  const json::ScanResult whole = json::validate(text);
  HEADRACE_ASSERT(whole.ok() == valid);
  HEADRACE_ASSERT(whole.offset <= text.size());
  HEADRACE_ASSERT(whole.fault != json::Fault::utf8 || whole.offset < text.size());

  constexpr std::array<Bytes, 3> kKeys = {"model", "a", ""};
  std::array<json::FoundValue, 3> found;
  const json::ScanResult object = json::scan_object(text, kKeys, found);
  const bool is_object = valid && text[text.find_first_not_of(" \t\r\n")] == '{';
  HEADRACE_ASSERT((object.ok() || object.fault == json::Fault::duplicate_key) == is_object);
  HEADRACE_ASSERT(valid || (object.fault == whole.fault && object.offset == whole.offset));
  if (!is_object) return;
  for (const json::FoundValue& value : found) {
    if (!value.found()) continue;
    HEADRACE_ASSERT(json::validate(value.text(text)).ok());
    HEADRACE_ASSERT(text[value.key_begin] == '"');
    if (value.type != json::Type::array) continue;
    json::ArrayWalk walk(value.text(text));
    while (const auto element = walk.next()) HEADRACE_ASSERT(json::validate(*element).ok());
  }
}

// The tape finds the faults that the scan finds, and a member that is taped on the way of a scan
// has the nodes that a tape of its own has.
void check_tape(Bytes text) {
  std::vector<json::Node> nodes(json::nodes_max(text.size()));
  const json::TapeResult whole = json::write_tape(text, nodes);
  const json::ScanResult judged = json::validate(text);
  HEADRACE_ASSERT(!whole.full);
  HEADRACE_ASSERT(whole.scan.fault == judged.fault && whole.scan.offset == judged.offset);

  static constexpr json::Names kKeys(std::array<Bytes, 2>{"b", "a"});
  std::array<json::FoundValue, 2> found;
  const std::size_t room = text.size() % 24;
  const json::TapedScan taped =
      json::scan_object_taping(text, kKeys, found, 1, {nodes.data(), room});
  std::array<json::FoundValue, 2> plain;
  const json::ScanResult scan = json::scan_object(text, kKeys, plain);
  HEADRACE_ASSERT(taped.scan.fault == scan.fault && taped.scan.offset == scan.offset);
  if (!scan.ok() || !plain[1].found()) return;
  HEADRACE_ASSERT(found[1].begin == plain[1].begin && found[1].size == plain[1].size);
  std::vector<json::Node> own(json::nodes_max(plain[1].size));
  const json::TapeResult alone = json::write_tape(plain[1].text(text), own);
  HEADRACE_ASSERT(alone.ok() && taped.taped == (alone.nodes <= room));
  for (std::size_t i = 0; taped.taped && i < alone.nodes; ++i) {
    HEADRACE_ASSERT(nodes[i].begin == own[i].begin + plain[1].begin);
    HEADRACE_ASSERT(nodes[i].size == own[i].size && nodes[i].link == own[i].link);
  }
}

void check_request(Bytes text) {
  std::array<char, api::kModelScratchBytes> scratch;
  api::ErrorDetail detail;
  const auto request = api::parse_chat_request(text, scratch, detail);
  std::array<char, api::kErrorBodyBytes> out;
  const base::Error error =
      request.ok() ? base::client_error(base::Errc::no_such_model) : request.error();
  // The writer must cope with any bytes at all in a model's name.
  detail.model = text;
  const base::Error unknown = base::client_error(base::Errc::no_such_model);
  HEADRACE_ASSERT(
      json::validate(api::write_error_body(api::Family::openai, unknown, detail, out)).ok());
  HEADRACE_ASSERT(
      json::validate(api::write_error_body(api::Family::openai, error, detail, out)).ok());
}

void check_search(Bytes text) {
  constexpr json::Word kKey("\"usage\"", 1, 4);
  std::size_t from = 0;
  do {
    const std::size_t found = json::find_word<kKey>(text, from);
    HEADRACE_ASSERT(found == text.find(kKey.text(), from));
    from = found == Bytes::npos ? found : found + 1;
  } while (from != Bytes::npos);
}

// One data line and nothing else, without escapes: no cheap look may miss what a classifier sees.
bool is_plain(Bytes text) {
  return text.starts_with("data:") && text.find_first_of("\\\r") == Bytes::npos &&
         text.find('\n') >= text.find_last_not_of('\n');
}

void check_event(Bytes text) {
  const std::unique_ptr<char[]> scratch(new char[text.size()]);
  const bool fails = dialect::classify_chat_event(text, scratch.get()) == api::EventKind::error;
  const bool pointed_out = dialect::ends_chat_stream(text) || dialect::chat_may_fail(text);
  HEADRACE_ASSERT(!fails || pointed_out || !is_plain(text));
  HEADRACE_ASSERT(!dialect::is_usage_chunk(text, scratch.get()) || dialect::may_carry_usage(text));
  (void)dialect::classify_message_event(text, scratch.get());
  (void)dialect::ends_message_stream(text);
  (void)dialect::message_may_fail(text);
  (void)dialect::classify_response_event(text, scratch.get());
  (void)dialect::ends_response_stream(text);
  (void)dialect::response_may_fail(text);
  dialect::UsageScan scan;
  (void)dialect::scan_response_event(text, scratch.get(), scan);
  (void)dialect::scan_response_answer(text, scratch.get(), scan);
}

}  // namespace
}  // namespace headrace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const headrace::base::Bytes text(reinterpret_cast<const char*>(data), size);
  headrace::check_scan(text);
  headrace::check_tape(text);
  headrace::check_request(text);
  headrace::check_search(text);
  headrace::check_event(text);
  return 0;
}
