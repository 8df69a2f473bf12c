#include "http/h2_server_session.h"

namespace headrace::http {

H2ServerSession::H2ServerSession(H2Memory& memory, io::BlockPool& blocks, H2ServerOwner& owner)
    : H2Session(Role::server, memory, blocks, owner), owner_(owner) {}

void H2ServerSession::on_head(std::int32_t id, H2Stream* stream, bool ends) {
  if (stream != nullptr) return;
  RequestHead head;
  const base::Errc fault = head_.read_request(head, ends);
  arriving_ = id;
  if (fault == base::Errc::ok) {
    owner_.on_h2_request(head, head_.fields(), head_.text());
  } else {
    owner_.on_h2_bad_request(fault);
  }
  if (std::exchange(arriving_, 0) != 0) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
  }
}

void H2ServerSession::accept(H2Stream& stream) {
  HEADRACE_ASSERT(arriving_ != 0);
  open(stream, std::exchange(arriving_, 0));
  stream.head_seen = true;
  bind(stream.id, &stream);
}

bool H2ServerSession::answer(H2Stream& stream, std::uint16_t status, Bytes lines, bool ends) {
  HEADRACE_ASSERT(stream.open());
  H2FieldList fields;
  if (answers_++ % kTeachEvery == 0) fields.teach();
  fields.status(status);
  if (!fields.lines(keep_head_copy(lines))) return false;
  const nghttp2_data_provider body = body_of_stream();
  const int submitted = nghttp2_submit_response(
      session_, stream.id, fields.data(), fields.size(), ends ? nullptr : &body);
  if (submitted == 0 && ends) stream.out_finished = stream.out_framed = true;
  return submitted == 0;
}

void H2ServerSession::go_on(H2Stream& stream) {
  H2FieldList fields;
  fields.status(100);
  nghttp2_submit_headers(
      session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(), fields.size(), nullptr);
}

void H2ServerSession::on_input_end(H2Stream& stream) {
  stream.in_ended = true;
  owner_.on_h2_end(stream);
}

}  // namespace headrace::http
