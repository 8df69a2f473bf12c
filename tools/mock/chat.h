// The mock's side of the chat completions dialect: what it needs to know of a request, and the
// texts of its answers. Answers look like OpenAI's: every field a strict client checks is there.
// One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/prng.h"

namespace headrace::mock {

struct ChatRequest {
  std::string model;
  bool stream = false;
  bool include_usage = false;
  std::uint64_t max_tokens = 0;  // 0: no bound of the client's
  std::uint64_t prompt_tokens = 0;
};

// Nothing when the body is not a chat request; `fault` then says why.
std::optional<ChatRequest> parse_chat_request(std::string_view body, std::string_view& fault);

std::string json_escaped(std::string_view text);
std::string error_body(std::string_view message, std::string_view type, std::string_view code);

// The texts of one answer.
class ChatTexts {
 public:
  ChatTexts(const ChatRequest& request, std::uint64_t id, std::uint64_t created);

  const std::string& id() const { return id_; }

  // The next token: a word, or a stamp.
  static std::string word(base::Prng& random);

  // Events of a stream, blank line included.
  std::string role_event() const;
  std::string content_event(std::string_view content) const;
  std::string finish_event(bool cut) const;
  std::string usage_event(std::uint64_t tokens) const;
  // The whole plain answer.
  std::string plain_body(std::string_view content, std::uint64_t tokens, bool cut) const;

 private:
  std::string chunk(std::string_view choices, std::string_view usage) const;
  std::string usage(std::uint64_t tokens) const;

  ChatRequest request_;
  std::string id_;
  std::string start_;  // of every chunk, up to `"choices":`
  std::uint64_t created_;
};

}  // namespace headrace::mock
