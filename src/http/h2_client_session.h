// The client's side of an HTTP/2 connection: sends requests, reports answers. See h2_session.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http/h2_fields.h"
#include "http/h2_session.h"

namespace headrace::http {

// The events of one stream, in order: one answer head, pieces, then exactly one of end and closed.
// After either the stream is not open any more.
class H2ClientOwner : public H2Owner {
 public:
  // The views hold for the call only.
  virtual void on_h2_answer(H2Stream& stream,
                            const ResponseHead& head,
                            const Fields& fields,
                            Bytes text) = 0;

 protected:
  ~H2ClientOwner() = default;
};

class H2ClientSession final : public H2Session {
 public:
  H2ClientSession(H2Memory& memory, io::BlockPool& blocks, H2ClientOwner& owner);

  // Sends a request; with `ends` it has no body. `head` is what `fields` are views of. False: the
  // connection takes no more of them. REQUIRES: room() is not 0.
  [[nodiscard]] bool request(H2Stream& stream,
                             const H2FieldList& fields,
                             io::Slice head,
                             bool ends);
  // How many may run at once, as far as is known.
  std::size_t most() const;
  // How many requests may be sent now.
  std::size_t room() const;
  std::size_t streams() const { return streams_; }
  // The server's SETTINGS have come: it speaks HTTP/2.
  bool greeted() const { return counts().frames() != 0; }

 private:
  void on_head(std::int32_t id, H2Stream* stream, bool ends) override;
  void on_input_end(H2Stream& stream) override;
  void on_stream_gone() override { --streams_; }

  H2ClientOwner& owner_;
  std::size_t streams_ = 0;  // that nghttp2 knows
};

}  // namespace headrace::http
