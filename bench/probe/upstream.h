// The upstream side of the probe: it takes whatever connections the proxy pools, checks every
// request to the byte and answers at once, or opens a stream whose events the workload then writes
// when they are due. One thread; connections are bounded by the process's descriptors.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "message_reader.h"
#include "payload.h"
#include "system.h"
#include "wire.h"

namespace headrace::probe {

class Upstream;

class UpstreamConnection final : public Pollable {
 public:
  UpstreamConnection(Upstream& upstream, int fd, const TlsTerms* tls)
      : upstream_(upstream), wire_(fd, tls, Wire::Role::server) {}
  void on_readable() override;

  int fd() const { return wire_.fd(); }

 private:
  friend class Upstream;

  Upstream& upstream_;
  Wire wire_;
  std::int64_t stream_ = -1;  // the stream it carries now
  std::uint64_t sequence_ = 0;
  MessageReader reader_{"the proxy, as a client,"};
};

class Upstream final : public Pollable {
 public:
  enum class Kind : std::uint8_t { plain, stream };

  // `tls` may be null: plain.
  Upstream(SpinLoop& loop,
           const Endpoint& endpoint,
           std::string_view model,
           const TlsTerms* tls,
           Kind kind);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream();

  void on_readable() override;  // accepts

  std::uint64_t requests() const { return requests_; }
  std::uint64_t connections() const { return accepted_; }

  // -- streams; ids are small numbers, given by the client in its request
  bool has_stream(std::uint64_t stream) const;
  // Writes the next event of the stream; the stamp is taken right before the write.
  void send_event(std::uint64_t stream);
  void end_stream(std::uint64_t stream);

 private:
  friend class UpstreamConnection;

  void on_request(UpstreamConnection& connection);
  void on_gone(UpstreamConnection& connection);
  UpstreamConnection& carrier_of(std::uint64_t stream);

  SpinLoop& loop_;
  const TlsTerms* tls_;
  Kind kind_;
  int listener_;
  std::uint64_t requests_ = 0;
  std::uint64_t accepted_ = 0;
  std::vector<std::unique_ptr<UpstreamConnection>> connections_;
  std::vector<UpstreamConnection*> carriers_;  // by stream
  RequestCheck check_;
  AnswerText answer_;
  EventText event_;
};

}  // namespace headrace::probe
