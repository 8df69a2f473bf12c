// The client side of the probe: one keep-alive connection with one request at a time. What arrives
// is compared with what the upstream sent, byte for byte. A connection that the server closes is a
// fault. One thread.
#pragma once

#include <cstdint>

#include "message_reader.h"
#include "payload.h"
#include "system.h"
#include "wire.h"

namespace headrace::probe {

// Whom a client asks, for which model, and how (null: without TLS).
struct Path {
  Endpoint server;
  std::string_view model = kClientModel;
  const TlsTerms* tls = nullptr;
};

class Client;

class ClientOwner {
 public:
  virtual void on_answer(Client& client) = 0;  // the whole answer was there and right
  virtual void on_event(Client& client,
                        Nanos transit) = 0;  // a content event: upstream write to here

 protected:
  ~ClientOwner() = default;
};

class Client final : public Pollable {
 public:
  Client(SpinLoop& loop, ClientOwner& owner, const Path& path, bool stream);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  void send_request(std::uint64_t id);
  void on_readable() override;

  std::uint64_t id() const { return id_; }
  std::uint64_t events() const { return events_; }
  Nanos sent_at() const { return sent_at_; }

 private:
  void check_head();
  void take_events();

  SpinLoop& loop_;
  ClientOwner& owner_;
  Wire wire_;
  bool stream_;
  bool head_checked_ = false;
  bool opened_ = false;  // the role event arrived
  std::uint64_t id_ = 0;
  std::uint64_t events_ = 0;
  Nanos sent_at_ = 0;
  MessageReader reader_{"the server"};
  RequestText request_;
  AnswerText answer_;
  EventText event_;
};

}  // namespace headrace::probe
