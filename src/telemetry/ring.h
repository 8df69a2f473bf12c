// RecordRing: the lock-free queue of records between one worker (push) and one consumer (pop: the
// exporter). It lives in memory that the caller provides and that may be shared with other
// processes or survive this one (a file on tmpfs, a memfd): nothing in it is a pointer, the header
// says what it is, and a record counts only once `head` has passed it, so a producer killed in
// mid-copy leaves nothing half-written to be read.
//
// One thread pushes, one thread pops; each uses a RecordRing object of its own or they share one
// (the two halves of the object lie on cache lines of their own, as do the two halves of the
// header). Neither waits, allocates or calls the kernel. Full is not an error: push() drops the
// record, counts the drop and says so.
//
// The consumer takes records in two steps: read() shows them, release() gives their slots back
// once nothing can be lost any more. What was read and not released is there again for the next
// process. pop() does both.
//
//   offset    0  RingHeader::magic, layout, record size, capacity, worker, id
//           128  head (producer), drops
//           256  tail (consumer)
//           384  records[capacity]
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>

#include "base/assert.h"
#include "base/result.h"
#include "headrace/record.h"

namespace headrace::telemetry {

// Two lines of 64: the adjacent-line prefetcher of x86 pulls in pairs.
inline constexpr std::size_t kLinePair = 128;

// A quarter of it wakes the exporter; the rest holds a fifth of a second of 90 thousand requests a
// second of three slots each, for when the exporter has to wait for a CPU or a disk. Pages are
// touched as they are used, so a quiet process pays for what it wrote only.
inline constexpr std::size_t kRingRecords = 65536;

struct RingHeader {
  static constexpr std::uint64_t kMagic = 0x01474e4952525248;  // "HRRRING" and a 1, little endian
  static constexpr std::uint32_t kLayout = 1;

  std::uint64_t magic;
  std::uint32_t layout;
  std::uint32_t record_bytes;
  std::uint64_t capacity;
  std::uint32_t worker;
  std::uint32_t record_version;
  std::uint64_t id;  // of this ring, so that its records are known from those of another life

  alignas(kLinePair) std::atomic<std::uint64_t> head;  // records pushed since the ring was made
  std::atomic<std::uint64_t> drops;                    // records lost because it was full
  alignas(kLinePair) std::atomic<std::uint64_t> tail;  // records popped
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint64_t>) == 8);
static_assert(sizeof(RingHeader) == 3 * kLinePair);
static_assert(offsetof(RingHeader, id) == 32);
static_assert(offsetof(RingHeader, head) == 128);
static_assert(offsetof(RingHeader, drops) == 136);
static_assert(offsetof(RingHeader, tail) == 256);

class RecordRing {
 public:
  RecordRing() = default;
  RecordRing(const RecordRing&) = delete;
  RecordRing& operator=(const RecordRing&) = delete;

  static constexpr std::size_t bytes_for(std::size_t capacity) {
    return sizeof(RingHeader) + capacity * sizeof(Record);
  }

  // Makes an empty ring in `memory` and attaches to it.
  // REQUIRES: memory aligned to kLinePair and bytes_for(capacity) long, capacity a power of two.
  void format(std::span<std::byte> memory,
              std::size_t capacity,
              std::uint32_t worker,
              std::uint64_t id = 0) {
    HEADRACE_ASSERT(std::has_single_bit(capacity));
    HEADRACE_ASSERT(memory.size() >= bytes_for(capacity));
    HEADRACE_ASSERT(is_aligned(memory));
    auto* header = new (memory.data()) RingHeader{};
    header->layout = RingHeader::kLayout;
    header->record_bytes = sizeof(Record);
    header->capacity = capacity;
    header->worker = worker;
    header->record_version = kRecordVersion;
    header->id = id;
    // The magic last: a ring that is being made is not yet one for somebody who attaches.
    std::atomic_ref(header->magic).store(RingHeader::kMagic, std::memory_order_release);
    adopt(header);
  }

  // Attaches to a ring that was made before, perhaps by another process, and goes on where it
  // stands.
  base::Status attach(std::span<std::byte> memory) {
    const base::Error refused = base::gateway_error(base::Errc::io_failed);
    if (memory.size() < sizeof(RingHeader) || !is_aligned(memory)) return refused;
    auto* header = std::launder(reinterpret_cast<RingHeader*>(memory.data()));
    const auto magic = std::atomic_ref(header->magic).load(std::memory_order_acquire);
    if (magic != RingHeader::kMagic || header->layout != RingHeader::kLayout) return refused;
    if (header->record_bytes != sizeof(Record)) return refused;
    if (header->record_version != kRecordVersion) return refused;
    const std::uint64_t capacity = header->capacity;
    if (!std::has_single_bit(capacity)) return refused;
    if (capacity > (memory.size() - sizeof(RingHeader)) / sizeof(Record)) return refused;
    const std::uint64_t tail = header->tail.load(std::memory_order_acquire);
    const std::uint64_t head = header->head.load(std::memory_order_acquire);
    if (head - tail > capacity) return refused;
    adopt(header);
    return {};
  }

