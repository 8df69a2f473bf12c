#include "policy/keys.h"

#include <openssl/mem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/glob.h"

namespace headrace::policy {
namespace {

// Of which characters keys are made.
constexpr std::array<bool, 256> kAlphabet = [] {
  std::array<bool, 256> alphabet{};
  for (const char c : Bytes("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    alphabet[static_cast<unsigned char>(c)] = true;
  return alphabet;
}();

// Stands for whatever is not worth hashing, at any length.
constexpr std::array<char, kKeyBytesMost> kNothing = {};

SHA256_CTX start(Bytes block) {
  SHA256_CTX state;
  SHA256_Init(&state);
  SHA256_Update(&state, block.data(), block.size());
  return state;
}

Digest finish(SHA256_CTX& state) {
  Digest digest;
  SHA256_Final(digest.data(), &state);
  return digest;
}

std::size_t slot_of(const Digest& digest, std::size_t count) {
  std::uint64_t head = 0;
  std::memcpy(&head, digest.data(), sizeof head);
  return static_cast<std::size_t>(head) & (count - 1);
}

Digest from_hex(Bytes hex) {
  Digest digest{};
  HEADRACE_ASSERT(hex.size() == 2 * digest.size());
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = base::hex_value(hex[2 * i]);
    const int low = base::hex_value(hex[2 * i + 1]);
    HEADRACE_ASSERT(high >= 0);
    HEADRACE_ASSERT(low >= 0);
    digest[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return digest;
}

// The token of an authorization whose scheme is `bearer`, else empty.
Bytes bearer(Bytes value) {
  constexpr Bytes kScheme = "bearer";
  if (value.size() <= kScheme.size()) return {};
  if (!base::equals_lowered(value.substr(0, kScheme.size()), kScheme)) return {};
  if (!base::is_blank(value[kScheme.size()])) return {};
  return base::trim_blanks(value.substr(kScheme.size()));
}

}  // namespace

// -- the hash

KeyHash::KeyHash(Bytes secret) {
  static_assert(sizeof(SHA256_CTX) == sizeof(State));
  static_assert(alignof(SHA256_CTX) <= alignof(State));
  std::array<char, SHA256_CBLOCK> block{};
  Digest hashed;
  if (secret.size() > block.size()) {
    SHA256_CTX state = start(secret);
    hashed = finish(state);
    secret = {reinterpret_cast<const char*>(hashed.data()), hashed.size()};
  }
  std::copy(secret.begin(), secret.end(), block.begin());
  // RFC 2104: the secret with 0x36 in front of the text, with 0x5c in front of that one's hash.
  for (char& c : block) c = static_cast<char>(c ^ 0x36);
  const SHA256_CTX inner = start({block.data(), block.size()});
  for (char& c : block) c = static_cast<char>(c ^ 0x36 ^ 0x5c);
  const SHA256_CTX outer = start({block.data(), block.size()});
  std::memcpy(inner_.bytes.data(), &inner, sizeof inner);
  std::memcpy(outer_.bytes.data(), &outer, sizeof outer);
}

Digest KeyHash::operator()(Bytes key) const {
  SHA256_CTX state;
  std::memcpy(&state, inner_.bytes.data(), sizeof state);
  SHA256_Update(&state, key.data(), key.size());
  const Digest inner = finish(state);
  std::memcpy(&state, outer_.bytes.data(), sizeof state);
  SHA256_Update(&state, inner.data(), inner.size());
  return finish(state);
}

std::string to_hex(const Digest& digest) {
  constexpr Bytes kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

// -- the request

bool is_well_formed_key(Bytes key) {
  bool well_formed = key.size() >= kKeyBytesLeast && key.size() <= kKeyBytesMost;
  for (const char c : key) well_formed &= kAlphabet[static_cast<unsigned char>(c)];
  return well_formed;
}

PresentedKey present_key(const http::Fields& fields, Bytes head) {
  PresentedKey presented;
  const auto add = [&presented](Bytes key) {
    if (key.empty() || (!presented.key.empty() && presented.key != key)) {
      presented.conflicting = true;
    }
    if (presented.key.empty()) presented.key = key;
  };
  for (std::size_t i = 0; i < fields.count(); ++i) {
    const Bytes name = fields.name(i, head);
    if (base::equals_lowered(name, "authorization")) {
      const Bytes value = fields.value(i, head);
      if (!value.empty() && !base::equals_lowered(value, "bearer")) presented.absent = false;
      add(bearer(value));
    } else if (base::equals_lowered(name, "x-api-key") || base::equals_lowered(name, "api-key") ||
               base::equals_lowered(name, "x-goog-api-key")) {
      if (!fields.value(i, head).empty()) presented.absent = false;
      add(fields.value(i, head));
    }
  }
  return presented;
}

// -- the table

bool Key::may_use(Bytes model) const {
  const auto names_it = [model](const std::string& pattern) {
    return base::glob_matches(pattern, model);
  };
  return models.empty() || std::any_of(models.begin(), models.end(), names_it);
}

KeyTable::KeyTable(const config::Snapshot& snapshot, LimitRegistry& registry)
    : hash_(snapshot.key_secret) {
  std::size_t slots = 2;
  while (slots < 2 * snapshot.keys.size()) slots *= 2;
  slots_.resize(slots);
  keys_.reserve(snapshot.keys.size());
  for (const config::ClientKey& from : snapshot.keys) {
    Key key;
    key.name = from.name;
    key.index = static_cast<std::uint32_t>(keys_.size());
    key.models = from.models;
    key.bounds = {from.requests_per_minute, from.tokens_per_minute, from.concurrency};
    key.limits = &registry.of(from.name);
    key.expires = from.expires;
    key.disabled = from.disabled;
    for (const std::string& name : from.certificates) certificates_.emplace_back(name, key.index);
    if (!from.hash.empty()) {
      key.digest = from_hex(from.hash);
      std::size_t slot = slot_of(key.digest, slots);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots - 1);
      slots_[slot] = key.index + 1;
    }
    keys_.push_back(std::move(key));
  }
  std::sort(certificates_.begin(), certificates_.end());
}

// The key whose hash begins like `digest`, or nobody. An early end tells nothing: without the
// secret no sender can choose how its key's hash begins.
const Key& KeyTable::nearest(const Digest& digest) const {
  std::size_t slot = slot_of(digest, slots_.size());
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const Key& key = keys_[slots_[slot] - 1];
    if (std::memcmp(key.digest.data(), digest.data(), sizeof(std::uint64_t)) == 0) return key;
  }
  return nobody_;
}

const Key* KeyTable::find(Bytes presented, std::int64_t wall_seconds) const {
  const bool well_formed = is_well_formed_key(presented);
  const std::size_t size = std::clamp(presented.size(), kKeyBytesLeast, kKeyBytesMost);
  const Digest digest = hash_(well_formed ? presented : Bytes(kNothing.data(), size));
  const Key& key = nearest(digest);
  // Everything is looked at, whatever the first look says.
  const bool same = CRYPTO_memcmp(key.digest.data(), digest.data(), digest.size()) == 0;
  const bool in_time = key.expires == 0 || wall_seconds < key.expires;
  const unsigned good = static_cast<unsigned>(well_formed) & static_cast<unsigned>(same) &
                        static_cast<unsigned>(in_time) & static_cast<unsigned>(!key.disabled) &
                        static_cast<unsigned>(&key != &nobody_);
  return good != 0 ? &key : nullptr;
}

const Key* KeyTable::certified(const std::string& name) const {
  const auto before = [](const auto& entry, const std::string& wanted) {
    return entry.first < wanted;
  };
  const auto found = std::lower_bound(certificates_.begin(), certificates_.end(), name, before);
  const bool known = found != certificates_.end() && found->first == name;
  return known ? &keys_[found->second] : nullptr;
}

const Key* KeyTable::find(const net::PeerCertificate& certificate,
                          std::int64_t wall_seconds) const {
  const Key* key = certified(certificate.fingerprint);
  if (key == nullptr) {
    for (const std::string& name : certificate.names) {
      const Key* other = certified(name);
      if (other == nullptr) continue;
      if (key != nullptr && key != other) return nullptr;
      key = other;
    }
  }
  if (key == nullptr || key->disabled) return nullptr;
  return key->expires == 0 || wall_seconds < key->expires ? key : nullptr;
}

}  // namespace headrace::policy
