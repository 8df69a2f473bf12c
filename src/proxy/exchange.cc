// exchange.cc – the story of one request, in this order; each stage ends by setting the next phase
// or by failing. Its details: encode.cc (the request in the provider's words), answer.cc (what the
// client gets), unheard.cc (when there is no client any more), settle.cc (the records).
#include "proxy/exchange.h"

#include <algorithm>

#include "base/limits.h"
#include "proxy/reply.h"
#include "proxy/trace.h"
#include "route/router.h"

namespace headrace::proxy {

namespace limits = base::limits;
using base::Errc;

Exchange::Exchange(Workshop& shop, Client& client, base::Nanos began)
    : shop_(shop),
      client_(&client),
      live_(shop.live),
      attempt_(shop, *this, client),
      began_(began) {
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
  plan_.reset();
  --live_->exchanges;
}

void Exchange::advance() {
  switch (phase_) {
    case Phase::reading:
      return read();  // the whole body is here: what does it ask for?
    case Phase::admitting:
      return admit();  // may it?
    case Phase::picking:
      return pick();  // which targets are there, and who is first?
    case Phase::encoding:
      return encode();  // in the provider's words
    case Phase::acquiring:
      return acquire();  // a pooled or new connection, and off it goes
    case Phase::awaiting:
      return watch();  // the first useful event, or a deadline
    case Phase::waiting:
      return watch();  // everybody asked for patience; then the soonest again
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
  endpoint_ = match_endpoint(head.method, head.path);
  // h2c is offered by clients that are content without it (RFC 9110 7.8 lets a server pass it
  // over).
  if (head.wants_upgrade && !base::equals_lowered(fields.find("upgrade", text), "h2c")) {
    detail.reason = "Ask with a POST over HTTP, with `\"stream\": true` for events.";
    return base::client_error(Errc::upgrade_refused);
  }
  if (endpoint_.refusal != Errc::ok) return base::client_error(endpoint_.refusal);
  if (shop_.draining) return base::gateway_error(Errc::draining);
  HEADRACE_TRY(identify(head, fields, text));
  const base::Bytes encoding = fields.find("content-encoding", text);
  if (!encoding.empty() && !base::equals_lowered(encoding, "identity")) {
    detail.reason = "Send the body without a content-encoding.";
    return base::client_error(Errc::unsupported_media);
  }
  if (endpoint_.is_local()) {
    // Both families ask here; Anthropic's clients say which version they speak.
    if (fields.find("anthropic-version", text).data() != nullptr)
      endpoint_.family = api::Family::anthropic;
    body_.start(shop_.io.blocks(), endpoint_.rest.size());
    body_.append(shop_.io.blocks(), endpoint_.rest);  // the name must outlive the head
    return {};
  }
  read_trace(fields.find("traceparent", text), meter_.request());
  request_fields_ = keep_request_fields(endpoint_.family, fields, text, shop_.io.blocks());
  return {};
}

// Who asks? A stranger with a small body is told when it is here, so that the connection can go on;
// one with a large body, or who asks before sending it, at once.
base::Status Exchange::identify(const http::RequestHead& head,
                                const http::Fields& fields,
                                base::Bytes text) {
  const auto seconds = static_cast<std::int64_t>(shop_.io.wall_clock() / 1'000'000'000);
  base::Result<policy::Caller> caller =
      live_->rules->admission.identify(fields, text, client_->certificate(), seconds);
  if (caller) {
    caller_ = *caller;
    if (caller_.key != nullptr) meter_.request().key = caller_.key->index;
    brought_key_ = shop_.io.blocks().copy_of(caller_.brought);
    return {};
  }
  const bool small =
      head.framing == http::Framing::none ||
      (head.framing == http::Framing::length && head.content_length <= limits::kRefusedBodyBytes);
  if (!small || head.expect_continue) return caller.error();
  refused_ = caller.error();
  return {};
}

void Exchange::start(RequestBody body) {
  if (refused_.code != Errc::ok) return reply_error(refused_);
  if (endpoint_.is_local()) return answer_models();
  body_ = std::move(body);
  meter_.request().bytes_in = meter::Meter::sum(body_.size());
  advance();
}

void Exchange::read() {
  char scratch[api::kModelScratchBytes];
  base::Result<api::ChatRequest> request = api::parse_chat_request(body_.view(), scratch, detail_);
  if (!request) return fail(request.error());
  keep_request(*request);
  route_ = route::pick_route(snapshot(), asked_.model);
  if (route_ == nullptr) {
    detail_.model = asked_.model;
    return fail(base::client_error(Errc::no_such_model));
  }
  meter_.request().route = static_cast<std::uint16_t>(route_index());
  if (asked_.stream) meter_.request().flags |= record_flag::kStreamed;
  phase_ = Phase::admitting;
  advance();
}

// The name of the model may have been unescaped into scratch memory.
void Exchange::keep_request(const api::ChatRequest& request) {
  asked_ = request;
  const base::Bytes written = asked_.model_value.text(body_.view());
  if (asked_.model == written.substr(1, written.size() - 2)) {
    asked_.model = written.substr(1, written.size() - 2);
    return;
  }
  model_text_ = shop_.io.blocks().copy_of(asked_.model);
  asked_.model = model_text_.view();
}

// -- admission

void Exchange::admit() {
  if (shop_.draining) return fail(base::gateway_error(Errc::draining));
  // Rather than lose its record, or one of those that run beside it.
  if (snapshot().audit.required &&
      !shop_.records.has_room(kRecordsOfARequest * shop_.exchanges.in_use())) {
    return fail(base::gateway_error(Errc::overloaded));
  }
  total_deadline_ = began_ + route_->total_timeout;
  const bool answers_in_tokens =
      endpoint_.call != dialect::Call::embeddings && endpoint_.call != dialect::Call::count_tokens;
  const std::uint64_t tokens =
      policy::estimate_tokens(body_.size(), answers_in_tokens ? asked_.max_tokens : 1);
  policy::Refusal refusal;
  base::Result<policy::Ticket> ticket =
      policy::Admission::admit(caller_, asked_.model, tokens, shop_.io.now(), refusal);
  if (!ticket) return reply_refused(refusal, ticket.error());
  ticket_ = std::move(*ticket);
  phase_ = Phase::picking;
  advance();
}

bool Exchange::key_limited() const {
  return caller_.key != nullptr &&
         (caller_.key->bounds.requests != 0 || caller_.key->bounds.tokens != 0);
}

// -- who is asked

void Exchange::pick() {
  const std::uint32_t usable = usable_targets();
  if (usable == 0) return reply_unsupported();
  route::Plan::Request request;
  request.route = route_index();
  request.model = asked_.model;
  request.brought_key = !brought_key_.empty();
  request.usable = usable;
  request.deadline = total_deadline_;
  request.seed = shop_.random.next();
  plan_.emplace(snapshot(), live_->rules->health, request);
  const route::Step step = plan_->begin(shop_.io.now());
  if (step.kind != route::Step::Kind::give_up) return follow(step);
  if (step.stop == route::Stop::deadline)
    return reply_error(base::upstream_error(Errc::total_timeout));
  detail_.reason = "No provider of this model takes a key of your own.";
  reply_error(base::client_error(Errc::invalid_key));
}

std::uint32_t Exchange::usable_targets() const {
  std::uint32_t usable = 0;
  for (std::size_t i = 0; i < route_->targets.size(); ++i) {
    const dialect::Dialect& spoken = live_->rules->dialect_of(route_->targets[i].provider);
    if (can_serve(spoken, endpoint_)) usable |= 1u << i;
  }
  return usable;
}

void Exchange::follow(const route::Step& step) {
  fresh_ = false;
  if (step.kind == route::Step::Kind::wait) {
    wake_at_ = step.wake_at;
    phase_ = Phase::waiting;
  } else {
    choice_ = step.choice;
    phase_ = Phase::encoding;
  }
  advance();
}

// -- upstream

void Exchange::encode() {
  attempt_.aim(aim());
  const base::Status written = write_request();
  if (!written) return fail(written.error());
  phase_ = Phase::acquiring;
  advance();
}

void Exchange::acquire() {
  const bool waited = files_deadline_ != 0;
  if (!waited && attempts_ != UINT8_MAX) ++attempts_;
  const base::Nanos connect_timeout =
      std::min(route_->connect_timeout, total_deadline_ - shop_.io.now());
  if (connect_timeout <= 0) return fail(base::upstream_error(Errc::total_timeout));
  base::Result<upstream::Call*> conn =
      shop_.pool.call(*live_->origins[target().provider], connect_timeout, fresh_);
  if (!conn) {
    if (conn.error().code == Errc::out_of_files && wait_for_files()) return;
    files_deadline_ = 0;
    return fail(conn.error());
  }
  files_deadline_ = 0;
  attempt_.start(**conn, std::move(request_));
  if (attempts_ == 1) {
    const base::Nanos sent = attempt_.wire.request_sent;  // just now, unless it waits for that
    overhead_ = (sent != 0 ? sent : shop_.io.clock()) - shop_.io.now();
  }
  shop_.records.fetch_ahead();
  phase_ = Phase::awaiting;
  advance();
}

// A burst of clients that are about to be turned away may hold every descriptor for a moment.
bool Exchange::wait_for_files() {
  const base::Nanos now = shop_.io.now();
  if (files_deadline_ == 0) files_deadline_ = now + limits::kFilesPatience;
  if (now >= files_deadline_) return false;
  shop_.io.timers().schedule(timer_, now + limits::kFilesPause);
  return true;
}

// Sets the timer to the nearest deadline. Activity only moves the idle deadline on; the timer finds
// that out when it fires, so an event costs no timer operation.
void Exchange::watch() {
  const Attempt::Stamps& stamps = attempt_.stamps();
  base::Nanos deadline = total_deadline_;
  if (phase_ == Phase::waiting) {
    deadline = std::min(deadline, wake_at_);
  } else {
    deadline = std::min(deadline, stamps.last_activity + route_->idle_timeout);
  }
  if (phase_ == Phase::awaiting && route_->first_token_timeout != 0) {
    deadline = std::min(deadline, stamps.dispatched + route_->first_token_timeout);
  }
  const bool later_only = timer_.scheduled() && timer_.deadline() <= deadline;
  if (!later_only) shop_.io.timers().schedule(timer_, deadline);
}

void Exchange::on_timer() {
  const base::Nanos now = shop_.io.now();
  const Attempt::Stamps& stamps = attempt_.stamps();
  base::Error error{};
  if (phase_ == Phase::acquiring) return advance();  // there may be descriptors now
  if (phase_ == Phase::waiting) {
    if (now < std::min(wake_at_, total_deadline_)) return watch();
    const route::Step step = plan_->after_wait(now);
    if (step.kind != route::Step::Kind::give_up) return follow(step);
    return give_up(step.stop, last_failure_, route::Verdict::limited, nullptr);
  }
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

// -- what comes back

void Exchange::on_attempt_ready(Attempt&) {
  if (unheard()) return throw_away_held();
  if (attempt_.is_stream()) return commit();
  // A plain answer that outgrew the hold.
  if (attempt_.status() < 400 && !translated()) return commit();
  attempt_.stop();
  if (attempt_.status() < 400) return fail(base::upstream_error(Errc::upstream_protocol));
  take_plain_answer();
}

void Exchange::on_attempt_end(Attempt&) {
  if (unheard()) return end_unheard(hear_the_end());
  relay::Relay& relay = attempt_.relay();
  if (relay.committed()) {
    if (!relay.finish()) return fail(base::upstream_error(Errc::upstream_truncated));
    return complete();
  }
  // A stream without one useful event is no answer; a plain one is useful when it is whole.
  if (attempt_.is_stream()) return fail(base::upstream_error(Errc::upstream_truncated));
  take_plain_answer();
}

// A failure inside a stream of status 200, before anything useful.
void Exchange::on_attempt_refused(Attempt&) {
  attempt_.stop();
  if (unheard()) return end_unheard(false);
  if (attempt_.relay().committed()) return fail(base::upstream_error(Errc::upstream_protocol));
  take_refusal(0, attempt_.relay().failure());
}

void Exchange::on_attempt_failed(Attempt&, base::Error error) {
  fail(error);
}

// The commit point: from here on the client sees this attempt, and there is no way back.
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
  char fields[kAnswerFieldsBytes];
  answer.fields = write_fields(fields, sizeof fields, attempt_.forwarded_fields());
  meter_.request().first_byte_sent_ns = meter_.offset(shop_.io.now());
  relay.commit(answer);
  if (relay.counters().hold_full) ++shop_.tally.holds_full;
  if (attempt_.is_stream()) ++shop_.tally.streams_open;
  phase_ = Phase::relaying;
  on_attempt_progress(attempt_);
}

void Exchange::on_attempt_progress(Attempt&) {
  if (!attempt_.relay().full()) return;
  if (unheard()) return end_unheard(false);  // that is more than anybody wants to know
  attempt_.pause();
}

void Exchange::on_client_progress() {
  if (phase_ == Phase::relaying && attempt_.relay().proceed()) attempt_.resume();
}

// -- the ways to end

// Before the commit point: once more on a fresh connection, another target, a wait, or a reply.
void Exchange::fail(base::Error error) {
  if (unheard()) return fail_unheard();
  if (attempt_.relay().committed()) return fail_committed(error);
  const dialect::ProviderError* const said = std::exchange(said_, nullptr);
  detail_.upstream_status = attempt_.status();
  if (!plan_ || !plan_->under_way()) return reply_error(error);
  attempt_.stop();
  if (error.retry == base::Retry::same_target && !fresh_) {
    note_attempt(error);
    attempt_.drop();
    ++shop_.tally.stale_retries;
    fresh_ = true;
    phase_ = Phase::encoding;
    return advance();
  }
  const route::Outcome outcome = outcome_of(error, said);
  if (said != nullptr) detail_.upstream_status = outcome.status;
  const route::Verdict verdict = route::judge(outcome, !brought_key_.empty());
  const route::Step step = plan_->on_failure(outcome, shop_.io.now());
  if (step.kind == route::Step::Kind::give_up) return give_up(step.stop, error, verdict, said);
  note_attempt(error);
  attempt_.drop();
  last_failure_ = error;
  last_failure_status_ = detail_.upstream_status;
  ++shop_.tally.failovers;
  follow(step);
}

void Exchange::refuse(base::Error error, const api::ErrorDetail& detail) {
  detail_ = detail;
  reply_error(error);
}

void Exchange::on_client_gone(base::Error why) {
  if (phase_ == Phase::settling) return advance();  // it had its answer
  error_ = why;
  told_all_ = false;
  if (attempt_.relay().committed()) meter_.request().flags |= record_flag::kTruncated;
  if (why.blame == base::Blame::client) {
    meter_.request().flags |= record_flag::kClientClosed;
    status_ = 499;
  }
  if (attempt_.running()) {
    if (why.blame == base::Blame::client && go_on_unheard()) return;
    attempt_.stop();
    ++shop_.tally.cancels;
    meter_.request().cancel_ns = meter::Meter::duration(shop_.io.clock() - shop_.io.now());
  }
  phase_ = Phase::settling;
  advance();
}

void Exchange::on_drain_end() {
  if (phase_ == Phase::settling) return advance();
  attempt_.stop();
  fail(base::gateway_error(Errc::draining));
}

}  // namespace headrace::proxy
