#include "http_text.h"

#include <algorithm>
#include <cctype>

namespace headrace::sim {
namespace {

constexpr std::size_t kHeadMost = 128 * 1024;

bool all_of(std::string_view text, int (*is)(int)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [is](char c) {
    return is(static_cast<unsigned char>(c)) != 0;
  });
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  });
}

bool is_start_line(std::string_view line, MessageReader::Kind kind) {
  constexpr std::string_view kVersion = "HTTP/1.1";
  if (kind == MessageReader::Kind::requests) return line.ends_with(" HTTP/1.1");
  return line.size() >= 13 && line.starts_with(kVersion) && line[8] == ' ' && line[12] == ' ' &&
         all_of(line.substr(9, 3), std::isdigit);
}

}  // namespace

std::uint64_t wire_of(const std::vector<Span>& spans, std::uint64_t offset) {
  const auto behind = std::partition_point(
      spans.begin(), spans.end(), [&](const Span& span) { return span.payload < offset; });
  if (behind == spans.begin()) return 0;
  const Span& span = *(behind - 1);
  return offset <= span.payload + span.size ? span.wire + (offset - span.payload) : 0;
}

std::uint64_t payload_within(const std::vector<Span>& spans, std::uint64_t wire) {
  const auto behind = std::partition_point(
      spans.begin(), spans.end(), [&](const Span& span) { return span.wire < wire; });
  if (behind == spans.begin()) return 0;
  const Span& span = *(behind - 1);
  return span.payload + std::min(span.size, wire - span.wire);
}

int Message::status() const {
  return (start_line[9] - '0') * 100 + (start_line[10] - '0') * 10 + (start_line[11] - '0');
}

const std::string* Message::field(std::string_view lowered_name) const {
  for (const auto& [name, value] : fields) {
    if (name == lowered_name) return &value;
  }
  return nullptr;
}

void MessageReader::feed(std::string_view bytes) {
  rest_ += bytes;
  while (fault_.empty() && step()) {
  }
  rest_.erase(0, read_);
  read_ = 0;
}

void MessageReader::feed_eof() {
  if (stage_ == Stage::until_close) finish();
}

bool MessageReader::step() {
  if (stage_ != Stage::head) messages_.back().wire_end = wire_;
  switch (stage_) {
    case Stage::head:
      return read_head();
    case Stage::length:
      return take_body(Stage::head);
    case Stage::until_close:
      return take_body(Stage::until_close);
    case Stage::size_line:
      return read_size_line();
    case Stage::chunk:
      return take_body(Stage::chunk_end);
    case Stage::chunk_end:
      return expect("\r\n", Stage::size_line);
    case Stage::last_line:
      return expect("\r\n", Stage::head);
  }
  return false;
}

bool MessageReader::read_head() {
  const std::size_t end = rest_.find("\r\n\r\n", read_);
  if (end == std::string::npos) {
    return rest_.size() - read_ > kHeadMost ? fail("an endless head") : false;
  }
  Message message;
  message.wire_begin = wire_;
  const std::string head = take(end + 4 - read_);
  std::size_t line_begin = 0;
  while (line_begin + 2 < head.size()) {
    const std::size_t line_end = head.find("\r\n", line_begin);
    const std::string line = head.substr(line_begin, line_end - line_begin);
    line_begin = line_end + 2;
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return fail("a control byte in a head");
    }
    if (message.start_line.empty()) {
      if (!is_start_line(line, kind_)) return fail("start line: " + line);
      message.start_line = line;
      continue;
    }
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) return fail("field: " + line);
    std::string name = line.substr(0, colon);
    if (!is_name(name)) return fail("field name: " + line);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    message.fields.emplace_back(std::move(name), line.substr(colon + 2));
  }
  message.wire_end = wire_;
  if (!choose_framing(message)) return false;
  messages_.push_back(std::move(message));
  if (stage_ == Stage::head) finish();
  return true;
}

bool MessageReader::choose_framing(Message& message) {
  const std::string* length = message.field("content-length");
  const std::string* coding = message.field("transfer-encoding");
  const bool answer = kind_ == Kind::answers;
  const int status = answer ? message.status() : 0;
  if (length != nullptr && coding != nullptr) return fail("both framings");
  if (length != nullptr && !all_of(*length, std::isdigit)) return fail("length: " + *length);
  if (coding != nullptr && *coding != "chunked") return fail("coding: " + *coding);
  for (const std::string_view name : {"content-length", "transfer-encoding"}) {
    const auto times = std::count_if(message.fields.begin(),
                                     message.fields.end(),
                                     [&](auto& field) { return field.first == name; });
    if (times > 1) return fail("framing twice");
  }
  stage_ = Stage::head;
  if (answer && (status < 200 || status == 204 || status == 304)) return true;
  if (length != nullptr) {
    left_ = std::stoull(*length);
    if (left_ != 0) stage_ = Stage::length;
  } else if (coding != nullptr) {
    stage_ = Stage::size_line;
  } else if (answer) {
    stage_ = Stage::until_close;
    message.until_close = true;
    left_ = UINT64_MAX;
  }
  return true;
}

bool MessageReader::read_size_line() {
  const std::size_t end = rest_.find("\r\n", read_);
  if (end == std::string::npos)
    return rest_.size() - read_ > 100 ? fail("an endless size line") : false;
  const std::string line = take(end + 2 - read_);
  const std::string digits = line.substr(0, line.size() - 2);
  if (!all_of(digits, std::isxdigit) || digits.size() > 16) return fail("chunk size: " + digits);
  left_ = std::stoull(digits, nullptr, 16);
  stage_ = left_ == 0 ? Stage::last_line : Stage::chunk;
  return true;
}

bool MessageReader::take_body(Stage next) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest_.size() - read_));
  if (size == 0) return false;
  Message& message = messages_.back();
  if (!message.spans.empty() && message.spans.back().wire + message.spans.back().size == wire_) {
    message.spans.back().size += size;
  } else {
    message.spans.push_back({wire_, message.body.size(), size});
  }
  message.body.append(rest_, read_, size);
  read_ += size;
  wire_ += size;
  message.wire_end = wire_;
  if (stage_ != Stage::until_close) left_ -= size;
  if (left_ != 0) return true;
  stage_ = next;
  if (next == Stage::head) finish();
  return true;
}

bool MessageReader::expect(std::string_view text, Stage next) {
  if (rest_.size() - read_ < text.size()) return false;
  const std::string found = take(text.size());
  if (found != text) return fail("chunk framing: " + found);
  stage_ = next;
  if (next == Stage::head) finish();
  return true;
}

void MessageReader::finish() {
  stage_ = Stage::head;
  messages_.back().wire_end = wire_;
  messages_.back().complete = true;
}

bool MessageReader::fail(std::string why) {
  fault_ = std::move(why);
  return false;
}

std::string MessageReader::take(std::size_t bytes) {
  std::string taken = rest_.substr(read_, bytes);
  read_ += bytes;
  wire_ += bytes;
  return taken;
}

}  // namespace headrace::sim
