// settle.cc – the last page of the story: what every attempt and the request itself leave on
// record, what it cost, and what the key gets back.
#include <algorithm>
#include <iterator>

#include "proxy/exchange.h"
#include "telemetry/text_slot.h"

namespace headrace::proxy {

void Exchange::settle() {
  shop_.io.timers().cancel(timer_);
  note();
  const bool streamed = attempt_.is_stream() && attempt_.relay().committed();
  if (streamed && !unheard()) --shop_.tally.streams_open;
  request_ = {};
  attempt_.drop();
  Client& client = *client_;
  shop_.exchanges.destroy(this);
  client.on_exchange_end();
}

void Exchange::note() {
  // A retry that found no connection was no attempt: the last one is on record already.
  if (attempts_noted_ != attempts_) note_attempt(error_);
  note_request();
  // A request that was answered without a word on its usage used what was reserved for it.
  if (used_tokens_ == 0 && status_ == 200 && attempts_ != 0)
    used_tokens_ = ticket_.reserved_tokens();
  ticket_.settle(used_tokens_, shop_.io.now());
}

// What of the attempt's answer the client got.
GoneClient::Seen Exchange::seen() const {
  if (unheard()) return gone_->seen();
  GoneClient::Seen seen;
  seen.committed = attempt_.relay().committed();
  seen.events = attempt_.relay().counters().events;
  seen.bytes = attempt_.relay().counters().bytes;
  seen.last_byte = attempt_.stamps().last_activity;
  return seen;
}

// REQUIRES: the attempt is over and still holds what it knows.
void Exchange::note_attempt(base::Error error) {
  const Attempt::Stamps& stamps = attempt_.stamps();
  const GoneClient::Seen seen = this->seen();
  Record& request = meter_.request();
  Record record = meter_.attempt();
  attempts_noted_ = attempts_;
  record.attempt = static_cast<std::uint8_t>(attempts_ - 1);
  record.dispatched_ns = meter_.offset(stamps.dispatched);
  record.connected_ns = meter_.offset(attempt_.wire.connected);
  record.request_sent_ns = meter_.offset(attempt_.wire.request_sent);
  record.upstream_first_byte_ns = meter_.offset(stamps.first_byte);
  record.first_useful_event_ns = meter_.offset(stamps.first_useful);
  record.settled_ns = meter_.offset(shop_.io.now());
  record.upstream_wait_ns = attempt_.upstream_wait();
  record.target = attempt_.aimed().target_id;
  record.provider = attempt_.aimed().provider;
  record.upstream_status = attempt_.status();
  std::copy(std::begin(request.trace_id), std::end(request.trace_id), record.trace_id);
  std::copy(span_.begin(), span_.end(), record.span_id);
  record.flags = request.flags & (record_flag::kStreamed | record_flag::kTruncated |
                                  record_flag::kClientClosed | record_flag::kDrained);
  if (attempt_.reused()) record.flags |= record_flag::kReusedConnection;
  if (attempt_.relay().counters().hold_full) record.flags |= record_flag::kHoldFull;
  if (seen.committed) {
    record.flags |= record_flag::kCommitted | record_flag::kWon;
    record.events = meter::Meter::sum(seen.events);
    record.bytes_out = meter::Meter::sum(seen.bytes);
    record.first_byte_sent_ns = request.first_byte_sent_ns;
    record.last_byte_ns = meter_.offset(seen.last_byte);
  }
  // A refusal in the provider's own words went on to the client: for the attempt it is an error all
  // the same.
  const bool refused = error.code == base::Errc::ok && attempt_.status() >= 400;
  meter::Meter::set_error(record,
                          refused ? base::upstream_error(base::Errc::upstream_status) : error);
  request.upstream_wait_ns += record.upstream_wait_ns;
  note_usage(record);
  // The request's own slot brings what the last attempt was called at the provider.
  push(record, {}, phase_ == Phase::settling ? base::Bytes{} : attempt_.provider_request_id());
}

// What the attempt used and what that costs; the request's record has the sums.
void Exchange::note_usage(Record& record) {
  api::Usage usage = attempt_.usage();
  if (usage.empty()) {
    usage = estimated_usage();
    if (usage.empty()) return;
    record.flags |= record_flag::kUsageEstimated;
  } else if (!heard_all_ &&
             (record.flags & (record_flag::kTruncated | record_flag::kClientClosed)) != 0) {
    record.flags |= record_flag::kUsageEstimated;  // the last word so far is not the last word
  }
  used_tokens_ += usage.total_in() + usage.total_out();
  const base::Bytes model = target().model.empty() ? asked_.model : base::Bytes(target().model);
  const meter::PriceTable& prices = live_->rules->prices();
  const meter::Price price = live_->rules->price_of(route_index(), choice_.target, model);
  meter::Meter::set_usage(record, usage);
  meter::Meter::set_cost(record, prices, price, usage, record.wall_start_ns);
  meter::Meter::add_usage(meter_.request(), record);
}

// Of an answer that began to pass without a word on its usage: about a token an event,
// and four bytes of the request a token. What was refused, or never came, used nothing.
api::Usage Exchange::estimated_usage() {
  api::Usage usage;
  const bool answered = attempt_.relay().committed() && attempt_.status() < 400;
  if (!answered || !attempt_.is_stream()) return usage;
  usage.set(TokenClass::input, policy::estimate_tokens(meter_.request().bytes_in, 1));
  usage.set(TokenClass::output, attempt_.relay().counters().events);
  return usage;
}

// Of the attempts it is the last one that the request's record speaks of.
void Exchange::note_request() {
  Record& record = meter_.request();
  const std::int64_t now = meter_.offset(shop_.io.now());
  const GoneClient::Seen seen = this->seen();
  if (attempts_ != 0) {
    const Attempt::Stamps& stamps = attempt_.stamps();
    record.dispatched_ns = meter_.offset(stamps.dispatched);
    record.connected_ns = meter_.offset(attempt_.wire.connected);
    record.request_sent_ns = meter_.offset(attempt_.wire.request_sent);
    record.upstream_first_byte_ns = meter_.offset(stamps.first_byte);
    record.first_useful_event_ns = meter_.offset(stamps.first_useful);
    record.target = attempt_.aimed().target_id;
    record.provider = attempt_.aimed().provider;
    record.upstream_status = attempt_.status();
    record.attempt = static_cast<std::uint8_t>(attempts_ - 1);
    record.overhead_ns = meter::Meter::duration(overhead_);
    if (seen.committed) {
      record.flags |= record_flag::kCommitted;
      record.events = meter::Meter::sum(seen.events);
      record.bytes_out = meter::Meter::sum(seen.bytes);
    }
    if (attempt_.reused()) record.flags |= record_flag::kReusedConnection;
    if (attempts_ > 1) record.flags |= record_flag::kRetried;
    if (attempt_.relay().counters().hold_full) record.flags |= record_flag::kHoldFull;
  }
  if (client_->used_before()) record.flags |= record_flag::kClientReused;
  record.attempts = attempts_;
  record.status = status_;
  if (record.first_byte_sent_ns != kNoStamp) {
    record.last_byte_ns = told_all_ ? now : meter_.offset(seen.last_byte);
  }
  record.settled_ns = now;
  meter::Meter::set_error(record, error_);
  push(record, asked_.model, attempt_.provider_request_id());
}

// The words first, so that whoever reads the record has them already.
void Exchange::push(Record& record, base::Bytes model, base::Bytes provider_id) {
  if (live_->rules->wants_texts() && !(model.empty() && provider_id.empty())) {
    Record words = telemetry::as_record(telemetry::text_slot(record, model, provider_id));
    if (!meter_.settle(words, shop_.records, shop_.worker, shop_.sequence))
      ++shop_.tally.records_dropped;
  }
  if (!meter_.settle(record, shop_.records, shop_.worker, shop_.sequence))
    ++shop_.tally.records_dropped;
}

}  // namespace headrace::proxy
