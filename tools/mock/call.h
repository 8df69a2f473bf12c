// The calls that the mock answers, and what it needs to know of a request: which fields a provider
// insists on, whether it streams, which tools it offers. Values, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "tool_offer.h"

namespace headrace::mock {

enum class Call : std::uint8_t { chat, completions, embeddings, responses, messages, count_tokens };
constexpr std::size_t kCalls = 6;

struct CallRequest {
  Call call = Call::chat;
  std::string model;
  bool stream = false;
  bool include_usage = false;
  std::uint64_t max_tokens = 0;  // 0: no bound of the client's
  std::uint64_t prompt_tokens = 0;

  ToolOffers tools;
  bool has_tool_results = false;  // the last message is what a tool said
  bool wants_thinking = false;

  std::vector<std::uint64_t> embedded;  // a digest of each input
  std::uint64_t dimensions = 16;
  bool base64 = false;
};

std::optional<Call> find_call(std::string_view path);
constexpr Family family_of(Call call) {
  return call == Call::messages || call == Call::count_tokens ? Family::anthropic : Family::openai;
}

// Nothing when the body is no such request; `fault` then says why.
std::optional<CallRequest> parse_call(Call call, std::string_view body, std::string_view& fault);

}  // namespace headrace::mock
