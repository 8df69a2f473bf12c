// The mock provider: its listeners, its connections, what it was told to do (distributions, faults)
// and what it has seen. Serves the calls of call.h, GET /v1/models, GET /mock/stats and POST
// /mock/control. Owned by main; one thread, one Io. Connections are bounded by
// Settings::connections_max. The last two are in control.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/prng.h"
#include "call.h"
#include "connection.h"
#include "distribution.h"
#include "door.h"
#include "fault.h"
#include "io/io.h"
#include "shape.h"

namespace headrace::mock {

struct Settings {
  Distribution ttft = Distribution::constant(200e6);
  Distribution itl = Distribution::constant(20e6);
  Distribution tokens = Distribution::constant(32);
  std::vector<FaultRule> faults;
  Shape shape;      // of answers to requests that choose none
  std::string key;  // that every request must bring; empty: none need
  std::uint64_t seed = 1;
  bool stamps = false;
  std::size_t connections_max = 4096;
  std::shared_ptr<const net::TlsServer> tls;  // null: plain
  bool h2 = false;                            // without TLS: by prior knowledge
};

// What the mock knows to be true, for tests that ask "did the provider see it?".
struct Truth {
  struct Cancel {
    std::string id;
    base::Nanos seen_at = 0;  // CLOCK_MONOTONIC
    std::uint64_t tokens_sent = 0;
  };
  static constexpr std::size_t kCancelsKept = 64;

  std::uint64_t connections = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t tls_full = 0;
  std::uint64_t tls_resumed = 0;
  std::uint64_t requests = 0;
  std::array<std::uint64_t, kCalls> calls{};  // by kind, those that were understood
  std::uint64_t streams = 0;
  std::uint64_t bad_requests = 0;
  std::uint64_t unauthorized = 0;  // of them
  std::uint64_t faults = 0;
  std::uint64_t finished = 0;
  std::uint64_t cancels = 0;
  base::Nanos late_max = 0;
  std::vector<Cancel> last_cancels;  // oldest first

  std::uint64_t of(Call call) const { return calls[static_cast<std::size_t>(call)]; }
};

class Service final : public io::ListenerOwner {
 public:
  Service(io::Io& io, Settings settings);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  void listen(int fd);
  // Ends everything; idle() says when it is done.
  void stop();
  bool idle() const { return doors_.empty() && listening_ == 0; }

  void on_accept(int fd) override;
  void on_accept_error(base::Error error) override;
  void on_listener_closed() override { --listening_; }

  // -- for connections and answers
  void on_request(Connection& connection, Answer& answer, const HttpRequest& request);
  void on_closed(Door& door);
  void note_handshake(bool resumed) { ++(resumed ? truth_.tls_resumed : truth_.tls_full); }
  std::uint64_t next_id() { return ++last_id_; }
  base::Prng& random() { return random_; }
  bool stamps() const { return settings_.stamps; }
  base::Nanos draw_ttft() { return settings_.ttft.draw(random_); }
  base::Nanos draw_itl() { return settings_.itl.draw(random_); }
  std::uint64_t draw_tokens();
  void note_bad_request() { ++truth_.bad_requests; }
  void note_finished() { ++truth_.finished; }
  void note_cancel(const Answer& answer);
  void note_lateness(base::Nanos late) { truth_.late_max = std::max(truth_.late_max, late); }

 private:
  struct Refusal {
    std::string_view type;
    std::string_view code;
    std::string message;
  };

  bool may_enter(Connection& connection, const HttpRequest& request);
  void on_call(Connection& connection, Answer& answer, const HttpRequest& request, Call call);
  std::string_view choose(const HttpRequest& request,
                          const CallRequest& asked,
                          Choice& choice) const;
  bool answers_with_fault(Connection& connection, const CallRequest& asked, const Fault& fault);
  void refuse(Connection& connection,
              const HttpRequest& request,
              std::uint16_t status,
              const Refusal& refusal);
  void reply_error(Connection& connection,
                   Family family,
                   std::uint16_t status,
                   const ErrorWords& words,
                   std::string fields);
  void on_control(Connection& connection, const HttpRequest& request);
  bool apply_control(std::string_view name, const std::string& value);
  std::string stats_body() const;
  std::string settings_body() const;

  io::Io& io_;
  Settings settings_;
  base::Prng random_;
  Truth truth_;
  std::uint64_t last_id_ = 0;
  std::size_t listening_ = 0;
  std::vector<std::unique_ptr<io::Listener>> listeners_;
  http::H2Memory h2_memory_;  // outlives the doors
  std::unordered_map<Door*, std::unique_ptr<Door>> doors_;
};

}  // namespace headrace::mock
