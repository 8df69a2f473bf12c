// client_answer.cc – how a client connection frames an answer in HTTP/1.1.
#include <cstring>

#include "http/h1_writer.h"
#include "proxy/answer_fields.h"
#include "proxy/client_conn.h"
#include "proxy/reply.h"

namespace headrace::proxy {

// The head goes in front of the first piece of the body, into the free room of the same buffer:
// what lay there was the upstream's head.
void ClientConn::begin(const api::AnswerHead& head, io::Slice first) {
  HEADRACE_ASSERT(!answer_begun_);
  answer_begun_ = true;
  chunked_ = head.kind == api::BodyKind::stream && !http10_;
  if (head.kind == api::BodyKind::stream && http10_) keep_alive_ = false;
  if (shop_.draining) keep_alive_ = false;

  char text[kAnswerFieldsBytes + 512];
  http::H1Writer writer(text, sizeof text);
  writer.status_line(head.status);
  writer.raw(head.fields);
  if (chunked_) {
    writer.raw("transfer-encoding: chunked\r\n");
  } else if (head.kind == api::BodyKind::length && head.status != 204 && head.status != 304) {
    writer.field("content-length", head.content_length);
  }
  writer.raw("date: ");
  writer.raw(shop_.date());
  if (keep_alive_) {
    writer.raw("\r\nkeep-alive: timeout=");
    writer.raw({keep_alive_seconds_.data(), keep_alive_digits_});
    writer.raw(http10_ ? "\r\nconnection: keep-alive\r\n" : "\r\n");
  } else {
    writer.raw("\r\nconnection: close\r\n");
  }
  writer.end_head();
  HEADRACE_ASSERT(writer.ok());

  if (first.empty()) {
    stream_.send_copy(writer.written());
    return;
  }
  char size_line[24];
  std::size_t size_line_bytes = 0;
  if (chunked_) {
    char* end = base::write_bytes(base::write_hex(size_line, first.size()), "\r\n");
    size_line_bytes = static_cast<std::size_t>(end - size_line);
  }
  const std::size_t wanted = writer.size() + size_line_bytes;
  if (first.headroom() < wanted) {
    stream_.send_copy(writer.written());
    body(std::move(first));
    return;
  }
  first.grow_front(wanted);
  std::memcpy(first.data(), text, writer.size());
  std::memcpy(first.data() + writer.size(), size_line, size_line_bytes);
  const bool closes_in_place = chunked_ && first.tailroom() >= 2;
  if (closes_in_place) {
    first.grow_back(2);
    std::memcpy(first.data() + first.size() - 2, "\r\n", 2);
  }
  stream_.send(std::move(first));
  if (chunked_ && !closes_in_place) stream_.send_copy("\r\n");
  arm_stall_timer();
}

void ClientConn::body(io::Slice piece) {
  if (piece.empty()) return;
  if (chunked_) {
    put_chunk(std::move(piece));
  } else {
    stream_.send(std::move(piece));
  }
  arm_stall_timer();
}

// Frames a piece as one chunk, in the free bytes around it where there are enough: they held the
// upstream's own framing, and a burst of events then leaves as one contiguous run. A size line may
// be padded with zeros (RFC 9112: 1*HEXDIG) to touch the chunk before it.
void ClientConn::put_chunk(io::Slice piece) {
  constexpr std::size_t kPaddedMax = 10;
  char line[24];
  char* end = base::write_bytes(base::write_hex(line, piece.size()), "\r\n");
  auto line_bytes = static_cast<std::size_t>(end - line);
  if (piece.headroom() > line_bytes && piece.headroom() <= kPaddedMax) {
    const std::size_t zeros = piece.headroom() - line_bytes;
    std::memmove(line + zeros, line, line_bytes);
    std::memset(line, '0', zeros);
    line_bytes += zeros;
  }
  if (piece.headroom() >= line_bytes) {
    piece.grow_front(line_bytes);
    std::memcpy(piece.data(), line, line_bytes);
  } else {
    stream_.send_copy({line, line_bytes});
  }
  if (piece.tailroom() >= 2) {
    piece.grow_back(2);
    std::memcpy(piece.data() + piece.size() - 2, "\r\n", 2);
    stream_.send(std::move(piece));
  } else {
    stream_.send(std::move(piece));
    stream_.send_copy("\r\n");
  }
}

void ClientConn::finish() {
  HEADRACE_ASSERT(answer_begun_);
  if (chunked_) stream_.send_copy("0\r\n\r\n");
}

}  // namespace headrace::proxy
