#include "message_reader.h"

#include <charconv>

#include "system.h"

namespace headrace::probe {
namespace {

constexpr std::size_t kHeadBytes = 16 * 1024;
constexpr std::size_t kBodyBytes = 1 << 20;
constexpr std::size_t kLineBytes = 256;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_named(std::string_view name, std::string_view lowered) {
  if (name.size() != lowered.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (lower(name[i]) != lowered[i]) return false;
  }
  return true;
}

std::uint64_t parse_number(std::string_view text, int base, const char* who) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    die("%s sent a bad length `%.*s`", who, static_cast<int>(text.size()), text.data());
  }
  return value;
}

}  // namespace

void MessageReader::reset() {
  state_ = State::head;
  text_.clear();
  line_.clear();
  body_.clear();
  consumed_ = 0;
  left_ = 0;
}

void MessageReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (done()) die("%s sent %zu bytes behind the end of a message", who_, bytes.size());
    bytes = state_ == State::head ? read_head(bytes) : read_body(bytes);
  }
}

void MessageReader::finish() const {
  if (!idle() && !done()) die("%s closed in the middle of a message", who_);
}

std::string_view MessageReader::start_line() const {
  return std::string_view(text_).substr(0, text_.find("\r\n"));
}

std::string_view MessageReader::field(std::string_view lowered_name) const {
  std::string_view rest = std::string_view(text_).substr(start_line().size() + 2);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_named(line.substr(0, colon), lowered_name)) continue;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    return value;
  }
  return {};
}

void MessageReader::consume_body(std::size_t bytes) {
  consumed_ += bytes;
  if (consumed_ == body_.size()) {
    body_.clear();
    consumed_ = 0;
  }
}

std::string_view MessageReader::read_head(std::string_view bytes) {
  const std::size_t before = text_.size();
  text_.append(bytes);
  const std::size_t end = text_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (text_.size() > kHeadBytes) die("%s sent a head above %zu bytes", who_, kHeadBytes);
    return {};
  }
  text_.resize(end + 2);  // keeps the CRLF of the last field
  const std::string_view length = field("content-length");
  const std::string_view coding = field("transfer-encoding");
  if (length.empty() == coding.empty()) {
    die("%s sent a head without exactly one of length and chunks: %s", who_, text_.c_str());
  }
  if (!length.empty()) {
    left_ = parse_number(length, 10, who_);
    state_ = left_ == 0 ? State::done : State::length;
  } else {
    if (coding != "chunked") die("%s sent an unknown transfer coding", who_);
    state_ = State::chunk_size;
  }
  return bytes.substr(end + 4 - before);
}

std::string_view MessageReader::read_body(std::string_view bytes) {
  bool complete = false;
  switch (state_) {
    case State::length:
    case State::chunk_data: {
      const std::size_t count = bytes.size() < left_ ? bytes.size() : left_;
      if (body_.size() + count > kBodyBytes)
        die("%s sent a body above %zu bytes", who_, kBodyBytes);
      body_.append(bytes.substr(0, count));
      left_ -= count;
      if (left_ == 0) state_ = state_ == State::length ? State::done : State::chunk_end;
      return bytes.substr(count);
    }
    case State::chunk_size:
      bytes = read_line(bytes, complete);
      if (complete) start_chunk();
      return bytes;
    case State::chunk_end:
    case State::last_line:
      bytes = read_line(bytes, complete);
      if (!complete) return bytes;
      if (!line_.empty()) die("%s sent bad chunk framing: `%s`", who_, line_.c_str());
      state_ = state_ == State::chunk_end ? State::chunk_size : State::done;
      return bytes;
    case State::head:
    case State::done:
      break;
  }
  return {};
}

// Collects a CRLF-terminated line in line_, without its end.
std::string_view MessageReader::read_line(std::string_view bytes, bool& complete) {
  const std::size_t newline = bytes.find('\n');
  complete = newline != std::string_view::npos;
  const std::size_t count = complete ? newline + 1 : bytes.size();
  line_.append(bytes.substr(0, count));
  if (line_.size() > kLineBytes) die("%s sent a framing line that does not end", who_);
  if (complete) {
    if (line_.size() < 2 || line_[line_.size() - 2] != '\r') die("%s sent a bare LF", who_);
    line_.resize(line_.size() - 2);
  }
  return bytes.substr(count);
}

void MessageReader::start_chunk() {
  left_ = parse_number(line_, 16, who_);
  line_.clear();
  state_ = left_ == 0 ? State::last_line : State::chunk_data;
}

}  // namespace headrace::probe
