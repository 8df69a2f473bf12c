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
  enum Key : std::size_t { kError, kObject, kType, kBase, kUsage, kTier, kCount };
  static constexpr json::Names kKeys(
      std::array<Bytes, kCount>{"error", "object", "type", "base_resp", "usage", "service_tier"});
  PlainVerdict verdict;
  SeenUsage& seen = verdict.usage;
  std::array<FoundValue, kCount> found;
  const json::TapedScan result =
      json::scan_object_taping(body, kKeys, found, kUsage, seen.nodes_, json::Utf8::trust);
  if (!result.scan.ok() && result.scan.fault != json::Fault::duplicate_key) return verdict;
  const bool failed = says_something(found[kError], body) || reads_error(found[kObject], body) ||
                      reads_error(found[kType], body) || is_refused_base(found[kBase], body);
  verdict.kind = failed ? PlainAnswer::failure : PlainAnswer::answer;
  if (found[kUsage].type == Type::object) {
    seen.text_ = found[kUsage].text(body);
    seen.answer_ = body.data();
    seen.taped_ = result.taped;
  }
  const FoundValue& tier = found[kTier];
  if (tier.type == Type::string) verdict.tier = tier.text(body).substr(1, tier.size - 2);
  return verdict;
}

}  // namespace headrace::dialect
