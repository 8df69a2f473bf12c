// answer.cc – what the client gets: a plain answer, a provider's refusal, an error of ours, the
// list of models.
#include <algorithm>
#include <array>

#include "api/error_body.h"
#include "dialect/plain_answer.h"
#include "http/sse.h"
#include "json/write.h"
#include "policy/rate_fields.h"
#include "proxy/exchange.h"
#include "proxy/prewarm.h"

namespace headrace::proxy {

using base::Errc;

// -- what the provider answered

// Whole (or a refusal that was cut): nothing of it has reached the client.
void Exchange::take_plain_answer() {
  io::Slice scratch;
  const base::Bytes answer = attempt_.relay().held_text(scratch);
  if (attempt_.status() >= 400) return take_refusal(attempt_.status(), answer);
  const dialect::PlainVerdict verdict = dialect::judge_plain_answer(answer);
  switch (verdict.kind) {
    case dialect::PlainAnswer::unreadable:
      return fail(base::upstream_error(Errc::upstream_protocol));
    case dialect::PlainAnswer::failure:
      return take_refusal(0, answer);
    case dialect::PlainAnswer::answer:
      break;
  }
  if (translated()) return commit_translated(answer);
  attempt_.read_usage(answer, verdict);
  commit();
  const bool whole = attempt_.relay().finish();
  HEADRACE_ASSERT(whole);
  complete();
}

void Exchange::commit_translated(base::Bytes answer) {
  dialect::AnswerTranslation translation;
  translation.created = static_cast<std::int64_t>(shop_.io.wall_clock() / 1'000'000'000);
  api::JsonBuilder out(shop_.io.blocks());
  const base::Status done = shop_.translator.answer(dialect().family, answer, translation, out);
  if (!done) return fail(done.error());
  attempt_.set_usage(translation.usage);
  overhead_ += shop_.io.clock() - shop_.io.now();
  api::AnswerHead head;
  head.status = status_ = 200;
  head.content_length = out.size();
  char fields[kAnswerFieldsBytes];
  head.fields = write_fields(fields, sizeof fields, attempt_.forwarded_fields());
  meter_.request().first_byte_sent_ns = meter_.offset(shop_.io.now());
  attempt_.relay().commit_instead(head, out.take());
  const bool whole = attempt_.relay().finish();
  HEADRACE_ASSERT(whole);
  complete();
}

// The provider said no, by an error status or (status 0) inside an answer of status 200; `words`
// are its own: a body, or an event.
void Exchange::take_refusal(std::uint16_t status, base::Bytes words) {
  io::Slice scratch;
  base::Bytes body = words;
  if (attempt_.is_stream()) {
    scratch = shop_.io.blocks().take(words.size());
    body = http::parse_sse_event(words, scratch.data()).data;
  }
  dialect::ProviderError said = shop_.translator.error(status, body);
  const base::Bytes secret = credential();
  keeps_body_back_ =
      brought_key_.empty() && !secret.empty() && words.find(secret) != base::Bytes::npos;
  if (keeps_body_back_) said.message = {};
  said_ = &said;
  fail(base::upstream_error(Errc::upstream_status));  // may end this object
}

namespace {

// `lines`: finished field lines. `name`: in lower case, with its colon.
void put_lines_without(http::H1Writer& out, base::Bytes lines, base::Bytes name) {
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n') + 1;
    const base::Bytes line = lines.substr(0, end);
    lines.remove_prefix(end);
    if (!base::equals_lowered(line.substr(0, name.size()), name)) out.raw(line);
  }
}

api::StreamForm stream_form_of(const EndpointMatch& endpoint) {
  if (endpoint.call == dialect::Call::responses) return api::StreamForm::responses;
  return endpoint.family == api::Family::openai ? api::StreamForm::chat : api::StreamForm::messages;
}

std::uint16_t status_of(dialect::ErrorClass which) {
  using dialect::ErrorClass;
  switch (which) {
    case ErrorClass::bad_credential:
      return 401;
    case ErrorClass::no_credit:
      return 402;
    case ErrorClass::timed_out:
      return 408;
    case ErrorClass::no_capacity:
      return 498;
    default:
      return dialect::row_of(which).status;
  }
}

}  // namespace

route::Outcome Exchange::outcome_of(base::Error error, const dialect::ProviderError* said) const {
  route::Outcome outcome;
  outcome.error = error;
  outcome.may_retry = attempt_.retry_hint().may_retry;
  outcome.retry_after = attempt_.retry_hint().after;
  if (said == nullptr) return outcome;
  const std::uint16_t status = attempt_.status();
  const bool nameless = status >= 400 && said->which == dialect::ErrorClass::server_fault;
  outcome.status = status >= 500 || nameless ? status : status_of(said->which);
  outcome.insufficient_quota = said->which == dialect::ErrorClass::no_credit;
  return outcome;
}

// Nobody else is asked. What the client hears is what the last one said.
void Exchange::give_up(route::Stop stop,
                       base::Error error,
                       route::Verdict verdict,
                       const dialect::ProviderError* said) {
  if (error.code == Errc::bad_field && attempts_ != 0) {
    // A translation that cannot be done, where another target had been asked: its failure counts.
    error = last_failure_;
    detail_.param = detail_.reason = {};
  }
  if (said == nullptr && error == last_failure_) detail_.upstream_status = last_failure_status_;
  if (stop == route::Stop::deadline) {
    error = base::upstream_error(Errc::total_timeout);
    said = nullptr;
  }
  if (said == nullptr) return reply_error(error);
  error_ = error;
  const bool clients_fault = verdict == route::Verdict::request;
  if (clients_fault && attempt_.status() >= 400 && !translated() && !keeps_body_back_) {
    commit();
    const bool whole = attempt_.relay().finish();
    HEADRACE_ASSERT(whole);
    phase_ = Phase::settling;
    return advance();
  }
  reply_provider_error(*said, clients_fault && !brought_key_.empty());
}

// Behind the commit point there is no way back: the client is told, or cut off.
void Exchange::fail_committed(base::Error error) {
  if (attempt_.relay().finish_broken()) return complete();
  attempt_.stop();
  char text[api::kErrorBodyBytes];
  told_all_ = attempt_.relay().break_off(api::write_error_event(
      stream_form_of(endpoint_), error, detail_, text, attempt_.seen_response()));
  meter_.request().flags |= record_flag::kTruncated;
  error_ = error;
  plan_->on_broken(outcome_of(error, nullptr), shop_.io.now());
  phase_ = Phase::settling;
  advance();
}

// The answer ended as it should, or by an error of the provider's that the client saw.
void Exchange::complete() {
  if (attempt_.relay().failed()) {
    error_ = base::upstream_error(Errc::upstream_status);
    meter_.request().flags |= record_flag::kTruncated;
    plan_->on_broken({error_, 500, false, true, -1}, shop_.io.now());
  } else {
    error_ = {};  // that of an attempt before this one is on record
    plan_->on_success();
  }
  // What is queued leaves when this turn ends, behind the accounts: whoever has an answer is on
  // record, even if we die next, and may ask again.
  phase_ = Phase::settling;
  advance();
}

// -- what we answer

void Exchange::reply_error(base::Error error) {
  error_ = error;
  attempt_.stop();
  char body[api::kErrorBodyBytes];
  char fields[512];
  const base::Bytes said = api::write_error_body(endpoint_.family, error, detail_, body);
  reply(api::http_status_of(error, detail_, endpoint_.family),
        write_error_fields(fields, error, endpoint_.allow),
        said);
}

void Exchange::reply_refused(const policy::Refusal& refusal, base::Error error) {
  if (error.code == Errc::model_not_allowed) return reply_error(error);
  error_ = error;
  char body[api::kErrorBodyBytes];
  char fields[128 + policy::kRateFieldsBytes];
  char* next = base::write_bytes(fields, "content-type: application/json\r\n");
  const base::Bytes rates = policy::write_rate_fields(*caller_.key->limits,
                                                      caller_.key->bounds,
                                                      shop_.io.now(),
                                                      &refusal,
                                                      {next, policy::kRateFieldsBytes});
  const base::Bytes said = api::write_error_body(endpoint_.family, error, detail_, body);
  reply(api::http_status_of(error, detail_, endpoint_.family),
        {fields, static_cast<std::size_t>(next - fields) + rates.size()},
        said);
}

// Which models have a target for this path, of those that the caller may use.
void Exchange::reply_unsupported() {
  char text[512];
  char* next = base::write_bytes(text, "Models that have one: ");
  bool any = false;
  for (const config::Route& route : snapshot().routes) {
    const bool serves = std::any_of(
        route.targets.begin(), route.targets.end(), [&](const config::Target& candidate) {
          return can_serve(live_->rules->dialect_of(candidate.provider), endpoint_);
        });
    if (!serves || !policy::Admission::may_use(caller_, route.model)) continue;
    if (next + route.model.size() + 8 > text + sizeof text) {
      next = base::write_bytes(next, ", ...");
      break;
    }
    if (std::exchange(any, true)) next = base::write_bytes(next, ", ");
    next = base::write_bytes(next, route.model);
  }
  next = base::write_bytes(next, ".");
  detail_.reason = any ? base::Bytes(text, static_cast<std::size_t>(next - text))
                       : base::Bytes("No model here has one.");
  reply_error(base::client_error(Errc::unsupported_endpoint));
}

// The provider's refusal in the client's words.
void Exchange::reply_provider_error(const dialect::ProviderError& said, bool about_brought_key) {
  if (about_brought_key && said.which == dialect::ErrorClass::bad_credential) {
    detail_.reason = "The provider refused the key that you brought.";
    return reply_error(base::client_error(Errc::invalid_key));
  }
  api::JsonBuilder body(shop_.io.blocks());
  dialect::write_provider_error(endpoint_.family, said, body);
  char fields[2048];
  http::H1Writer writer(fields, sizeof fields);
  writer.raw("content-type: application/json\r\n");
  put_lines_without(writer, attempt_.forwarded_fields(), "content-type:");
  HEADRACE_ASSERT(writer.ok());
  // What has no name of its own keeps its status, as far as clients know it.
  const bool nameless = said.which == dialect::ErrorClass::server_fault;
  const std::uint16_t status =
      nameless ? api::http_status_of(error_, detail_) : dialect::row_of(said.which).status;
  reply(api::status_towards(endpoint_.family, status), writer.written(), body.view());
}

void Exchange::answer_models() {
  // Who asks for the models begins a session: its first turn finds a connection.
  const io::Slice state = prewarm(shop_.pool, *live_, caller_, shop_.io.blocks());
  if (endpoint_.endpoint == Endpoint::prewarm) {
    return reply(200, "content-type: application/json\r\n", state.view());
  }
  const base::Bytes id = endpoint_.endpoint == Endpoint::model ? body_.view() : base::Bytes{};
  io::Slice list = write_models(snapshot(), caller_, endpoint_.family, id, shop_.io.blocks());
  if (list.empty()) {
    detail_.model = id;
    return reply_error(base::client_error(Errc::no_such_model));
  }
  reply(200, "content-type: application/json\r\n", list.view());
}

void Exchange::reply(std::uint16_t status, base::Bytes fields, base::Bytes body) {
  status_ = status;
  char all[kAnswerFieldsBytes];
  api::AnswerHead head;
  head.status = status;
  head.content_length = body.size();
  head.fields = write_fields(all, sizeof all, fields);
  meter_.request().first_byte_sent_ns = meter_.offset(shop_.io.now());
  meter_.request().bytes_out = static_cast<std::uint32_t>(body.size());
  client_->begin(head, io::Slice{});
  if (!head_only_) client_->body(shop_.io.blocks().copy_of(body));
  client_->finish();
  phase_ = Phase::settling;
  advance();
}

// Our own fields behind those that the provider or a local answer brings.
base::Bytes Exchange::write_fields(char* out, std::size_t capacity, base::Bytes forwarded) {
  http::H1Writer writer(out, capacity);
  const bool final_failure = status_ >= 400 && attempts_ != 0;
  if (final_failure) {
    put_lines_without(writer, forwarded, "x-should-retry:");  // that is for us to say
  } else {
    writer.raw(forwarded);
  }
  if (attempts_ != 0 && attempt_.aimed().translated && status_ == 200) {
    writer.raw(attempt_.is_stream() ? "content-type: text/event-stream\r\n"
                                    : "content-type: application/json\r\n");
    writer.raw(dropped_fields_.view());
  }
  if (key_limited() && error_.code != Errc::requests_limited &&
      error_.code != Errc::tokens_limited && error_.code != Errc::concurrency_limited) {
    char rates[policy::kRateFieldsBytes];
    writer.raw(policy::write_rate_fields(
        *caller_.key->limits, caller_.key->bounds, shop_.io.now(), nullptr, rates));
  }
  AnswerFacts facts;
  facts.id = &id_;
  facts.overhead = overhead_;
  facts.attempts = attempts_;
  facts.final_failure = final_failure;
  if (attempts_ != 0) {
    const Attempt::Stamps& stamps = attempt_.stamps();
    facts.target = target().name;
    facts.reused = attempt_.reused();
    facts.upstream = stamps.dispatched == 0 ? 0 : shop_.io.now() - stamps.dispatched;
  }
  write_answer_facts(writer, facts);
  HEADRACE_ASSERT(writer.ok());
  return writer.written();
}

}  // namespace headrace::proxy
