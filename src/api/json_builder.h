// Builds JSON and event text of a size that nobody knows beforehand: translated requests, answers
// and events. One growing block of the worker's pool; its bytes leave as a slice. What is copied
// from another document keeps its spelling: numbers, escapes and key order of the source survive.
//
// It writes fragments, not documents: nesting is the caller's business, only commas are set by
// themselves where comma() or key() is used. Owned by an exchange, one thread. It grows by doubling
// and has no bound of its own: every caller writes a bounded multiple of what it read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "io/block_pool.h"

namespace headrace::api {

using base::Bytes;

class JsonBuilder {
 public:
  explicit JsonBuilder(io::BlockPool& pool) : pool_(pool) {}
  JsonBuilder(const JsonBuilder&) = delete;
  JsonBuilder& operator=(const JsonBuilder&) = delete;

  io::BlockPool& pool() const { return pool_; }
  std::size_t size() const { return size_; }
  Bytes view() const { return {data_, size_}; }
  Bytes from(std::size_t place) const { return view().substr(place); }
  // The written bytes as a slice of their own; the builder is empty then.
  io::Slice take();
  void clear() { size_ = 0; }
  // Forgets what was written behind `size`. REQUIRES: size <= size().
  void cut(std::size_t size);
  // Makes sure that so many bytes fit without growing again.
  void reserve(std::size_t bytes) {
    if (bytes > capacity_ - size_) grow(bytes);
  }

  // Scratch memory behind what was written; the next write may move or overwrite it.
  char* room(std::size_t bytes) {
    reserve(bytes);
    return data_ + size_;
  }

  void raw(Bytes bytes) {
    reserve(bytes.size());
    if (!bytes.empty()) std::memcpy(data_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void raw(char c) {
    reserve(1);
    data_[size_++] = c;
  }
  void number(std::uint64_t value);

  // A comma, unless what was written last opened a bracket (or nothing was written).
  void comma();
  // A comma where one is due, and the quoted key with its colon. REQUIRES: a plain name.
  void key(Bytes name);
  // key() and a string whose body is already JSON.
  void member(Bytes name, Bytes body);

  // Plain text as the body of a string; bytes that are not UTF-8 become U+FFFD.
  void text(Bytes plain);
  // A JSON text without the blanks between its tokens. REQUIRES: valid JSON.
  void compact(Bytes json);
  // The same as the body of a string.
  void embed(Bytes json);
  // The text that a string's body stands for. A lone surrogate, which has no UTF-8, stays an
  // escape.
  void unescaped(Bytes body);

 private:
  void grow(std::size_t more);
  std::size_t unescaped_unicode(Bytes body);

  io::BlockPool& pool_;
  io::Slice block_;
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace headrace::api
