// H2Side: a connection of HTTP/2. Each of its streams is a Connection that believes to speak
// HTTP/1.1: what the stream brings is put into that form, what it writes is taken apart again, so
// that every answer and fault of the mock is there over both protocols. Part of a door, one thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection.h"
#include "http/h2_server_session.h"
#include "net/stream.h"

namespace headrace::mock {

class H2Side;

class H2Turn final : public http::H2Stream, public Outlet {
 public:
  H2Turn(H2Side& side, Service& service, io::Io& io);

  void send(std::string_view bytes) override;
  std::size_t queued_bytes() const override { return http::H2Stream::queued_bytes(); }
  void set_prompt_sent(bool) override {}
  void close(io::CloseHow how) override;
  void refuse() override;
  bool say_goodbye() override;
  bool finished() const { return finished_; }  // the answer is whole

  Connection connection;
  std::string head;  // of the request, while it is being written

 private:
  void take_answer();
  void finish();

  H2Side& side_;
  std::string written_;  // not yet taken apart
  http::H1ResponseParser parser_;
  http::H1Body body_;
  bool in_body_ = false;
  bool finished_ = false;
};

class H2Side final : public http::H2ServerOwner {
 public:
  H2Side(Service& service, io::Io& io, http::H2Memory& memory, net::Stream& stream);
  ~H2Side();

  void on_bytes(io::Slice slice);
  void on_sent() { push(); }
  void on_end();  // the client has gone
  void say_goodbye();
  bool over() const { return session_.ended() || (leaving_ && turns_.empty()); }

  http::H2ServerSession& session() { return session_; }
  void push();
  io::Slice copy(std::string_view bytes);
  void drop(H2Turn& turn);  // it is over; it goes later

  void on_h2_request(const http::RequestHead& head,
                     const http::Fields& fields,
                     base::Bytes text) override;
  void on_h2_bad_request(base::Errc) override {}
  void on_h2_data(http::H2Stream& stream, io::Slice piece) override;
  void on_h2_end(http::H2Stream& stream) override;
  void on_h2_closed(http::H2Stream& stream, http::H2Code code) override;
  void on_h2_sent(http::H2Stream& stream) override;

 private:
  static H2Turn& of(http::H2Stream& stream) { return static_cast<H2Turn&>(stream); }

  Service& service_;
  io::Io& io_;
  net::Stream& stream_;
  http::H2ServerSession session_;
  io::SliceQueue out_;
  std::unordered_map<H2Turn*, std::unique_ptr<H2Turn>> turns_;
  std::vector<std::unique_ptr<H2Turn>> gone_;
  bool inside_ = false;
  bool leaving_ = false;
};

}  // namespace headrace::mock
