#include "proxy/answer_fields.h"

#include <algorithm>
#include <array>

#include "dialect/rate_fields.h"
#include "http/h1_writer.h"

namespace headrace::proxy {
namespace {

using api::Family;
using base::Bytes;

constexpr std::size_t kKeptBytes = 1500;

constexpr std::array<Bytes, 5> kNames = {
    "x-request-id", "request-id", "retry-after", "retry-after-ms", "x-should-retry"};
constexpr std::array<Bytes, 2> kPrefixes = {"openai-", "anthropic-"};
constexpr std::array<Bytes, 3> kRatePrefixes = {
    "x-ratelimit-", "x-tokenlimit-", "anthropic-ratelimit-"};

template <std::size_t Count>
bool is_one_of(Bytes name, const std::array<Bytes, Count>& names) {
  return std::any_of(
      names.begin(), names.end(), [&](Bytes known) { return base::equals_lowered(name, known); });
}

template <std::size_t Count>
bool begins_like(Bytes name, const std::array<Bytes, Count>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](Bytes prefix) {
    return name.size() > prefix.size() &&
           base::equals_lowered(name.substr(0, prefix.size()), prefix);
  });
}

void put(http::H1Writer& out, Bytes name, Bytes value) {
  if (out.size() + name.size() + value.size() + 4 <= kKeptBytes) out.field(name, value);
}

void put_translated_rate(
    http::H1Writer& out, Family provider, Bytes name, Bytes value, std::int64_t now) {
  std::array<char, 48> lowered;
  if (name.size() > lowered.size()) return;
  std::transform(name.begin(), name.end(), lowered.begin(), base::lower);
  const dialect::RateField* const row =
      dialect::find_rate_field(provider, {lowered.data(), name.size()});
  if (row == nullptr) return;
  std::array<char, 32> text;
  const bool from_openai = provider == Family::openai;
  if (row->reset) {
    value = from_openai ? dialect::length_as_moment(value, now, text)
                        : dialect::moment_as_length(value, now, text);
  }
  if (!value.empty()) put(out, from_openai ? row->anthropic : row->openai, value);
}

bool passes(Bytes name, const AnswerFieldRules& rules) {
  if (is_one_of(name, kNames)) return true;
  if (rules.translated) return false;
  return base::equals_lowered(name, "content-type") || begins_like(name, kPrefixes);
}

}  // namespace

io::Slice keep_answer_fields(const http::Fields& fields,
                             Bytes text,
                             const AnswerFieldRules& rules,
                             std::int64_t wall_seconds,
                             io::BlockPool& blocks) {
  char lines[kKeptBytes];
  http::H1Writer out(lines, sizeof lines);
  for (std::size_t i = 0; i < fields.count(); ++i) {
    const Bytes name = fields.name(i, text);
    const Bytes value = fields.value(i, text);
    if (begins_like(name, kRatePrefixes)) {
      if (rules.key_limited) continue;
      if (rules.translated) {
        put_translated_rate(out, rules.provider, name, value, wall_seconds);
      } else {
        put(out, name, value);
      }
    } else if (passes(name, rules)) {
      put(out, name, value);
    }
  }
  return blocks.copy_of(out.written());
}

}  // namespace headrace::proxy
