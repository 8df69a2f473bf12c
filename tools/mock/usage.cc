#include "usage.h"

#include <fmt/format.h>

#include <iterator>

namespace headrace::mock {

void append_chat_usage(std::string& out, const Counts& counts) {
  const std::uint64_t written = counts.written + counts.written_1h;
  fmt::format_to(std::back_inserter(out),
                 R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                 R"("prompt_tokens_details":{{"cached_tokens":{},)",
                 counts.prompt(),
                 counts.output,
                 counts.prompt() + counts.output,
                 counts.cached);
  // Only the newest models tell what was written.
  if (written != 0) fmt::format_to(std::back_inserter(out), R"("cache_write_tokens":{},)", written);
  fmt::format_to(std::back_inserter(out),
                 R"("audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{},)"
                 R"("audio_tokens":0,"accepted_prediction_tokens":0,)"
                 R"("rejected_prediction_tokens":0}}}})",
                 counts.reasoning);
}

std::string completion_usage(const Counts& counts) {
  return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}})",
                     counts.prompt(),
                     counts.output,
                     counts.prompt() + counts.output);
}

std::string response_usage(const Counts& counts) {
  return fmt::format(R"({{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},)"
                     R"("cache_write_tokens":{}}},"output_tokens":{},)"
                     R"("output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}})",
                     counts.prompt(),
                     counts.cached,
                     counts.written + counts.written_1h,
                     counts.output,
                     counts.reasoning,
                     counts.prompt() + counts.output);
}

std::string message_usage(const Counts& counts) {
  return fmt::format(R"({{"input_tokens":{},"cache_creation_input_tokens":{},)"
                     R"("cache_read_input_tokens":{},"cache_creation":{{)"
                     R"("ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}},)"
                     R"("output_tokens":{},"output_tokens_details":{{"thinking_tokens":{}}},)"
                     R"("service_tier":"standard"}})",
                     counts.input,
                     counts.written + counts.written_1h,
                     counts.cached,
                     counts.written,
                     counts.written_1h,
                     counts.output,
                     counts.reasoning);
}

std::string message_delta_usage(const Counts& counts) {
  return fmt::format(R"({{"input_tokens":{},"cache_creation_input_tokens":{},)"
                     R"("cache_read_input_tokens":{},"output_tokens":{},)"
                     R"("output_tokens_details":{{"thinking_tokens":{}}}}})",
                     counts.input,
                     counts.written + counts.written_1h,
                     counts.cached,
                     counts.output,
                     counts.reasoning);
}

}  // namespace headrace::mock
