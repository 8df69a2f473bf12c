// What holds of HTTP/2 alone: what is refused unseen is asked again, a client that goes is told by
// RST_STREAM in the same turn, and which failures have a cause in a connection that others share.
#include "h2_client.h"
#include "judge.h"

namespace headrace::sim {

namespace {

// A connection that is left without a stream may end: by a timer, a turn or two later.
constexpr std::uint64_t kCloseTurns = 3;

}  // namespace

// A client over HTTP/2: every stream for itself.
void Judge::judge_h2_client(const ClientPeer& peer) {
  const auto& client = static_cast<const H2ClientPeer&>(peer);
  const auto answers = client.answers();
  const bool full = scenario_.clients_max < scenario_.clients.size();
  if (client.goaway_code() != h2::kNoError && !full)
    verdict_.fail("a well-behaved client was told GOAWAY with code %u", client.goaway_code());
  if (client.turned_away() && !full) verdict_.fail("a client was turned away from an empty house");
  tally_.turned_away += client.turned_away() ? 1 : 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const RequestPlan& plan = client.plan().requests[i];
    if (answers[i] != nullptr) {
      ++tally_.h2_answers;
      judge_answer(client, i, *answers[i]);
      continue;
    }
    const bool told = client.was_refused(i) || client.told_to_go() || client.turned_away();
    const bool stays = !client.left_request(i) && !client_may_break(client) && !client.refused();
    if (!stays || told || world_.draining() || !client.begun(i)) continue;
    ++tally_.unanswered;
    // Who gives no window, or takes no bytes, may ask in vain.
    if (client.reading_of(i) == ClientPlan::Reading::normal)
      verdict_.fail("request %llu was never answered", number(plan.id));
  }
}

// Whether a call was on the wire yet, or what of its connection it learned first, cannot always be
// told from outside. That the provider refused it, and that this arrived, can.
Stale Judge::h2_stale_of(const Tried& tried, bool broke) const {
  const Provider& provider = world_.provider(tried.record->provider);
  if (tried.code() == Errc::upstream_protocol)
    return provider.breaches != 0 ? Stale::maybe : Stale::no;
  if (!broke) return Stale::no;
  const Serving* serving = tried.serving;
  if (serving == nullptr) return Stale::maybe;
  const bool told = serving->verdict_at != 0 && serving->peer->turn_read(serving->verdict_at) != 0;
  if (!told) return Stale::maybe;
  return serving->refused ? Stale::yes : Stale::no;
}

bool Judge::is_h2_justified(Errc code, const Tried& tried) const {
  const bool resets = scenario_.faults.reset > 0;
  const Provider& provider = world_.provider(tried.record->provider);
  if (tried.serving == nullptr) {
    const bool lost = provider.ends != 0 || provider.refusals != 0 || provider.mutes != 0 || resets;
    return (code == Errc::upstream_closed && provider.ends != 0) ||
           (code == Errc::upstream_reset && lost) ||
           (code == Errc::upstream_protocol && provider.breaches != 0);
  }
  const Serving& serving = *tried.serving;
  const AnswerPlan& answer = serving.answer;
  const ProviderConn& peer = *serving.peer;
  const std::uint64_t read = answer.payload_read(serving.bytes_read());
  const bool stream_reset = answer.ending == Ending::stream_reset;
  switch (code) {
    case Errc::upstream_closed:
      return peer.ended_by_script();
    case Errc::upstream_reset:
      return peer.ended_by_script() || resets || peer.mute() || serving.refused || stream_reset ||
             answer.broken_http;
    case Errc::upstream_protocol:
      return answer.broken_http || answer.unreadable || peer.in_breach() ||
             (stream_reset && answer.reset_code == h2::kProtocolError);
    default:
      return is_said_by(answer, read, code);
  }
}

// What a provider says that it did not look at is asked again, whatever else is the matter.
void Judge::judge_refused(const RequestRecords& of, const RequestPlan& plan) {
  const Tried& last = attempts_of(of).back();
  const bool refused = last.stale && last.serving != nullptr && last.serving->refused;
  if (refused && of.requests.front().error == static_cast<std::uint8_t>(Errc::upstream_reset))
    verdict_.fail("request %llu: refused unseen, and never asked again", number(plan.id));
}

void Judge::judge_h2(const Provider& provider) {
  if (!provider.plan().h2) return;
  for (const auto& peer : provider.peers) peer->check_end(verdict_);
  for (const auto& serving : provider.servings) {
    ++tally_.h2_servings;
    tally_.h2_refused += serving->refused ? 1 : 0;
    judge_cancel(*serving);
  }
}

// The provider learns in the turn that sees the client gone, unless bytes waited for its socket.
void Judge::judge_cancel(const Serving& serving) {
  const H2StreamText& text = *serving.text;
  const ProviderConn& peer = *serving.peer;
  if (serving.client_gone == 0) return;
  const auto id = number(serving.request->id);
  if (!text.reset_by_them) {
    // A connection that has no other stream may go with it, and before its last frame.
    const bool closed =
        peer.turn_gone() != 0 && peer.turn_gone() <= serving.client_gone + kCloseTurns;
    const bool ended = closed || peer.ended_by_script() || peer.saw_reset() || peer.in_breach() ||
                       text.reset_by_us;
    if (!ended) verdict_.fail("request %llu: its client is gone, the provider never knew", id);
    return;
  }
  const std::uint64_t told = peer.turn_offered(text.reset_at);
  if (told < serving.client_gone) return;  // it was given up for another reason
  ++tally_.h2_cancels;
  if (text.reset_code != h2::kCancel)
    verdict_.fail("request %llu: cancelled with code %u", id, text.reset_code);
  if (told > serving.client_gone && !peer.worker_busy(serving.client_gone))
    verdict_.fail("request %llu: its client went in turn %llu, the provider learned in %llu",
                  id,
                  number(serving.client_gone),
                  number(told));
}

}  // namespace headrace::sim
