#include "upstream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace headrace::probe {
namespace {

constexpr std::uint64_t kStreamsMax = 65536;
constexpr std::string_view kNotFound =
    "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

}  // namespace

void UpstreamConnection::on_readable() {
  const std::string_view bytes = wire_.receive();
  if (wire_.gone()) {
    if (wire_.broken().empty()) reader_.finish();
    upstream_.on_gone(*this);
    return;
  }
  reader_.feed(bytes);
  if (reader_.done()) upstream_.on_request(*this);
}

Upstream::Upstream(SpinLoop& loop,
                   const Endpoint& endpoint,
                   std::string_view model,
                   const TlsTerms* tls,
                   Kind kind)
    : loop_(loop), tls_(tls), kind_(kind), listener_(listen_on(endpoint)), check_(model) {
  loop_.add(listener_, *this);
}

Upstream::~Upstream() {
  close(listener_);
}

void Upstream::on_readable() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EAGAIN) return;
    if (fd < 0) die("accept: %s", std::strerror(errno));
    connections_.push_back(std::make_unique<UpstreamConnection>(*this, fd, tls_));
    loop_.add(fd, *connections_.back());
    ++accepted_;
  }
}

bool Upstream::has_stream(std::uint64_t stream) const {
  return stream < carriers_.size() && carriers_[stream] != nullptr;
}

void Upstream::send_event(std::uint64_t stream) {
  UpstreamConnection& carrier = carrier_of(stream);
  carrier.wire_.send(event_.as_chunk(stream, carrier.sequence_++, now()), "an event");
}

void Upstream::end_stream(std::uint64_t stream) {
  UpstreamConnection& carrier = carrier_of(stream);
  carrier.wire_.send(stream_ending(), "the end of a stream");
  carrier.stream_ = -1;
  carriers_[stream] = nullptr;
  carrier.reader_.reset();
}

void Upstream::on_request(UpstreamConnection& connection) {
  if (connection.reader_.start_line() != "POST /v1/chat/completions HTTP/1.1") {
    connection.reader_.reset();
    connection.wire_.send(kNotFound, "a 404");
    return;
  }
  const std::uint64_t id = check_(connection.reader_.body());
  ++requests_;
  if (kind_ == Kind::plain) {
    connection.reader_.reset();
    connection.wire_.send(answer_.with_id(id), "an answer");
    return;
  }
  if (id >= kStreamsMax || has_stream(id))
    die("stream %llu was asked for twice", static_cast<unsigned long long>(id));
  if (carriers_.size() <= id) carriers_.resize(id + 1);
  carriers_[id] = &connection;
  connection.stream_ = static_cast<std::int64_t>(id);
  connection.sequence_ = 0;
  static const std::string opening = stream_opening();
  connection.wire_.send(opening, "the start of a stream");
}

void Upstream::on_gone(UpstreamConnection& connection) {
  if (connection.stream_ >= 0) die("the proxy dropped a running stream");
  loop_.remove(connection.fd());
  connection.wire_.close();
}

UpstreamConnection& Upstream::carrier_of(std::uint64_t stream) {
  if (!has_stream(stream)) {
    die("stream %llu never reached the upstream", static_cast<unsigned long long>(stream));
  }
  return *carriers_[stream];
}

}  // namespace headrace::probe
