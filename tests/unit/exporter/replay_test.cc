// Goal: what a dead process left has exactly one line each, wherever the process died between
// writing lines and releasing records. Method: the state after a crash is made by hand: a ring, an
// audit file with the lines of some of its records, and the ring read again.
#include "exporter/replay.h"

#include <doctest/doctest.h>

#include <fstream>

#include "exporter/jsonl.h"
#include "records.h"
#include "scratch_dir.h"
#include "telemetry/ring_memory.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::attempt;
using exporter_test::count_of;
using exporter_test::KeepingSink;
using exporter_test::KeptLines;
using exporter_test::numbered;
using exporter_test::request;
using telemetry::RecordRing;
using telemetry::RingMemory;

namespace {

constexpr std::size_t kCapacity = 64;
constexpr std::uint64_t kRingId = 0x1234;

struct Crash {
  RingMemory memory = std::move(*RingMemory::create(RecordRing::bytes_for(kCapacity)));
  RecordRing ring;
  std::uint64_t sequence = 0;
  Dictionaries names;
  SeenRecords seen;
  KeptLines lines;
  ReplayCount count;

  Crash() {
    ring.format(memory.bytes(), kCapacity, 0, kRingId);
    names.learn({.epoch = 1, .routes = {"gpt-*"}, .targets = {"t"}, .providers = {}});
  }
  void push(const Record& record) { REQUIRE(ring.push(numbered(record, sequence++))); }
  bool replay_all() {
    KeepingSink sink(lines);
    RecordRing again;
    REQUIRE(again.attach(memory.bytes()).ok());
    return replay(again, names, seen, sink, count);
  }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines.flushed) all += line;
    return all;
  }
};

}  // namespace

TEST_CASE("everything in the ring gets a line, in order, with its names, and the ring is empty") {
  Crash crash;
  crash.push(attempt(1, 0));
  crash.push(request(1));
  crash.push(request(2));
  crash.push(attempt(3, 0));  // its request was running when the process died
  REQUIRE(crash.replay_all());
  CHECK(crash.lines.flushed.size() == 3);
  CHECK(crash.count.records == 4);
  CHECK(crash.count.known == 0);
  CHECK(crash.lines.flushed[0].find(R"("route":"gpt-*")") != std::string::npos);
  CHECK(crash.lines.flushed[2].starts_with(R"({"kind":"attempt")"));
  REQUIRE(crash.replay_all());
  CHECK(crash.lines.flushed.size() == 3);
}

TEST_CASE("records that have their line get no second one, their attempts neither") {
  Crash first;
  first.push(attempt(1, 0));
  first.push(request(1));
  first.push(attempt(2, 0));
  first.push(request(3));
  first.push(request(2));
  // The process wrote the lines of 1 and 3, then died before it released anything.
  Crash crash;
  REQUIRE(first.replay_all());
  for (const std::string& line : first.lines.flushed) {
    if (line.find("\"sequence\":4,") == std::string::npos) crash.seen.take_line(line);
  }
  CHECK(crash.seen.count() == 3);
  crash.push(attempt(1, 0));
  crash.push(request(1));
  crash.push(attempt(2, 0));
  crash.push(request(3));
  crash.push(request(2));
  REQUIRE(crash.replay_all());
  CHECK(crash.count.known == 3);
  REQUIRE(crash.lines.flushed.size() == 1);
  CHECK(count_of(crash.text(), "\"sequence\":4,") == 1);
  CHECK(count_of(crash.text(), "\"sequence\":2,") == 1);  // the attempt, inside its request
}

TEST_CASE("lines of another ring with the same numbers are other records") {
  Crash crash;
  crash.seen.take_line(R"({"kind":"request","ring":"0000000000009999","worker":0,"sequence":0})");
  crash.push(request(1));
  REQUIRE(crash.replay_all());
  CHECK(crash.lines.flushed.size() == 1);
}

TEST_CASE("a sink that fails keeps the ring as it is for the next process") {
  Crash crash;
  crash.push(request(1));
  crash.lines.works = false;
  CHECK_FALSE(crash.replay_all());
  crash.lines.works = true;
  crash.lines.written.clear();
  REQUIRE(crash.replay_all());
  CHECK(crash.lines.flushed.size() == 1);
}

TEST_CASE("a model's name cannot pass for a sequence number") {
  SeenRecords seen;
  Record record = numbered(request(1), 5);
  const Part part{record, telemetry::text_slot(record, R"(x","sequence":77,"ring":"0)", {})};
  seen.take_line(line_of({.ring = kRingId, .request = part, .attempts = {}, .names = nullptr}));
  CHECK(seen.has(kRingId, 5));
  CHECK_FALSE(seen.has(kRingId, 77));
  CHECK(seen.count() == 1);
}

TEST_CASE("strange lines are skipped") {
  SeenRecords seen;
  for (const char* line : {"",
                           "x",
                           R"("ring":")",
                           R"("ring":"12")",
                           R"("ring":"zzzzzzzzzzzzzzzz")",
                           R"("ring":"0000000000000001","sequence":)",
                           R"("ring":"0000000000000001","sequence":-1)",
                           R"("ring":"0000000000000001","sequence":99999999999999999999)"}) {
    seen.take_line(line);
  }
  CHECK_FALSE(seen.has(1, 0));
}

TEST_CASE("only the last lines are read, over rotated files and piece boundaries") {
  const headrace_test::ScratchDir scratch;
  const std::string path = scratch.file("audit.jsonl");
  std::uint64_t next = 0;
  const auto put = [&](const std::string& file, std::size_t lines, std::size_t padding) {
    std::ofstream out(file);
    for (std::size_t i = 0; i < lines; ++i) {
      out << R"({"ring":"0000000000001234","sequence":)" << next++ << R"(,"x":")"
          << std::string((i * 37) % (padding + 1), 'x') << "\"}\n";
    }
  };
  put(Jsonl::rotated_name(path, 2), 100, 10);
  put(Jsonl::rotated_name(path, 1), 3000, 2000);
  put(path, 50, 10);
  SeenRecords all;
  all.read(path, 1'000'000);
  CHECK(all.count() == next);
  SeenRecords some;
  some.read(path, 60);
  CHECK(some.count() == 60);
  CHECK(some.has(kRingId, next - 60));
  CHECK_FALSE(some.has(kRingId, next - 61));
  SeenRecords none;
  none.read(scratch.file("nothing"), 10);
  CHECK(none.count() == 0);
}
