// Goal: what goes in comes out, whole and in order; what does not fit is counted; strange memory is
// refused. Method: one thread at every fill level, then two threads that check every byte (run
// under TSan in CI).
#include "telemetry/ring.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "telemetry/ring_memory.h"

using headrace::Record;
using headrace::telemetry::RecordRing;
using headrace::telemetry::RingHeader;
using headrace::telemetry::RingMemory;

namespace {

RingMemory memory_for(std::size_t capacity) {
  auto memory = RingMemory::create(RecordRing::bytes_for(capacity));
  REQUIRE(memory.ok());
  return std::move(memory.value());
}

// Every byte that a torn copy could get wrong depends on the sequence.
Record record_of(std::uint64_t sequence) {
  Record record;
  std::memset(static_cast<void*>(&record), static_cast<int>(sequence % 251), sizeof record);
  record.sequence = sequence;
  return record;
}

bool is_whole(const Record& record, std::uint64_t sequence) {
  const Record expected = record_of(sequence);
  return std::memcmp(&record, &expected, sizeof record) == 0;
}

}  // namespace

TEST_CASE("records come out whole and in order at every fill level and across the wrap") {
  constexpr std::size_t kCapacity = 8;
  const RingMemory memory = memory_for(kCapacity);
  RecordRing ring;
  ring.format(memory.bytes(), kCapacity, 3);
  CHECK(ring.capacity() == kCapacity);
  CHECK(ring.worker() == 3);
  std::vector<Record> out(kCapacity + 1);
  std::uint64_t sequence = 0;
  for (std::size_t lap = 0; lap < 5; ++lap) {
    for (std::size_t fill = 0; fill <= kCapacity; ++fill) {
      const std::uint64_t first = sequence;
      for (std::size_t i = 0; i < fill; ++i) REQUIRE(ring.push(record_of(sequence++)));
      REQUIRE(ring.pop(out) == fill);
      for (std::size_t i = 0; i < fill; ++i) REQUIRE(is_whole(out[i], first + i));
    }
  }
  CHECK(ring.drops() == 0);
  CHECK(ring.pushed() == sequence);
}

TEST_CASE("fetching ahead changes nothing, at the end of the memory either") {
  constexpr std::size_t kCapacity = 4;
  const RingMemory memory = memory_for(kCapacity);
  RecordRing ring;
  ring.format(memory.bytes(), kCapacity, 0);
  std::vector<Record> out(kCapacity);
  for (std::uint64_t sequence = 0; sequence < 3 * kCapacity; ++sequence) {
    ring.fetch_ahead();
    REQUIRE(ring.push(record_of(sequence)));
    ring.fetch_ahead();
    REQUIRE(ring.pop(out) == 1);
    REQUIRE(is_whole(out[0], sequence));
  }
}

TEST_CASE("a full ring drops the new record, counts it, and goes on once there is room") {
  const RingMemory memory = memory_for(4);
  RecordRing ring;
  ring.format(memory.bytes(), 4, 0);
  for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(ring.push(record_of(i)));
  CHECK_FALSE(ring.push(record_of(4)));
  CHECK_FALSE(ring.push(record_of(5)));
  CHECK(ring.drops() == 2);
  Record one;
  REQUIRE(ring.pop({&one, 1}) == 1);
  CHECK(is_whole(one, 0));
  CHECK(ring.push(record_of(6)));
  CHECK_FALSE(ring.push(record_of(7)));
  std::vector<Record> out(8);
  REQUIRE(ring.pop(out) == 4);
  CHECK(is_whole(out[0], 1));
  CHECK(is_whole(out[3], 6));
  CHECK(ring.drops() == 3);
}

TEST_CASE("a second object attaches to the same memory and goes on where the first stood") {
  const RingMemory memory = memory_for(8);
  RecordRing writer;
  writer.format(memory.bytes(), 8, 5);
  for (std::uint64_t i = 0; i < 6; ++i) REQUIRE(writer.push(record_of(i)));
  RecordRing reader;
  REQUIRE(reader.attach(memory.bytes()).ok());
  CHECK(reader.worker() == 5);
  std::vector<Record> out(4);
  REQUIRE(reader.pop(out) == 4);
  for (std::uint64_t i = 6; i < 12; ++i) REQUIRE(writer.push(record_of(i)));
  CHECK_FALSE(writer.push(record_of(12)));

  // What a restarted process finds: nothing that was pushed and not popped is lost.
  RecordRing again;
  REQUIRE(again.attach(memory.bytes()).ok());
  std::vector<Record> rest(16);
  REQUIRE(again.pop(rest) == 8);
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(is_whole(rest[i], 4 + i));
  CHECK(again.drops() == 1);
}

