// Goal: what is printed is what is in force, without secrets, and the reference page in the tree is
// the one that the program prints.
#include "config/print.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "config/load.h"

namespace headrace::config {
namespace {

constexpr std::string_view kRich = R"(
listen: [127.0.0.1:1, {address: "unix:/run/x.sock", mode: "0600", group: web}, {address: "unix:@a", half_close: ignore},
  {address: "127.0.0.1:2", http: "1.1", client_ca_file: ca.pem, tls_certificates: [{certificate: a b.pem, key: a.key}]}]
admin: off
workers: 3
busy: always
pin: true
io: {backend: epoll, compat: "6.1"}
limits: {body: 1000000, head_timeout: 1500ms}
providers:
  a: {base_url: "http://127.0.0.1:1/v1", api_key: sk-canary}
  b: {base_url: "http://b.example/x%20y", private: true}
routes:
  - {model: 'odd "name" \ $${x} *', targets: [a, {provider: b, model: "m:1"}], reasoning_is_useful: true}
  - {model: "*", targets: [b], first_token_timeout: 90s}
)";

Snapshot load_good(std::string_view yaml) {
  LoadOutcome outcome = load_text(yaml, {});
  outcome.source = "test";
  REQUIRE_MESSAGE(outcome.ok(), format_faults(outcome));
  return *outcome.snapshot;
}

TEST_CASE("a printed configuration loads to what was printed") {
  const Snapshot snapshot = load_good(kRich);
  const std::string printed = print_redacted(snapshot);
  const Snapshot again = load_good(printed);
  CHECK(print_redacted(again) == printed);
  CHECK(again.routes[0].model == "odd \"name\" \\ ${x} *");
  CHECK(again.routes[0].targets[1].name == "b/m:1");
  CHECK(again.listen[1].group == "web");
  CHECK(again.listen[2].half_close == HalfClose::ignore);
  CHECK(again.listen[3].http == ListenHttp::http1);
  CHECK(again.listen[3].tls_certificates[0].certificate == "a b.pem");
  CHECK(again.limits.body_bytes == 1'000'000);
  CHECK(again.providers[1].base_path == "/x%20y");
  const std::string of_default = print_redacted(default_config());
  CHECK(print_redacted(load_good(of_default)) == of_default);
}

TEST_CASE("a printed configuration holds no key") {
  const std::string printed = print_redacted(load_good(kRich));
  CHECK(printed.find("canary") == std::string::npos);
  CHECK(printed.find("api_key: \"***\"") != std::string::npos);
}

TEST_CASE("a printed configuration names the proxy that is in force, and shows no credentials") {
  const std::string yaml = R"(
providers:
  own: {base_url: "https://a.test/v1", proxy: "http://joe:sk-canary@proxy.corp:3128"}
  odd: {base_url: "https://b.test/v1", proxy: "joe:sk-canary@x@proxy.corp:1"}
  none: {base_url: "https://c.test/v1", proxy: none}
  other: {base_url: "https://d.test/v1"}
routes: [{model: "*", targets: [own]}]
)";
  Environment environment;
  environment.variables = {{"HTTPS_PROXY", "http://env:sk-canary@env.corp:8080"}};
  const LoadOutcome outcome = load_text(yaml, environment);
  REQUIRE_MESSAGE(outcome.ok(), format_faults(outcome));
  const std::string printed = print_redacted(*outcome.snapshot);
  CHECK(printed.find("canary") == std::string::npos);
  CHECK(printed.find("proxy: \"http://***:***@proxy.corp:3128\"") != std::string::npos);
  CHECK(printed.find("proxy: \"***:***@proxy.corp:1\"") != std::string::npos);
  CHECK(printed.find("proxy: \"none\"") != std::string::npos);
  CHECK(printed.find("proxy: \"http://***:***@env.corp:8080\"") != std::string::npos);
  CHECK(load_text(printed, {}).ok());
}

TEST_CASE("docs/configuration.md is what `headrace config docs` prints") {
  std::ifstream file("docs/configuration.md");
  REQUIRE(file.good());
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  CHECK_MESSAGE(page == docs_markdown(), "run `headrace config docs > docs/configuration.md`");
}

TEST_CASE("the reference page shows type, default, bounds and variable of a key") {
  const std::string page = docs_markdown();
  CHECK(page.find("| `body` | size | `32MiB` | 1KiB to 1GiB | `HEADRACE_LIMITS_BODY` | ") !=
        std::string::npos);
  CHECK(page.find("| `workers` | number | `auto` | `auto`, or 1 to 256 | `HEADRACE_WORKERS` | ") !=
        std::string::npos);
  CHECK(
      page.find(
          "| `backend` | word | `auto` | `auto`, `io_uring`, `epoll` | `HEADRACE_IO_BACKEND` | ") !=
      std::string::npos);
}

}  // namespace
}  // namespace headrace::config
