// Goal: numbers with units are read exactly or refused with advice, and written back in their
// shortest form.
#include "config/units.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace headrace::config {
namespace {

TEST_CASE(
    "a time is a whole number and a unit, and is written back with the largest that divides it") {
  const auto round = [](std::string_view text) {
    const auto time = parse_duration(text, nullptr);
    return time ? format_duration(*time) : "refused";
  };
  CHECK(parse_duration("25s", nullptr) == 25 * base::kSecond);
  CHECK(round("25s") == "25s");
  CHECK(round("1500ms") == "1500ms");
  CHECK(round("2000ms") == "2s");
  CHECK(round("120s") == "2m");
  CHECK(round("90m") == "90m");
  CHECK(round("24h") == "24h");
  CHECK(round("7us") == "7us");
  CHECK(round("0ms") == "0s");
  for (const auto* bad : {"", "s", "-1s", "+1s", "1.5s", "1 s", "1S", "1d", "s1", "1s1", "1e3s"}) {
    CHECK_MESSAGE(round(bad) == "refused", bad);
  }
  CHECK(round("2562047h") == "2562047h");
  CHECK(round("2562048h") == "refused");
  CHECK(round("99999999999999999999h") == "refused");
}

TEST_CASE("a time without a unit names the unit that is missing") {
  std::string advice;
  CHECK_FALSE(parse_duration("25", &advice));
  CHECK(advice == "has no unit; write \"25s\" or \"25ms\"");
}

TEST_CASE("a size is bytes or a whole number and a binary unit") {
  const auto round = [](std::string_view text) {
    const auto size = parse_size(text, nullptr);
    return size ? format_size(*size) : "refused";
  };
  CHECK(parse_size("32MiB", nullptr) == 32u << 20);
  CHECK(round("32MiB") == "32MiB");
  CHECK(round("1024") == "1KiB");
  CHECK(round("1000000") == "1000000");
  CHECK(round("0") == "0");
  for (const auto* bad : {"",
                          "MiB",
                          "-1",
                          "1MB",
                          "1M",
                          "1 MiB",
                          "1.5MiB",
                          "1mib",
                          "0x10",
                          "9223372036854775808",
                          "8589934592GiB"}) {
    CHECK_MESSAGE(round(bad) == "refused", bad);
  }
  std::string advice;
  CHECK_FALSE(parse_size("32MB", &advice));
  CHECK(advice.find("KiB, MiB or GiB") != std::string::npos);
}

TEST_CASE("a mode is three octal digits") {
  CHECK(parse_mode("0660", nullptr) == 0660);
  CHECK(parse_mode("600", nullptr) == 0600);
  CHECK(format_mode(0660) == "0660");
  CHECK(format_mode(0007) == "0007");
  for (const auto* bad : {"", "66", "0668", "1660", "00660", "0o660", "rw-"}) {
    CHECK_MESSAGE(!parse_mode(bad, nullptr), bad);
  }
}

TEST_CASE("an instant is a day or a second of UTC, and is written back in full") {
  CHECK(parse_instant("2030-01-31", nullptr) == 1896048000);
  CHECK(parse_instant("2030-01-31T18:00:01Z", nullptr) == 1896112801);
  CHECK(parse_instant("2024-02-29", nullptr) == 1709164800);
  CHECK(format_instant(1896112801) == "2030-01-31T18:00:01Z");
  CHECK(format_instant(946684800) == "2000-01-01T00:00:00Z");
  for (const auto* text : {"",
                           "2030-1-31",
                           "2030-02-30",
                           "2025-02-29",
                           "2030-13-01",
                           "2030-01-31T24:00:00Z",
                           "2030-01-31T18:60:00Z",
                           "2030-01-31T18:00:00",
                           "2030-01-31 18:00:00Z",
                           "1999-12-31"}) {
    std::string advice;
    CAPTURE(text);
    CHECK_FALSE(parse_instant(text, &advice));
    CHECK(advice.find("2030-01-31") != std::string::npos);
  }
}

}  // namespace
}  // namespace headrace::config
