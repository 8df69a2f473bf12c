#include "api/chat_request.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "json/text.h"

namespace headrace::api {
namespace {

using base::Errc;
using json::Fault;
using json::FoundValue;
using json::Type;

enum Key : std::size_t {
  kModel,
  kStream,
  kStreamOptions,
  kHeadrace,
  kDashedExtension,
  kScoredExtension,
  kMaxTokens,
  kMaxCompletionTokens,
  kMaxOutputTokens,
  kMessages,
  kPrompt,
  kInput,
  kSystem,
  kTools,
  kKeyCount
};

// What stands behind the limits is only asked for so that a second one is noticed: a provider could
// read the other.
constexpr std::array<Bytes, kKeyCount> kKeys = {"model",
                                                "stream",
                                                "stream_options",
                                                "headrace",
                                                "x-headrace",
                                                "x_headrace",
                                                "max_tokens",
                                                "max_completion_tokens",
                                                "max_output_tokens",
                                                "messages",
                                                "prompt",
                                                "input",
                                                "system",
                                                "tools"};
constexpr json::Names<kKeyCount> kNames(kKeys);
constexpr std::array<Bytes, 1> kOptionKeys = {"include_usage"};

Bytes reason_of(Fault fault) {
  switch (fault) {
    case Fault::none:
    case Fault::syntax:
      return {};
    case Fault::empty:
      return "It is empty.";
    case Fault::utf8:
      return "It is not valid UTF-8.";
    case Fault::depth:
      return "It is nested more than 128 levels deep.";
    case Fault::trailing:
      return "Something follows the end of the object.";
    case Fault::not_object:
      return "Its top level is not an object.";
    case Fault::duplicate_key:
      return "The field is given twice.";
  }
  return {};
}

base::Error bad_field(ErrorDetail& detail, Bytes param, Bytes reason) {
  detail.param = param;
  detail.reason = reason;
  return base::client_error(Errc::bad_field);
}

base::Error refuse(const json::ScanResult& result, ErrorDetail& detail) {
  detail.offset = result.offset;
  const Bytes reason = reason_of(result.fault);
  if (result.fault == Fault::duplicate_key) return bad_field(detail, kKeys[result.key], reason);
  detail.reason = reason;
  return base::client_error(Errc::bad_json);
}

// Where a member's offsets are relative to its object; here they become the body's.
void move_by(FoundValue& value, std::uint32_t offset) {
  if (!value.found()) return;
  value.key_begin += offset;
  value.begin += offset;
}

bool absent_or_null(const FoundValue& value) {
  return value.type == Type::absent || value.type == Type::null;
}

// The offset just behind the first `{`.
std::uint32_t behind_brace(Bytes text) {
  const std::size_t at = text.find('{');
  HEADRACE_ASSERT(at != Bytes::npos);
  return static_cast<std::uint32_t>(at) + 1;
}

bool only_blanks_then_brace(Bytes text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at != Bytes::npos && text[at] == '}';
}

base::Status read_model(Bytes body,
                        std::span<char> scratch,
                        ChatRequest& request,
                        ErrorDetail& detail) {
  const FoundValue& value = request.model_value;
  if (!value.found()) return bad_field(detail, kKeys[kModel], "The field `model` is required.");
  if (value.type != Type::string) {
    return bad_field(detail, kKeys[kModel], "The field `model` must be a string.");
  }
  const Bytes quoted = value.text(body);
  const Bytes as_written = quoted.substr(1, quoted.size() - 2);
  request.model = json::unescape(quoted, scratch).value_or(as_written);
  return {};
}

base::Status read_stream(Bytes body, ChatRequest& request, ErrorDetail& detail) {
  const FoundValue& value = request.stream_value;
  if (absent_or_null(value)) return {};
  if (value.type != Type::boolean) {
    return bad_field(detail, kKeys[kStream], "The field `stream` must be a boolean.");
  }
  request.stream = value.text(body).front() == 't';
  return {};
}

// What is no whole number is the provider's to judge.
std::uint64_t read_limit(Bytes body, const FoundValue& value) {
  if (value.type != Type::number) return 0;
  return base::parse_decimal(value.text(body)).value_or(0);
}

base::Status read_options(Bytes body, ChatRequest& request, ErrorDetail& detail) {
  const FoundValue& options = request.stream_options;
  if (absent_or_null(options)) return {};
  if (options.type != Type::object) {
    return bad_field(
        detail, kKeys[kStreamOptions], "The field `stream_options` must be an object.");
  }
  const Bytes text = options.text(body);
  const std::span<FoundValue> found(&request.include_usage, 1);
  if (!json::scan_object(text, kOptionKeys, found, json::Utf8::trust).ok()) {
    return bad_field(detail, "stream_options.include_usage", "The field is given twice.");
  }
  FoundValue& usage = request.include_usage;
  move_by(usage, options.begin);
  if (!absent_or_null(usage) && usage.type != Type::boolean) {
    return bad_field(detail,
                     "stream_options.include_usage",
                     "The field `stream_options.include_usage` must be a boolean.");
  }
  request.wants_usage = usage.type == Type::boolean && usage.text(body).front() == 't';
  request.option_members_begin = options.begin + 1;
  request.options_empty = only_blanks_then_brace(text.substr(1));
  return {};
}

}  // namespace

base::Result<ChatRequest> parse_chat_request(Bytes body,
                                             std::span<char> scratch,
                                             ErrorDetail& detail) {
  std::array<FoundValue, kKeyCount> found;
  const json::ScanResult result = json::scan_object(body, kNames, found);
  if (!result.ok()) return refuse(result, detail);

  ChatRequest request;
  request.model_value = found[kModel];
  request.stream_value = found[kStream];
  request.stream_options = found[kStreamOptions];
  request.headrace = found[kHeadrace];
  request.extensions = {found[kHeadrace], found[kDashedExtension], found[kScoredExtension]};
  for (const Key key : {kMaxTokens, kMaxCompletionTokens, kMaxOutputTokens}) {
    request.max_tokens = std::max(request.max_tokens, read_limit(body, found[key]));
  }
  request.members_begin = behind_brace(body);
  HEADRACE_TRY(read_model(body, scratch, request, detail));
  HEADRACE_TRY(read_stream(body, request, detail));
  HEADRACE_TRY(read_options(body, request, detail));
  return request;
}

}  // namespace headrace::api
