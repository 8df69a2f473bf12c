// settle.cc – the last page of the story: what every attempt and the request itself leave on
// record.
#include "proxy/client_conn.h"
#include "proxy/exchange.h"

namespace headrace::proxy {

void Exchange::settle() {
  shop_.io.timers().cancel(timer_);
  // A retry that found no connection was no attempt: the last one is on record already.
  if (attempts_noted_ != attempts_) note_attempt(error_);
  note_request();
  if (attempt_.is_stream() && attempt_.relay().committed()) --shop_.tally.streams_open;
  attempt_.drop();
  client_.on_exchange_end();  // ends this object
}

// REQUIRES: the attempt is over and still holds what it knows.
void Exchange::note_attempt(base::Error error) {
  const Attempt::Stamps& stamps = attempt_.stamps();
  const relay::RelayCounters& counters = attempt_.relay().counters();
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
  record.target = attempt_.target();
  record.provider = static_cast<std::uint16_t>(target_->provider);
  record.upstream_status = attempt_.status();
  record.events = meter::Meter::sum(counters.events);
  record.bytes_out = meter::Meter::sum(counters.bytes);
  record.flags = request.flags &
                 (record_flag::kStreamed | record_flag::kTruncated | record_flag::kClientClosed);
  if (attempt_.reused()) record.flags |= record_flag::kReusedConnection;
  if (counters.hold_full) record.flags |= record_flag::kHoldFull;
  if (attempt_.relay().committed()) {
    record.flags |= record_flag::kCommitted | record_flag::kWon;
    record.first_byte_sent_ns = request.first_byte_sent_ns;
    record.last_byte_ns = meter_.offset(stamps.last_activity);
  }
  // A refusal in the provider's own words went on to the client: for the attempt it is an error all
  // the same.
  const bool refused = error.code == base::Errc::ok && attempt_.status() >= 400;
  meter::Meter::set_error(record,
                          refused ? base::upstream_error(base::Errc::upstream_status) : error);
  request.upstream_wait_ns += record.upstream_wait_ns;
  push(record);
}

// Of the attempts it is the last one that the request's record speaks of.
void Exchange::note_request() {
  Record& record = meter_.request();
  const std::int64_t now = meter_.offset(shop_.io.now());
  if (attempts_ != 0) {
    const Attempt::Stamps& stamps = attempt_.stamps();
    const relay::RelayCounters& counters = attempt_.relay().counters();
    record.dispatched_ns = meter_.offset(stamps.dispatched);
    record.connected_ns = meter_.offset(attempt_.wire.connected);
    record.request_sent_ns = meter_.offset(attempt_.wire.request_sent);
    record.upstream_first_byte_ns = meter_.offset(stamps.first_byte);
    record.first_useful_event_ns = meter_.offset(stamps.first_useful);
    record.target = attempt_.target();
    record.provider = static_cast<std::uint16_t>(target_->provider);
    record.upstream_status = attempt_.status();
    record.attempt = static_cast<std::uint8_t>(attempts_ - 1);
    record.overhead_ns = meter::Meter::duration(overhead_);
    if (attempt_.relay().committed()) {
      record.flags |= record_flag::kCommitted;
      record.events = meter::Meter::sum(counters.events);
      record.bytes_out = meter::Meter::sum(counters.bytes);
    }
    if (attempt_.reused()) record.flags |= record_flag::kReusedConnection;
    if (attempts_ > 1) record.flags |= record_flag::kRetried;
    if (counters.hold_full) record.flags |= record_flag::kHoldFull;
  }
  if (client_.used_before()) record.flags |= record_flag::kClientReused;
  record.attempts = attempts_;
  record.status = status_;
  if (record.first_byte_sent_ns != kNoStamp) {
    record.last_byte_ns = told_all_ ? now : meter_.offset(attempt_.stamps().last_activity);
  }
  record.settled_ns = now;
  meter::Meter::set_error(record, error_);
  push(record);
}

void Exchange::push(Record& record) {
  if (!meter_.settle(record, shop_.records, shop_.worker, shop_.sequence))
    ++shop_.tally.records_dropped;
}

}  // namespace headrace::proxy
