// Tokens of an answer, as each dialect tells them. OpenAI's counts include what came from caches;
// Anthropic's stand beside each other. Values, any thread.
#pragma once

#include <cstdint>
#include <string>

namespace headrace::mock {

// Disjoint on the input side; `output` includes `reasoning`.
struct Counts {
  std::uint64_t input = 0;
  std::uint64_t cached = 0;
  std::uint64_t written = 0;
  std::uint64_t written_1h = 0;
  std::uint64_t output = 0;
  std::uint64_t reasoning = 0;

  std::uint64_t prompt() const { return input + cached + written + written_1h; }
};

void append_chat_usage(std::string& out, const Counts& counts);
std::string completion_usage(const Counts& counts);
std::string response_usage(const Counts& counts);
std::string message_usage(const Counts& counts);
// As message_delta tells them: totals so far.
std::string message_delta_usage(const Counts& counts);

}  // namespace headrace::mock
