// Meter: fills the records of one exchange: the request's own, kept from its first byte to its end,
// and one for every attempt. Stamps are offsets from the request's start, so the records of one
// request compare. Pushes into the worker's ring; a full ring loses the record, counted there.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/time.h"
#include "base/uuid.h"
#include "headrace/record.h"
#include "meter/prices.h"
#include "telemetry/ring.h"

namespace headrace::meter {

class Meter {
 public:
  void begin(const base::Uuid& id, std::uint64_t wall_ns, base::Nanos start, std::uint32_t epoch);

  Record& request() { return request_; }
  // An attempt's record, with the request's identity already in it.
  Record attempt() const;

  // A stamp as an offset from the request's start; 0 (never taken) becomes "absent".
  std::int64_t offset(base::Nanos stamp) const;

  // A length of time as records have it.
  static std::uint32_t duration(base::Nanos nanos);
  // A sum as records have it.
  static std::uint32_t sum(std::uint64_t count);

  static void set_error(Record& record, base::Error error);
  static void set_usage(Record& record, const api::Usage& usage);
  // What the provider says that it cost; else what it comes to by the price, if there is one that
  // covers it.
  static void set_cost(Record& record,
                       const PriceTable& prices,
                       const Price& price,
                       const api::Usage& usage,
                       std::uint64_t wall_ns);
  // What an attempt used and cost, into the sums of its request.
  static void add_usage(Record& request, const Record& attempt);
  // False when the record was lost.
  bool settle(Record& record,
              telemetry::RecordRing& ring,
              std::uint16_t worker,
              std::uint64_t& sequence);

 private:
  Record request_;
};

}  // namespace headrace::meter
