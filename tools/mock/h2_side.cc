#include "h2_side.h"

#include <fmt/format.h>

#include "service.h"

namespace headrace::mock {

namespace {

constexpr std::size_t kSendBytes = 64 * 1024;  // framed ahead of a busy socket

}  // namespace

// -- one stream

H2Turn::H2Turn(H2Side& side, Service& service, io::Io& io)
    : connection(service, io, *this), side_(side) {
  parser_.reset();
}

void H2Turn::send(std::string_view bytes) {
  if (!open() || finished_) return;
  written_.append(bytes);
  take_answer();
  side_.push();
}

// Interim answers are left out: no client of a mock waits for them.
void H2Turn::take_answer() {
  while (!in_body_) {
    if (parser_.parse(written_) != http::Parse::done) return;
    const http::ResponseHead answer = parser_.head();
    std::string lines;
    for (std::size_t i = 0; i < parser_.fields().count(); ++i) {
      lines.append(parser_.fields().name(i, written_)).append(": ");
      lines.append(parser_.fields().value(i, written_)).append("\r\n");
    }
    written_.erase(0, parser_.head_bytes());
    parser_.reset();
    if (answer.status < 200) continue;
    in_body_ = true;
    body_.start(answer.framing, answer.content_length);
    const bool ends = body_.done();
    if (!side_.session().answer(*this, answer.status, lines, ends)) {
      return close(io::CloseHow::abort);
    }
    finished_ = ends;
  }
  while (!finished_) {
    const http::H1Body::Step step = body_.next(written_);
    if (step.payload != 0) {
      side_.session().write(*this, side_.copy(written_.substr(step.framing, step.payload)));
    }
    written_.erase(0, step.framing + step.payload);
    if (step.state == http::H1Body::State::done) finish();
    if (step.state != http::H1Body::State::payload) return;
  }
}

void H2Turn::finish() {
  finished_ = true;
  side_.session().finish(*this);
}

void H2Turn::close(io::CloseHow how) {
  const bool whole = how == io::CloseHow::orderly && in_body_ && body_.finish_at_eof();
  if (open() && !finished_) {
    if (whole) {
      finish();
    } else {
      side_.session().reset(*this, http::H2Code::internal_error);
    }
  }
  side_.push();
  if (!open()) side_.drop(*this);
}

void H2Turn::refuse() {
  if (open()) side_.session().reset(*this, http::H2Code::refused_stream);
  side_.push();
  side_.drop(*this);
}

bool H2Turn::say_goodbye() {
  side_.say_goodbye();
  return true;
}

// -- the connection

H2Side::H2Side(Service& service, io::Io& io, http::H2Memory& memory, net::Stream& stream)
    : service_(service), io_(io), stream_(stream), session_(memory, io.blocks(), *this) {
  push();
}

H2Side::~H2Side() {
  for (const auto& [turn, owner] : turns_) {
    if (turn->open()) session_.forget(*turn);
  }
}

io::Slice H2Side::copy(std::string_view bytes) {
  return io_.blocks().copy_of(bytes);
}

void H2Side::on_bytes(io::Slice slice) {
  gone_.clear();
  inside_ = true;
  session_.receive(std::move(slice), io_.now());
  inside_ = false;
  push();
}

void H2Side::push() {
  if (inside_) return;
  inside_ = true;
  while (stream_.queued_bytes() < kSendBytes) {
    session_.produce(out_, kSendBytes - stream_.queued_bytes());
    if (out_.empty()) break;
    while (!out_.empty()) stream_.send(out_.pop());
  }
  stream_.set_prompt_sent(stream_.queued_bytes() >= kSendBytes);
  inside_ = false;
}

void H2Side::on_end() {
  inside_ = true;  // nothing leaves any more
  while (!turns_.empty()) {
    H2Turn& turn = *turns_.begin()->first;
    if (turn.open()) session_.forget(turn);
    turn.connection.on_end();
    drop(turn);
  }
}

void H2Side::say_goodbye() {
  leaving_ = true;
  session_.drain();
  push();
}

void H2Side::drop(H2Turn& turn) {
  const auto found = turns_.find(&turn);
  if (found == turns_.end()) return;
  gone_.push_back(std::move(found->second));
  turns_.erase(found);
}

// -- events of the session

void H2Side::on_h2_request(const http::RequestHead& head,
                           const http::Fields& fields,
                           base::Bytes text) {
  auto made = std::make_unique<H2Turn>(*this, service_, io_);
  H2Turn& turn = *made;
  turns_.emplace(&turn, std::move(made));
  session_.accept(turn);
  std::string request = fmt::format("{} {} HTTP/1.1\r\nhost: mock\r\n", head.method, head.target);
  for (const std::string_view name :
       {"authorization", "x-api-key", "anthropic-version", "x-mock", "content-type"}) {
    const base::Bytes value = fields.find(name, text);
    if (!value.empty()) request += fmt::format("{}: {}\r\n", name, value);
  }
  turn.head = std::move(request);
}

// The head is given on when it is known whether a body follows.
void H2Side::on_h2_data(http::H2Stream& stream, io::Slice piece) {
  H2Turn& turn = of(stream);
  if (!turn.head.empty()) {
    turn.connection.on_bytes(turn.head + "transfer-encoding: chunked\r\n\r\n");
    turn.head.clear();
  }
  if (piece.empty()) return;
  turn.connection.on_bytes(fmt::format("{:x}\r\n", piece.size()));
  turn.connection.on_bytes(piece.view());
  turn.connection.on_bytes("\r\n");
}

void H2Side::on_h2_end(http::H2Stream& stream) {
  H2Turn& turn = of(stream);
  if (turn.head.empty()) return turn.connection.on_bytes("0\r\n\r\n");
  const std::string request = std::move(turn.head) + "\r\n";
  turn.head.clear();
  turn.connection.on_bytes(request);
}

void H2Side::on_h2_closed(http::H2Stream& stream, http::H2Code) {
  H2Turn& turn = of(stream);
  if (!turn.finished()) turn.connection.on_end();
  drop(turn);
}

void H2Side::on_h2_sent(http::H2Stream& stream) {
  of(stream).connection.on_sent();
}

}  // namespace headrace::mock
