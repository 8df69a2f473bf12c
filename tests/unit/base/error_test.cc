// Goal: an error stays small enough to return by value everywhere, and its name is fit for a metric
// label. Method: every code up to the last one is named; names are compared with each other and
// with a pattern.
#include "base/error.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>

namespace headrace::base {
namespace {

constexpr auto kLast = static_cast<std::uint8_t>(kLastErrc);

TEST_CASE("every error code has a name of its own, made of lower-case words") {
  std::set<std::string_view> names;
  for (std::uint8_t code = 0; code <= kLast; ++code) {
    const std::string_view name = name_of(static_cast<Errc>(code));
    CAPTURE(code);
    CHECK(name != "unknown");
    CHECK_MESSAGE(names.insert(name).second, "two codes are called ", std::string(name));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
  }
}

TEST_CASE("a number that is no code is called unknown, never read out of bounds") {
  CHECK(name_of(static_cast<Errc>(kLast + 1)) == "unknown");
  CHECK(name_of(static_cast<Errc>(255)) == "unknown");
}

TEST_CASE("the names that clients and dashboards already know are stable") {
  CHECK(name_of(Errc::no_such_model) == "model_not_found");
  CHECK(name_of(Errc::upstream_closed) == "upstream_disconnected");
  CHECK(name_of(Errc::total_timeout) == "deadline_exceeded");
}

TEST_CASE("only an upstream's error lets the next target try") {
  CHECK(client_error(Errc::bad_request) ==
        Error{Errc::bad_request, Blame::client, Retry::never, 0});
  CHECK(upstream_error(Errc::connect_failed, 111) ==
        Error{Errc::connect_failed, Blame::upstream, Retry::next_target, 111});
  CHECK(gateway_error(Errc::out_of_files, 24) ==
        Error{Errc::out_of_files, Blame::gateway, Retry::never, 24});
}

TEST_CASE("an error survives a copy of its bytes") {
  const Error before = upstream_error(Errc::upstream_reset, 104);
  Error after;
  std::memcpy(&after, &before, sizeof after);
  CHECK(after == before);
  CHECK_FALSE(after == upstream_error(Errc::upstream_reset, 103));
}

}  // namespace
}  // namespace headrace::base
