// Goal: the audit file holds whole lines, each once, through rotation, torn ends and a full disk.
// Method: small files on tmpfs, a clock of the test's own, and a size limit as the full disk.
#include "exporter/jsonl.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "records.h"
#include "scratch_dir.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::count_of;
using exporter_test::numbered;
using exporter_test::request;
using headrace_test::read_text;
using headrace_test::write_text;

namespace {

std::uint64_t now_ns = 0;

struct Audit {
  headrace_test::ScratchDir scratch;
  config::AuditOptions options;
  std::string fault;
  std::unique_ptr<Jsonl> sink;

  Audit() {
    options.path = scratch.file("audit.jsonl");
    now_ns = 1'000'000'000;
  }
  bool open() {
    sink.reset();
    sink = Jsonl::open(options, fault, [] { return now_ns; });
    return sink != nullptr;
  }
  void write(std::uint64_t number) {
    const Record record = numbered(request(number), number);
    sink->write({.ring = 1, .request = Part{record, {}}, .attempts = {}, .names = nullptr});
  }
  std::string text(std::size_t rotated = 0) const {
    return read_text(rotated == 0 ? options.path : Jsonl::rotated_name(options.path, rotated));
  }
  bool has(std::size_t rotated) const {
    return std::filesystem::exists(Jsonl::rotated_name(options.path, rotated));
  }
};

// Writes above this size fail, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    old_action_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_action_);
  }

 private:
  rlimit old_{};
  void (*old_action_)(int) = nullptr;
};

}  // namespace

TEST_CASE("lines are in the file after a flush, and appended to by the next process") {
  Audit audit;
  REQUIRE(audit.open());
  audit.write(1);
  CHECK(audit.text().empty());
  REQUIRE(audit.sink->flush());
  audit.write(2);
  REQUIRE(audit.sink->flush());
  REQUIRE(audit.open());
  audit.write(3);
  REQUIRE(audit.sink->flush());
  CHECK(count_of(audit.text(), "\n") == 3);
  CHECK(count_of(audit.text(), "\"sequence\":3,") == 1);
  CHECK(audit.sink->lines() == 1);
}

TEST_CASE("a line that was torn at the end of the file is cut") {
  for (const std::string& whole :
       {std::string(), std::string("{}\n"), std::string(70'000, 'x') + "\n"}) {
    for (const std::size_t torn : {1u, 65'535u, 65'536u, 200'000u}) {
      Audit audit;
      write_text(audit.options.path, whole + std::string(torn, 'y'));
      REQUIRE(audit.open());
      CHECK(audit.text() == whole);
      audit.write(1);
      REQUIRE(audit.sink->flush());
      CHECK(audit.text().starts_with(whole + "{\"kind\""));
    }
  }
}

TEST_CASE("a file that another process writes to is refused, and so is what is no file") {
  Audit audit;
  REQUIRE(audit.open());
  std::string fault;
  CHECK(Jsonl::open(audit.options, fault) == nullptr);
  CHECK(fault.find("written by another process") != std::string::npos);
  config::AuditOptions folder;
  folder.path = audit.scratch.path();
  CHECK(Jsonl::open(folder, fault) == nullptr);
  folder.path = "/dev/null";
  CHECK(Jsonl::open(folder, fault) == nullptr);
  CHECK(fault.find("no plain file") != std::string::npos);
}

TEST_CASE("a file is rotated by size; the oldest falls off; no line is lost before that") {
  Audit audit;
  audit.options.rotate_bytes = 1000;
  audit.options.keep = 3;
  REQUIRE(audit.open());
  for (std::uint64_t i = 1; i <= 20; ++i) {
    audit.write(i);
    REQUIRE(audit.sink->flush());
  }
  CHECK(audit.has(3));
  CHECK_FALSE(audit.has(4));
  std::string all;
  for (std::size_t i = 4; i-- > 0;) {
    all += audit.text(i);
    CHECK(audit.text(i).size() <= 1000);
  }
  // The last ones, in order.
  const std::size_t lines = count_of(all, "\n");
  CHECK(lines < 20);
  std::size_t at = 0;
  for (std::uint64_t i = 21 - lines; i <= 20; ++i) {
    at = all.find("\"sequence\":" + std::to_string(i) + ",", at);
    CHECK(at != std::string::npos);
  }
}

TEST_CASE("a file is rotated by age, never when it is empty, and all are kept when asked") {
  Audit audit;
  audit.options.rotate_age = 60 * base::kSecond;
  audit.options.keep = 0;
  REQUIRE(audit.open());
  for (std::uint64_t i = 1; i <= 12; ++i) {
    audit.write(i);
    REQUIRE(audit.sink->flush());
    now_ns += 61'000'000'000;
  }
  CHECK(audit.has(11));
  CHECK(count_of(audit.text(11), "\"sequence\":1,") == 1);
  CHECK(count_of(audit.text(), "\n") == 1);
  now_ns += 61'000'000'000;
  REQUIRE(audit.sink->flush());
  CHECK_FALSE(audit.has(12));
}

TEST_CASE("a rotation that was cut short is completed by the next one") {
  Audit audit;
  audit.options.rotate_bytes = 700;
  write_text(Jsonl::rotated_name(audit.options.path, 2), "two\n");
  REQUIRE(audit.open());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    audit.write(i);
    REQUIRE(audit.sink->flush());
  }
  CHECK(audit.has(1));
  CHECK(audit.text(2) == "two\n");  // the gap was filled, nothing moved beyond it
}

TEST_CASE("what a full disk cut short is undone, kept and written later, once") {
  Audit audit;
  REQUIRE(audit.open());
  audit.write(1);
  REQUIRE(audit.sink->flush());
  const std::string before = audit.text();
  audit.write(2);
  {
    const FileSizeLimit full(before.size() + 10);
    CHECK_FALSE(audit.sink->flush());
    CHECK(audit.text() == before);
    CHECK_FALSE(audit.sink->flush());
  }
  audit.write(3);
  REQUIRE(audit.sink->flush());
  CHECK(count_of(audit.text(), "\n") == 3);
  CHECK(audit.text().starts_with(before));
  CHECK(audit.sink->lost() == 0);
}

TEST_CASE("a backlog is bounded, and what is given up is counted") {
  Audit audit;
  REQUIRE(audit.open());
  audit.write(1);
  REQUIRE(audit.sink->flush());
  const FileSizeLimit full(1);
  std::uint64_t written = 0;
  while (!audit.sink->full()) audit.write(++written);
  CHECK_FALSE(audit.sink->flush());
  audit.sink->discard();
  CHECK_FALSE(audit.sink->full());
  CHECK(audit.sink->flush());
  CHECK(audit.sink->lost() == written);
}
