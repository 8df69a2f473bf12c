#include "dialect/model_rules.h"

#include <array>

namespace headrace::dialect {
namespace {

// The first row whose name is part of the model's counts; the last one is for everything newer.
constexpr std::array<ClaudeRules, 17> kClaude = {{
    {"fable-5", 128'000, Thinking::adaptive, false, true, false, true},
    {"mythos-5", 128'000, Thinking::adaptive, false, true, false, true},
    {"opus-4-8", 128'000, Thinking::adaptive, false, true, true, true},
    {"opus-4-7", 128'000, Thinking::adaptive, false, true, true, true},
    {"opus-4-6", 128'000, Thinking::adaptive, true, false, true, true},
    {"sonnet-4-6", 128'000, Thinking::adaptive, true, false, true, true},
    {"opus-4-5", 64'000, Thinking::budget, true, false, true, true},
    {"sonnet-4-5", 64'000, Thinking::budget, true, false, true, true},
    {"haiku-4-5", 64'000, Thinking::budget, true, false, true, true},
    {"opus-4-1", 32'000, Thinking::budget, true, false, true, true},
    {"sonnet-4", 64'000, Thinking::budget, true, false, true, false},
    {"opus-4", 32'000, Thinking::budget, true, false, true, false},
    {"claude-3-7", 64'000, Thinking::budget, true, false, true, false},
    {"claude-3-5", 8'192, Thinking::none, true, false, true, false},
    {"claude-3", 4'096, Thinking::none, true, false, true, false},
    {"claude-2", 4'096, Thinking::none, true, false, true, false},
    {"", 128'000, Thinking::adaptive, false, true, true, true},
}};

bool names(Bytes model, Bytes part) {
  const std::size_t at = model.find(part);
  if (at == Bytes::npos) return false;
  const std::size_t behind = at + part.size();
  return part.empty() || behind == model.size() || !base::is_digit(model[behind]);
}

bool starts_with(Bytes text, Bytes start) {
  return text.substr(0, start.size()) == start;
}

// "o1", "o3-mini", "o4": OpenAI's reasoning series.
bool is_o_series(Bytes model) {
  return model.size() >= 2 && model[0] == 'o' && base::is_digit(model[1]);
}

// "gpt-5" and whatever is newer.
bool is_gpt_5_or_newer(Bytes model) {
  constexpr Bytes kGpt = "gpt-";
  if (!starts_with(model, kGpt) || model.size() == kGpt.size()) return false;
  const Bytes version = model.substr(kGpt.size());
  const bool two_digits = version.size() > 1 && base::is_digit(version[1]);
  return base::is_digit(version[0]) && (two_digits || version[0] >= '5');
}

}  // namespace

const ClaudeRules& claude_rules(Bytes model) {
  std::size_t i = 0;
  while (!names(model, kClaude[i].name)) ++i;
  return kClaude[i];
}

GptRules gpt_rules(Bytes model) {
  if (const std::size_t slash = model.rfind('/'); slash != Bytes::npos) {
    model.remove_prefix(slash + 1);
  }
  const bool reasons = is_o_series(model) || is_gpt_5_or_newer(model);
  return {reasons || starts_with(model, "gpt-oss"), reasons};
}

}  // namespace headrace::dialect
