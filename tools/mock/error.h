// Errors as the two families of providers tell them: which type and code belong to a status, what
// the message says, and the bodies around it. Constants, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headrace::mock {

enum class Family : std::uint8_t { openai, anthropic };

struct ErrorWords {
  std::string_view type;
  std::string_view code;  // empty: null, and always so at Anthropic
  std::string_view message;
};

// What a provider of that family says with that status. A code that some provider uses picks among
// the reasons for a status: 429 is a rate, or insufficient_quota.
ErrorWords error_words(Family family, std::uint16_t status, std::string_view code = {});
// Of an error in the middle of an answer: status 0 without a code is what comes there most often.
ErrorWords sudden_error_words(Family family, std::uint16_t status, std::string_view code);
// The code as a constant; empty when no row has it.
std::string_view known_error_code(std::string_view code);
// The type alone, for errors that say something of their own.
std::string_view error_type(Family family, std::uint16_t status);

std::string error_body(Family family, const ErrorWords& words, std::string_view request_id);
// OpenAI's shape, for what is nobody's dialect.
std::string error_body(std::string_view message, std::string_view type, std::string_view code);
// What a proxy in front of a provider answers.
std::string html_page(std::uint16_t status);

}  // namespace headrace::mock
