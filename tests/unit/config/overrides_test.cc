// Goal: the environment wins over the file, key by key, through the same checks.
#include "config/overrides.h"

#include <doctest/doctest.h>

#include <string>

#include "config/load.h"

namespace headrace::config {
namespace {

using Variables = decltype(Environment::variables);

LoadOutcome load_with(const Variables& variables, std::string_view yaml = default_text()) {
  return load_text(yaml, Environment{variables});
}

Snapshot good_with(const Variables& variables, std::string_view yaml = default_text()) {
  LoadOutcome outcome = load_with(variables, yaml);
  for (const auto& fault : outcome.faults) FAIL(fault.message);
  return *outcome.snapshot;
}

TEST_CASE("a variable wins over the file and over the default") {
  const Snapshot snapshot =
      good_with({{"HEADRACE_LISTEN", "127.0.0.1:1"},
                 {"HEADRACE_ADMIN", "off"},
                 {"HEADRACE_WORKERS", "2"},
                 {"HEADRACE_BUSY", "always"},
                 {"HEADRACE_IO_BACKEND", "epoll"},
                 {"HEADRACE_LIMITS_BODY", "1MiB"},
                 {"HEADRACE_PROVIDERS_MOCK_BASE_URL", "http://127.0.0.1:5/v2"},
                 {"HEADRACE_PROVIDERS_MOCK_API_KEY", "sk-env"},
                 {"HEADRACE_ROUTES_0_TOTAL_TIMEOUT", "7s"}});
  REQUIRE(snapshot.listen.size() == 1);
  CHECK(snapshot.listen[0].address == "127.0.0.1:1");
  CHECK(snapshot.admin.empty());
  CHECK(snapshot.workers == 2);
  CHECK(snapshot.busy == Busy::always);
  CHECK(snapshot.io.backend == Backend::epoll);
  CHECK(snapshot.limits.body_bytes == 1u << 20);
  CHECK(snapshot.providers[0].port == 5);
  CHECK(snapshot.providers[0].api_key == "sk-env");
  CHECK(snapshot.routes[0].total_timeout == 7 * base::kSecond);
}

TEST_CASE("a variable goes beside what the file says in the same section") {
  const std::string yaml = "io: {tiny: true, backend: io_uring}\n" + std::string(default_text());
  const Snapshot snapshot = good_with({{"HEADRACE_IO_BACKEND", "epoll"}}, yaml);
  CHECK(snapshot.io.tiny);
  CHECK(snapshot.io.backend == Backend::epoll);
}

TEST_CASE("several listeners stand with commas between them") {
  const Snapshot snapshot = good_with({{"HEADRACE_LISTEN", "127.0.0.1:1,unix:@x"}});
  REQUIRE(snapshot.listen.size() == 2);
  CHECK(snapshot.listen[1].address == "unix:@x");
}

TEST_CASE("an empty variable counts as absent, and an override is not interpolated") {
  CHECK(good_with({{"HEADRACE_BUSY", ""}}).busy == Busy::automatic);
  CHECK(good_with({{"HEADRACE_PROVIDERS_MOCK_API_KEY", "${KEY}"}, {"KEY", "x"}})
            .providers[0]
            .api_key == "${KEY}");
}

TEST_CASE("a bad override is a fault that names the variable, but not a secret") {
  const LoadOutcome outcome =
      load_with({{"HEADRACE_BUSY", "alwys"}, {"HEADRACE_PROVIDERS_MOCK_API_KEY", "sk canary"}});
  REQUIRE(outcome.faults.size() == 2);
  CHECK(outcome.faults[0].line == 0);
  CHECK(outcome.faults[0].message ==
        "HEADRACE_BUSY in the environment: \"alwys\" is not one of auto, always, off; did you mean "
        "\"always\"?");
  CHECK(outcome.faults[1].message.starts_with(
      "HEADRACE_PROVIDERS_MOCK_API_KEY in the environment: "));
  CHECK(outcome.faults[1].message.find("canary") == std::string::npos);
}

TEST_CASE("a misspelt variable is a warning, and what others put under our prefix is none") {
  const LoadOutcome outcome = load_with({{"HEADRACE_LISEN", "127.0.0.1:1"},
                                         {"HEADRACE_SERVICE_HOST", "10.0.0.1"},
                                         {"HEADRACE_PORT_8080_TCP_ADDR", "10.0.0.1"},
                                         {"HEADRACE_PORT", "tcp://10.0.0.1:8080"}});
  CHECK(outcome.ok());
  REQUIRE(outcome.warnings.size() == 1);
  CHECK(outcome.warnings[0].find("HEADRACE_LISEN") == 0);
  CHECK(outcome.warnings[0].find("did you mean \"LISTEN\"?") != std::string::npos);
}

TEST_CASE("a file whose parts have the wrong shape is left to the reader's faults") {
  const LoadOutcome outcome =
      load_with({{"HEADRACE_IO_TINY", "true"}}, "io: x\nproviders: [a]\nroutes: b\n");
  CHECK(outcome.faults.size() == 3);
  TreeNode list;
  list.kind = TreeNode::Kind::list;
  CHECK(apply_overrides(list, Environment{{{"HEADRACE_BUSY", "off"}}}).empty());
  CHECK(list.is(TreeNode::Kind::list));
}

TEST_CASE("sections that no variable touched are not left behind") {
  TreeNode root;
  apply_overrides(root, Environment{});
  CHECK(root.entries.empty());
  apply_overrides(root, Environment{{{"HEADRACE_LIMITS_BODY", "1"}}});
  REQUIRE(root.entries.size() == 1);
  CHECK(root.entries[0].key == "limits");
}

}  // namespace
}  // namespace headrace::config
