// Goal: interpolation puts in exactly what is asked for, once, and its faults never show a value.
#include "config/secrets.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace headrace::config {
namespace {

struct SecretFile {
  explicit SecretFile(std::string_view content) {
    const int fd = ::mkstemp(path);
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    ::close(fd);
  }
  ~SecretFile() { ::unlink(path); }
  std::string reference() const { return "${file:" + std::string(path) + "}"; }
  char path[32] = "/tmp/headrace-secret-XXXXXX";
};

const Environment kEnvironment{
    {{"KEY", "sk-canary"}, {"EMPTY", ""}, {"TRICKY", "${KEY} $${ ${file:/etc/passwd}"}}};

std::string expanded(std::string_view text, const Environment& environment = kEnvironment) {
  const Expanded result = expand(text, environment);
  if (!result.fault.empty()) {
    CHECK(result.fault.find("sk-canary") == std::string::npos);
    return "fault: " + result.fault;
  }
  return result.text;
}

TEST_CASE("variables, defaults and escapes are put in where they stand") {
  CHECK(expanded("${KEY}") == "sk-canary");
  CHECK(expanded("Bearer ${KEY}.${KEY}!") == "Bearer sk-canary.sk-canary!");
  CHECK(expanded("${NONE:-fall back}") == "fall back");
  CHECK(expanded("${NONE:-}") == "");
  CHECK(expanded("${EMPTY:-x}") == "x");
  CHECK(expanded("${KEY:-x}") == "sk-canary");
  CHECK(expanded("$${KEY}") == "${KEY}");
  CHECK(expanded("$ $$ $5 $KEY }") == "$ $$ $5 $KEY }");
  CHECK(expanded("") == "");
}

TEST_CASE("what was put in is not looked at again") {
  CHECK(expanded("${TRICKY}") == "${KEY} $${ ${file:/etc/passwd}");
}

TEST_CASE("only text with something put in counts as changed") {
  CHECK(expand("${KEY}", kEnvironment).changed);
  CHECK(expand("${NONE:-x}", kEnvironment).changed);
  CHECK_FALSE(expand("plain $${x}", kEnvironment).changed);
}

TEST_CASE("a missing or empty variable is named") {
  CHECK(expanded("${NONE}") ==
        "fault: ${NONE} is not set in the environment; set it, or give a default: ${NONE:-}");
  CHECK(expanded("${EMPTY}").find("${EMPTY} is set but empty") != std::string::npos);
  CHECK(expanded("${KEY").find("without its }") != std::string::npos);
}

TEST_CASE("what is no variable name is not repeated, because it may be the secret itself") {
  for (const auto* text : {"${sk-pasted}", "${}", "${1A}", "${A B}", "${:-x}"}) {
    const std::string fault = expanded(text);
    CHECK_MESSAGE(fault.starts_with("fault: ${...} holds no variable name"), text);
    CHECK(fault.find("sk-pasted") == std::string::npos);
  }
}

TEST_CASE("a secret file gives its content without the last line end") {
  CHECK(expanded(SecretFile("sk-file\n").reference()) == "sk-file");
  CHECK(expanded(SecretFile("sk-file\r\n").reference()) == "sk-file");
  CHECK(expanded(SecretFile("sk-file").reference()) == "sk-file");
  CHECK(expanded(SecretFile("a\n\n").reference()) == "a\n");
  CHECK(expanded(SecretFile("${KEY}").reference()) == "${KEY}");
}

TEST_CASE("a secret file that cannot be used is named with the reason") {
  CHECK(expanded("${file:/no/such/file}").find("No such file") != std::string::npos);
  CHECK(expanded("${file:relative}").find("not an absolute path") != std::string::npos);
  CHECK(expanded("${file:/dev/zero}").find("not a regular file") != std::string::npos);
  CHECK(expanded("${file:/tmp}").find("not a regular file") != std::string::npos);
  const SecretFile large(std::string(base::limits::kSecretFileBytes + 1, 'x'));
  CHECK(expanded(large.reference()).find("larger than") != std::string::npos);
  Environment sealed = kEnvironment;
  sealed.may_read_files = false;
  CHECK(expanded("${file:/etc/hostname}", sealed).find("not read here") != std::string::npos);
}

TEST_CASE("a value does not grow without bound, however often something large is put in") {
  const SecretFile file(std::string(base::limits::kSecretFileBytes, 'x'));
  std::string text;
  for (int i = 0; i < 20; ++i) text += file.reference();
  CHECK(expanded(text) == "fault: ${...} brings in too much text");
}

TEST_CASE("a pipe without a writer does not hold up the start") {
  const SecretFile place("");
  ::unlink(place.path);
  REQUIRE(::mkfifo(place.path, 0600) == 0);
  CHECK(expanded(place.reference()).find("not a regular file") != std::string::npos);
}

TEST_CASE("only visible ASCII may travel in a header field") {
  using namespace std::string_view_literals;
  CHECK(is_header_safe("sk-ABC_123.~!"));
  for (const auto bad : {""sv, "a b"sv, "a\r\nb"sv, "a\tb"sv, "a\0b"sv, "a\x7f"sv, "\xc3\xa9"sv}) {
    CHECK_FALSE(is_header_safe(bad));
  }
}

TEST_CASE("the process's own variables are found") {
  REQUIRE(::setenv("HEADRACE_TEST_VARIABLE", "a=b", 1) == 0);
  const Environment environment = process_environment();
  REQUIRE(environment.find("HEADRACE_TEST_VARIABLE") != nullptr);
  CHECK(*environment.find("HEADRACE_TEST_VARIABLE") == "a=b");
  CHECK(environment.find("HEADRACE_TEST_VARIABLE_2") == nullptr);
  ::unsetenv("HEADRACE_TEST_VARIABLE");
}

}  // namespace
}  // namespace headrace::config
