// Answers that went on without their client: whose they may be, that they say in the end what they
// cost, and that nothing else came of them.
#include "judge.h"

namespace headrace::sim {

namespace {

bool drained(const Record& record) {
  return (record.flags & record_flag::kDrained) != 0;
}

// The whole answer as it was meant to be, and nothing that could make it doubtful.
bool is_sound(const AnswerPlan& answer) {
  return answer.fault == Fault::none && answer.ending == Ending::keep && !answer.broken_http &&
         !answer.unreadable && !answer.until_close && answer.cut == answer.wire.size();
}

}  // namespace

// An attempt lost its client: then it went on if its provider drains and all of it had left, and
// else it did not.
void Judge::judge_drained(const RequestRecords& of, const RequestPlan& plan) {
  const auto id = number(plan.id);
  const Record& request = of.requests.front();
  for (const Tried& tried : attempts_of(of)) {
    const Record& record = *tried.record;
    const bool left = tried.code() == Errc::client_closed || tried.code() == Errc::client_stalled;
    const bool may = left && scenario_.providers[record.provider].drains;
    // A request that the kernel took in parts may have looked as if it had left.
    const bool must = may && record.request_sent_ns != kNoStamp;
    if (drained(record) ? !may : must)
      verdict_.fail("request %llu: its client left, and its answer %s",
                    id,
                    must ? "was not read on" : "was read on");
    if (!drained(record)) continue;
    ++drained_;
    ++tally_.drained;
    if (&tried != &attempts_of(of).back())
      verdict_.fail("request %llu: asked again although its client was gone", id);
    if (!drained(request) || request.status != 499)
      verdict_.fail("request %llu: read on, and the request's record does not say so", id);
    if ((record.flags & record_flag::kClientClosed) == 0 || record.cancel_ns != kNoDuration)
      verdict_.fail("request %llu: read on, and on record as cancelled", id);
    judge_drained_usage(tried);
  }
  if (drained(request) && (of.attempts.empty() || !drained(of.attempts.back())))
    verdict_.fail("request %llu: no attempt of it was read on", id);
}

// What the provider said, if it was heard to its end; and it was, unless something came between.
void Judge::judge_drained_usage(const Tried& tried) {
  const Record& record = *tried.record;
  if (tried.serving == nullptr) return;  // nothing of it had arrived
  const Serving& serving = *tried.serving;
  const AnswerPlan& answer = serving.answer;
  const auto id = number(serving.request->id);
  const bool estimated = (record.flags & record_flag::kUsageEstimated) != 0;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  bool any = false;
  for (std::size_t i = 0; i < kTokenClasses; ++i) {
    if (record.tokens[i] == kNoTokens) continue;
    any = true;
    (i < static_cast<std::size_t>(TokenClass::output) ? in : out) += record.tokens[i];
  }
  const bool whole = is_sound(answer) && serving.answer_over();
  tally_.drained_whole += whole ? 1 : 0;
  if (whole && answer.content.has_usage && (!any || estimated))
    verdict_.fail("request %llu: heard to its end, and its usage is %s",
                  id,
                  any ? "an estimate" : "not known");
  if (!any || estimated || !answer.content.has_usage || answer.status != 200) return;
  if (in != answer.content.tokens_in || out != answer.content.tokens_out)
    verdict_.fail("request %llu: usage of %llu and %llu tokens, and it was %llu and %llu",
                  id,
                  number(in),
                  number(out),
                  number(answer.content.tokens_in),
                  number(answer.content.tokens_out));
}

void Judge::judge_drained_count() {
  if (world_.drained() != drained_)
    verdict_.fail("%llu answers were read on, %llu are on record",
                  number(world_.drained()),
                  number(drained_));
}

// When the worker saw the client of one that went on leave; 0: it did not go on, kNever: that
// cannot be told.
Nanos Judge::left_at(const Record& record, const RequestPlan& plan) const {
  if (!drained(record)) return 0;
  const ClientPeer& client = client_of(plan);
  const bool by_stream = client.plan().h2 && Errc{record.error} == Errc::client_stalled;
  const std::uint64_t turn = by_stream ? 0 : client.turn_gave_up(client.index_of(plan));
  return turn == 0 ? base::kNever : world_.time_of(plan, turn);
}

}  // namespace headrace::sim
