// Answers that are one body and never a stream: embeddings (numbers, or base64 of little-endian
// floats) and counts of tokens. The same input has the same vector, of length 1, in both formats.
// One thread.
#pragma once

#include <string>
#include <vector>

#include "texts.h"

namespace headrace::mock {

class BodyTexts : public Texts {
 public:
  using Texts::Texts;

  void begin(EventSink&) override {}
  void piece(const Piece&, EventSink&) override {}
  void end(EventSink&) override {}
};

class EmbeddingTexts final : public BodyTexts {
 public:
  explicit EmbeddingTexts(const Order& order) : BodyTexts(order, "embd-") {}

  std::string plain_body(const Whole& whole) const override;
};

class TokenCountTexts final : public BodyTexts {
 public:
  explicit TokenCountTexts(const Order& order) : BodyTexts(order, "count_") {}

  std::string plain_body(const Whole& whole) const override;
};

std::vector<float> embedding_of(std::uint64_t digest, std::uint64_t dimensions);
std::string base64_of(const std::vector<float>& values);

}  // namespace headrace::mock
