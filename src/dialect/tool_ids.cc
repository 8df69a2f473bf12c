#include "dialect/tool_ids.h"

#include <algorithm>
#include <array>
#include <bit>

#include "json/text.h"

namespace headrace::dialect {
namespace {

constexpr std::size_t kOpenaiIdBytes = 40;
constexpr std::size_t kDigestHalf = 12;

bool fits(char c) {
  return base::is_digit(c) || (base::lower(c) >= 'a' && base::lower(c) <= 'z') || c == '_' ||
         c == '-';
}

// A step of 64-bit mixing that spreads every bit (the finalizer of MurmurHash3).
std::uint64_t mix(std::uint64_t h) {
  h ^= h >> 33;
  h *= 0xFF51AFD7ED558CCDull;
  h ^= h >> 33;
  h *= 0xC4CEB9FE1A85EC53ull;
  return h ^ (h >> 33);
}

// FNV-1a over the bytes, finished by mix().
std::uint64_t hash(Bytes bytes, std::uint64_t seed, bool cleaned) {
  std::uint64_t h = 0xCBF29CE484222325ull ^ seed;
  for (const char c : bytes) {
    const char shown = cleaned && !fits(c) ? '_' : c;
    h = (h ^ static_cast<unsigned char>(shown)) * 0x100000001B3ull;
  }
  return std::max<std::uint64_t>(mix(h), 1);
}

void write_half(std::uint64_t value, api::JsonBuilder& out) {
  constexpr Bytes kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (std::size_t i = 0; i < kDigestHalf; ++i) {
    out.raw(kDigits[value % kDigits.size()]);
    value /= kDigits.size();
  }
}

using Scratch = std::array<char, 256>;

// The same id may be spelled with escapes in one place and without in another. Too long a one stays
// as it is written.
Bytes plain_id(json::Value id, Scratch& scratch) {
  if (!id.escaped()) return id.body();
  return json::unescape(id.raw(), scratch).value_or(id.body());
}

std::size_t count_ids(json::Value messages) {
  std::size_t count = 0;
  json::Elements walk(messages);
  json::Value message;
  while (walk.next(message)) {
    json::Elements calls(message.member("tool_calls"));
    json::Value call;
    while (calls.next(call)) ++count;
  }
  return count;
}

}  // namespace

void write_id_digest(Bytes id, api::JsonBuilder& out) {
  write_half(hash(id, 0, false), out);
  write_half(hash(id, 0x9E3779B97F4A7C15ull, false), out);
}

void write_openai_tool_id(json::Value id, api::JsonBuilder& out) {
  Scratch scratch;
  const Bytes plain = plain_id(id, scratch);
  if (plain.size() > kOpenaiIdBytes) {
    write_id_digest(plain, out);
  } else {
    out.raw(id.body());
  }
}

AnthropicToolIds::Entry& AnthropicToolIds::place_of(std::uint64_t cleaned) {
  std::uint64_t at = cleaned & mask_;
  while (entries_[at].cleaned != 0 && entries_[at].cleaned != cleaned) at = (at + 1) & mask_;
  return entries_[at];
}

void AnthropicToolIds::note(json::Value id) {
  Scratch scratch;
  const Bytes body = plain_id(id, scratch);
  if (body.empty()) return;
  const std::uint64_t cleaned = hash(body, 0, true);
  const std::uint64_t written = hash(body, 0, false);
  Entry& entry = place_of(cleaned);
  if (entry.cleaned != 0 && entry.written != written) entry.shared = 1;
  if (entry.cleaned == 0) entry = {cleaned, written, 0};
}

// An open table at most half full: one walk to count, one to fill.
void AnthropicToolIds::build() {
  const std::size_t places = std::bit_ceil(2 * count_ids(messages_) + 2);
  block_ = pool_.take(places * sizeof(Entry));
  entries_ = reinterpret_cast<Entry*>(block_.buffer()->base);
  std::fill_n(entries_, places, Entry{});
  mask_ = places - 1;
  json::Elements walk(messages_);
  json::Value message;
  while (walk.next(message)) {
    json::Elements calls(message.member("tool_calls"));
    json::Value call;
    while (calls.next(call)) note(call.member("id"));
  }
}

void AnthropicToolIds::write(json::Value id, api::JsonBuilder& out) {
  Scratch scratch;
  const Bytes body = plain_id(id, scratch);
  if (std::all_of(body.begin(), body.end(), fits)) return out.raw(body);
  if (entries_ == nullptr) build();
  if (place_of(hash(body, 0, true)).shared != 0) return write_id_digest(body, out);
  for (const char c : body) out.raw(fits(c) ? c : '_');
}

}  // namespace headrace::dialect
