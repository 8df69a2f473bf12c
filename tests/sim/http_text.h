// A reader of HTTP/1.1 for the simulation's scripts and its oracle: strict, slow, and on purpose
// not the one in src/http, so that the two cannot share a mistake. It takes a connection's bytes as
// they come and keeps every message with the places of its body bytes in the stream. Tests only,
// one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace::sim {

// Body bytes [payload, payload + size) lie at [wire, wire + size) of the stream.
struct Span {
  std::uint64_t wire = 0;
  std::uint64_t payload = 0;
  std::uint64_t size = 0;
};

// The place of payload byte number `offset` (counted from 1), itself counted from 1; 0 when it is
// not there.
std::uint64_t wire_of(const std::vector<Span>& spans, std::uint64_t offset);
// How many payload bytes lie within the first `wire` bytes.
std::uint64_t payload_within(const std::vector<Span>& spans, std::uint64_t wire);

struct Message {
  std::string start_line;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string body;
  std::vector<Span> spans;
  std::uint64_t wire_begin = 0;
  std::uint64_t wire_end = 0;  // of what has been read of it
  bool complete = false;
  bool until_close = false;

  int status() const;  // of an answer
  const std::string* field(std::string_view lowered_name) const;
};

class MessageReader {
 public:
  enum class Kind : std::uint8_t { requests, answers };
  explicit MessageReader(Kind kind) : kind_(kind) {}

  void feed(std::string_view bytes);
  void feed_eof();

  const std::vector<Message>& messages() const { return messages_; }  // the last may be incomplete
  bool inside_message() const { return stage_ != Stage::head || !rest_.empty(); }
  // Not empty: these bytes are not HTTP, and why.
  const std::string& fault() const { return fault_; }

 private:
  enum class Stage : std::uint8_t {
    head,
    length,
    until_close,
    size_line,
    chunk,
    chunk_end,
    last_line
  };

  bool step();
  bool read_head();
  bool choose_framing(Message& message);
  bool read_size_line();
  bool take_body(Stage next);
  bool expect(std::string_view text, Stage next);
  void finish();
  bool fail(std::string why);
  std::string take(std::size_t bytes);

  const Kind kind_;
  Stage stage_ = Stage::head;
  std::string rest_;        // not yet read
  std::size_t read_ = 0;    // of rest_
  std::uint64_t wire_ = 0;  // of rest_[read_]
  std::uint64_t left_ = 0;
  std::vector<Message> messages_;
  std::string fault_;
};

}  // namespace headrace::sim
