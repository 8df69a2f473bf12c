// What the classes of tokens are called, in the audit's lines and in the metrics' labels.
#pragma once

#include <array>

#include "exporter/json_text.h"
#include "headrace/record.h"

namespace headrace::exporter {

// By TokenClass, as in docs/record-format.md.
inline constexpr std::array<JsonKey, kTokenClasses> kTokenNames = {"input",
                                                                   "cache_read",
                                                                   "cache_write_5m",
                                                                   "cache_write_1h",
                                                                   "audio_in",
                                                                   "audio_cached",
                                                                   "image_in",
                                                                   "output",
                                                                   "reasoning",
                                                                   "audio_out",
                                                                   "image_out"};

}  // namespace headrace::exporter
