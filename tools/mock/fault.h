// What the mock does wrong on purpose, and how often. A rule is `P%: action[,argument...]`; a
// request may also name its fault in its model ("mock:stall@tok=3"), because a gateway forwards the
// model and not much else. The table of actions is in fault.cc; `headrace-mock --help` prints it.
// Values, used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/time.h"

namespace headrace::mock {

struct Fault {
  enum class Action : std::uint8_t {
    none,
    refuse,                // reset the connection without a word
    http,                  // an error status with an error body
    html,                  // a status with a page in HTML
    empty,                 // status 200 and nothing behind it
    headers_then_silence,  // the head of a good answer, then nothing
    role_then_silence,     // and the role event, which is not useful yet
    keepalive_only,        // and SSE comments for ever
    stall,                 // silence after `token` tokens, for `time` (0: for ever)
    reset,                 // TCP reset after `token` tokens
    eof,            // the connection ends after `token` tokens, without the end of the message
    eof_mid_event,  // the same in the middle of an event
    error_event,    // an error event after `token` tokens, then a well-formed end
    error_first,   // the same as the first event of all; a plain answer is an error with status 200
    no_done,       // a well-formed end without finish reason and [DONE]
    no_usage,      // leaves out the usage that was asked for
    crlf,          // event lines end in CRLF
    until_close,   // no length and no chunks: the end of the connection ends the answer
    split,         // `count` bytes a write
    coalesce,      // `count` events a write
    goaway,        // no more requests on this connection, but this one is answered
    rst,           // the stream is refused as one that was not looked at; HTTP/1.1: a reset
    tls_slow,      // of a connection: `time` before it shakes hands
    max_conn_age,  // likewise: it ends after `time`
  };

  Action action = Action::none;
  std::uint16_t status = 0;  // of error events: what it would have been, or 0
  std::string_view code{};   // of an error, a constant; empty: what belongs to the status
  bool real = false;         // an error in a provider's words, not the mock's
  std::uint64_t token = 0;
  std::uint64_t count = 0;
  base::Nanos time = 0;
  std::uint64_t retry_after_ms = 0;
  std::uint64_t retry_after_s = 0;  // without milliseconds

  bool of_connection() const {
    return action == Action::tls_slow || action == Action::max_conn_age;
  }

  friend bool operator==(const Fault&, const Fault&) = default;
};

struct FaultRule {
  double share = 1;  // of requests
  Fault fault;
  std::string text;  // as written
};

// "stall@tok=3,for=10s"
std::optional<Fault> parse_fault(std::string_view text);
// "5%: http=429,retry-after-ms=250"; without a share it is always.
std::optional<FaultRule> parse_fault_rule(std::string_view text);
// For a connection: the time of the first rule of that action that its share picks; 0: none.
base::Nanos draw_connection_fault(const std::vector<FaultRule>& rules,
                                  Fault::Action action,
                                  base::Prng& random);
// For a request: the first rule that its share picks.
Fault draw_fault(const std::vector<FaultRule>& rules, base::Prng& random);

std::string_view fault_help();

}  // namespace headrace::mock
