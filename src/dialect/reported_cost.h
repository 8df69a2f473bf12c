// What some providers say themselves that an answer cost: it counts before any price table. Pure,
// any thread, no memory.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "json/tape.h"

namespace headrace::dialect {

using base::Bytes;

// Picodollars of `number`, a JSON number of dollars, exactly; what is less than one is cut off.
// kNoCost: it is below zero, or no sum of money.
std::int64_t picodollars_of(Bytes number);

// The fields in which providers report it; absent ones do not count.
struct CostFields {
  json::Value cost;       // dollars, or an object with their sum (`total_cost`)
  json::Value ticks;      // of 1e-10 dollars
  json::Value estimated;  // dollars
};
// kNoCost: none says anything.
std::int64_t reported_cost(const CostFields& fields);

}  // namespace headrace::dialect
