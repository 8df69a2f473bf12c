// What a scripted provider says to one request: every byte of the answer, what those bytes mean
// (the truth that the oracle compares with), and where and how the provider goes wrong. Made from a
// seed before the run.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/error_body.h"
#include "base/prng.h"
#include "base/time.h"
#include "h2_text.h"
#include "http_text.h"

namespace headrace::sim {

enum class Fault : std::uint8_t {
  none,
  error_status,   // 4xx, 5xx with a body
  error_inside,   // status 200: an error object, or an error event before anything useful
  error_later,    // streams: an error event behind the commit point
  no_answer,      // status 200: a page, nothing at all, half a document
  redirect,       // 3xx
  interim_few,    // 1xx heads before the answer
  interim_flood,  // more of them than anybody needs
  switching,      // 101, unasked
  bad_head,       // not HTTP
  two_framings,   // Content-Length and Transfer-Encoding, or two lengths
  huge_head,      // above every limit
  extra_bytes,    // something behind a whole answer
  bad_chunk,      // a chunk size that is none
  cut_fin,        // FIN at any byte
  cut_reset,      // RST at any byte
  silence,        // nothing more from some byte on
  stall,          // nothing more before the first token
  unfinished,     // a stream that ends as HTTP has it, without finish reason or end marker
  early,          // the answer comes before the request is whole
  // -- HTTP/2 only
  refused,       // RST_STREAM, REFUSED_STREAM: nothing was done
  stream_reset,  // RST_STREAM with some other code, at any byte
  goaway,        // GOAWAY at any byte: the stream goes on, or was not begun
  kCount,
};
inline constexpr auto kHttp1Faults = static_cast<std::uint64_t>(Fault::refused);

// What is behind the last byte. `stream_reset`, `goaway`, `breach`: of HTTP/2; a breach is what no
// server may say, and the end of the connection.
enum class Ending : std::uint8_t { keep, fin, reset, silence, stream_reset, goaway, breach };

// Where an event ends in the payload: at the byte that makes its blank line one, as a reader that
// does not wait for an LF behind a CR sees it.
struct EventMark {
  std::uint64_t end = 0;
  std::uint64_t shown_end = 0;  // in what a client of the same dialect sees
  bool useful = false;
  bool ends_stream = false;
  bool fails = false;     // the provider's error event
  bool stripped = false;  // usage that the client did not ask for
};

// What an answer says, in no dialect.
struct Content {
  std::string text;
  std::vector<std::pair<std::string, std::string>> calls;  // name, arguments
  bool reason_given = false;
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;
  bool has_usage = false;
};

// Over HTTP/2 `wire` has no framing: a byte for each head, the payload, a byte for the end of the
// stream. So whatever is said in bytes of it (spans, cuts, pauses) holds for both.
struct AnswerPlan {
  Fault fault = Fault::none;
  bool h2 = false;
  api::Family family = api::Family::openai;  // the provider's
  int status = 200;
  // The refusal that this is, as the status that stands for its class; 0: it is none. With
  // status 200 it stands inside the answer.
  int said = 0;
  base::Nanos retry_after = -1;
  bool may_retry = true;
  bool unreadable = false;  // plain: no JSON object
  bool stream = false;
  bool until_close = false;
  bool broken_http = false;  // the worker must find this answer invalid
  std::string wire;
  std::string payload;
  std::string shown;  // of a stream: the payload without what is stripped
  Content content;
  std::vector<Span> spans;        // of the payload in `wire`
  std::vector<EventMark> events;  // of a stream
  std::uint64_t complete_at =
      0;                  // bytes of `wire` after which the message is over; 0: never by itself
  std::uint64_t cut = 0;  // so many bytes are sent
  Ending ending = Ending::keep;
  std::uint64_t early_after = 0;  // Fault::early: after so many bytes of the request
  struct Pause {
    std::uint64_t at;
    base::Nanos length;
  };
  std::vector<Pause> pauses;
  // -- HTTP/2
  std::vector<FieldTexts> heads;
  std::uint64_t head_piece = 0;   // of a head in a frame; 0: as much as fits
  std::uint64_t frame_bytes = 0;  // of payload in a frame, at most
  std::uint64_t padding = 0;
  bool ends_with_data = false;  // END_STREAM stands on the last piece
  bool trailers = false;
  std::uint32_t reset_code = 0;  // Ending::stream_reset

  // -- what follows from having read so many bytes of `wire`
  std::uint64_t payload_read(std::uint64_t wire_bytes) const {
    return payload_within(spans, wire_bytes);
  }
  // The last event that ends at or before that place of the payload, or of what is shown; null:
  // none.
  const EventMark* event_before(std::uint64_t payload_bytes) const;
  const EventMark* shown_before(std::uint64_t shown_bytes) const;
  std::uint64_t event_end_before(std::uint64_t payload_bytes) const {
    const EventMark* event = event_before(payload_bytes);
    return event == nullptr ? 0 : event->end;
  }
  // A finish reason, an end marker or an error event of the provider's is in there.
  bool has_stream_end(std::uint64_t payload_bytes) const;
  bool has_failure(std::uint64_t payload_bytes) const;
  // Where the error event ends that comes before anything useful; 0: there is none.
  std::uint64_t refusal_end() const;
  // The payload that must be there before the client may be told anything.
  std::uint64_t commit_payload() const;
  // The whole payload, as far as anybody can tell.
  std::uint64_t whole_payload() const { return until_close ? payload_read(cut) : payload.size(); }
};

struct AnswerOptions {
  std::uint64_t id = 0;
  std::uint64_t attempt = 0;  // which of the request's
  api::Family family = api::Family::openai;
  bool stream = false;
  bool strips_usage = false;  // the client did not ask for it
  bool h2 = false;
  Fault fault = Fault::none;
  std::uint64_t size_max = 2000;  // of a plain payload, and of one event
  std::uint64_t events_max = 12;
  base::Nanos pause_max = 30 * base::kMillisecond;
};

AnswerPlan make_answer(base::Prng& dice, const AnswerOptions& options);

// -- answer_h2.cc
// Takes `wire`, which has the heads so far, and makes an answer over HTTP/2 of it.
void put_h2_answer(base::Prng& dice, AnswerPlan& plan);
void choose_h2_end(base::Prng& dice, AnswerPlan& plan);

// -- answer_text.cc
// The payload with its events, and what it means.
void write_stream(base::Prng& dice, AnswerPlan& plan, const AnswerOptions& options);
void write_plain(base::Prng& dice, AnswerPlan& plan, const AnswerOptions& options);
void write_refusal(base::Prng& dice, AnswerPlan& plan, const AnswerOptions& options);
// Text with characters of one to four bytes, legal inside a JSON string.
std::string random_text(base::Prng& dice, std::uint64_t bytes);

}  // namespace headrace::sim
