// exchange.cc – the story of one request, in this order; each stage ends by setting the next phase
// or by failing. Its last page, the records, is settle.cc.
#include "proxy/exchange.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "http/h1_writer.h"
#include "json/write.h"
#include "proxy/client_conn.h"
#include "proxy/reply.h"
#include "route/router.h"

namespace headrace::proxy {

using base::Errc;

Exchange::Exchange(Workshop& shop, ClientConn& client, base::Nanos began)
    : shop_(shop), client_(client), live_(shop.live), attempt_(shop, *this, client), began_(began) {
  timer_.bind<&Exchange::on_timer>(*this);
  ++live_->exchanges;
  ++shop_.tally.requests;
  const std::uint64_t wall =
      shop_.io.wall_clock() - static_cast<std::uint64_t>(shop_.io.now() - began);
  id_ = base::make_uuid7(wall / 1'000'000, shop_.random);
  meter_.begin(id_, wall, began_, static_cast<std::uint32_t>(snapshot().epoch));
}

Exchange::~Exchange() {
  HEADRACE_ASSERT(phase_ == Phase::settling);
  --live_->exchanges;
}

void Exchange::advance() {
  switch (phase_) {
    case Phase::reading:
      return read();  // the whole body is here: what does it ask for?
    case Phase::admitting:
      return admit();  // may it?
    case Phase::picking:
      return pick();  // the best remaining target
    case Phase::encoding:
      return encode();  // in the provider's words
    case Phase::acquiring:
      return acquire();  // a pooled or new connection, and off it goes
    case Phase::awaiting:
      return watch();  // the first useful event, or a deadline
    case Phase::relaying:
      return watch();  // to the end; no way back
    case Phase::settling:
      return settle();  // the record; back to keep-alive
  }
}

// -- reading

base::Status Exchange::read_head(const http::RequestHead& head,
                                 const http::Fields& fields,
                                 base::Bytes text,
                                 api::ErrorDetail& detail) {
  meter_.request().head_complete_ns = meter_.offset(shop_.io.now());
  head_only_ = head.method == "HEAD";
  // h2c is offered by clients that are content without it (RFC 9110 7.8 lets a server pass it
  // over).
  if (head.wants_upgrade && !base::equals_lowered(fields.find("upgrade", text), "h2c")) {
    return base::client_error(Errc::upgrade_refused);
  }
  endpoint_ = match_endpoint(head.method, head.path);
  if (endpoint_.refusal != Errc::ok) return base::client_error(endpoint_.refusal);
  if (shop_.draining) return base::gateway_error(Errc::draining);
  const base::Bytes encoding = fields.find("content-encoding", text);
  if (!encoding.empty() && !base::equals_lowered(encoding, "identity")) {
    detail.reason = "Send the body without a content-encoding.";
    return base::client_error(Errc::unsupported_media);
  }
  request_fields_ = keep_request_fields(fields, text, shop_.io.blocks());
  if (endpoint_.endpoint == Endpoint::model) {
    body_.start(shop_.io.blocks(), endpoint_.rest.size());
    body_.append(shop_.io.blocks(), endpoint_.rest);  // the name must outlive the head
  }
  return {};
}

void Exchange::start(RequestBody body) {
  if (endpoint_.endpoint == Endpoint::models || endpoint_.endpoint == Endpoint::model) {
    answer_models();
    return;
  }
  body_ = std::move(body);
  meter_.request().bytes_in = meter::Meter::sum(body_.size());
  advance();
}

void Exchange::read() {
  char scratch[api::kModelScratchBytes];
  base::Result<api::ChatRequest> request = api::parse_chat_request(body_.view(), scratch, detail_);
  if (!request) return fail(request.error());
  stream_ = request->stream;
  model_begin_ = request->model_value.begin;
  model_size_ = request->model_value.size;
  route_ = route::pick_route(snapshot(), request->model);
  if (route_ == nullptr) {
    detail_.model = request->model;
    return fail(base::client_error(Errc::no_such_model));
  }
  meter_.request().route = static_cast<std::uint16_t>(route_ - snapshot().routes.data());
  if (stream_) meter_.request().flags |= record_flag::kStreamed;
  phase_ = Phase::admitting;
  advance();
}

// Keys and limits take their place here; what the wire alone knows is whether it still takes work.
void Exchange::admit() {
  if (shop_.draining) return fail(base::gateway_error(Errc::draining));
  total_deadline_ = began_ + route_->total_timeout;
  phase_ = Phase::picking;
  advance();
}

void Exchange::pick() {
  target_ = &route_->targets.front();
  phase_ = Phase::encoding;
  advance();
}

void Exchange::encode() {
  if (!target_->model.empty()) rename_model();
  phase_ = Phase::acquiring;
  advance();
}

// The target's name for the model, in the place of whatever stands there now.
void Exchange::rename_model() {
  char text[base::limits::kModelNameBytes * 6 + 2];
  json::Writer name(text);
  name.string(target_->model);
  HEADRACE_ASSERT(name.ok());
  if (body_.view().substr(model_begin_, model_size_) == name.written()) return;
  body_.replace(shop_.io.blocks(), model_begin_, model_size_, name.written());
  model_size_ = static_cast<std::uint32_t>(name.size());
}

// -- upstream

void Exchange::acquire() {
  const config::Provider& provider = snapshot().providers[target_->provider];
  const base::Nanos connect_timeout =
      std::min(route_->connect_timeout, total_deadline_ - shop_.io.now());
  if (connect_timeout <= 0) return fail(base::upstream_error(Errc::total_timeout));
  base::Result<upstream::UpstreamConn*> conn =
      shop_.pool.acquire(*live_->origins[target_->provider], connect_timeout, fresh_);
  if (!conn) return fail(conn.error());

  char text[kRequestHeadBytes];
  const base::Bytes head = write_request_head(
      text, provider, endpoint_.upstream_path, request_fields_.view(), body_.size(), stream_);
  io::Slice whole = body_.compose(head);
  io::Slice body;
  if (whole.empty()) {
    whole = shop_.io.blocks().copy_of(head);
    body = body_.body_slice();
  }
  ++attempts_;
  attempt_.start(**conn, *route_, target_id(), std::move(whole), std::move(body));
  if (attempts_ == 1) overhead_ = shop_.io.clock() - shop_.io.now();
  phase_ = Phase::awaiting;
  advance();
}

std::uint32_t Exchange::target_id() const {
  const auto route = static_cast<std::size_t>(route_ - snapshot().routes.data());
  return live_->rules->target_id(route, static_cast<std::size_t>(target_ - route_->targets.data()));
}

// Sets the timer to the nearest deadline. Activity only moves the idle deadline on; the timer finds
// that out when it fires, so an event costs no timer operation.
void Exchange::watch() {
  const Attempt::Stamps& stamps = attempt_.stamps();
  base::Nanos deadline = total_deadline_;
  deadline = std::min(deadline, stamps.last_activity + route_->idle_timeout);
  if (phase_ == Phase::awaiting && route_->first_token_timeout != 0) {
    deadline = std::min(deadline, stamps.dispatched + route_->first_token_timeout);
  }
  if (!timer_.scheduled() || timer_.deadline() > deadline)
    shop_.io.timers().schedule(timer_, deadline);
}

void Exchange::on_timer() {
  const base::Nanos now = shop_.io.now();
  const Attempt::Stamps& stamps = attempt_.stamps();
  base::Error error{};
  if (now >= total_deadline_) {
    error = base::upstream_error(Errc::total_timeout);
    error.retry = base::Retry::never;
  } else if (phase_ == Phase::awaiting && route_->first_token_timeout != 0 &&
             now >= stamps.dispatched + route_->first_token_timeout) {
    error = base::upstream_error(Errc::first_token_timeout);
  } else if (now >= stamps.last_activity + route_->idle_timeout) {
    if (phase_ == Phase::relaying && !attempt_.relay().proceed()) {
      attempt_.excuse_silence();
    } else {
      error = base::upstream_error(Errc::idle_timeout);
    }
  }
  if (error.code == Errc::ok) return watch();
  attempt_.stop();
  fail(error);
}

// -- the commit point

void Exchange::on_attempt_ready(Attempt&) {
  commit();
}

void Exchange::commit() {
  relay::Relay& relay = attempt_.relay();
  const bool ended = !attempt_.running();
  const http::ResponseHead& head = attempt_.head();
  api::AnswerHead answer;
  answer.status = status_ = attempt_.status();
  if (!attempt_.is_stream() && (ended || head.framing == http::Framing::length)) {
    answer.kind = api::BodyKind::length;
    answer.content_length = ended ? relay.held_bytes() : head.content_length;
  } else {
    answer.kind = api::BodyKind::stream;
  }
  overhead_ += shop_.io.clock() - shop_.io.now();
  char fields[2560];
  answer.fields = write_fields(fields, sizeof fields, attempt_.forwarded_fields());
  meter_.request().first_byte_sent_ns = meter_.offset(shop_.io.now());
  relay.commit(answer);
  if (relay.counters().hold_full) ++shop_.tally.holds_full;
  if (attempt_.is_stream()) ++shop_.tally.streams_open;
  phase_ = Phase::relaying;
  on_attempt_progress(attempt_);
}

void Exchange::on_attempt_progress(Attempt&) {
  if (attempt_.relay().full()) attempt_.pause();
}

void Exchange::on_client_progress() {
  if (phase_ == Phase::relaying && attempt_.relay().proceed()) attempt_.resume();
}

void Exchange::on_attempt_end(Attempt&) {
  if (!attempt_.relay().committed()) {
    // A plain answer is useful when it is whole. A stream without one useful event is no answer.
    if (attempt_.is_stream()) return fail(base::upstream_error(Errc::upstream_truncated));
    commit();
  }
  if (!attempt_.relay().finish()) return fail(base::upstream_error(Errc::upstream_truncated));
  phase_ = Phase::settling;
  advance();
}

void Exchange::on_attempt_failed(Attempt&, base::Error error) {
  fail(error);
}

// -- the ways to end

void Exchange::fail(base::Error error) {
  detail_.upstream_status = attempt_.status();
  relay::Relay& relay = attempt_.relay();
  if (relay.committed()) {
    if (relay.finish_broken()) {
      phase_ = Phase::settling;
      return advance();
    }
    char text[api::kErrorBodyBytes];
    told_all_ = relay.break_off(api::write_error_event(api::Family::openai, error, detail_, text));
    meter_.request().flags |= record_flag::kTruncated;
    error_ = error;
    phase_ = Phase::settling;
    return advance();
  }
  if (error.retry == base::Retry::same_target && !fresh_) {
    note_attempt(error);
    attempt_.drop();
    ++shop_.tally.stale_retries;
    fresh_ = true;
    phase_ = Phase::acquiring;
    return advance();
  }
  reply_error(error);
}

void Exchange::refuse(base::Error error, const api::ErrorDetail& detail) {
  detail_ = detail;
  reply_error(error);
}

void Exchange::on_client_gone(base::Error why) {
  error_ = why;
  told_all_ = false;
  if (attempt_.running()) {
    attempt_.stop();
    ++shop_.tally.cancels;
    meter_.request().cancel_ns = meter::Meter::duration(shop_.io.clock() - shop_.io.now());
  }
  if (attempt_.relay().committed()) meter_.request().flags |= record_flag::kTruncated;
  if (why.blame == base::Blame::client) {
    meter_.request().flags |= record_flag::kClientClosed;
    status_ = 499;
  }
  phase_ = Phase::settling;
  advance();
}

void Exchange::on_drain_end() {
  attempt_.stop();
  fail(base::gateway_error(Errc::draining));
}

void Exchange::reply_error(base::Error error) {
  error_ = error;
  attempt_.stop();
  char body[api::kErrorBodyBytes];
  char fields[512];
  const base::Bytes said = api::write_error_body(api::Family::openai, error, detail_, body);
  reply(api::http_status_of(error, detail_),
        write_error_fields(fields, error, endpoint_.allow, attempts_ != 0),
        said);
}

void Exchange::answer_models() {
  const base::Bytes id = endpoint_.endpoint == Endpoint::model ? body_.view() : base::Bytes{};
  io::Slice list = write_models(snapshot(), id, shop_.io.blocks());
  if (list.empty()) {
    detail_.model = id;
    return reply_error(base::client_error(Errc::no_such_model));
  }
  reply(200, "content-type: application/json\r\n", list.view());
}

void Exchange::reply(std::uint16_t status, base::Bytes fields, base::Bytes body) {
  status_ = status;
  char all[2560];
  api::AnswerHead head;
  head.status = status;
  head.content_length = body.size();
  head.fields = write_fields(all, sizeof all, fields);
  meter_.request().first_byte_sent_ns = meter_.offset(shop_.io.now());
  meter_.request().bytes_out = static_cast<std::uint32_t>(body.size());
  client_.begin(head, io::Slice{});
  if (!head_only_) client_.body(shop_.io.blocks().copy_of(body));
  client_.finish();
  phase_ = Phase::settling;
  advance();
}

// Our own fields behind those that the provider or a local answer brings.
base::Bytes Exchange::write_fields(char* out, std::size_t capacity, base::Bytes forwarded) {
  http::H1Writer writer(out, capacity);
  writer.raw(forwarded);
  AnswerFacts facts;
  facts.id = &id_;
  facts.overhead = overhead_;
  facts.attempts = attempts_;
  if (attempts_ != 0) {
    const Attempt::Stamps& stamps = attempt_.stamps();
    facts.target = target_->name;
    facts.reused = attempt_.reused();
    facts.upstream = stamps.dispatched == 0 ? 0 : shop_.io.now() - stamps.dispatched;
  }
  write_answer_facts(writer, facts);
  return writer.written();
}

}  // namespace headrace::proxy
