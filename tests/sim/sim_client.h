// Scripted clients: one connection each, with its requests, its manner of reading and its way of
// leaving. It reads answers strictly and keeps them for the oracle.
#pragma once

#include <cstdint>
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
};

class ClientPeer final : public SimPeer {
 public:
  ClientPeer(SimNet& net, const ClientPlan& plan);

  const ClientPlan& plan() const { return plan_; }
  const MessageReader& reader() const { return reader_; }
  // Final answers, interim ones left out; the last may be incomplete.
  std::vector<const Message*> answers() const;
  bool done() const { return refused_ || (started_ && finished()); }
  bool refused() const { return refused_; }
  // It went away, or stopped reading, by its own script.
  bool left() const { return left_; }
  bool half_closed() const { return half_closed_; }
  bool begun(std::size_t request) const { return started_ && request <= sending_; }
  void start(const sockaddr_storage& address);
  // It is time to end: the run is over.
  void go_home();

 private:
  void on_connected() override;
  void on_refused(int os_errno) override;
  void on_bytes(std::string_view bytes) override;
  void on_eof() override;

  void send_more();
  void send_piece(std::uint64_t until);
  void look_at_answers();
  void maybe_leave();
  void maybe_stall();
  void read_slowly();
  std::size_t complete_answers() const;

  const ClientPlan& plan_;
  MessageReader reader_{MessageReader::Kind::answers};
  std::size_t sending_ = 0;  // which request
  std::uint64_t sent_of_it_ = 0;
  std::size_t next_pause_ = 0;
  bool started_ = false;
  bool refused_ = false;
  bool waiting_ = false;  // a pause, or for 100 Continue
  bool continued_ = false;
  bool no_more_ = false;  // the worker said that it closes
  bool left_ = false;
  bool ended_ = false;  // both sides are done, or the worker is
  bool half_closed_ = false;
  bool stalled_ = false;
};

}  // namespace headrace::sim
