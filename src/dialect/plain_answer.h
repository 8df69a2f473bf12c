// What a plain answer of status 200 is at first sight: providers report failures inside them, and
// proxies in front of providers answer with pages of their own. One pass over the answer, nothing
// is built. Pure, any thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "dialect/usage.h"
#include "json/tape.h"

namespace headrace::dialect {

using base::Bytes;

struct PlainVerdict;

enum class PlainAnswer : std::uint8_t {
  answer,
  failure,     // an error object in its place
  unreadable,  // no JSON object
};

// The object that reports what an answer consumed, read where it stood in the answer. Its answer
// must outlive it.
class SeenUsage {
 public:
  // There is none at the top of the answer.
  bool empty() const { return text_.empty(); }
  Bytes text() const { return text_; }
  // Absent where it has far more members than any usage.
  json::Value value() const { return taped_ ? json::Value(answer_, nodes_.data()) : json::Value(); }

 private:
  friend PlainVerdict judge_plain_answer(Bytes body);

  Bytes text_;
  const char* answer_ = nullptr;
  bool taped_ = false;
  std::array<json::Node, kUsageNodes> nodes_;
};

struct PlainVerdict {
  PlainAnswer kind = PlainAnswer::unreadable;
  SeenUsage usage;
  Bytes tier;  // the service tier beside it
};

PlainVerdict judge_plain_answer(Bytes body);

}  // namespace headrace::dialect
