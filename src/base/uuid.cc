#include "base/uuid.h"

#include <cstring>

namespace headrace::base {

Uuid make_uuid7(std::uint64_t unix_ms, Prng& random) {
  Uuid uuid;
  const std::uint64_t bits[2] = {random.next(), random.next()};
  std::memcpy(uuid.data(), bits, sizeof bits);
  for (int i = 0; i < 6; ++i) {
    uuid[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(unix_ms >> (40 - 8 * i));
  }
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x70);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

char* write_uuid(char* out, const Uuid& uuid) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = kDigits[uuid[i] >> 4];
    *out++ = kDigits[uuid[i] & 15];
  }
  return out;
}

}  // namespace headrace::base
