// The oracle's second half: records, their causes, and attempts as providers saw them.
#include <algorithm>
#include <map>
#include <utility>

#include "judge.h"

namespace headrace::sim {
namespace {

constexpr Nanos kSlack = 100 * base::kMillisecond;  // late completions, the timer's millisecond

}  // namespace

// -- the records

void Judge::judge_records() {
  std::uint64_t requests = 0;
  std::vector<std::uint64_t> sizes;
  for (const auto& [id, of] : world_.records()) {
    requests += of.requests.size();
    if (of.requests.size() != 1) {
      verdict_.fail("%zu request records of %s", of.requests.size(), id.c_str());
      continue;
    }
    const Record& record = of.requests.front();
    const RequestPlan* plan = plan_of(record);
    if (plan != nullptr) sizes.push_back(record.bytes_in);
    judge_record(record, of, plan);
    if (plan != nullptr) judge_attempts(of, *plan);
    if (plan != nullptr) judge_drained(of, *plan);
  }
  judge_drained_count();
  std::sort(sizes.begin(), sizes.end());
  if (std::adjacent_find(sizes.begin(), sizes.end()) != sizes.end())
    verdict_.fail("a request is on record twice");
  if (requests != world_.requests_begun()) {
    verdict_.fail("%llu requests, %llu records", number(world_.requests_begun()), number(requests));
  }
  tally_.requests += requests;
  judge_keys();
}

void Judge::judge_record(const Record& record, const RequestRecords& of, const RequestPlan* plan) {
  const auto id = number(plan == nullptr ? 0 : plan->id);
  const config::Snapshot& snapshot = snapshot_of(record);
  const Errc code{record.error};
  ++tally_.errors[record.error];
  if (record.attempts != of.attempts.size()) {
    verdict_.fail(
        "request %llu: %d attempts, %zu records of them", id, record.attempts, of.attempts.size());
  }
  const Attempts& attempts = attempts_of(of);
  const Tried last = attempts.empty() ? Tried{} : attempts.back();
  if (code != Errc::ok && !is_justified(record, last, plan)) {
    verdict_.fail(
        "request %llu: ends in %s without cause", id, std::string(base::name_of(code)).c_str());
  }
  const bool gone = code == Errc::client_closed || code == Errc::client_stalled;
  if (gone && record.status != 499)
    verdict_.fail("request %llu: a client that left, status %d", id, record.status);
  const Nanos total = plan == nullptr ? 0 : snapshot.routes[plan->route].total_timeout;
  const Nanos reading = longest_reading() +
                        static_cast<Nanos>(record.bytes_in) * base::kMillisecond +
                        2 * base::kSecond;
  if (record.settled_ns > std::max(total, reading) + kSlack) {
    verdict_.fail("request %llu: over %.3f s after it began",
                  id,
                  static_cast<double>(record.settled_ns) / 1e9);
  }
}

// Every error needs a cause in the scripts, in the faults of the network, or in time that really
// passed. Of a request or of an attempt; then `last` is it.
bool Judge::is_justified(const Record& record, const Tried& last, const RequestPlan* plan) {
  const config::Snapshot& snapshot = snapshot_of(record);
  const Errc code{record.error};
  switch (code) {
    case Errc::client_closed:
      return plan == nullptr || may_have_gone(client_of(*plan), *plan);
    case Errc::client_stalled:
      return plan == nullptr || may_stall(client_of(*plan), *plan);
    case Errc::request_timeout:
      return record.settled_ns >= shortest_reading();
    case Errc::draining:
      return world_.draining();
    case Errc::overloaded:
      return scenario_.upstreams_max < 1000;
    case Errc::out_of_files:
      return scenario_.faults.connect_no_files > 0;
    default:
      break;
  }
  if (plan == nullptr) return record.attempts == 0 && record.blame == 0;  // the request's own fault
  if (code == Errc::invalid_key) return plan->auth == Auth::brought;
  if (code == Errc::model_not_allowed)
    return plan->auth == Auth::good && scenario_.keys[plan->key].only_route != plan->route;
  if (is_limit(code)) return plan->auth == Auth::good;  // judged with the key
  const config::Route& route = snapshot.routes[plan->route];
  if (code == Errc::total_timeout) return record.settled_ns >= route.total_timeout;
  if (last.record == nullptr) return false;
  const Nanos waited = last.record->settled_ns - last.record->dispatched_ns;
  switch (code) {
    case Errc::first_token_timeout:
      return route.first_token_timeout != 0 && waited >= route.first_token_timeout;
    case Errc::idle_timeout:
      return waited >= route.idle_timeout;
    case Errc::connect_timeout:
      return waited >= route.connect_timeout || record.settled_ns >= route.total_timeout;
    case Errc::connect_failed:
      return world_.provider(last.record->provider).was_away();
    default:
      return is_upstream_justified(code, last);
  }
}

bool is_said_by(const AnswerPlan& answer, std::uint64_t read, Errc code) {
  switch (code) {
    case Errc::upstream_redirect:
      return answer.fault == Fault::redirect;
    case Errc::upstream_status:
      if (answer.stream) return answer.has_failure(read);
      return answer.said != 0 && read == answer.whole_payload();
    case Errc::upstream_truncated:
      return answer.stream && !answer.has_stream_end(read);
    default:
      return false;
  }
}

bool Judge::is_upstream_justified(Errc code, const Tried& tried) {
  const bool resets = scenario_.faults.reset > 0;
  const std::size_t provider = tried.record->provider;
  if (world_.provider(provider).plan().h2) return is_h2_justified(code, tried);
  const bool stale = world_.provider(provider).ends != 0 || has_strays(provider);
  if (tried.serving == nullptr) {
    return (code == Errc::upstream_closed && stale) ||
           (code == Errc::upstream_reset && (stale || resets)) ||
           (code == Errc::upstream_protocol && has_strays(provider));
  }
  const AnswerPlan& answer = tried.serving->answer;
  const bool ended = tried.serving->peer->ended_by_script();
  const std::uint64_t read = answer.payload_read(tried.serving->bytes_read());
  switch (code) {
    case Errc::upstream_closed:
      return ended;
    case Errc::upstream_reset:
      return ended || resets;
    case Errc::upstream_protocol:
      return answer.broken_http || answer.unreadable || has_strays(provider);
    default:
      return is_said_by(answer, read, code);
  }
}

// Bytes behind a whole answer that come only when the next request is on its way look like its
// answer.
bool Judge::has_strays(std::size_t provider) const {
  if (world_.provider(provider).plan().h2) return false;
  const auto& servings = world_.provider(provider).servings;
  return std::any_of(servings.begin(), servings.end(), [](const auto& serving) {
    return serving->answer.fault == Fault::extra_bytes;
  });
}

// A connection that brought bytes behind a whole answer is not used again.
void Judge::judge_reuse(const Provider& provider) {
  if (provider.plan().h2) return;
  std::map<const ProviderConn*, const Serving*> last;  // looked up only
  for (const auto& serving : provider.servings) {
    const ProviderConn& peer = *serving->peer;
    const Serving* before = std::exchange(last[&peer], serving.get());
    if (before == nullptr || before->answer.fault != Fault::extra_bytes) continue;
    const AnswerPlan& plan = before->answer;
    const std::uint64_t stray = peer.turn_read(before->answer_begin + plan.complete_at + 1);
    const std::uint64_t offered = peer.turn_offered(serving->request_begin + 1);
    if (stray != 0 && stray < offered) {
      verdict_.fail("request %llu went over a spoilt connection", number(serving->request->id));
    }
  }
}

void Judge::judge_servings() {
  for (std::size_t i = 0; i < scenario_.providers.size(); ++i) {
    judge_reuse(world_.provider(i));
    judge_h2(world_.provider(i));
  }
}

}  // namespace headrace::sim
