#include "embeddings.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <iterator>

namespace headrace::mock {
namespace {

std::string numbers_of(const std::vector<float>& values) {
  std::string result = "[";
  for (const float value : values) {
    fmt::format_to(std::back_inserter(result), "{}{}", result.size() == 1 ? "" : ",", value);
  }
  return result + "]";
}

}  // namespace

std::vector<float> embedding_of(std::uint64_t digest, std::uint64_t dimensions) {
  base::Prng random(digest);
  std::vector<double> drawn(dimensions);
  double squares = 0;
  for (double& value : drawn) {
    value = random.unit() * 2 - 1;
    squares += value * value;
  }
  std::vector<float> result;
  result.reserve(dimensions);
  const double length = squares > 0 ? std::sqrt(squares) : 1;
  for (const double value : drawn) result.push_back(static_cast<float>(value / length));
  return result;
}

std::string base64_of(const std::vector<float>& values) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  std::uint32_t bits = 0;
  int held = 0;
  const auto take_byte = [&](std::uint32_t byte) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 6; held -= 6) result += kDigits[(bits >> (held - 6)) & 63];
  };
  for (const float value : values) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) take_byte((word >> shift) & 255);
  }
  if (held != 0) result += kDigits[(bits << (6 - held)) & 63];
  while (result.size() % 4 != 0) result += '=';
  return result;
}

std::string EmbeddingTexts::plain_body(const Whole&) const {
  std::string data;
  for (std::size_t i = 0; i < request().embedded.size(); ++i) {
    const auto values = embedding_of(request().embedded[i], request().dimensions);
    data += fmt::format(R"({}{{"object":"embedding","index":{},"embedding":{}}})",
                        i == 0 ? "" : ",",
                        i,
                        request().base64 ? "\"" + base64_of(values) + "\"" : numbers_of(values));
  }
  std::string usage;
  if (shape().usage != Shape::Usage::none) {
    const std::uint64_t prompt = counts(0).prompt();
    usage = fmt::format(R"(,"usage":{{"prompt_tokens":{0},"total_tokens":{0}}})", prompt);
  }
  return fmt::format(R"({{"object":"list","data":[{}],"model":"{}"{}}})", data, model(), usage);
}

std::string TokenCountTexts::plain_body(const Whole&) const {
  return fmt::format(R"({{"input_tokens":{}}})", counts(0).prompt());
}

}  // namespace headrace::mock
