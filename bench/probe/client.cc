#include "client.h"

namespace headrace::probe {

Client::Client(SpinLoop& loop, ClientOwner& owner, const Path& path, bool stream)
    : loop_(loop),
      owner_(owner),
      wire_(connect_to(path.server), path.tls, Wire::Role::client),
      stream_(stream),
      request_(path.server, path.model, stream) {
  loop_.add(wire_.fd(), *this);
}

Client::~Client() {
  loop_.remove(wire_.fd());
}

void Client::send_request(std::uint64_t id) {
  id_ = id;
  events_ = 0;
  head_checked_ = false;
  opened_ = false;
  reader_.reset();
  const std::string_view text = request_.with_id(id);
  sent_at_ = now();
  wire_.send(text, "a request");
}

void Client::on_readable() {
  const std::string_view bytes = wire_.receive();
  if (!wire_.broken().empty()) die("receiving: %s", wire_.broken().c_str());
  if (wire_.gone())
    die("the server closed a connection after %zu bytes of a body", reader_.body().size());
  if (bytes.empty()) return;
  reader_.feed(bytes);
  if (!reader_.has_head()) return;
  check_head();
  if (stream_) take_events();
  if (!reader_.done()) return;
  if (!stream_) {
    answer_.check_body(reader_.body(), id_);
  } else if (!opened_ || reader_.body() != ending_events()) {
    die("a stream did not end as the upstream ended it");
  }
  owner_.on_answer(*this);
}

void Client::check_head() {
  if (head_checked_) return;
  head_checked_ = true;
  const std::string_view line = reader_.start_line();
  if (line.substr(0, 12) != "HTTP/1.1 200") {
    die("answered `%.*s` %.*s",
        static_cast<int>(line.size()),
        line.data(),
        static_cast<int>(reader_.body().size()),
        reader_.body().data());
  }
  const std::string_view wanted = stream_ ? "text/event-stream" : "application/json";
  if (reader_.field("content-type").substr(0, wanted.size()) != wanted) die("wrong content type");
}

// Content events have a fixed size, so a part that is shorter waits for the rest.
void Client::take_events() {
  if (!opened_) {
    const std::string_view role = opening_event();
    if (reader_.body().size() < role.size()) return;
    if (reader_.body().substr(0, role.size()) != role) die("the role event arrived changed");
    reader_.consume_body(role.size());
    opened_ = true;
  }
  const Nanos arrived = now();
  while (reader_.body().size() >= kEventBytes) {
    const std::string_view event = reader_.body().substr(0, kEventBytes);
    if (event == ending_events().substr(0, kEventBytes)) return;
    const Nanos stamp = event_.check(event, id_, events_++);
    reader_.consume_body(kEventBytes);
    owner_.on_event(*this, arrived - stamp);
  }
}

}  // namespace headrace::probe
