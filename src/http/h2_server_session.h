// The server's side of an HTTP/2 connection: reports requests, sends answers. See h2_session.h.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "http/h2_fields.h"
#include "http/h2_session.h"

namespace headrace::http {

// The events of one stream, in order: a request (or a bad one), pieces of its body, its end, and
// when both halves are over, or the stream was reset: closed. Answering may begin at once.
class H2ServerOwner : public H2Owner {
 public:
  // A request's head; the views hold for the call only. It is taken by accept() within the call;
  // else it is refused (REFUSED_STREAM), and the client may try it elsewhere.
  virtual void on_h2_request(const RequestHead& head, const Fields& fields, Bytes text) = 0;
  // A request that deserves an error answer (431, 414, 405, 400, 421); likewise to be accepted.
  virtual void on_h2_bad_request(base::Errc fault) = 0;

 protected:
  ~H2ServerOwner() = default;
};

class H2ServerSession final : public H2Session {
 public:
  H2ServerSession(H2Memory& memory, io::BlockPool& blocks, H2ServerOwner& owner);

  // Within on_h2_request() and on_h2_bad_request().
  void accept(H2Stream& stream);
  // The head of an answer; with `ends` it has no body. `lines`: finished field lines. False: they
  // are no field lines, or too many, and nothing is sent.
  [[nodiscard]] bool answer(H2Stream& stream, std::uint16_t status, Bytes lines, bool ends);
  // 100 Continue.
  void go_on(H2Stream& stream);

 private:
  // So often the names of fields that never come twice are put into the client's table anew.
  static constexpr std::uint32_t kTeachEvery = 64;

  void on_head(std::int32_t id, H2Stream* stream, bool ends) override;
  void on_input_end(H2Stream& stream) override;

  H2ServerOwner& owner_;
  std::uint32_t answers_ = 0;
  std::int32_t arriving_ = 0;  // the stream that may be accepted now
};

}  // namespace headrace::http
