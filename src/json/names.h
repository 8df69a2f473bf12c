// The names that are looked for among the members of an object. Which of them a key is, is asked
// for every key of every document: `Names`, made when the program is compiled, have theirs in lists
// by size, so that most keys are compared with one of them or none.
//
// Views of names must not outlive them. Stateless, any thread.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.h"

namespace headrace::json {

using base::Bytes;

// In words: names are short, and a call costs more than comparing them.
// REQUIRES: they are of one size.
inline bool same_bytes(Bytes left_text, Bytes right_text) {
  const char* const left = left_text.data();
  const char* const right = right_text.data();
  const std::size_t size = left_text.size();
  const auto differ = [left, right]<class Word>(std::size_t at, Word) {
    Word one;
    Word other;
    std::memcpy(&one, left + at, sizeof one);
    std::memcpy(&other, right + at, sizeof other);
    return one != other;
  };
  if (size >= sizeof(std::uint64_t)) {
    constexpr std::uint64_t kWord = 0;
    for (std::size_t at = 0; at + sizeof kWord < size; at += sizeof kWord) {
      if (differ(at, kWord)) return false;
    }
    return !differ(size - sizeof kWord, kWord);  // overlaps what was compared
  }
  if (size >= sizeof(std::uint32_t)) {
    constexpr std::uint32_t kWord = 0;
    return !differ(0, kWord) && !differ(size - sizeof kWord, kWord);
  }
  for (std::size_t at = 0; at < size; ++at) {
    if (left[at] != right[at]) return false;
  }
  return true;
}

inline bool same_name(Bytes left, Bytes right) {
  return left.size() == right.size() && same_bytes(left, right);
}

inline constexpr std::size_t kNameSizes = 32;  // names are shorter
inline constexpr std::uint8_t kNoName = 0xFF;

// The index of `name` among `count` texts, or `count`. Their lists are by size: `first` has the
// index of the first text of each size, `next` that of the next one of its own, and kNoName ends.
inline std::size_t find_by_size(const Bytes* texts,
                                const std::uint8_t* first,
                                const std::uint8_t* next,
                                std::size_t count,
                                Bytes name) {
  if (name.size() >= kNameSizes) return count;
  for (std::uint8_t i = first[name.size()]; i != kNoName; i = next[i]) {
    if (same_bytes(name, texts[i])) return i;
  }
  return count;
}

// REQUIRES: every name is shorter than kNameSizes and stands there once.
template <std::size_t kCount>
struct Names {
  static_assert(kCount < kNoName);

  std::array<Bytes, kCount> texts;
  std::array<std::uint8_t, kNameSizes> first;
  std::array<std::uint8_t, kCount> next;

  explicit consteval Names(const std::array<Bytes, kCount>& names) : texts(names), first(), next() {
    first.fill(kNoName);
    for (std::size_t i = kCount; i-- > 0;) {
      std::uint8_t& front = first.at(names[i].size());
      next[i] = front;
      front = static_cast<std::uint8_t>(i);
    }
  }

  // The index of `name`, or kCount.
  std::size_t find(Bytes name) const {
    return find_by_size(texts.data(), first.data(), next.data(), kCount, name);
  }
};

// Some names, however they are kept: those that are no `Names` are looked through one by one.
class NameList {
 public:
  constexpr NameList() = default;
  template <class Texts>
    requires std::convertible_to<const Texts&, std::span<const Bytes>>
  constexpr NameList(const Texts& texts) : texts_(texts) {}
  template <std::size_t kCount>
  constexpr NameList(const Names<kCount>& names)
      : texts_(names.texts), first_(names.first.data()), next_(names.next.data()) {}

  std::size_t size() const { return texts_.size(); }

  // The index of `name`, or size().
  std::size_t find(Bytes name) const {
    if (first_ != nullptr) return find_by_size(texts_.data(), first_, next_, size(), name);
    std::size_t i = 0;
    while (i < size() && !same_name(texts_[i], name)) ++i;
    return i;
  }

 private:
  std::span<const Bytes> texts_;
  const std::uint8_t* first_ = nullptr;
  const std::uint8_t* next_ = nullptr;
};

}  // namespace headrace::json
