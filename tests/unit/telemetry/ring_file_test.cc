// Goal: a ring in a file outlives whoever wrote it; what is no ring is put aside and never read.
// Method: rings opened, left and opened again; files damaged in between.
#include "telemetry/ring_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "scratch_dir.h"

using namespace headrace;
using namespace headrace::telemetry;
using headrace_test::ScratchDir;

namespace {

constexpr std::size_t kCapacity = 8;

struct Place {
  ScratchDir scratch;
  std::string fault;
  std::optional<StateDir> dir = StateDir::open(scratch.path(), fault, {.patience = 0});

  OpenedRing open(std::uint32_t worker = 0) {
    REQUIRE(dir.has_value());
    auto opened = open_ring(*dir, worker, kCapacity, fault);
    REQUIRE_MESSAGE(opened.has_value(), fault);
    return std::move(*opened);
  }
};

}  // namespace

TEST_CASE("a ring is resumed where it stood, with its records, its drops and its name") {
  Place place;
  std::uint64_t id = 0;
  {
    const OpenedRing opened = place.open(3);
    CHECK(opened.origin == RingOrigin::made);
    RecordRing ring;
    REQUIRE(ring.attach(opened.memory.bytes()).ok());
    id = ring.id();
    CHECK(id != 0);
    Record record;
    for (record.sequence = 0; record.sequence < kCapacity + 2; ++record.sequence) ring.push(record);
    Record out[3];
    CHECK(ring.pop(out) == 3);
  }
  const OpenedRing opened = place.open(3);
  CHECK(opened.origin == RingOrigin::resumed);
  CHECK(place.fault == "");
  RecordRing ring;
  REQUIRE(ring.attach(opened.memory.bytes()).ok());
  CHECK(ring.id() == id);
  CHECK(ring.next_sequence() == kCapacity + 2);
  Record out[16];
  REQUIRE(ring.pop(out) == kCapacity - 3);
  CHECK(out[0].sequence == 3);
  CHECK(list_rings(*place.dir) == std::vector<std::uint32_t>{3});
}

TEST_CASE("each ring has an id of its own") {
  Place place;
  const OpenedRing first = place.open(0);
  const OpenedRing second = place.open(1);
  RecordRing a;
  RecordRing b;
  REQUIRE(a.attach(first.memory.bytes()).ok());
  REQUIRE(b.attach(second.memory.bytes()).ok());
  CHECK(a.id() != b.id());
  CHECK(b.worker() == 1);
  const auto own = private_ring(2, kCapacity);
  REQUIRE(own.has_value());
  RecordRing c;
  REQUIRE(c.attach(own->memory.bytes()).ok());
  CHECK(c.id() != 0);
}

TEST_CASE("what is no ring of this version is put aside, told, and replaced") {
  Place place;
  const std::string file = place.scratch.file("ring-0");
  const auto replaced_after = [&](auto&& damage) {
    {
      place.open();
    }
    damage();
    const OpenedRing opened = place.open();
    RecordRing ring;
    REQUIRE(ring.attach(opened.memory.bytes()).ok());
    CHECK(ring.pushed() == 0);
    return opened.origin == RingOrigin::replaced &&
           place.fault.find("ring-0.refused") != std::string::npos &&
           std::filesystem::symlink_status(file + ".refused").type() !=
               std::filesystem::file_type::not_found;
  };
  CHECK(replaced_after([&] { headrace_test::write_text(file, ""); }));
  CHECK(replaced_after([&] { headrace_test::write_text(file, std::string(100'000, 'x')); }));
  CHECK(replaced_after([&] { REQUIRE(::truncate(file.c_str(), 2000) == 0); }));
  CHECK(replaced_after([&] {
    {
      place.open(7);
    }
    std::filesystem::rename(place.scratch.file("ring-7"), file);  // of another worker
  }));
  CHECK(replaced_after([&] {
    std::filesystem::remove(file);
    std::filesystem::create_symlink(place.scratch.file("elsewhere"), file);
  }));
}

TEST_CASE("a ring that was never finished is made anew") {
  Place place;
  headrace_test::write_text(place.scratch.file("ring-0.new"), "half");
  CHECK(place.open().origin == RingOrigin::made);
  CHECK_FALSE(std::filesystem::exists(place.scratch.file("ring-0.new")));
}

TEST_CASE("the rings of a directory are listed and removed") {
  Place place;
  {
    place.open(10);
  }
  {
    place.open(2);
  }
  headrace_test::write_text(place.scratch.file("ring-x"), "");
  headrace_test::write_text(place.scratch.file("ring-2.refused"), "");
  CHECK(list_rings(*place.dir) == std::vector<std::uint32_t>{2, 10});
  remove_ring(*place.dir, 2);
  CHECK(list_rings(*place.dir) == std::vector<std::uint32_t>{10});
}

TEST_CASE("a ring that finds no room is refused, not mapped") {
  Place place;
  std::string fault;
  // More than any machine has; the reservation must fail, not a later store.
  CHECK_FALSE(open_ring(*place.dir, 0, std::size_t{1} << 40, fault).has_value());
  CHECK(fault.find("finds no room") != std::string::npos);
  CHECK(list_rings(*place.dir).empty());
}
