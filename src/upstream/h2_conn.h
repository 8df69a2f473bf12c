// One HTTP/2 connection to an upstream, plain or TLS: connects, multiplexes calls over one byte
// stream, and reports each answer to its attempt in the events that an HTTP/1.1 connection uses.
// Owned by the H2Pool; calls are lent to attempts from it.
//
// A server that was left the choice (ALPN) may choose HTTP/1.1: then the byte stream goes to an
// HTTP/1.1 connection, and each call that waited goes on over one of those, unnoticed by its
// attempt.
//
// A cancelled call is a RST_STREAM, and the connection lives on. Servers count those, so after
// kH2Cancels (or kH2AgeMost) the connection takes no more calls and ends with its last one; its
// successor is dialled before that. GOAWAY does the same at once. Silence is answered by a PING,
// and an unanswered PING is the end.
//
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/result.h"
#include "http/h2_client_session.h"
#include "io/io.h"
#include "upstream/dial.h"
#include "upstream/h2_call.h"

namespace headrace::upstream {

class H2Pool;
class Origin;

class H2Conn final : public io::SocketOwner, public http::H2ClientOwner, private DialOwner {
 public:
  H2Conn(io::Io& io, H2Pool& pool, Origin& origin);
  ~H2Conn();

  // Begins to connect to one of the origin's addresses. REQUIRES: just made.
  base::Status connect(base::Nanos deadline) { return dial_.start(deadline); }
  // Takes over a connection that was dialled for somebody who speaks something else.
  // REQUIRES: just made.
  void take(Lane& lane) { use(lane); }
  // How many more calls it would carry; 0 also when it is on its way out.
  std::size_t room() const;
  bool connected() const { return state_ == State::open; }
  // It is surely alive: it has just been made and nobody has used it, or it has just said something
  // and has not refused a call.
  bool fresh() const;
  // It has done enough: a successor is wanted.
  bool tired() const;
  // It goes as soon as there is one: its time is over.
  bool outlived() const;
  // A call of its own, to be sent in this turn. While it still connects, no call waits for it
  // beyond `connect_by`, and none less because another has less patience. REQUIRES: room().
  void add(H2Call& call, base::Nanos connect_by);
  // Somebody wants it: it is no spare any more, even while it connects.
  void note_claimed();
  // No more calls; the end comes with the last one, now when there is none.
  void drain();
  bool draining() const { return draining_; }
  Origin& origin() const { return origin_; }
  H2Pool& pool() const { return pool_; }

  // -- from its calls
  void start(H2Call& call);
  void cancel(H2Call& call);
  void pause(H2Call& call);
  void resume(H2Call& call);

  // -- events of the socket
  void on_connected(base::Status) override {}
  void on_data(io::Slice slice) override;
  void on_eof() override;
  void on_error(base::Error error) override;
  void on_sent() override;
  void on_closed() override;
  void on_timer();

  // -- events of the session
  void on_h2_answer(http::H2Stream& stream,
                    const http::ResponseHead& head,
                    const http::Fields& fields,
                    base::Bytes text) override;
  void on_h2_data(http::H2Stream& stream, io::Slice piece) override;
  void on_h2_end(http::H2Stream& stream) override;
  void on_h2_closed(http::H2Stream& stream, http::H2Code code) override;
  void on_h2_sent(http::H2Stream& stream) override;
  void on_h2_goaway() override;

  base::ListLink origin_link;  // every connection of an origin

 private:
  friend class H2Pool;
  enum class State : std::uint8_t { connecting, open, closing };
  // How the pool counts it.
  enum class Standing : std::uint8_t { connecting, idle, busy, gone };
  using CallList = base::IntrusiveList<H2Call, &H2Call::link>;

  static H2Call& of(http::H2Stream& stream) { return static_cast<H2Call&>(stream); }

  void on_dialled(Lane& lane) override;
  void on_dial_failed(base::Error error) override;
  void use(Lane& lane);
  void arm_patience();
  void give_up_impatient();
  void hand_on_waiting();
  net::Stream& stream() { return lane_->stream(); }
  std::size_t free_streams() const;
  bool begin(H2Call& call);
  void begin_waiting();
  void push_out();
  void after_verb();
  void after_event();
  bool rest();
  void arm_timer();
  void ping(bool probe);
  AnswerOwner* release(H2Call& call);
  void set_aside(H2Call& call, base::Error error);
  void tell_failed();
  void fail(base::Error error);
  void retire();
  void note_death();
  void give_up_unanswered();

  io::Io& io_;
  H2Pool& pool_;
  Origin& origin_;
  Dial dial_;
  Lane* lane_ = nullptr;  // while connected, and until that is closed
  io::Timer timer_;  // the nearest of ping, idle end and age; before, the end of a call's patience
  http::H2ClientSession session_;
  io::SliceQueue out_;
  CallList waiting_;  // not on the wire yet
  CallList running_;
  CallList failed_;  // over, and their owners do not know yet
  std::size_t calls_ = 0;
  std::size_t begun_ = 0;  // of them
  State state_ = State::connecting;
  Standing standing_ = Standing::connecting;
  bool draining_ = false;
  bool used_ = false;
  bool is_spare_ = false;  // dialled for nobody, and still connecting
  bool probed_ = false;    // the PING went with a request
  bool inside_ = false;    // the session is on the stack: what is due then is done afterwards
  bool pinged_ = false;
  bool successor_asked_ = false;
  std::uint32_t cancels_ = 0;
  base::Nanos opened_at_ = 0;
  base::Nanos heard_at_ = 0;    // or opened
  base::Nanos refused_at_ = 0;  // a call; 0: none
  base::Nanos pinged_at_ = 0;
  base::Nanos idle_since_ = 0;
};

}  // namespace headrace::upstream
