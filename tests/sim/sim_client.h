// Scripted clients: one connection each, with its requests, its manner of reading and its way of
// leaving. It reads answers strictly and keeps them for the oracle. This is HTTP/1.1; h2_client.h
// has those that speak HTTP/2.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http_text.h"
#include "request_plan.h"
#include "sim_peer.h"

namespace headrace::sim {

struct ClientPlan {
  enum class Reading : std::uint8_t { normal, slow, stalls };
  enum class Leaving : std::uint8_t { at_end, fin, reset, half_close, waits };

  std::size_t worker = 0;  // whose client it is
  std::vector<RequestPlan> requests;
  base::Nanos start_after = 0;
  bool pipelined = false;
  Reading reading = Reading::normal;
  std::uint64_t read_bytes = 0;   // slow: at once
  base::Nanos read_every = 0;     // slow
  std::uint64_t stall_after = 0;  // stalls: so many bytes received
  base::Nanos stall_for = 0;      // stalls
  Leaving leaving = Leaving::at_end;
  std::uint64_t leave_after_sent = UINT64_MAX;
  std::uint64_t leave_after_received = UINT64_MAX;
  // -- HTTP/2: all requests on one connection, each in its own time
  struct Stream {
    base::Nanos start_after = 0;
    Reading reading = Reading::normal;        // how it gives window
    base::Nanos give_after = 0;               // slow: a while; stalls: once, so long
    std::uint64_t cancel_after = UINT64_MAX;  // so many bytes of the answer
    std::uint64_t head_piece = 0;
  };
  bool h2 = false;
  std::uint32_t window = 65535;  // of a stream, at first
  std::vector<Stream> streams;   // by request
};

// What the world and the oracle know of a client, whatever it speaks.
class ClientPeer : public SimPeer {
 public:
  ClientPeer(SimNet& net, const ClientPlan& plan) : SimPeer(net), plan_(plan) {}
  static std::unique_ptr<ClientPeer> make(SimNet& net, const ClientPlan& plan);

  const ClientPlan& plan() const { return plan_; }
  // Why what it was told is not HTTP.
  virtual const std::string& fault() const = 0;
  // Final answers, interim ones left out. Over HTTP/1.1 in order, the last may be incomplete; over
  // HTTP/2 one a request, or null.
  virtual std::vector<const Message*> answers() const = 0;
  bool done() const { return refused_ || (started_ && finished()); }
  bool refused() const { return refused_; }
  // It went away by its own script.
  bool left() const { return left_; }
  bool half_closed() const { return half_closed_; }
  void start(const sockaddr_storage& address);
  // It is time to end: the run is over.
  void go_home();

  // -- of one request
  std::size_t index_of(const RequestPlan& plan) const {
    return static_cast<std::size_t>(&plan - plan_.requests.data());
  }
  virtual bool begun(std::size_t request) const = 0;
  virtual bool left_request(std::size_t) const { return left_; }
  // The gateway ended it before its end.
  virtual bool cut(std::size_t) const { return saw_reset(); }
  // The worker knows that nobody waits for it any more.
  virtual bool worker_gave_up(std::size_t) const { return worker_gone(); }
  // The turn in which it learned that; 0: that cannot be told.
  virtual std::uint64_t turn_gave_up(std::size_t) const { return turn_gone(); }
  virtual std::uint64_t received_of(std::size_t) const { return received(); }
  virtual ClientPlan::Reading reading_of(std::size_t) const { return plan_.reading; }
  // The turn in which the worker learned that so many bytes of the answer may be sent, in all.
  virtual std::uint64_t window_turn(std::size_t, std::uint64_t /*bytes*/) const { return 0; }

 protected:
  void on_refused(int os_errno) override;

  const ClientPlan& plan_;
  bool started_ = false;
  bool refused_ = false;
  bool left_ = false;
  bool half_closed_ = false;
};

class H1ClientPeer final : public ClientPeer {
 public:
  H1ClientPeer(SimNet& net, const ClientPlan& plan) : ClientPeer(net, plan) {}

  const std::string& fault() const override { return reader_.fault(); }
  std::vector<const Message*> answers() const override;
  bool begun(std::size_t request) const override { return started_ && request <= sending_; }

 private:
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_eof() override;

  void send_more();
  void send_piece(std::uint64_t until);
  void look_at_answers();
  void maybe_leave();
  void maybe_stall();
  void read_slowly();
  std::size_t complete_answers() const;

  MessageReader reader_{MessageReader::Kind::answers};
  std::size_t sending_ = 0;  // which request
  std::uint64_t sent_of_it_ = 0;
  std::size_t next_pause_ = 0;
  bool waiting_ = false;  // a pause, or for 100 Continue
  bool continued_ = false;
  bool no_more_ = false;  // the worker said that it closes
  bool ended_ = false;    // both sides are done, or the worker is
  bool stalled_ = false;
};

}  // namespace headrace::sim
