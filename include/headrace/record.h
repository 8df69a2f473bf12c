// The record: what Headrace says about one request, or about one attempt to have it answered, once
// it is over. 256 bytes, trivially copyable, native byte order: a worker writes it into its ring
// (telemetry/ring.h), the exporter and outside programs read it. This header stands alone, so that
// such a program may compile against it; docs/record-format.md describes the same bytes in words.
//
// Both kinds share the layout. A request has exactly one request record, refused or not, and each
// attempt has one attempt record with the same request id, pushed before it. A field that does not
// apply holds its "absent" value, which differs from 0. Sums saturate at the largest value of their
// type. A third kind, TextRecord, adds what has no fixed size: it may come once for a request and
// once for an attempt, before the record it belongs to.
//
// Within one version fields never move and only take over reserved bytes; anything else raises the
// version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace headrace {

inline constexpr std::uint8_t kRecordVersion = 1;

// 0 is never written, so that untouched memory cannot pass for a record. Readers skip kinds they do
// not know.
enum class RecordKind : std::uint8_t { request = 1, attempt = 2, text = 3 };

// Index into Record::tokens. The classes are disjoint: their sum is everything that was billed.
enum class TokenClass : std::uint8_t {
  input,
  cache_read,
  cache_write_5m,
  cache_write_1h,
  audio_in,
  audio_cached,
  image_in,
  output,
  reasoning,
  audio_out,
  image_out,
};
inline constexpr std::size_t kTokenClasses = 11;

// Bits of Record::flags.
namespace record_flag {
inline constexpr std::uint32_t kStreamed = 1u << 0;   // the client asked for a stream
inline constexpr std::uint32_t kCommitted = 1u << 1;  // the commit point was reached
inline constexpr std::uint32_t kTruncated = 1u << 2;  // committed, but the answer never got whole
inline constexpr std::uint32_t kClientClosed = 1u << 3;  // the client went away first
inline constexpr std::uint32_t kReusedConnection =
    1u << 4;                                         // the upstream connection came from the pool
inline constexpr std::uint32_t kHedge = 1u << 5;     // attempt: a hedge; request: one was sent
inline constexpr std::uint32_t kRetried = 1u << 6;   // request: more than one attempt was made
inline constexpr std::uint32_t kHoldFull = 1u << 7;  // committed because the hold was full
inline constexpr std::uint32_t kUsageEstimated = 1u << 8;  // tokens are ours, not the provider's
inline constexpr std::uint32_t kClientReused = 1u << 9;  // not the first request of its connection
inline constexpr std::uint32_t kWon = 1u << 10;  // attempt: its bytes are what the client saw
inline constexpr std::uint32_t kCostReported = 1u << 11;   // the cost is the provider's own figure
inline constexpr std::uint32_t kCostUncertain = 1u << 12;  // the price was not surely the right one
inline constexpr std::uint32_t kDrained = 1u << 13;  // its client gone, the answer was read on
}  // namespace record_flag

inline constexpr std::int64_t kNoStamp = -1;             // the phase was not reached
inline constexpr std::uint32_t kNoTokens = UINT32_MAX;   // not reported; 0 means "reported as none"
inline constexpr std::int64_t kNoCost = -1;              // unknown; 0 means "it cost nothing"
inline constexpr std::uint32_t kNoId = UINT32_MAX;       // of 32-bit ids
inline constexpr std::uint16_t kNoShortId = UINT16_MAX;  // of 16-bit ids
inline constexpr std::uint32_t kNoDuration = UINT32_MAX;  // of 32-bit lengths of time

struct Record {
  // -- which record this is
  std::uint8_t version = kRecordVersion;
  RecordKind kind = RecordKind::request;
  std::uint16_t worker = 0;    // index of the worker that wrote it
  std::uint32_t epoch = 0;     // the configuration that gives the ids below their names
  std::uint64_t sequence = 0;  // counts the worker's records, lost ones included: a gap is a loss
  std::uint8_t request_id[16] = {};  // UUIDv7, as in x-headrace-request-id

  // -- when. `start` is the loop turn that reaped the first byte of the request, for attempts too;
  // the phases are nanoseconds after it, so that those of one request compare across its records.
  std::uint64_t wall_start_ns = 0;                 // since 1970; for reading, never for subtraction
  std::int64_t start_ns = 0;                       // CLOCK_MONOTONIC
  std::int64_t head_complete_ns = kNoStamp;        // the request head was parsed
  std::int64_t dispatched_ns = kNoStamp;           // a target was chosen, a connection asked for
  std::int64_t connected_ns = kNoStamp;            // the connection was there
  std::int64_t request_sent_ns = kNoStamp;         // the last byte of it was handed to the kernel
  std::int64_t upstream_first_byte_ns = kNoStamp;  // of the answer's head
  std::int64_t first_useful_event_ns = kNoStamp;   // streams: the event that makes the commit point
  std::int64_t first_byte_sent_ns = kNoStamp;      // of the answer, handed to the client's socket
  std::int64_t last_byte_ns = kNoStamp;            // of the answer, likewise
  std::int64_t settled_ns = kNoStamp;              // nothing is left to do; always present

  // -- how much
  std::int64_t cost_picodollars = kNoCost;
  std::int64_t upstream_wait_ns = 0;  // time in which only the upstream could have gone on
  std::uint32_t tokens[kTokenClasses] = {kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens,
                                         kNoTokens};  // by TokenClass
  std::uint32_t events = 0;                           // SSE events relayed
  std::uint32_t bytes_in = 0;                         // request body, as the client sent it
  std::uint32_t bytes_out = 0;                        // answer body, without chunk framing
  std::uint32_t overhead_ns = kNoDuration;  // first byte read to last byte sent, minus waiting
  std::uint32_t cancel_ns = kNoDuration;    // client seen gone to last attempt's cancel queued

