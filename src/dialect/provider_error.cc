#include "dialect/provider_error.h"

#include <algorithm>
#include <array>
#include <optional>

namespace headrace::dialect {
namespace {

using api::Family;
using api::JsonBuilder;
using json::Type;
using json::Value;

constexpr Bytes kInvalid = "invalid_request_error";
constexpr Bytes kServer = "server_error";
constexpr Bytes kRate = "rate_limit_error";

// In the order of ErrorClass.
constexpr std::array<ErrorRow, 14> kRows = {{
    {400, Remedy::give_back, kInvalid, "", kInvalid},
    {400, Remedy::larger_window, kInvalid, "context_length_exceeded", kInvalid},
    {400, Remedy::give_back, kInvalid, "content_filter", kInvalid},
    {502, Remedy::next_credential, kServer, "upstream_authentication", "api_error"},
    {402, Remedy::wait_long, "insufficient_quota", "insufficient_quota", "billing_error"},
    {403, Remedy::next_pair, "permission_error", "", "permission_error"},
    {404, Remedy::next_pair, kInvalid, "model_not_found", "not_found_error"},
    {504, Remedy::retry, kServer, "timeout", "timeout_error"},
    {409, Remedy::retry, kServer, "conflict", "api_error"},
    {413, Remedy::give_back, kInvalid, "request_too_large", "request_too_large"},
    {429, Remedy::wait, kRate, "rate_limit_exceeded", kRate},
    {429, Remedy::wait, kRate, "capacity_exceeded", kRate},
    {500, Remedy::retry, kServer, "", "api_error"},
    {503, Remedy::retry, kServer, "overloaded", "overloaded_error"},
}};

struct StatusRow {
  std::uint16_t status;
  ErrorClass which;
};
constexpr std::array<StatusRow, 17> kByStatus = {{{400, ErrorClass::bad_request},
                                                  {401, ErrorClass::bad_credential},
                                                  {402, ErrorClass::no_credit},
                                                  {403, ErrorClass::forbidden},
                                                  {404, ErrorClass::not_found},
                                                  {408, ErrorClass::timed_out},
                                                  {409, ErrorClass::conflict},
                                                  {413, ErrorClass::too_large},
                                                  {422, ErrorClass::bad_request},
                                                  {424, ErrorClass::server_fault},
                                                  {429, ErrorClass::rate_limited},
                                                  {498, ErrorClass::no_capacity},
                                                  {500, ErrorClass::server_fault},
                                                  {502, ErrorClass::server_fault},
                                                  {503, ErrorClass::overloaded},
                                                  {504, ErrorClass::timed_out},
                                                  {529, ErrorClass::overloaded}}};

// Words of providers for what went wrong: error types and codes.
struct WordRow {
  Bytes word;
  ErrorClass which;
};
constexpr std::array<WordRow, 21> kByWord = {
    {{"context_length_exceeded", ErrorClass::prompt_too_long},
     {"insufficient_quota", ErrorClass::no_credit},
     {"billing_error", ErrorClass::no_credit},
     {"content_filter", ErrorClass::content_filter},
     {"invalid_api_key", ErrorClass::bad_credential},
     {"authentication_error", ErrorClass::bad_credential},
     {"permission_error", ErrorClass::forbidden},
     {"model_not_found", ErrorClass::not_found},
     {"not_found_error", ErrorClass::not_found},
     {"request_too_large", ErrorClass::too_large},
     {"rate_limit_exceeded", ErrorClass::rate_limited},
     {"rate_limit_error", ErrorClass::rate_limited},
     {"requests", ErrorClass::rate_limited},
     {"tokens", ErrorClass::rate_limited},
     {"capacity_exceeded", ErrorClass::no_capacity},
     {"overloaded_error", ErrorClass::overloaded},
     {"overloaded", ErrorClass::overloaded},
     {"timeout_error", ErrorClass::timed_out},
     {"api_error", ErrorClass::server_fault},
     {"server_error", ErrorClass::server_fault},
     {"invalid_request_error", ErrorClass::bad_request}}};

// No common code says that a prompt was too long; only the sentences do, in lower case here.
constexpr std::array<Bytes, 6> kTooLong = {"maximum context length",
                                           "prompt is too long",
                                           "input is too long",
                                           "exceeds the maximum number of tokens",
                                           "too many tokens",
                                           "context window"};
constexpr Bytes kNoCredit = "credit balance is too low";
constexpr std::size_t kTextBytes = 200;  // of an error that is not JSON

bool contains_lowered(Bytes text, Bytes words) {
  const auto same = [](char a, char b) { return base::lower(a) == b; };
  return std::search(text.begin(), text.end(), words.begin(), words.end(), same) != text.end();
}

std::optional<ErrorClass> class_of_word(Value word) {
  for (const WordRow& row : kByWord) {
    if (word.reads(row.word)) return row.which;
  }
  return std::nullopt;
}

ErrorClass class_of_status(std::uint64_t status) {
  for (const StatusRow& row : kByStatus) {
    if (row.status == status) return row.which;
  }
  return status >= 400 && status < 500 ? ErrorClass::bad_request : ErrorClass::server_fault;
}

// The object that describes the error: the value of `error`, the first of a list, or the whole.
Value described(Value body) {
  if (body.is(Type::array)) {
    json::Elements walk(body);
    Value first;
    return walk.next(first) ? described(first) : Value();
  }
  const Value inner = body.member("error");
  return inner.is(Type::object) ? inner : body;
}

Value message_of(Value body, Value error) {
  static constexpr std::array<Bytes, 4> kKeys = {"message", "Message", "detail", "error"};
  for (const Value& value : json::pick<kKeys>(error)) {
    if (value.is(Type::string)) return value;
  }
  for (const Value& value : json::pick<kKeys>(body)) {
    if (value.is(Type::string)) return value;
  }
  // FastAPI: a list of complaints.
  json::Elements complaints(body.member("detail"));
  Value first;
  return complaints.next(first) ? first.member("msg") : Value();
}

// A status that providers put into the object: `status`, or a numeric `code`.
std::uint64_t status_in(Value error, Value code) {
  const auto named = error.member("status").count();
  const auto counted = code.count();
  const std::uint64_t status = named ? *named : counted ? *counted : 0;
  return status >= 400 && status < 600 ? status : 0;
}

ErrorClass refine(ErrorClass which, Bytes message) {
  if (which != ErrorClass::bad_request && which != ErrorClass::too_large) return which;
  const auto said = [&](Bytes words) { return contains_lowered(message, words); };
  if (said(kNoCredit)) return ErrorClass::no_credit;
  if (std::any_of(kTooLong.begin(), kTooLong.end(), said)) return ErrorClass::prompt_too_long;
  return which;
}

// Codes that say more than their status.
bool outranks_status(ErrorClass which) {
  return which == ErrorClass::prompt_too_long || which == ErrorClass::no_credit ||
         which == ErrorClass::content_filter || which == ErrorClass::overloaded ||
         which == ErrorClass::not_found;
}

void write_message(const ProviderError& error, JsonBuilder& out) {
  out.raw(R"("message":")");
  if (error.which == ErrorClass::bad_credential) {
    out.raw("The provider refused the gateway's credential.");
  } else if (error.message.empty()) {
    out.raw("The provider reported an error.");
  } else if (error.is_json) {
    out.raw(error.message);
  } else {
    out.text(error.message.substr(0, kTextBytes));
  }
  out.raw('"');
}

void write_object(Family family, const ProviderError& error, bool in_stream, JsonBuilder& out) {
  const ErrorRow& row = row_of(error.which);
  if (family == Family::anthropic) {
    out.raw(R"({"type":"error","error":{)");
    out.member("type", row.anthropic_type);
    out.raw(',');
    write_message(error, out);
    out.raw("}}");
    return;
  }
  out.raw(R"({"error":{)");
  write_message(error, out);
  out.member("type", row.type);
  out.raw(R"(,"param":null,"code":)");
  const Bytes code = row.code.empty() ? error.code : row.code;
  if (code.empty()) {
    out.raw("null");
  } else {
    out.raw('"');
    out.raw(code);
    out.raw('"');
  }
  if (in_stream) {
    out.raw(R"(,"status":)");
    out.number(row.status);
  }
  out.raw("}}");
}

}  // namespace

const ErrorRow& row_of(ErrorClass which) {
  return kRows[static_cast<std::size_t>(which)];
}

ProviderError classify_error(std::uint16_t status, Value body, Bytes text) {
  ProviderError result;
  const Value error = described(body);
  static constexpr std::array<Bytes, 2> kKeys = {"type", "code"};
  const auto [type, code] = json::pick<kKeys>(error);
  const Value message = message_of(body, error);
  result.is_json = message.has_text();
  result.message = result.is_json ? message.body() : text;
  result.code = code.body();

  auto by_word = class_of_word(code);
  if (!by_word || !outranks_status(*by_word)) {
    const auto by_type = class_of_word(type);
    if (!by_word || (by_type && outranks_status(*by_type))) by_word = by_type;
  }
  const std::uint64_t known = status >= 400 ? status : status_in(error, code);
  const bool words_count = by_word && (known == 0 || outranks_status(*by_word));
  result.which = refine(words_count ? *by_word : class_of_status(known), result.message);
  return result;
}

void write_provider_error(Family family, const ProviderError& error, JsonBuilder& out) {
  write_object(family, error, false, out);
}

void write_provider_error_event(Family family, const ProviderError& error, JsonBuilder& out) {
  out.raw(family == Family::openai ? "data: " : "event: error\ndata: ");
  write_object(family, error, true, out);
  out.raw("\n\n");
}

}  // namespace headrace::dialect
