// One client connection of the mock, or one stream of HTTP/2: reads HTTP/1.1 requests one after the
// other, hands each to the service, and writes what the service (or its Answer) says. Owned by the
// door that it came in by. One thread.
//
// Limits: base/limits.h for heads, kBodyBytes for bodies, kAheadBytes for what comes while an
// answer runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "answer.h"
#include "http/h1_body.h"
#include "http/h1_parser.h"
#include "io/io.h"
#include "outlet.h"

namespace headrace::mock {

class Service;

struct HttpRequest {
  std::string method;
  std::string path;
  std::string query;
  std::string body;
  // Fields, empty when they are not there.
  std::string authorization;
  std::string x_api_key;
  std::string anthropic_version;
  std::string x_mock;
};

class Connection final {
 public:
  static constexpr std::size_t kBodyBytes = 32u << 20;
  static constexpr std::size_t kAheadBytes = 256 * 1024;

  Connection(Service& service, io::Io& io, Outlet& outlet)
      : service_(service), io_(io), outlet_(outlet), answer_(*this) {
    parser_.reset();
  }

  // -- from its door
  void on_bytes(std::string_view bytes);
  void on_end();  // the client has gone
  void on_sent();
  // It is old: no request after the one that runs.
  void retire();
  void stop() { abort(); }

  // -- for answers
  io::Io& io() { return io_; }
  Service& service() { return service_; }
  std::size_t queued_bytes() const { return dripping_.size() + outlet_.queued_bytes(); }
  // From the next write on, this many bytes leave at a time; 0: all at once.
  void set_split(std::size_t bytes) {
    split_ = bytes;
    outlet_.set_prompt_sent(bytes != 0);  // the next drip waits for the last one's report
  }
  void write(std::string_view bytes);
  // The answer is complete: the next request may come, or the connection ends behind it.
  void finish_answer(bool keep_alive);
  void abort();  // RST
  void refuse_stream();
  void say_goodbye();
  // Writes a whole plain answer and finishes it.
  void reply(std::uint16_t status,
             std::string_view body,
             std::string_view more_fields = {},
             std::string_view content_type = "application/json");
  // Status 200 and nothing else: a stream without an event, or a body without a byte.
  void reply_empty(bool stream);

 private:
  enum class State : std::uint8_t { head, body, answering, closing };

  void read();
  bool read_head();
  std::string field(std::string_view lowered_name) const;
  bool read_body();
  void drip();
  void close_when_sent();
  void refuse(base::Errc code);

  Service& service_;
  io::Io& io_;
  Outlet& outlet_;
  Answer answer_;
  State state_ = State::head;
  bool reading_ = false;  // read() is on the stack: an answer given at once must not start it again
  bool keep_alive_ = true;  // what the client's request said
  std::string received_;    // not yet parsed
  std::string dripping_;    // not yet written, when writes are split
  std::size_t split_ = 0;
  http::H1RequestParser parser_;
  http::H1Body body_;
  HttpRequest request_;
};

}  // namespace headrace::mock
