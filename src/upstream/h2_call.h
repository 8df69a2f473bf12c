// H2Call: a request on an HTTP/2 connection: waiting for it, or running on a stream of it. Where
// the server turns out to speak HTTP/1.1, it is handed on to a connection of that kind, whose
// events it then passes on: its attempt notices nothing. Lent by the H2Pool, one thread.
#pragma once

#include "base/error.h"
#include "base/intrusive_list.h"
#include "http/h2_client_session.h"
#include "upstream/call.h"

namespace headrace::upstream {

class H2Conn;
class H2Pool;

class H2Call final : public Call, private http::H2Stream, private AnswerOwner {
 public:
  explicit H2Call(H2Conn& conn);

  void send(AnswerOwner& owner, WireRequest request) override;
  void cancel() override;
  void pause() override;
  void resume() override;
  bool paused() const override { return paused_; }
  bool reused() const override { return reused_; }
  bool connected() const override;

  base::ListLink link;  // the connection's

 private:
  friend class H2Conn;

  void hand_on(Call& other);
  AnswerOwner* leave();

  // -- events of the other connection
  void on_answer_head(const http::ResponseHead& head,
                      const http::Fields& fields,
                      base::Bytes text) override;
  void on_answer_body(io::Slice piece) override;
  void on_answer_end() override;
  void on_answer_failed(base::Error error) override;

  H2Conn* conn_;  // null: handed on
  H2Pool& pool_;
  Call* other_ = nullptr;
  AnswerOwner* owner_ = nullptr;
  WireRequest request_;         // waits for the connection
  base::Nanos connect_by_ = 0;  // its own patience with a connection that still connects
  base::Nanos since_ = 0;       // when it was sent
  base::Error failure_{};       // told when it may be
  bool begun_ = false;          // its head went to the session
  bool paused_ = false;
  bool reused_ = false;
  bool answer_started_ = false;
};

}  // namespace headrace::upstream
