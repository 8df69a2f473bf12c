#include "dialect/stop_reasons.h"

#include <array>
#include <span>

#include "base/assert.h"

namespace headrace::dialect {
namespace {

using api::Finish;
using base::Bytes;

struct Row {
  Bytes word;
  Finish finish;
};

// The first row of each finish is the word that clients get.
constexpr std::array<Row, 7> kAnthropic = {{{"end_turn", Finish::stop},
                                            {"max_tokens", Finish::length},
                                            {"tool_use", Finish::tool_calls},
                                            {"refusal", Finish::content_filter},
                                            {"stop_sequence", Finish::stop},
                                            {"pause_turn", Finish::stop},
                                            {"model_context_window_exceeded", Finish::length}}};
constexpr std::array<Row, 5> kOpenai = {{{"stop", Finish::stop},
                                         {"length", Finish::length},
                                         {"tool_calls", Finish::tool_calls},
                                         {"content_filter", Finish::content_filter},
                                         {"function_call", Finish::tool_calls}}};

Finish find(std::span<const Row> rows, json::Value reason) {
  for (const Row& row : rows) {
    if (reason.reads(row.word)) return row.finish;
  }
  return Finish::stop;
}

Bytes word(std::span<const Row> rows, Finish finish) {
  HEADRACE_ASSERT(finish != Finish::none);
  std::size_t i = 0;
  while (rows[i].finish != finish) ++i;
  return rows[i].word;
}

}  // namespace

Finish finish_of_stop_reason(json::Value reason) {
  return find(kAnthropic, reason);
}
Finish finish_of_finish_reason(json::Value reason) {
  return find(kOpenai, reason);
}
Bytes finish_reason_of(Finish finish) {
  return word(kOpenai, finish);
}
Bytes stop_reason_of(Finish finish) {
  return word(kAnthropic, finish);
}

}  // namespace headrace::dialect
