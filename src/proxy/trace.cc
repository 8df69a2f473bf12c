#include "proxy/trace.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace headrace::proxy {
namespace {

bool is_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// Lower-case digits only, as the recommendation demands.
bool read_hex(base::Bytes text, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char high = text[2 * i];
    const char low = text[2 * i + 1];
    const bool lowered = base::lower(high) == high && base::lower(low) == low;
    if (!lowered || base::hex_value(high) < 0 || base::hex_value(low) < 0) return false;
    out[i] = static_cast<std::uint8_t>(base::hex_value(high) << 4 | base::hex_value(low));
  }
  return true;
}

char* write_hex(char* out, std::span<const std::uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return out;
}

void fill(std::span<std::uint8_t> out, base::Prng& random) {
  for (std::size_t i = 0; i < out.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t number = random.next() | 1;  // never zero
    std::memcpy(&out[i], &number, sizeof number);
  }
}

}  // namespace

void read_trace(base::Bytes traceparent, Record& request) {
  // version "-" 32 digits "-" 16 digits "-" 2 digits; a later version may go on behind another "-".
  constexpr std::size_t kBytes = 55;
  if (traceparent.size() < kBytes) return;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  std::array<std::uint8_t, 16> trace{};
  SpanId span{};
  const bool dashes = traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-';
  if (!dashes || !read_hex(traceparent, version) || !read_hex(traceparent.substr(3), trace) ||
      !read_hex(traceparent.substr(36), span) || !read_hex(traceparent.substr(53), flags)) {
    return;
  }
  const bool ends = traceparent.size() == kBytes || (version[0] != 0 && traceparent[kBytes] == '-');
  if (version[0] == 0xff || !ends || is_zero(trace) || is_zero(span)) return;
  std::copy(trace.begin(), trace.end(), request.trace_id);
  std::copy(span.begin(), span.end(), request.span_id);
  request.trace_flags = flags[0];
}

void begin_trace(Record& request, base::Prng& random) {
  if (!is_zero(request.trace_id)) return;
  fill(request.trace_id, random);
}

SpanId new_span(base::Prng& random) {
  SpanId span{};
  fill(span, random);
  return span;
}

base::Bytes write_trace(const Record& request, const SpanId& span, std::span<char> out) {
  HEADRACE_ASSERT(out.size() >= kTraceLineBytes);
  char* next = base::write_bytes(out.data(), "traceparent: 00-");
  next = write_hex(next, request.trace_id);
  *next++ = '-';
  next = write_hex(next, span);
  *next++ = '-';
  // Of the flags only the one that we understand goes on: whether the trace is recorded.
  next = base::write_bytes(next, (request.trace_flags & 1) != 0 ? "01\r\n" : "00\r\n");
  return {out.data(), static_cast<std::size_t>(next - out.data())};
}

}  // namespace headrace::proxy
