#include "policy/new_key.h"

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "policy/admission.h"
#include "policy/keys.h"

namespace headrace::policy {
namespace {

constexpr std::size_t kRandomBytes = 32;

// Base64 with the alphabet of URLs, without padding.
std::string random_text() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<std::uint8_t, kRandomBytes> bytes;
  HEADRACE_ASSERT(RAND_bytes(bytes.data(), bytes.size()) == 1);
  std::string text;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    count += 8;
    while (count >= 6) {
      count -= 6;
      text += kDigits[bits >> count & 63];
    }
  }
  text += kDigits[bits << (6 - count) & 63];
  return text;
}

}  // namespace

std::string new_key() {
  return std::string(kKeyPrefix) + random_text();
}

std::string describe_new_key(std::string_view key, std::string_view name, std::string_view secret) {
  std::string text = "Give this to the client; it is shown only now:\n\n  " + std::string(key) +
                     "\n\nAnd add to the configuration:\n\n";
  std::string made;
  if (secret.empty()) {
    made = random_text();
    text += "key_secret: \"" + made +
            "\"  # better in a file: \"${file:/path}\"; without it no key is good any more\n";
    secret = made;
  }
  return text + "keys:\n  " + std::string(name) + ":\n    hash: \"" + to_hex(KeyHash(secret)(key)) +
         "\"\n";
}

}  // namespace headrace::policy
