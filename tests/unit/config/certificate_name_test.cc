// Goal: whatever spelling an operator copies, it is compared in one; what cannot be meant is told.
#include "config/certificate_name.h"

#include <doctest/doctest.h>

namespace headrace::config {
namespace {

std::string read(const std::string& text) {
  std::string name;
  const std::string fault = read_certificate_name(text, name);
  return fault.empty() ? name : "fault: " + fault;
}

}  // namespace

TEST_CASE("a fingerprint may be written as openssl prints it") {
  std::string colons;
  for (int i = 0; i < 32; ++i) colons += (i == 0 ? "" : ":") + std::string("aB");
  std::string plain;
  for (int i = 0; i < 32; ++i) plain += "ab";
  CHECK(read("sha256:" + colons) == "sha256:" + plain);
  CHECK(read("sha256:" + plain) == "sha256:" + plain);
  CHECK(read("sha256:ab") == "fault: has 2 hex digits, not 64");
  CHECK(read("sha256:" + std::string(64, 'g')).starts_with("fault: holds something else"));
}

TEST_CASE("names of hosts have no case, and URIs do") {
  CHECK(read("dns:Web.Example") == "dns:web.example");
  CHECK(read("uri:spiffe://Lab/Web") == "uri:spiffe://Lab/Web");
}

TEST_CASE("what names no certificate is told") {
  for (const std::string text : {"", "web.example", "cn:web", "dns:", "uri:", "ip:127.0.0.1"}) {
    CHECK(read(text).starts_with("fault: names no certificate"));
  }
  CHECK(read("dns:a b").starts_with("fault: holds a blank"));
  CHECK(read("dns:*.example").starts_with("fault: has a wildcard"));
}

}  // namespace headrace::config
