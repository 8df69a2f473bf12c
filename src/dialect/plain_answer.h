// What a plain answer of status 200 is at first sight: providers report failures inside them, and
// proxies in front of providers answer with pages of their own. One pass over the answer, nothing
// is built. Pure, any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

enum class PlainAnswer : std::uint8_t {
  answer,
  failure,     // an error object in its place
  unreadable,  // no JSON object
};

struct PlainVerdict {
  PlainAnswer kind = PlainAnswer::unreadable;
  Bytes usage;  // the object that reports it; empty: there is none at the top
  Bytes tier;   // the service tier beside it
};

PlainVerdict judge_plain_answer(Bytes body);

}  // namespace headrace::dialect