  bool attached() const { return header_ != nullptr; }
  std::size_t capacity() const { return static_cast<std::size_t>(mask_ + 1); }
  std::uint32_t worker() const { return header_->worker; }
  std::uint64_t id() const { return header_->id; }
  // Where the producer's numbering goes on: every record has a number, lost ones too.
  std::uint64_t next_sequence() const { return pushed() + drops(); }

  // Producer. False: the ring was full and the record is lost.
  bool push(const Record& record) {
    if (next_head_ - seen_tail_ > mask_) [[unlikely]] {
      seen_tail_ = header_->tail.load(std::memory_order_acquire);
      HEADRACE_ASSERT(next_head_ - seen_tail_ <= mask_ + 1);
      if (next_head_ - seen_tail_ > mask_) {
        const std::uint64_t drops = header_->drops.load(std::memory_order_relaxed);
        header_->drops.store(drops + 1, std::memory_order_relaxed);
        return false;
      }
    }
    std::memcpy(&records_[next_head_ & mask_], &record, sizeof(Record));
    ++next_head_;
    header_->head.store(next_head_, std::memory_order_release);
    return true;
  }

  // Producer. The ring is larger than the caches and than what the processor knows of its pages:
  // who will push in a while says so, and does not wait for memory then.
  void fetch_ahead() const {
    for (std::uint64_t at = 0; at < kSlotsAhead; ++at) fetch_slot(next_head_ + at);
  }

  // Producer. Whether `count` more records would find room now.
  bool has_room(std::size_t count) {
    if (next_head_ - seen_tail_ + count <= mask_ + 1) return true;
    seen_tail_ = header_->tail.load(std::memory_order_acquire);
    return next_head_ - seen_tail_ + count <= mask_ + 1;
  }

  // Producer. Whether so much waits that the consumer should look before its time.
  bool crowded() const {
    return next_head_ - header_->tail.load(std::memory_order_relaxed) > capacity() / 4;
  }

  // Consumer. The records that are there and were not read yet, oldest first: all of them, or those
  // before the end of the memory. They lie in their slots, which stay taken until release().
  std::span<const Record> read(std::size_t most = SIZE_MAX) {
    if (next_tail_ == seen_head_) {
      seen_head_ = header_->head.load(std::memory_order_acquire);
      HEADRACE_ASSERT(seen_head_ - next_tail_ <= mask_ + 1);
    }
    const std::uint64_t first = next_tail_ & mask_;
    const std::uint64_t there = std::min(seen_head_ - next_tail_, mask_ + 1 - first);
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(there, most));
    next_tail_ += count;
    return {records_ + first, count};
  }
  // Consumer. The place of the next record to read, and the first that is not released: they count
  // records since the ring was made.
  std::uint64_t read_position() const { return next_tail_; }
  std::uint64_t released_position() const { return released_; }

  // Consumer. Gives back the slots of all records before `position`.
  // REQUIRES: between what was released and what was read.
  void release(std::uint64_t position) {
    HEADRACE_ASSERT(position >= released_ && position <= next_tail_);
    if (position == released_) return;
    released_ = position;
    header_->tail.store(position, std::memory_order_release);
  }

  // Consumer. Copies out as many as fit and gives their slots back; how many.
  std::size_t pop(std::span<Record> out) {
    std::size_t count = 0;
    while (count < out.size()) {
      const std::span<const Record> more = read(out.size() - count);
      if (more.empty()) break;
      std::memcpy(out.data() + count, more.data(), more.size_bytes());
      count += more.size();
    }
    release(next_tail_);
    return count;
  }

  // Any thread; a moment's truth.
  std::uint64_t pushed() const { return header_->head.load(std::memory_order_relaxed); }
  std::uint64_t drops() const { return header_->drops.load(std::memory_order_relaxed); }

 private:
  static bool is_aligned(std::span<std::byte> memory) {
    return reinterpret_cast<std::uintptr_t>(memory.data()) % kLinePair == 0;
  }

  void fetch_slot(std::uint64_t position) const {
    constexpr std::size_t kLine = 64;
    const auto* slot = reinterpret_cast<const std::byte*>(&records_[position & mask_]);
    for (std::size_t at = 0; at < sizeof(Record); at += kLine) __builtin_prefetch(slot + at, 1);
  }

  void adopt(RingHeader* header) {
    header_ = header;
    records_ = reinterpret_cast<Record*>(reinterpret_cast<std::byte*>(header) + sizeof(RingHeader));
    mask_ = header->capacity - 1;
    next_head_ = seen_head_ = header->head.load(std::memory_order_acquire);
    next_tail_ = released_ = seen_tail_ = header->tail.load(std::memory_order_acquire);
  }

  // A request writes two or three, and one may come between.
  static constexpr std::uint64_t kSlotsAhead = 4;

  RingHeader* header_ = nullptr;
  Record* records_ = nullptr;
  std::uint64_t mask_ = 0;
  alignas(kLinePair) std::uint64_t next_head_ = 0;  // producer's own
  std::uint64_t seen_tail_ = 0;                     // and what it last saw of the consumer
  alignas(kLinePair) std::uint64_t next_tail_ = 0;  // consumer's own
  std::uint64_t seen_head_ = 0;                     // and what it last saw of the producer
  std::uint64_t released_ = 0;                      // what the producer was told
};

}  // namespace headrace::telemetry
