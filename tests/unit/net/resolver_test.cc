// Goal: literals and localhost need no name server, and failures say why. Method: only names that
// every resolver answers without the network (RFC 6761: .invalid never exists; an empty label is no
// name).
#include "net/resolver.h"

#include <doctest/doctest.h>
#include <netdb.h>

#include <string>

#include "net/address.h"

namespace headrace::net {
namespace {

std::string printed(std::string_view host) {
  const auto addresses = resolve(host, 9001);
  if (!addresses.ok()) return "error";
  std::string text;
  for (const auto& storage : addresses.value()) text += format(from_storage(storage)) + " ";
  return text;
}

TEST_CASE("literals are taken as they are, and localhost is both loopbacks") {
  CHECK(printed("10.1.2.3") == "10.1.2.3:9001 ");
  CHECK(printed("::1") == "[::1]:9001 ");
  CHECK(printed("localhost") == "127.0.0.1:9001 [::1]:9001 ");
}

TEST_CASE("a name without address is a failed resolution, blamed on the upstream") {
  using namespace std::string_view_literals;
  for (const std::string_view host : {""sv, "a\0b"sv, "nowhere.invalid"sv}) {
    const auto addresses = resolve(host, 80);
    REQUIRE_FALSE(addresses.ok());
    CHECK(addresses.error().code == base::Errc::resolve_failed);
    CHECK(addresses.error().blame == base::Blame::upstream);
    CHECK_FALSE(explain_resolve_error(addresses.error()).empty());
  }
}

TEST_CASE("a failed resolution is explained in words") {
  CHECK(explain_resolve_error(base::upstream_error(base::Errc::resolve_failed, EAI_NONAME)) ==
        "no such host");
  CHECK(explain_resolve_error(base::upstream_error(base::Errc::resolve_failed, EAI_AGAIN)) ==
        "the name servers do not answer");
}

}  // namespace
}  // namespace headrace::net
