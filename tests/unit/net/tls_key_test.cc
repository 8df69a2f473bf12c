// Goal: a key seals and opens as RFC 8446 says, to the bit. Method: the records of RFC 8448
// section 3 under the secret that stands there; a second key as the other end.
#include "net/tls_key.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "tls_suites.h"

namespace headrace::net::test {
namespace {

std::string of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

// client_application_traffic_secret_0
const std::string kSecret =
    of_hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");

std::string sealed(TlsKey& key, std::string_view text, std::uint8_t type = 23) {
  std::string record(text.size() + TlsKey::kOverhead, '\0');
  std::memcpy(record.data() + TlsKey::kHeaderBytes, text.data(), text.size());
  key.seal(record.data(), text.size(), type);
  return record;
}

bool opens(TlsKey& key, std::string& record) {
  return key.open(record.data(), record.size() - TlsKey::kHeaderBytes);
}

}  // namespace

TEST_CASE("the records of the RFC's example come out to the bit") {
  TlsKey key(suites()[0].suite, kSecret, 0);
  std::string text;
  for (char i = 0; i < 50; ++i) text += i;
  CHECK(
      sealed(key, text) ==
      of_hex("1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd5"
             "4a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"));
  CHECK(sealed(key, std::string_view("\x01\x00", 2), 21) ==
        of_hex("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"));
  CHECK(key.sequence() == 2);
}

TEST_CASE("what one key sealed another opens, of every suite and size") {
  for (const NamedSuite& each : suites()) {
    CAPTURE(each.name);
    const std::string secret = secret_of(each.suite, 's');
    TlsKey from(each.suite, secret, 7);
    TlsKey to(each.suite, secret, 7);
    for (const std::size_t size : {0u, 1u, 200u, 16384u}) {
      const std::string text(size, 'x');
      std::string record = sealed(from, text);
      REQUIRE(record.size() == size + 22);
      REQUIRE(opens(to, record));
      CHECK(record.substr(5, size) == text);
      CHECK(record[5 + size] == 23);
    }
  }
}

TEST_CASE("a changed bit, another number or another secret opens nothing") {
  for (const NamedSuite& each : suites()) {
    CAPTURE(each.name);
    const std::string secret = secret_of(each.suite, 's');
    for (std::size_t place = 0; place < 5 + 3 + 17; ++place) {
      TlsKey from(each.suite, secret, 0);
      TlsKey to(each.suite, secret, 0);
      std::string record = sealed(from, "abc");
      record[place] = static_cast<char>(record[place] ^ 0x80);
      CHECK_FALSE(opens(to, record));
    }
    TlsKey from(each.suite, secret, 0);
    TlsKey later(each.suite, secret, 1);
    TlsKey stranger(each.suite, secret_of(each.suite, 't'), 0);
    std::string record = sealed(from, "abc");
    std::string again = record;
    CHECK_FALSE(opens(later, record));
    CHECK_FALSE(opens(stranger, again));
  }
}

TEST_CASE("both ends come to the same next key, which begins at record 0") {
  for (const NamedSuite& each : suites()) {
    const std::string secret = secret_of(each.suite, 's');
    TlsKey from(each.suite, secret, 0);
    TlsKey to(each.suite, secret, 0);
    TlsKey old(each.suite, secret, 0);
    for (int i = 0; i < 3; ++i) {
      from.renew();
      to.renew();
      CHECK(from.sequence() == 0);
      std::string record = sealed(from, "new");
      std::string copy = record;
      CHECK_FALSE(opens(old, copy));
      CHECK(opens(to, record));
    }
  }
}

TEST_CASE("the number of a record may have every bit") {
  const std::string secret = secret_of(suites()[0].suite, 's');
  TlsKey from(suites()[0].suite, secret, 0x0123456789abcdefull);
  TlsKey to(suites()[0].suite, secret, 0x0123456789abcdefull);
  TlsKey near(suites()[0].suite, secret, 0x0023456789abcdefull);
  std::string record = sealed(from, "x");
  std::string copy = record;
  CHECK_FALSE(opens(near, copy));
  CHECK(opens(to, record));
}

}  // namespace headrace::net::test
