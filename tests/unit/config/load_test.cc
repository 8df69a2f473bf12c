// Goal: a load ends in a snapshot or in faults, never in both or neither, and says where they are.
#include "config/load.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace headrace::config {
namespace {

struct File {
  explicit File(std::string_view content) {
    const int fd = ::mkstemp(path);
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    ::close(fd);
  }
  ~File() { ::unlink(path); }
  char path[32] = "/tmp/headrace-config-XXXXXX";
};

TEST_CASE("the embedded default is a good configuration of its own") {
  const Snapshot snapshot = default_config();
  REQUIRE(snapshot.listen.size() == 1);
  CHECK(snapshot.listen[0].address == "127.0.0.1:8080");
  CHECK(snapshot.admin == "127.0.0.1:9090");
  REQUIRE(snapshot.providers.size() == 1);
  CHECK(snapshot.providers[0].name == "mock");
  CHECK(snapshot.providers[0].authority == "127.0.0.1:9001");
  CHECK(snapshot.providers[0].base_path == "/v1");
  CHECK(snapshot.providers[0].api_key.empty());
  REQUIRE(snapshot.routes.size() == 1);
  CHECK(snapshot.routes[0].model == "*");
  CHECK(snapshot.routes[0].targets.at(0).name == "mock");
}

TEST_CASE("faults are told as file, line and message") {
  const File file("busy: alwys\n" + std::string(default_text()) + "lisen: 1\n");
  const LoadOutcome outcome = load_file(file.path, {});
  CHECK_FALSE(outcome.ok());
  const std::string path = file.path;
  CHECK(format_faults(outcome) ==
        path + ":1: busy: \"alwys\" is not one of auto, always, off; did you mean \"always\"?\n" +
            path + ":10: unknown key \"lisen\" at the top level; did you mean \"listen\"?\n");
}

TEST_CASE("a file that is not there or is no file is a fault without a line") {
  const LoadOutcome absent = load_file("/no/such/headrace.yaml", {});
  CHECK(format_faults(absent) ==
        "/no/such/headrace.yaml: cannot be read: No such file or directory\n");
  CHECK(format_faults(load_file("/tmp", {})) == "/tmp: cannot be read: Is a directory\n");
  CHECK_FALSE(load("/no/such/headrace.yaml", {}).ok());
}

TEST_CASE("a file without end is not read to its end") {
  const LoadOutcome outcome = load_file("/dev/zero", {});
  REQUIRE(outcome.faults.size() == 1);
  CHECK(outcome.faults[0].message.find("larger than") != std::string::npos);
}

TEST_CASE("without a file the embedded default runs, and the environment still counts") {
  const LoadOutcome outcome = load("", Environment{{{"HEADRACE_BUSY", "off"}}});
  REQUIRE(outcome.ok());
  CHECK(outcome.source == kEmbeddedSource);
  CHECK(outcome.snapshot->busy == Busy::off);
}

TEST_CASE("without a file the providers whose keys are in the environment are served") {
  const LoadOutcome outcome = load("",
                                   Environment{{{"OPENAI_API_KEY", "sk-canary"},
                                                {"OPENAI_BASE_URL", "http://127.0.0.1:1/v1"},
                                                {"HEADRACE_LISTEN", "127.0.0.1:2"}}});
  REQUIRE_MESSAGE(outcome.ok(), format_faults(outcome));
  CHECK(outcome.source == "the environment, with openai (OPENAI_API_KEY)");
  CHECK(outcome.snapshot->listen.at(0).address == "127.0.0.1:2");
  CHECK(outcome.snapshot->providers.at(0).name == "openai");
  const LoadOutcome faulty = load(
      "", Environment{{{"OPENAI_API_KEY", "sk-canary"}, {"OPENAI_BASE_URL", "ftp://127.0.0.1"}}});
  CHECK(format_faults(faulty).starts_with(
      "the environment, with openai (OPENAI_API_KEY): providers.openai.base_url: "));
}

TEST_CASE("the configurations of the tree are good") {
  for (const auto* path : {"config/headrace.example.yaml", "config/dev.yaml"}) {
    const LoadOutcome outcome = load_file(path, {});
    CHECK_MESSAGE(outcome.ok(), format_faults(outcome));
  }
}

}  // namespace
}  // namespace headrace::config