TEST_CASE("what was read but not released is there again for the next process") {
  const RingMemory memory = memory_for(8);
  RecordRing ring;
  ring.format(memory.bytes(), 8, 0, 77);
  CHECK(ring.id() == 77);
  for (std::uint64_t i = 0; i < 8; ++i) REQUIRE(ring.push(record_of(i)));
  CHECK_FALSE(ring.has_room(1));
  REQUIRE(ring.read(6).size() == 6);
  CHECK(ring.read_position() == 6);
  CHECK_FALSE(ring.push(record_of(8)));  // read is not released
  CHECK(ring.next_sequence() == 9);
  ring.release(2);
  CHECK(ring.released_position() == 2);
  CHECK(ring.has_room(2));
  CHECK_FALSE(ring.has_room(3));

  RecordRing next;
  REQUIRE(next.attach(memory.bytes()).ok());
  CHECK(next.id() == 77);
  CHECK(next.next_sequence() == 9);
  const std::span<const Record> rest = next.read();
  REQUIRE(rest.size() == 6);
  for (std::uint64_t i = 0; i < 6; ++i) CHECK(is_whole(rest[i], 2 + i));
  CHECK(next.read().empty());
}

TEST_CASE("what lies across the end of the memory is read in two goes") {
  const RingMemory memory = memory_for(8);
  RecordRing ring;
  ring.format(memory.bytes(), 8, 0);
  std::vector<Record> out(5);
  for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(ring.push(record_of(i)));
  REQUIRE(ring.pop(out) == 5);
  for (std::uint64_t i = 5; i < 12; ++i) REQUIRE(ring.push(record_of(i)));
  REQUIRE(ring.read().size() == 3);
  REQUIRE(ring.read().size() == 4);
  CHECK(ring.read().empty());
  ring.release(ring.read_position());
  for (std::uint64_t i = 12; i < 20; ++i) REQUIRE(ring.push(record_of(i)));
  out.resize(8);
  REQUIRE(ring.pop(out) == 8);
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(is_whole(out[i], 12 + i));
}

TEST_CASE("memory that does not hold a ring of this layout is refused") {
  const RingMemory memory = memory_for(8);
  auto* header = reinterpret_cast<RingHeader*>(memory.bytes().data());
  RecordRing ring;
  CHECK_FALSE(ring.attach(memory.bytes()).ok());  // all zero
  CHECK_FALSE(ring.attached());

  const auto refused_after = [&](auto&& damage) {
    RecordRing fresh;
    fresh.format(memory.bytes(), 8, 0);
    damage(*header);
    return !ring.attach(memory.bytes()).ok();
  };
  CHECK_FALSE(refused_after([](RingHeader&) {}));
  CHECK(refused_after([](RingHeader& h) { h.magic ^= 1; }));
  CHECK(refused_after([](RingHeader& h) { ++h.layout; }));
  CHECK(refused_after([](RingHeader& h) { h.record_bytes = 128; }));
  CHECK(refused_after([](RingHeader& h) { ++h.record_version; }));
  CHECK(refused_after([](RingHeader& h) { h.capacity = 16; }));
  CHECK(refused_after([](RingHeader& h) { h.capacity = 7; }));
  CHECK(refused_after([](RingHeader& h) { h.capacity = 0; }));
  CHECK(refused_after([](RingHeader& h) { h.capacity = 1ull << 63; }));
  CHECK(refused_after([](RingHeader& h) { h.head = 9; }));
  CHECK(refused_after([](RingHeader& h) { h.tail = 1; }));
  CHECK_FALSE(ring.attach(memory.bytes().first(100)).ok());
  CHECK_FALSE(ring.attach(memory.bytes().subspan(8)).ok());
}

TEST_CASE(
    "one thread pushes, one pops: every record arrives once, whole, in order, or is counted as "
    "dropped") {
  constexpr std::uint64_t kRecords = 200'000;
  const RingMemory memory = memory_for(64);
  RecordRing ring;
  ring.format(memory.bytes(), 64, 0);
  std::uint64_t accepted = 0;
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      if (ring.push(record_of(i))) {
        ++accepted;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::vector<Record> batch(48);
  std::uint64_t received = 0;
  std::uint64_t next = 0;
  bool faulty = false;
  while (received + ring.drops() < kRecords) {
    const std::size_t count = ring.pop(batch);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t sequence = batch[i].sequence;
      faulty = faulty || sequence < next || !is_whole(batch[i], sequence);
      next = sequence + 1;
    }
    received += count;
    if (count == 0) std::this_thread::yield();
  }
  producer.join();
  CHECK_FALSE(faulty);
  CHECK(received == accepted);
  CHECK(received + ring.drops() == kRecords);
  CHECK(received > 64);
}
