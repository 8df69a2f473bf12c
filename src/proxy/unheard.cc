// unheard.cc – an exchange whose client is gone while its provider goes on, and charges, whoever
// listens: the answer is read to its end and thrown away, for the sake of its usage.
#include "dialect/plain_answer.h"
#include "proxy/exchange.h"
#include "proxy/gone_client.h"

namespace headrace::proxy {

// False: the attempt is to be cancelled. Only a request that has left costs anything.
bool Exchange::go_on_unheard() {
  if (!provider().drains || attempt_.wire.request_sent == 0) return false;
  gone_ = shop_.take_gone_client(*this, seen(), client_->used_before());
  if (gone_ == nullptr) {
    ++shop_.tally.unheard_refused;
    return false;
  }
  meter_.request().flags |= record_flag::kDrained;
  let_go();
  Client& client = *std::exchange(client_, gone_);
  client.on_exchange_end();
  phase_ = Phase::relaying;  // what bounded the wait for a first token bounds nothing now
  attempt_.excuse_silence();
  watch();
  attempt_.resume();
  return true;
}

// What only another attempt or a client would need: nobody else is asked, and nobody is answered.
// The key may ask something else meanwhile; the tokens stay reserved until their number is known.
void Exchange::let_go() {
  plan_.reset();  // what comes says nothing about the target
  model_text_ = shop_.io.blocks().copy_of(asked_.model);
  asked_ = {};
  asked_.model = model_text_.view();
  body_.reset();
  request_fields_.reset();
  brought_key_.reset();
  dropped_fields_.reset();
  ticket_.give_back_place();
  attempt_.relay().redirect(*gone_);
  if (attempt_.is_stream() && attempt_.relay().committed()) --shop_.tally.streams_open;
}

// What was held is more than is held, or the commit point.
void Exchange::throw_away_held() {
  const bool flows = attempt_.is_stream() || (attempt_.status() < 400 && !translated());
  if (!flows) return end_unheard(false);
  attempt_.relay().commit({});
}

// The answer is complete as HTTP goes. Is it the whole answer?
bool Exchange::hear_the_end() {
  relay::Relay& relay = attempt_.relay();
  if (relay.committed()) return relay.finish() && !relay.failed();
  if (attempt_.is_stream()) return false;
  if (attempt_.status() >= 400) return true;  // it cost nothing
  io::Slice scratch;
  const base::Bytes answer = relay.held_text(scratch);
  const dialect::PlainVerdict verdict = dialect::judge_plain_answer(answer);
  if (verdict.kind != dialect::PlainAnswer::answer) return false;
  attempt_.read_usage(answer, verdict);
  return true;
}

void Exchange::fail_unheard() {
  relay::Relay& relay = attempt_.relay();
  end_unheard(relay.committed() && relay.finish_broken() && !relay.failed());
}

// `whole`: what the provider said of usage is its last word.
void Exchange::end_unheard(bool whole) {
  attempt_.stop();
  heard_all_ = whole;
  ++(whole ? shop_.tally.unheard_whole : shop_.tally.unheard_cut);
  phase_ = Phase::settling;
  advance();
}

}  // namespace headrace::proxy
