// Goal: a directory is used only when it is ours, on tmpfs and not in use. Method: directories with
// one thing wrong each.
#include "telemetry/state_dir.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch_dir.h"

using headrace::telemetry::StateDir;
using headrace::telemetry::StateDirOptions;
using headrace_test::ScratchDir;

namespace {

constexpr StateDirOptions kAtOnce{.demand_tmpfs = true, .patience = 0};

std::string refusal_of(const std::string& path) {
  std::string refusal;
  const auto dir = StateDir::open(path, refusal, kAtOnce);
  CHECK(dir.has_value() == refusal.empty());
  return refusal;
}

}  // namespace

TEST_CASE("a missing directory is made for us alone, and opened again later") {
  const ScratchDir scratch;
  const std::string path = scratch.file("state");
  CHECK(refusal_of(path) == "");
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  CHECK(refusal_of(path) == "");
}

TEST_CASE("a second one finds the place taken until the first is gone") {
  const ScratchDir scratch;
  std::string refusal;
  {
    const auto first = StateDir::open(scratch.path(), refusal, kAtOnce);
    REQUIRE(first.has_value());
    CHECK(refusal_of(scratch.path()).find("in use by another process") != std::string::npos);
  }
  CHECK(refusal_of(scratch.path()) == "");
}

TEST_CASE("a directory that others may write, a link and a file are refused") {
  const ScratchDir scratch;
  REQUIRE(::chmod(scratch.path().c_str(), 0770) == 0);
  CHECK(refusal_of(scratch.path()).find("may be written by others") != std::string::npos);
  REQUIRE(::chmod(scratch.path().c_str(), 0700) == 0);
  REQUIRE(::symlink(scratch.path().c_str(), scratch.file("link").c_str()) == 0);
  CHECK(refusal_of(scratch.file("link")).find("as a directory") != std::string::npos);
  headrace_test::write_text(scratch.file("file"), "x");
  CHECK(refusal_of(scratch.file("file")).find("as a directory") != std::string::npos);
  CHECK(refusal_of(scratch.file("no/such/parent")).find("cannot be made") != std::string::npos);
}

TEST_CASE("a directory that is not on tmpfs is refused unless that is waived") {
  // /proc is a directory on another file system, though not ours unless the test runs as root.
  const std::string refusal = refusal_of("/proc");
  CHECK(refusal != "");
  if (::geteuid() == 0) CHECK(refusal.find("is not on tmpfs") != std::string::npos);
}

TEST_CASE("the usual place is one of the user's own") {
  CHECK(StateDir::default_path() == "/dev/shm/headrace-" + std::to_string(::geteuid()));
}
