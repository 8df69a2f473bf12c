// What models of the two families accept, by their names. A translation must not send what the
// target would refuse, and the providers tell nobody at run time: these tables are the only source.
// An unknown name is taken for a newer model of its family. Constants, any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

enum class Thinking : std::uint8_t { none, budget, adaptive };

struct ClaudeRules {
  Bytes name;                // part of a model's name; no digit may follow it
  std::uint32_t output_max;  // tokens
  Thinking thinking;         // how it is asked to think
  bool samples;              // takes temperature, top_p
  bool xhigh;                // knows that effort; else `max` stands for it
  bool forces_tools;         // takes tool_choice any and tool
  bool output_format;        // takes output_config.format
};

const ClaudeRules& claude_rules(Bytes model);

struct GptRules {
  bool reasons;                // takes reasoning_effort
  bool max_completion_tokens;  // refuses max_tokens, its older name
};

GptRules gpt_rules(Bytes model);

}  // namespace headrace::dialect
