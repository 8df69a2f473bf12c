// Both roles of an HTTP/2 session with an owner that writes down what it hears. Payload is written
// down when a stream is over, so that the record does not depend on how the bytes were cut.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "http/h2_client_session.h"
#include "http/h2_server_session.h"

namespace headrace::test {

using base::Bytes;

struct HeardStream : http::H2Stream {
  std::uint32_t number = 0;  // its id, also after the session forgot it
  std::string head;
  std::string body;
  bool ended = false;
  bool closed = false;
  http::H2Code code = http::H2Code::no_error;
};

inline std::string field_lines(const http::Fields& fields, Bytes text) {
  std::string all;
  for (std::size_t i = 0; i < fields.count(); ++i) {
    all.append("\n").append(fields.name(i, text)).append(": ").append(fields.value(i, text));
  }
  return all;
}

// Bytes as a receive buffer would bring them: in a block of their own.
inline void give(http::H2Session& session, io::BlockPool& blocks, Bytes bytes, base::Nanos now) {
  if (!bytes.empty()) session.receive(blocks.copy_of(bytes), now);
}

inline std::string take_output(http::H2Session& session, std::size_t room = SIZE_MAX) {
  io::SliceQueue out;
  session.produce(out, room);
  std::string bytes;
  while (!out.empty()) bytes += out.pop().view();
  return bytes;
}

// What both roles note alike.
class H2Ear {
 public:
  // Null when there was no such stream.
  HeardStream* find(std::uint32_t id) {
    for (HeardStream& stream : streams) {
      if (stream.number == id) return &stream;
    }
    return nullptr;
  }

  io::BlockPool blocks;
  http::H2Memory memory;
  std::string log;
  std::deque<HeardStream> streams;
  std::uint64_t pongs = 0;
  bool goaway = false;
  bool keep_pieces = false;
  std::vector<io::Slice> pieces;

 protected:
  static HeardStream& of(http::H2Stream& stream) { return static_cast<HeardStream&>(stream); }

  void note_data(http::H2Stream& stream, io::Slice piece) {
    of(stream).body += piece.view();
    if (keep_pieces) pieces.push_back(std::move(piece));
  }
  void note_end(http::H2Stream& stream) {
    of(stream).ended = true;
    log += "end " + std::to_string(of(stream).number) + " " + of(stream).body + "\n";
  }
  void note_closed(http::H2Stream& stream, http::H2Code code) {
    of(stream).closed = true;
    of(stream).code = code;
    log += "closed " + std::to_string(of(stream).number) + " " +
           std::to_string(static_cast<std::uint32_t>(code)) + "\n";
  }
  void forget_all(http::H2Session& session) {
    for (HeardStream& stream : streams) {
      if (stream.open()) session.forget(stream);
    }
  }
};

class ServerEar final : public H2Ear, public http::H2ServerOwner {
 public:
  ~ServerEar() { forget_all(session); }

  void give(Bytes bytes, base::Nanos now = 0) { test::give(session, blocks, bytes, now); }
  std::string output(std::size_t room = SIZE_MAX) { return take_output(session, room); }

  bool refuse = false;
  bool answer_all = false;  // each request at its end, by its own body
  http::H2ServerSession session{memory, blocks, *this};

 private:
  void on_h2_request(const http::RequestHead& head,
                     const http::Fields& fields,
                     Bytes text) override {
    std::string line =
        std::string(head.method) + " " + std::string(head.target) + " " + std::string(head.host);
    if (head.framing == http::Framing::length) line += " " + std::to_string(head.content_length);
    if (head.framing == http::Framing::none) line += " -";
    if (head.expect_continue) line += " expects";
    take(line + field_lines(fields, text));
  }
  void on_h2_bad_request(base::Errc fault) override {
    take("bad " + std::string(base::name_of(fault)));
  }
  void take(const std::string& head) {
    if (!refuse) {
      HeardStream& stream = streams.emplace_back();
      session.accept(stream);
      stream.number = static_cast<std::uint32_t>(stream.id);
      stream.head = head;
      log += "head " + std::to_string(stream.number) + " ";
    } else {
      log += "refused ";
    }
    log += head + "\n";
  }
  void on_h2_data(http::H2Stream& stream, io::Slice piece) override {
    note_data(stream, std::move(piece));
  }
  void on_h2_end(http::H2Stream& stream) override {
    note_end(stream);
    if (!answer_all) return;
    if (!session.answer(stream, 200, "content-type: text/plain\r\n", false)) return;
    session.write(stream, blocks.copy_of(of(stream).body));
    session.finish(stream);
  }
  void on_h2_closed(http::H2Stream& stream, http::H2Code code) override {
    note_closed(stream, code);
  }
  void on_h2_goaway() override { goaway = true; }
  void on_h2_pong() override { ++pongs; }
};

class ClientEar final : public H2Ear, public http::H2ClientOwner {
 public:
  ~ClientEar() { forget_all(session); }

  void give(Bytes bytes, base::Nanos now = 0) { test::give(session, blocks, bytes, now); }
  std::string output(std::size_t room = SIZE_MAX) { return take_output(session, room); }
  // A request with a body; an empty one ends with its head. Null: the session takes none.
  HeardStream* ask(Bytes body = {}, Bytes fields = {}) {
    const std::string text = "POST /v1/x HTTP/1.1\r\nhost: h\r\n" + std::string(fields) + "\r\n";
    io::Slice head = blocks.copy_of(text);
    http::H2FieldList list;
    if (list.read_request({head.data(), head.size()}, "http") != text.size()) return nullptr;
    HeardStream& stream = streams.emplace_back();
    if (!session.request(stream, list, std::move(head), body.empty())) {
      streams.pop_back();
      return nullptr;
    }
    stream.number = static_cast<std::uint32_t>(stream.id);
    if (!body.empty()) {
      session.write(stream, blocks.copy_of(body));
      session.finish(stream);
    }
    return &stream;
  }

  http::H2ClientSession session{memory, blocks, *this};

 private:
  void on_h2_answer(http::H2Stream& stream,
                    const http::ResponseHead& head,
                    const http::Fields& fields,
                    Bytes text) override {
    std::string line = std::to_string(head.status);
    if (head.framing == http::Framing::length) line += " " + std::to_string(head.content_length);
    if (head.framing == http::Framing::none) line += " -";
    of(stream).head = line + field_lines(fields, text);
    log += "head " + std::to_string(of(stream).number) + " " + of(stream).head + "\n";
  }
  void on_h2_data(http::H2Stream& stream, io::Slice piece) override {
    note_data(stream, std::move(piece));
  }
  void on_h2_end(http::H2Stream& stream) override { note_end(stream); }
  void on_h2_closed(http::H2Stream& stream, http::H2Code code) override {
    note_closed(stream, code);
  }
  void on_h2_goaway() override { goaway = true; }
  void on_h2_pong() override { ++pongs; }
};

}  // namespace headrace::test
