// h2_conn.cc – in life order: connect, calls, answers, timers; then the ways to die.
#include "upstream/h2_conn.h"

#include <algorithm>
#include <cerrno>

#include "base/limits.h"
#include "upstream/h2_pool.h"
#include "upstream/pool.h"

namespace headrace::upstream {

namespace limits = base::limits;
using base::Errc;
using http::H2Code;

namespace {

// A request that the server says it did not process may be asked again, elsewhere.
base::Error error_of(H2Code code) {
  base::Error error = base::upstream_error(Errc::upstream_reset);
#ifdef HEADRACE_CANARY
  // A bug that the simulation must find (tests/sim): what was not looked at is not asked again.
#else
  if (code == H2Code::refused_stream) error.retry = base::Retry::same_target;
#endif
  if (code == H2Code::protocol_error) error.code = Errc::upstream_protocol;
  return error;
}

}  // namespace

// -- connecting

H2Conn::H2Conn(io::Io& io, H2Pool& pool, Origin& origin)
    : io_(io),
      pool_(pool),
      origin_(origin),
      dial_(io, pool.owner(), origin, *this),
      session_(pool.memory(), io.blocks(), *this) {
  timer_.bind<&H2Conn::on_timer>(*this);
}

H2Conn::~H2Conn() {
  HEADRACE_ASSERT(calls_ == 0);
  HEADRACE_ASSERT(lane_ == nullptr);
  HEADRACE_ASSERT(!timer_.scheduled());
}

void H2Conn::on_dialled(Lane& lane) {
  HEADRACE_ASSERT(state_ == State::connecting);
  if (pool_.owner().settle(origin_, lane.stream()) == Protocol::h2) return use(lane);
  if (!origin_.negotiates()) {
    pool_.owner().note_tls_failed();
    pool_.owner().note_failure(origin_, Errc::tls_failed, "the server does not agree to HTTP/2");
    lane.abandon(io::CloseHow::orderly);
    return fail(base::upstream_error(Errc::tls_failed));
  }
  pool_.owner().take_http1(origin_, lane);
  hand_on_waiting();
  retire();
}

// Each goes on over HTTP/1.1: the first on the connection that has just come about.
void H2Conn::hand_on_waiting() {
  while (H2Call* call = waiting_.pop_front()) {
    HEADRACE_ASSERT(call->owner_ != nullptr);
    const base::Nanos time_left = std::max<base::Nanos>(call->connect_by_ - io_.now(), 1);
    base::Result<UpstreamConn*> other = pool_.owner().acquire(origin_, time_left, false);
    if (!other) {
      set_aside(*call, other.error());
      continue;
    }
    --calls_;
    call->hand_on(**other);
  }
  tell_failed();
}

void H2Conn::use(Lane& lane) {
  lane_ = &lane;
  lane.lend(*this);
  stream().recv_start();
  note_claimed();
  state_ = State::open;
  opened_at_ = heard_at_ = idle_since_ = io_.now();
  begin_waiting();
  pool_.note_connected(*this);
  push_out();
  after_event();
}

void H2Conn::on_dial_failed(base::Error error) {
  fail(error);
}

// -- calls

std::size_t H2Conn::room() const {
  if (draining_ || state_ == State::closing) return 0;
  const std::size_t waiting = calls_ - begun_;
  const std::size_t free = free_streams();
  return free > waiting ? free - waiting : 0;
}

// Until the server has said how many it takes, as many as it took before.
std::size_t H2Conn::free_streams() const {
  const std::size_t free = state_ == State::open ? session_.room() : origin_.streams();
  if (state_ != State::open || session_.greeted()) return free;
  return std::min(free, origin_.streams() - std::min(origin_.streams(), begun_));
}

bool H2Conn::tired() const {
  return outlived() || (state_ == State::open && cancels_ >= limits::kH2Successor);
}

bool H2Conn::outlived() const {
  if (state_ != State::open) return false;
  return draining_ || io_.now() - opened_at_ >= origin_.age_span().safe();
}

bool H2Conn::fresh() const {
  if (state_ != State::open || io_.now() - heard_at_ >= limits::kFreshFor) return false;
  if (refused_at_ != 0 && io_.now() - refused_at_ < limits::kFreshFor) return false;
  return !used_ || heard_at_ != opened_at_;
}

void H2Conn::note_claimed() {
  if (std::exchange(is_spare_, false)) pool_.owner().warmer().note_spare_dialled();
}

void H2Conn::add(H2Call& call, base::Nanos connect_by) {
  used_ = true;
  call.connect_by_ = connect_by;
  waiting_.push_back(call);
  ++calls_;
  pool_.note(*this);
  if (state_ != State::connecting) return;
  if (connect_by > dial_.deadline()) dial_.move_deadline(connect_by);
  arm_patience();
}

// The dial lasts as long as the most patient call; the others give up on their own.
void H2Conn::arm_patience() {
  base::Nanos due = dial_.deadline();
  for (H2Call* call = waiting_.front(); call != nullptr; call = waiting_.after(*call)) {
    due = std::min(due, call->connect_by_);
  }
  if (due < dial_.deadline()) io_.timers().schedule(timer_, due);
}

void H2Conn::give_up_impatient() {
  H2Call* next = nullptr;
  for (H2Call* call = waiting_.front(); call != nullptr; call = next) {
    next = waiting_.after(*call);
    if (call->connect_by_ > io_.now()) continue;
    set_aside(*call, base::upstream_error(Errc::connect_timeout, ETIMEDOUT));
  }
  arm_patience();
  tell_failed();
}

void H2Conn::start(H2Call& call) {
  call.since_ = io_.now();
  if (state_ != State::open || !begin(call)) return;
  push_out();
  after_verb();
}

bool H2Conn::begin(H2Call& call) {
  if (free_streams() == 0) return false;
  WireRequest& request = call.request_;
  http::H2FieldList fields;
  io::Slice& first = request.first;
  const std::size_t head_bytes =
      fields.read_request({first.data(), first.size()}, stream().is_tls() ? "https" : "http");
  HEADRACE_ASSERT(head_bytes != 0);
  io::Slice head(*first.buffer(), first.data(), head_bytes);
  const bool ends = request.first.size() == head_bytes && request.second.empty();
  if (!session_.request(call, fields, std::move(head), ends)) return false;
  call.link.unlink();
  running_.push_back(call);
  call.begun_ = true;
  ++begun_;
  if (!call.reused_) pool_.owner().note_waited(call.since_);
  const base::Nanos tls_began = call.reused_ ? 0 : stream().connected_at();
  const base::Nanos now = io_.clock();  // within the turn: from the pool it takes microseconds
  call.owner_->wire = {now, ends ? now : 0, tls_began};
  first.drop_front(head_bytes);
  if (!ends) {
    for (io::Slice* piece : {&request.first, &request.second, &request.third}) {
      session_.write(call, std::move(*piece));
    }
    session_.finish(call);
  }
  request = {};
  if (call.paused_) session_.hold(call);
  if (!pinged_ && io_.now() - heard_at_ >= limits::kProbeAfter) ping(true);
  return true;
}

// In the order in which they came; one that was added and not sent yet waits for that.
void H2Conn::begin_waiting() {
  H2Call* next = nullptr;
  for (H2Call* call = waiting_.front(); call != nullptr; call = next) {
    next = waiting_.after(*call);
    if (call->owner_ != nullptr && !begin(*call)) return;
  }
}

// Hands over what is due, as long as the socket takes it; the rest waits in the streams.
void H2Conn::push_out() {
  if (inside_ || state_ != State::open) return;
  inside_ = true;
  while (stream().queued_bytes() < limits::kH2SendBytes) {
    session_.produce(out_, limits::kH2SendBytes - stream().queued_bytes());
    if (out_.empty()) break;
    while (!out_.empty()) stream().send(out_.pop());
  }
  stream().set_prompt_sent(stream().queued_bytes() >= limits::kH2SendBytes);
  inside_ = false;
}

void H2Conn::on_sent() {
  push_out();
  after_event();
}

void H2Conn::on_h2_sent(http::H2Stream& stream) {
  if (stream.sent()) of(stream).owner_->wire.request_sent = io_.clock();
}

void H2Conn::cancel(H2Call& call) {
  if (call.open()) {
    session_.reset(call, H2Code::cancel);
    ++cancels_;
    pool_.note_reset(true);
  }
  release(call);
  push_out();
  after_verb();
}

void H2Conn::pause(H2Call& call) {
  call.paused_ = true;
  if (call.open()) session_.hold(call);
}

void H2Conn::resume(H2Call& call) {
  call.paused_ = false;
  if (!call.open()) return;
  session_.release(call);
  push_out();
  after_verb();
}

// -- answers

void H2Conn::on_data(io::Slice slice) {
  if (state_ != State::open) return;
  heard_at_ = io_.now();
  pinged_ = false;
  inside_ = true;
  session_.receive(std::move(slice), io_.now());
  if (session_.greeted()) origin_.note_streams(std::max<std::size_t>(session_.most(), 1));
  begin_waiting();
  inside_ = false;
  push_out();
  after_event();
}

void H2Conn::on_h2_answer(http::H2Stream& stream,
                          const http::ResponseHead& head,
                          const http::Fields& fields,
                          base::Bytes text) {
  of(stream).answer_started_ = true;
  of(stream).owner_->on_answer_head(head, fields, text);
}

void H2Conn::on_h2_data(http::H2Stream& stream, io::Slice piece) {
  of(stream).owner_->on_answer_body(std::move(piece));
}

void H2Conn::on_h2_end(http::H2Stream& stream) {
  Warmer::note_good(origin_);
  release(of(stream))->on_answer_end();
}

// This may come while a verb of some other call hands over frames: its owner learns of it later.
void H2Conn::on_h2_closed(http::H2Stream& stream, H2Code code) {
  pool_.note_reset(false);
  if (code == H2Code::refused_stream) refused_at_ = io_.now();
  base::Error error = error_of(code);
  if (of(stream).answer_started_) error.retry = base::Retry::next_target;
  set_aside(of(stream), error);
}

// Those that run may run on; those that wait have nothing to wait for.
void H2Conn::on_h2_goaway() {
  if (!draining_) origin_.age_span().note_end(io_.now() - opened_at_);
  draining_ = true;
  pool_.note_goaway(*this);
  while (H2Call* call = waiting_.front()) set_aside(*call, error_of(H2Code::refused_stream));
}

// -- time

void H2Conn::arm_timer() {
  base::Nanos due =
      pinged_ ? pinged_at_ + limits::kH2PingTimeout : heard_at_ + limits::kH2PingEvery;
  if (calls_ == 0) due = std::min(due, idle_since_ + limits::kH2IdleTimeout);
  if (pinged_ && probed_) due = std::min(due, pinged_at_ + limits::kProbeTimeout);
  const base::Nanos old_at = opened_at_ + origin_.age_span().safe();
  if (old_at > io_.now()) due = std::min(due, old_at);
  // What happens moves the deadlines on; the timer finds that out when it fires.
  if (!timer_.scheduled() || timer_.deadline() > due) io_.timers().schedule(timer_, due);
}

void H2Conn::on_timer() {
  if (state_ == State::connecting) return give_up_impatient();
  const base::Nanos now = io_.now();
  if (pinged_ && now - pinged_at_ >= limits::kH2PingTimeout) {
    fail(base::upstream_error(Errc::upstream_reset, ETIMEDOUT));
    return;
  }
  if (pinged_ && probed_ && now - pinged_at_ >= limits::kProbeTimeout) give_up_unanswered();
  if (calls_ == 0 && now - idle_since_ >= limits::kH2IdleTimeout) {
    if (!pool_.keeps(*this)) return retire();
    idle_since_ = now;
  }
  if (!pinged_ && now - heard_at_ >= limits::kH2PingEvery) ping(false);
  push_out();
  after_event();
}

void H2Conn::ping(bool probe) {
  pinged_ = true;
  probed_ = probe;
  pinged_at_ = io_.now();
  session_.ping();
}

// A PING that went with a request is not answered: who waits for an answer asks elsewhere. What
// runs may still come through, until the PING's own time is over.
void H2Conn::give_up_unanswered() {
  probed_ = false;
  draining_ = true;
  H2Call* next = nullptr;
  for (H2Call* call = running_.front(); call != nullptr; call = next) {
    next = running_.after(*call);
    if (call->answer_started_) continue;
    if (call->open()) session_.reset(*call, H2Code::cancel);
    set_aside(*call, error_of(H2Code::refused_stream));
  }
  pool_.note_worn(*this);
}

// Owners hear nothing from inside their own verbs.
void H2Conn::after_verb() {
  if (inside_ || state_ != State::open) return;
  if (session_.ended() || !failed_.empty()) {
    io_.timers().schedule(timer_, io_.now());
  } else if (!rest()) {
    arm_timer();
  }
}

void H2Conn::after_event() {
  if (state_ != State::open) return;
  tell_failed();
  if (state_ != State::open) return;
  if (session_.ended()) {
    fail(base::upstream_error(Errc::upstream_protocol));
  } else if (!rest()) {
    arm_timer();
  }
}

// Is it tired, is it over? True when it has ended.
bool H2Conn::rest() {
  if (cancels_ >= limits::kH2Cancels) draining_ = true;
  const bool in_use = calls_ != 0 || io_.now() - idle_since_ < limits::kPoolIdleTimeout;
  if (tired() && in_use && !successor_asked_) {
    successor_asked_ = true;
    pool_.want_successor(*this);
  }
  if (tired()) pool_.note_worn(*this);
  if (calls_ != 0 || (!draining_ && !pool_.closing())) return false;
  retire();
  return true;
}

void H2Conn::drain() {
  draining_ = true;
  if (state_ == State::connecting && calls_ == 0) {
    retire();
  } else {
    after_verb();
  }
}

// -- the ways to die

// The call and its connection part.
AnswerOwner* H2Conn::release(H2Call& call) {
  AnswerOwner* owner = std::exchange(call.owner_, nullptr);
  call.link.unlink();
  if (call.begun_) --begun_;
  --calls_;
  idle_since_ = io_.now();
  pool_.destroy(call);
  pool_.note(*this);
  return owner;
}

void H2Conn::set_aside(H2Call& call, base::Error error) {
  call.failure_ = error;
  call.link.unlink();
  failed_.push_back(call);
}

void H2Conn::tell_failed() {
  while (H2Call* call = failed_.front()) {
    const base::Error error = call->failure_;
    if (AnswerOwner* owner = release(*call)) owner->on_answer_failed(error);
  }
}

void H2Conn::on_eof() {
  if (state_ != State::closing) fail(base::upstream_error(Errc::upstream_closed));
}

void H2Conn::on_error(base::Error error) {
  if (state_ != State::closing) {
    fail(base::upstream_error(Errc::upstream_reset, error.os_errno));
  }
}

// Every call ends. As with HTTP/1.1: what a connection that was there before had not begun to
// answer may be asked again on a new one; so may what never got onto the wire of any.
void H2Conn::fail(base::Error error) {
  const bool was_open = state_ == State::open;
  note_death();
  for (CallList* list : {&running_, &waiting_}) {
    while (H2Call* call = list->front()) {
      base::Error told = error;
      const bool unanswered = call->reused_ && !call->answer_started_;
      if (unanswered || (was_open && !call->begun_)) told.retry = base::Retry::same_target;
      if (call->open()) session_.forget(*call);
      set_aside(*call, told);
    }
  }
  state_ = State::closing;
  tell_failed();
  retire();
}

// One that never served anybody and goes so soon says that the server is not well.
void H2Conn::note_death() {
  const bool young = !used_ && io_.now() - opened_at_ < limits::kYoungConnection;
  if (is_spare_ || (state_ == State::open && young))
    pool_.owner().warmer().note_died_young(origin_);
}

// Where nothing has to be closed first, it is gone at once.
void H2Conn::retire() {
  HEADRACE_ASSERT(!inside_);
  HEADRACE_ASSERT(calls_ == 0);
  io_.timers().cancel(timer_);
  dial_.stop();
  note_claimed();
  state_ = State::closing;
  pool_.note(*this);
  pool_.note_worn(*this);
  if (lane_ == nullptr) {
    pool_.bury(*this);
  } else {
    stream().close(io::CloseHow::orderly);
  }
}

void H2Conn::on_closed() {
  HEADRACE_ASSERT(state_ == State::closing);
  pool_.owner().release(*std::exchange(lane_, nullptr));
  pool_.bury(*this);
}

}  // namespace headrace::upstream
