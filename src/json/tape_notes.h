// Writes the nodes of a tape while a Grammar walks over the document (grammar.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "json/scan.h"
#include "json/tape.h"

namespace headrace::json {

class TapeNotes {
 public:
  TapeNotes(Bytes document, std::span<Node> tape)
      : begin_(document.data()),
        node_(tape.data()),
        tape_(tape.data()),
        tape_end_(tape.data() + tape.size()) {}

  [[gnu::always_inline]] bool has_room() {
    if (node_ != tape_end_) return true;
    full_ = true;
    return false;
  }
  [[gnu::always_inline]] void scalar(const char* first, const char* behind, bool escaped) {
    node_->begin = static_cast<std::uint32_t>(first - begin_);
    node_->size = static_cast<std::uint32_t>(behind - first);
    node_->link = escaped ? 1 | Node::kEscaped : 1;
    ++node_;
  }
  [[gnu::always_inline]] void open(std::size_t depth, const char* first) {
    node_->begin = static_cast<std::uint32_t>(first - begin_);
    opened_[depth] = node_;
    ++node_;
  }
  [[gnu::always_inline]] void close(std::size_t depth, const char* behind) {
    Node& container = *opened_[depth];
    container.size = static_cast<std::uint32_t>(behind - begin_) - container.begin;
    container.link = static_cast<std::uint32_t>(node_ - &container);
  }

  bool full() const { return full_; }
  std::size_t nodes() const { return static_cast<std::size_t>(node_ - tape_); }

 private:
  const char* begin_;
  Node* node_;
  Node* tape_;
  Node* tape_end_;
  bool full_ = false;
  std::array<Node*, kDepth> opened_;  // those below the depth
};

}  // namespace headrace::json
