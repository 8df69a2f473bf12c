// Reads one HTTP/1.1 message at a time, a request or an answer, with a length or in chunks, and is
// strict about it: a proxy that corrupts, cuts or adds a byte must not measure well. On a fault the
// program ends with the reason. The body is collected (and may be consumed while it still grows).
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace headrace::probe {

class MessageReader {
 public:
  // `who` names the peer in error texts.
  explicit MessageReader(const char* who) : who_(who) {}

  // Ready for the next message.
  void reset();
  // Bytes behind the end of a message are a fault: nobody here pipelines.
  void feed(std::string_view bytes);
  // The peer closed; a fault in the middle of a message.
  void finish() const;

  bool idle() const { return state_ == State::head && text_.empty(); }
  bool has_head() const { return state_ != State::head; }
  bool done() const { return state_ == State::done; }

  std::string_view start_line() const;
  // The value of a field by its lower-case name; empty when absent.
  std::string_view field(std::string_view lowered_name) const;
  std::string_view body() const { return std::string_view(body_).substr(consumed_); }
  void consume_body(std::size_t bytes);

 private:
  enum class State : std::uint8_t {
    head,
    length,
    chunk_size,
    chunk_data,
    chunk_end,
    last_line,
    done
  };

  std::string_view read_head(std::string_view bytes);
  std::string_view read_body(std::string_view bytes);
  std::string_view read_line(std::string_view bytes, bool& complete);
  void start_chunk();

  const char* who_;
  State state_ = State::head;
  std::string text_;  // the head
  std::string line_;  // a line of chunk framing
  std::string body_;
  std::size_t consumed_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace headrace::probe
