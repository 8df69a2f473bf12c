// The client of an exchange whose client is gone while its provider goes on: it takes the rest of
// the answer and throws it away. It keeps what the real one had got, which is what the records
// speak of. Owned by the workshop, one for each such exchange and at most kUnheardMost of them; one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/intrusive_list.h"
#include "base/limits.h"
#include "base/time.h"
#include "proxy/client.h"

namespace headrace::proxy {

class Exchange;
struct Workshop;

class GoneClient final : public Client {
 public:
  // What the client got before it went.
  struct Seen {
    bool committed = false;
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
    base::Nanos last_byte = 0;
  };

  GoneClient(Workshop& shop, Exchange& exchange, const Seen& seen, bool used_before)
      : shop_(shop), exchange_(exchange), seen_(seen), used_before_(used_before) {}

  const Seen& seen() const { return seen_; }
  // The worker ends: the answer is given up.
  void end_now();

  // -- from the exchange, as its sink
  void begin(const api::AnswerHead& head, io::Slice first) override;
  void body(io::Slice piece) override;
  void finish() override {}
  void abort() override {}
  // Nothing waits for anybody, until it is too much.
  std::size_t queued_bytes() const override {
    return thrown_away_ > base::limits::kUnheardBytes ? thrown_away_ : 0;
  }
  void on_exchange_end() override;  // ends this object
  bool used_before() const override { return used_before_; }
  const net::PeerCertificate* certificate() const override { return nullptr; }

  base::ListLink link;  // the workshop's

 private:
  Workshop& shop_;
  Exchange& exchange_;
  const Seen seen_;
  const bool used_before_;
  std::size_t thrown_away_ = 0;
};

}  // namespace headrace::proxy
