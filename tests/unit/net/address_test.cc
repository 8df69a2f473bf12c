// Goal: every text form is read strictly and written back the same, and the range rules see through
// every spelling of an address. Method: tables.
#include "net/address.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace headrace::net {
namespace {

Address literal(std::string_view host) {
  const auto address = parse_literal(host, 80);
  REQUIRE_MESSAGE(address.has_value(), std::string(host));
  return *address;
}

TEST_CASE("an address is written back as it was read") {
  for (const std::string_view text : {"127.0.0.1:8080",
                                      "0.0.0.0:1",
                                      "[::1]:8080",
                                      "[fe80::1]:65535",
                                      "127.0.0.1:0",
                                      "unix:/run/headrace.sock",
                                      "unix:@headrace"}) {
    const auto address = parse_address(text);
    REQUIRE_MESSAGE(address.ok(), std::string(text));
    CHECK(format(address.value()) == text);
  }
}

TEST_CASE("localhost is 127.0.0.1, and no other name is an address") {
  CHECK(format(parse_address("localhost:8080").value()) == "127.0.0.1:8080");
  std::string_view reason;
  CHECK_FALSE(parse_address("example.com:8080", &reason).ok());
  CHECK(reason.find("not looked up") != std::string_view::npos);
}

TEST_CASE("anything that is not exactly an address is refused with a reason") {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      "8080"sv,
                                      ":8080"sv,
                                      "127.0.0.1"sv,
                                      "127.0.0.1:"sv,
                                      "127.0.0.1:65536"sv,
                                      "127.0.0.1:-1"sv,
                                      "127.0.0.1:80 "sv,
                                      " 127.0.0.1:80"sv,
                                      "127.0.0.1:0x50"sv,
                                      "127.1:80"sv,
                                      "0177.0.0.1:80"sv,
                                      "::1:80"sv,
                                      "[::1]"sv,
                                      "[::1:80"sv,
                                      "[127.0.0.1]:80"sv,
                                      "[]:80"sv,
                                      "[fe80::1%eth0]:80"sv,
                                      "127.0.0.1\0x:80"sv,
                                      "unix:"sv,
                                      "unix:/"sv,
                                      "unix:@"sv,
                                      "unix:relative.sock"sv,
                                      "unix:/a\0b"sv}) {
    std::string_view reason;
    CHECK_MESSAGE(!parse_address(text, &reason).ok(), std::string(text));
    CHECK_MESSAGE(!reason.empty(), std::string(text));
  }
}

TEST_CASE("a unix name has up to 107 bytes") {
  const std::string longest = "unix:/" + std::string(106, 'x');
  CHECK(format(parse_address(longest).value()) == longest);
  CHECK(path_of(parse_address(longest).value()) == longest.substr(5));
  CHECK_FALSE(parse_address(longest + "x").ok());
}

TEST_CASE("addresses are equal when they name the same place") {
  CHECK(parse_address("localhost:80").value() == parse_address("127.0.0.1:80").value());
  CHECK(parse_address("[0:0::1]:80").value() == parse_address("[::1]:80").value());
  CHECK_FALSE(parse_address("[::1]:80").value() == parse_address("[::1]:81").value());
  CHECK_FALSE(parse_address("127.0.0.1:80").value() == parse_address("127.0.0.2:80").value());
  CHECK(parse_address("unix:@a").value() == parse_address("unix:@a").value());
  CHECK_FALSE(parse_address("unix:@a").value() == parse_address("unix:@ab").value());
  CHECK_FALSE(parse_address("unix:@/a").value() == parse_address("unix:/a").value());
}

TEST_CASE("only a path has a path, and only IP has a port") {
  CHECK(path_of(parse_address("unix:/run/x").value()) == "/run/x");
  CHECK(path_of(parse_address("unix:@x").value()).empty());
  CHECK(path_of(literal("::1")).empty());
  CHECK(port_of(literal("::1")) == 80);
  CHECK(port_of(parse_address("unix:/run/x").value()) == 0);
}

TEST_CASE("loopback is this host alone, also behind IPv4-mapped IPv6") {
  for (const auto* host : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) {
    CHECK_MESSAGE(is_loopback(literal(host)), host);
  }
  for (const auto* host : {"126.255.255.255",
                           "128.0.0.0",
                           "0.0.0.0",
                           "10.0.0.1",
                           "::",
                           "::2",
                           "::ffff:10.0.0.1",
                           "fe80::1"}) {
    CHECK_MESSAGE(!is_loopback(literal(host)), host);
  }
  CHECK(is_loopback(parse_address("unix:@x").value()));
}

TEST_CASE("every private range is known at both of its ends") {
  for (const auto* host : {"0.0.0.0",
                           "10.0.0.0",
                           "10.255.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "127.0.0.1",
                           "169.254.0.0",
                           "169.254.169.254",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.168.0.0",
                           "192.168.255.255",
                           "::",
                           "::1",
                           "fc00::",
                           "fdff:ffff::1",
                           "fe80::1",
                           "febf::1",
                           "::ffff:10.1.2.3",
                           "::ffff:a9fe:a9fe",
                           "::ffff:0.0.0.0",
                           "::ffff:192.168.1.1"}) {
    CHECK_MESSAGE(is_private_range(literal(host)), host);
  }
  for (const auto* host : {"1.0.0.0",
                           "9.255.255.255",
                           "11.0.0.0",
                           "100.63.255.255",
                           "100.128.0.0",
                           "169.253.255.255",
                           "169.255.0.0",
                           "172.15.255.255",
                           "172.32.0.0",
                           "192.167.255.255",
                           "192.169.0.0",
                           "8.8.8.8",
                           "2606:4700::1",
                           "fbff::1",
                           "fe00::1",
                           "fec0::1",
                           "::ffff:8.8.8.8",
                           "255.255.255.255"}) {
    CHECK_MESSAGE(!is_private_range(literal(host)), host);
  }
}

}  // namespace
}  // namespace headrace::net
