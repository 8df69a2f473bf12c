#include "json/string_end.h"

namespace headrace::json {
namespace {

constexpr bool plain_in_string(char c) {
  return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
}

constexpr bool is_short_escape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return true;
    default:
      return false;
  }
}

struct Escape {
  const char* next;  // behind it, or the byte at fault
  bool ok;
};

// `next` is behind the backslash.
Escape take_escape(const char* next, const char* end) {
  if (next == end) return {next, false};
  if (*next != 'u') return is_short_escape(*next) ? Escape{next + 1, true} : Escape{next, false};
  ++next;
  for (int i = 0; i < 4; ++i, ++next) {
    if (next == end || base::hex_value(*next) < 0) return {next, false};
  }
  return {next, true};
}

#ifdef __SSE2__
// Goes over text block by block. One bit of `left` stands for each byte of the block that is not
// plain and was not passed.
class Blocks {
 public:
  // REQUIRES: the document is no shorter than a block.
  Blocks(const char* text, const char* end) : last_(end - kBlock), end_(end) { go_to(text); }

  // The next byte that is not plain, or the end.
  const char* find() {
    if (left_ != 0) return block_ + std::countr_zero(left_);
    if (block_ == last_) return end_;
    block_ += kBlock;
    for (; block_ < last_; block_ += kBlock) {
      left_ = not_plain(block_);
      if (left_ != 0) return block_ + std::countr_zero(left_);
    }
    go_to(block_);
    return left_ != 0 ? block_ + std::countr_zero(left_) : end_;
  }

  // Everything before `next` was passed. REQUIRES: it is behind what was found.
  void pass(const char* next) {
    const std::ptrdiff_t passed = next - block_;
    if (passed >= static_cast<std::ptrdiff_t>(kBlock)) return go_to(next);
    left_ &= ~0u << passed;
  }

  bool saw_non_ascii() const { return _mm_movemask_epi8(seen_) != 0; }

 private:
  // The last block ends with the document; what it has before `next` was passed.
  void go_to(const char* next) {
    block_ = next <= last_ ? next : last_;
    left_ = not_plain(block_) & (~0u << (next - block_));
  }

  unsigned not_plain(const char* place) {
    const __m128i block = block_at(place);
    seen_ = _mm_or_si128(seen_, block);
    const __m128i turned = _mm_xor_si128(block, _mm_set1_epi8(2));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(turned, _mm_set1_epi8(' ')), turned);
    const __m128i special = _mm_or_si128(low, _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    return static_cast<unsigned>(_mm_movemask_epi8(special));
  }

  const char* block_ = nullptr;
  const char* last_;
  const char* end_;
  unsigned left_ = 0;
  __m128i seen_ = _mm_setzero_si128();
};
#endif

// For documents of a few bytes, and for machines without SSE2.
class SingleBytes {
 public:
  SingleBytes(const char* text, const char* end) : next_(text), end_(end) {}

  const char* find() {
    for (; next_ != end_ && plain_in_string(*next_); ++next_) {
      if (static_cast<signed char>(*next_) < 0) saw_non_ascii_ = true;
    }
    return next_;
  }
  void pass(const char* next) { next_ = next; }
  bool saw_non_ascii() const { return saw_non_ascii_; }

 private:
  const char* next_;
  const char* end_;
  bool saw_non_ascii_ = false;
};

template <class Steps>
[[gnu::always_inline]] inline JudgedString judge(Steps steps, const char* end) {
  unsigned flags = 0;
  while (true) {
    const char* next = steps.find();
    if (next == end || (*next != '"' && *next != '\\')) return {next, JudgedString::kBroken};
    if (*next == '"') {
      if (steps.saw_non_ascii()) flags |= JudgedString::kNonAscii;
      return {next + 1, flags};
    }
    const Escape escape = take_escape(next + 1, end);
    if (!escape.ok) return {escape.next, JudgedString::kBroken};
    flags |= JudgedString::kEscaped;
    steps.pass(escape.next);
  }
}

}  // namespace

JudgedString judge_string(const char* text, [[maybe_unused]] const char* begin, const char* end) {
#ifdef __SSE2__
  if (end - begin >= static_cast<std::ptrdiff_t>(kBlock)) return judge(Blocks(text, end), end);
#endif
  return judge(SingleBytes(text, end), end);
}

}  // namespace headrace::json
