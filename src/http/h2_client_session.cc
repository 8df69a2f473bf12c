#include "http/h2_client_session.h"

#include <algorithm>

#include "base/limits.h"

namespace headrace::http {

H2ClientSession::H2ClientSession(H2Memory& memory, io::BlockPool& blocks, H2ClientOwner& owner)
    : H2Session(Role::client, memory, blocks, owner), owner_(owner) {}

std::size_t H2ClientSession::most() const {
  const std::size_t theirs =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return std::min<std::size_t>(theirs, base::limits::kH2UpstreamStreams);
}

std::size_t H2ClientSession::room() const {
  if (ended() || nghttp2_session_check_request_allowed(session_) == 0) return 0;
  return most() > streams_ ? most() - streams_ : 0;
}

bool H2ClientSession::request(H2Stream& stream,
                              const H2FieldList& fields,
                              io::Slice head,
                              bool ends) {
  const nghttp2_data_provider body = body_of_stream();
  const std::int32_t id = nghttp2_submit_request(
      session_, nullptr, fields.data(), fields.size(), ends ? nullptr : &body, &stream);
  if (id <= 0) return false;
  keep_head(std::move(head));
  open(stream, id);
  stream.out_finished = stream.out_framed = ends;
  ++streams_;
  return true;
}

void H2ClientSession::on_head(std::int32_t, H2Stream* stream, bool ends) {
  if (stream == nullptr) return;  // reset by us
  ResponseHead head;
  const base::Errc fault = head_.read_answer(head, ends);
  const bool interim = fault == base::Errc::ok && head.status < 200;
  if (interim && ++stream->interim_answers <= base::limits::kInterimAnswers) return;
  if (interim || fault != base::Errc::ok) {
    reset(*stream, H2Code::protocol_error);
    owner_.on_h2_closed(*stream, H2Code::protocol_error);
    return;
  }
  stream->head_seen = true;
  owner_.on_h2_answer(*stream, head, head_.fields(), head_.text());
}

// An answer that is complete before its request is ends both.
void H2ClientSession::on_input_end(H2Stream& stream) {
  if (!stream.head_seen) return;  // malformed: nghttp2 resets it
  if (stream.sent()) {
    forget(stream);
  } else {
    reset(stream, H2Code::cancel);
  }
  owner_.on_h2_end(stream);
}

}  // namespace headrace::http
