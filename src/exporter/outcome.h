// How requests end, in the words of a dashboard, of the audit and of the request log: what the
// error, the blame and the flags of a record come to. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "headrace/record.h"

namespace headrace::exporter {

enum class Outcome : std::uint8_t {
  ok,
  client_cancel,   // the client went away, or stopped reading
  upstream_error,  // the provider failed, or said no
  deadline,        // no connection, first token or end in time
  stall,           // silence in the middle
  truncated,       // the answer had begun and never got whole
  rejected,        // refused by us
};

std::string_view name_of(Outcome outcome);
Outcome outcome_of(const Record& record);

// Record::blame in words.
std::string_view blame_text(std::uint8_t blame);

// Why something failed: the error code, and where a provider said no, in which way. One byte, so
// that it can be part of a key.
class Cause {
 public:
  static Cause of(const Record& record);

  std::string_view text() const;
  // The provider answered, with an error.
  bool is_refusal() const { return value_ >= kRefusals; }

  friend auto operator<=>(const Cause&, const Cause&) = default;

 private:
  static constexpr std::uint8_t kRefusals = 192;  // behind them a dialect::ErrorClass

  std::uint8_t value_ = 0;  // below: a base::Errc
};

}  // namespace headrace::exporter