  // -- what. Ids index the dictionary of `epoch`.
  std::uint32_t target = kNoId;
  std::uint32_t key = kNoId;
  std::uint32_t price_row = kNoId;
  std::uint32_t flags = 0;  // record_flag
  std::uint16_t route = kNoShortId;
  std::uint16_t provider = kNoShortId;
  std::uint16_t status = 0;           // sent to the client; 0: nothing was
  std::uint16_t upstream_status = 0;  // received; 0: nothing was
  std::uint8_t error = 0;             // error code, 0 is success; numbered in docs/record-format.md
  std::uint8_t blame = 0;             // of an error: 0 client, 1 upstream, 2 gateway
  std::uint8_t attempts = 0;          // request: how many were made
  std::uint8_t attempt = 0;           // attempt: its number, from 0; request: the one that won

  // -- the W3C trace that the request is part of; zero: it named none
  std::uint8_t trace_id[16] = {};
  std::uint8_t span_id[8] = {};  // request: the client's; attempt: the one the provider was told

  std::uint8_t trace_flags = 0;  // as the client sent them

  std::uint8_t reserved[3] = {};  // zero
};

static_assert(sizeof(Record) == 256);
static_assert(alignof(Record) == 8);
static_assert(std::is_trivially_copyable_v<Record>);
static_assert(std::is_standard_layout_v<Record>);
static_assert(offsetof(Record, version) == 0);
static_assert(offsetof(Record, kind) == 1);
static_assert(offsetof(Record, worker) == 2);
static_assert(offsetof(Record, epoch) == 4);
static_assert(offsetof(Record, sequence) == 8);
static_assert(offsetof(Record, request_id) == 16);
static_assert(offsetof(Record, wall_start_ns) == 32);
static_assert(offsetof(Record, start_ns) == 40);
static_assert(offsetof(Record, head_complete_ns) == 48);
static_assert(offsetof(Record, dispatched_ns) == 56);
static_assert(offsetof(Record, connected_ns) == 64);
static_assert(offsetof(Record, request_sent_ns) == 72);
static_assert(offsetof(Record, upstream_first_byte_ns) == 80);
static_assert(offsetof(Record, first_useful_event_ns) == 88);
static_assert(offsetof(Record, first_byte_sent_ns) == 96);
static_assert(offsetof(Record, last_byte_ns) == 104);
static_assert(offsetof(Record, settled_ns) == 112);
static_assert(offsetof(Record, cost_picodollars) == 120);
static_assert(offsetof(Record, upstream_wait_ns) == 128);
static_assert(offsetof(Record, tokens) == 136);
static_assert(offsetof(Record, events) == 180);
static_assert(offsetof(Record, bytes_in) == 184);
static_assert(offsetof(Record, bytes_out) == 188);
static_assert(offsetof(Record, overhead_ns) == 192);
static_assert(offsetof(Record, cancel_ns) == 196);
static_assert(offsetof(Record, target) == 200);
static_assert(offsetof(Record, key) == 204);
static_assert(offsetof(Record, price_row) == 208);
static_assert(offsetof(Record, flags) == 212);
static_assert(offsetof(Record, route) == 216);
static_assert(offsetof(Record, provider) == 218);
static_assert(offsetof(Record, status) == 220);
static_assert(offsetof(Record, upstream_status) == 222);
static_assert(offsetof(Record, error) == 224);
static_assert(offsetof(Record, blame) == 225);
static_assert(offsetof(Record, attempts) == 226);
static_assert(offsetof(Record, attempt) == 227);
static_assert(offsetof(Record, trace_id) == 228);
static_assert(offsetof(Record, span_id) == 244);
static_assert(offsetof(Record, trace_flags) == 252);
static_assert(offsetof(Record, reserved) == 253);

inline constexpr std::uint8_t kNoAttempt = UINT8_MAX;  // TextRecord: of the request itself
inline constexpr std::size_t kTextBytes = 220;
inline constexpr std::size_t kTextModelBytes = 128;  // longer names are cut

// Lies in a slot of the ring as a Record does, and begins like one.
struct TextRecord {
  std::uint8_t version = kRecordVersion;
  RecordKind kind = RecordKind::text;
  std::uint16_t worker = 0;
  std::uint32_t epoch = 0;
  std::uint64_t sequence = 0;
  std::uint8_t request_id[16] = {};
  std::uint8_t attempt = kNoAttempt;   // the number of the attempt it belongs to
  std::uint8_t model_bytes = 0;        // the model as the client sent it: the first bytes of text
  std::uint8_t provider_id_bytes = 0;  // the provider's request id: the bytes behind them
  std::uint8_t reserved = 0;           // zero
  char text[kTextBytes] = {};
};

static_assert(sizeof(TextRecord) == sizeof(Record));
static_assert(alignof(TextRecord) == alignof(Record));
static_assert(std::is_trivially_copyable_v<TextRecord>);
static_assert(std::is_standard_layout_v<TextRecord>);
static_assert(offsetof(TextRecord, worker) == offsetof(Record, worker));
static_assert(offsetof(TextRecord, epoch) == offsetof(Record, epoch));
static_assert(offsetof(TextRecord, sequence) == offsetof(Record, sequence));
static_assert(offsetof(TextRecord, request_id) == offsetof(Record, request_id));
static_assert(offsetof(TextRecord, attempt) == 32);
static_assert(offsetof(TextRecord, model_bytes) == 33);
static_assert(offsetof(TextRecord, provider_id_bytes) == 34);
static_assert(offsetof(TextRecord, reserved) == 35);
static_assert(offsetof(TextRecord, text) == 36);

}  // namespace headrace
