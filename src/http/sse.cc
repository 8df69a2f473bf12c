#include "http/sse.h"

#include <algorithm>

#include "http/h1_scan.h"

namespace headrace::http {

namespace {

constexpr Bytes kByteOrderMark = "\xef\xbb\xbf";

struct LineEnd {
  static bool has(char c) { return c != '\n' && c != '\r'; }
#if defined(__SSE2__)
  static unsigned stops(__m128i bytes) {
    return scan::mask_of(_mm_or_si128(scan::equal(bytes, '\n'), scan::equal(bytes, '\r')));
  }
#endif
};

std::size_t find_line_end(Bytes text, std::size_t at) {
#if defined(__SSE2__)
  // Events are mostly one long line: four vectors a turn.
  while (text.size() - at >= 64) {
    const char* const here = text.data() + at;
    const auto ends = [here](std::size_t offset) {
      const __m128i bytes = scan::load(here + offset);
      return _mm_or_si128(scan::equal(bytes, '\n'), scan::equal(bytes, '\r'));
    };
    const __m128i any =
        _mm_or_si128(_mm_or_si128(ends(0), ends(16)), _mm_or_si128(ends(32), ends(48)));
    if (scan::mask_of(any) != 0) break;
    at += 64;
  }
#endif
  return scan::skip<LineEnd>(text, at);
}

}  // namespace

void SseSplitter::reset() {
  *this = SseSplitter{};
}

std::size_t SseSplitter::next_end(Bytes piece) {
  std::size_t at = 0;
  if (after_cr_ && !piece.empty()) {
    after_cr_ = false;
    if (piece.front() == '\n') at = 1;
  }
  while (at < piece.size()) {
    at_start_ = false;
    const std::size_t end = find_line_end(piece, at);
    if (end != at) line_empty_ = false;
    if (end == piece.size()) return kNone;
    const bool cr = piece[end] == '\r';
    at = end + 1;
    if (line_empty_) {
      after_cr_ = cr;
      at_start_ = true;
      return at;
    }
    line_empty_ = true;
    if (!cr) continue;
    if (at == piece.size()) {
      after_cr_ = true;
    } else if (piece[at] == '\n') {
      ++at;
    }
  }
  return kNone;
}

SseEvent parse_sse_event(Bytes event, char* scratch, bool stream_start) {
  SseEvent parsed;
  if (stream_start && event.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    event.remove_prefix(kByteOrderMark.size());
  }
  bool joined = false;
  while (!event.empty()) {
    const std::size_t end = find_line_end(event, 0);
    const Bytes line = event.substr(0, end);
    // CRLF leaves an empty line behind, which says nothing.
    event.remove_prefix(std::min(end + 1, event.size()));
    const std::size_t colon = line.find(':');
    const Bytes name = line.substr(0, colon);
    Bytes value = line.substr(colon == Bytes::npos ? line.size() : colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (name == "event") {
      parsed.type = value;
    } else if (name == "data") {
      if (!parsed.has_data) {
        parsed.has_data = true;
        parsed.data = value;
        continue;
      }
      if (!joined) base::write_bytes(scratch, parsed.data);
      joined = true;
      char* out = scratch + parsed.data.size();
      *out++ = '\n';
      out = base::write_bytes(out, value);
      parsed.data = Bytes(scratch, static_cast<std::size_t>(out - scratch));
    }
  }
  return parsed;
}

}  // namespace headrace::http
