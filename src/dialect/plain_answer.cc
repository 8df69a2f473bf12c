#include "dialect/plain_answer.h"

#include <array>

#include "json/scan.h"
#include "json/text.h"

namespace headrace::dialect {
namespace {

using json::FoundValue;
using json::Type;

// `null`, `false` and an empty object are ways to say that nothing went wrong.
bool says_something(const FoundValue& error, Bytes body) {
  switch (error.type) {
    case Type::absent:
    case Type::null:
    case Type::boolean:
      return false;
    case Type::object:
    case Type::array: {
      const Bytes text = error.text(body).substr(1);
      return text.find_first_not_of(" \t\r\n") != text.find_first_of("]}");
    }
    default:
      return true;
  }
}

bool reads_error(const FoundValue& value, Bytes body) {
  return value.type == Type::string && value.text(body) == "\"error\"";
}

// MiniMax: `{"base_resp":{"status_code":1002,...}}`.
bool is_refused_base(const FoundValue& value, Bytes body) {
  constexpr std::array<Bytes, 1> kKeys = {"status_code"};
  if (value.type != Type::object) return false;
  std::array<FoundValue, 1> code;
  const Bytes object = value.text(body);
  if (!json::scan_object(object, kKeys, code, json::Utf8::trust).ok()) return false;
  return code[0].type == Type::number && code[0].text(object) != "0";
}

}  // namespace

PlainVerdict judge_plain_answer(Bytes body) {
  constexpr std::array<Bytes, 6> kKeys = {
      "error", "object", "type", "base_resp", "usage", "service_tier"};
  std::array<FoundValue, kKeys.size()> found;
  const json::ScanResult scan = json::scan_object(body, kKeys, found, json::Utf8::trust);
  if (!scan.ok() && scan.fault != json::Fault::duplicate_key) {
    return {};
  }
  const auto& [error, object, type, base, usage, tier] = found;
  const bool failed = says_something(error, body) || reads_error(object, body) ||
                      reads_error(type, body) || is_refused_base(base, body);
  PlainVerdict verdict;
  verdict.kind = failed ? PlainAnswer::failure : PlainAnswer::answer;
  if (usage.type == Type::object) verdict.usage = usage.text(body);
  if (tier.type == Type::string) verdict.tier = tier.text(body).substr(1, tier.size - 2);
  return verdict;
}

}  // namespace headrace::dialect
