// SimPeer: a scripted client or one connection of a scripted upstream: an end of a connection in
// test code. Derive, say what to do when something arrives, and keep the object alive as long as
// the net runs (or until it is closed: a peer that dies resets its connection). Callbacks may call
// any verb of their own peer.
//
// SimListenerPeer: an address at which a scripted upstream is reachable, or refuses, or does not
// answer.
#pragma once

#include <string>
#include <string_view>

#include "sim_net.h"

namespace headrace::sim {

class SimPeer : private SimEndUser {
 public:
  explicit SimPeer(SimNet& net) : net_(net) {}
  SimPeer(const SimPeer&) = delete;
  SimPeer& operator=(const SimPeer&) = delete;
  virtual ~SimPeer();

  // A client: connects to an address of the worker. on_connected or on_refused follows.
  void dial(const sockaddr_storage& address);

  // Bytes leave as the window allows; there is no bound on what may wait here. Before on_connected
  // they wait.
  void send(std::string_view bytes);
  void shutdown_write();  // once everything sent has left
  void close();  // orderly, once everything sent has left; what still arrives is answered with RST
  void reset();  // at once
  void set_reading(bool reading);            // false: the window fills, and the worker feels it
  std::size_t read_some(std::size_t bytes);  // while not reading: takes so much, by on_bytes

  bool open() const { return end_ != nullptr && !end_->closed() && connected_; }
  bool dialling() const { return end_ != nullptr && !connected_; }
  bool finished() const { return end_ == nullptr || end_->closed(); }
  bool saw_eof() const { return saw_eof_; }
  bool saw_reset() const { return saw_reset_; }
  std::uint64_t sent() const { return sent_; }  // bytes given to send(), in all
  std::uint64_t unsent() const { return waiting_.size(); }
  std::uint64_t received() const { return received_; }

  // -- for the oracle, in turns of the worker; 0 when it has not happened
  // The turn in which the worker was given byte number `offset` (counted from 1) of what this peer
  // sent.
  std::uint64_t turn_read(std::uint64_t offset) const;
  // The turn in which the worker handed byte number `offset` of what this peer receives to its
  // kernel.
  std::uint64_t turn_offered(std::uint64_t offset) const;
  // Bytes for this peer had to wait in that turn, because an earlier send was still under way.
  bool worker_busy(std::uint64_t turn) const;
  // Bytes that had to wait before it had not all been sent by then.
  bool worker_backed_up(std::uint64_t turn) const;
  // Bytes of what this peer sent that the worker was given so far.
  std::uint64_t bytes_read() const;
  // And until the end of that turn.
  std::uint64_t bytes_read_by(std::uint64_t turn) const;
  // The worker has closed its end.
  bool worker_gone() const { return connected_ && end_->other().closed(); }
  std::uint64_t turn_gone() const { return worker_gone() ? end_->other().closed_turn : 0; }

  SimNet& net() { return net_; }

 protected:
  virtual void on_connected() {}
  virtual void on_refused(int /*os_errno*/) {}
  virtual void on_bytes(std::string_view /*bytes*/) {}
  virtual void on_eof() {}
  virtual void on_reset() {}
  virtual void on_drained() {}  // everything given to send() has left

 private:
  friend class SimListenerPeer;
  void attach(SimEnd& end);
  void push();
  void read(std::size_t bytes_max);
  void on_outcome(SimEnd& end, int os_errno) override;
  void on_arrival(SimEnd& end) override;
  void on_room(SimEnd& end) override;

  SimNet& net_;
  SimEnd* end_ = nullptr;
  std::string waiting_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool connected_ = false;
  bool reading_ = true;
  bool shut_wanted_ = false;
  bool close_wanted_ = false;
  bool saw_eof_ = false;
  bool saw_reset_ = false;
};

class SimListenerPeer : private SimEndAcceptor {
 public:
  enum class Mode : std::uint8_t { answers, refuses, black_hole };

  SimListenerPeer(SimNet& net, const sockaddr_storage& address);
  SimListenerPeer(const SimListenerPeer&) = delete;
  SimListenerPeer& operator=(const SimListenerPeer&) = delete;
  virtual ~SimListenerPeer();

  void set_mode(Mode mode) { mode_ = mode; }

 protected:
  // The peer that serves a new connection; it stays the script's own. Null refuses.
  virtual SimPeer* on_accept() = 0;

 private:
  bool on_dialled(SimEnd& end) override;
  bool black_hole() const override { return mode_ == Mode::black_hole; }

  SimNet& net_;
  Mode mode_ = Mode::answers;
};

}  // namespace headrace::sim
