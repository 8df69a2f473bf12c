// Who was asked, after what, and what became of it when nobody was left: the rules of failover as
// the documents have them, against the records and what the providers saw.
#include <algorithm>
#include <string>

#include "judge.h"

namespace headrace::sim {

namespace limits = base::limits;

namespace {

Meaning meaning_of_status(int said) {
  switch (said) {
    case 401:
    case 402:
      return Meaning::credential;
    case 403:
    case 404:
      return Meaning::pair;
    case 408:
    case 409:
      return Meaning::target;
    case 429:
    case 498:
      return Meaning::limited;
    default:
      return said < 500 ? Meaning::request : Meaning::target;
  }
}

// What a client of OpenAI's dialect is told of a provider's refusal when nobody is left.
int told_status(int said) {
  switch (said) {
    case 401:
      return 502;
    case 408:
    case 504:
      return 504;
    case 498:
      return 429;
    case 529:
      return 503;
    default:
      return said;
  }
}

int status_of(Errc code) {
  switch (code) {
    case Errc::bad_request:
    case Errc::bad_json:
    case Errc::bad_field:
      return 400;
    case Errc::head_too_large:
      return 431;
    case Errc::uri_too_long:
      return 414;
    case Errc::body_too_large:
      return 413;
    case Errc::unsupported_coding:
      return 501;
    case Errc::unsupported_media:
      return 415;
    case Errc::misdirected:
      return 421;
    case Errc::method_not_allowed:
      return 405;
    case Errc::upgrade_refused:
      return 426;
    case Errc::no_such_path:
    case Errc::no_such_model:
      return 404;
    case Errc::request_timeout:
      return 408;
    case Errc::invalid_key:
      return 401;
    case Errc::model_not_allowed:
      return 403;
    case Errc::requests_limited:
    case Errc::tokens_limited:
    case Errc::concurrency_limited:
      return 429;
    case Errc::connect_timeout:
    case Errc::first_token_timeout:
    case Errc::idle_timeout:
    case Errc::total_timeout:
      return 504;
    case Errc::overloaded:
    case Errc::draining:
    case Errc::out_of_files:
      return 503;
    default:
      return 502;
  }
}

int told_towards(api::Family family, int status) {
  if (family == api::Family::openai) return status;
  return status == 502 ? 500 : status == 503 ? 529 : status;
}

// Also where the words behind the head never came.
bool hints_at_wait(const Tried& tried) {
  return tried.serving != nullptr && tried.serving->heard() &&
         tried.serving->answer.status >= 400 && tried.serving->answer.retry_after >= 0 &&
         tried.serving->answer.may_retry;
}

}  // namespace

Meaning Judge::meaning_of(const Tried& tried) {
  switch (tried.code()) {
    case Errc::ok:
      return Meaning::none;
    case Errc::upstream_status:
      if (tried.serving == nullptr) return Meaning::ours;
      // What is said of a key of the client's own is the client's to hear.
      if (tried.serving->credential == kBroughtKey &&
          meaning_of_status(tried.serving->answer.said) == Meaning::credential)
        return Meaning::request;
      return meaning_of_status(tried.serving->answer.said);
    case Errc::invalid_key:
    case Errc::client_closed:
    case Errc::client_stalled:
    case Errc::total_timeout:
    case Errc::draining:
    case Errc::overloaded:
    case Errc::out_of_files:
      return Meaning::ours;
    default:
      return Meaning::target;
  }
}

// -- which record belongs to what a provider saw

void Judge::match_servings() {
  for (const auto& [id, of] : world_.records()) {
    Attempts& attempts = attempts_[&of];
    for (const Record& record : of.attempts) {
      attempts.push_back({&record, nullptr});
      Nanos& first = first_failures_.try_emplace(record.provider, base::kNever).first->second;
      const bool left =
          Errc{record.error} == Errc::client_closed || Errc{record.error} == Errc::client_stalled;
      if (record.error != 0 && !left) first = std::min(first, attempts.back().ended());
    }
    if (of.requests.size() != 1) continue;
    const RequestPlan* plan = plan_of(of.requests.front());
    if (plan == nullptr) continue;
    for (Serving* serving : world_.servings_of(plan->id)) {
      const Tried* tried = tried_at(attempts, *serving);
      if (tried != nullptr) serving->over_turn = world_.turn_at(*plan, tried->ended());
      if (tried == nullptr)
        verdict_.fail("request %llu: a provider saw an attempt that is not on record",
                      number(plan->id));
    }
    settle_stale(attempts);
  }
}

// A retry on a new connection is the last of its kind: what becomes of it counts. Where it cannot
// be told from outside, what followed says what it was.
void Judge::settle_stale(Attempts& attempts) const {
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    if (i != 0 && attempts[i - 1].stale) continue;
    const bool same_again =
        i + 1 < attempts.size() && attempts[i + 1].record->target == attempts[i].record->target;
    const Stale stale = stale_of(attempts[i]);
    attempts[i].stale = stale == Stale::yes || (stale == Stale::maybe && same_again);
  }
}

// It went over a used connection that had ended by then, and nobody saw anything of it.
Stale Judge::stale_of(const Tried& tried) const {
  const Errc code = tried.code();
  const bool heard = tried.serving != nullptr && tried.serving->heard();
  if (heard || (tried.record->flags & record_flag::kCommitted) != 0) return Stale::no;
  const bool broke = code == Errc::upstream_closed || code == Errc::upstream_reset;
  if (world_.provider(tried.record->provider).plan().h2) return h2_stale_of(tried, broke);
  const bool reused = (tried.record->flags & record_flag::kReusedConnection) != 0;
  if (!reused || !broke) return Stale::no;
  // What came behind the answer before may have looked like the beginning of this one.
  return has_strays(tried.record->provider) ? Stale::maybe : Stale::yes;
}

// The attempt during which the request's first byte left. Attempts follow one another, so only one
// that ends in the turn in which the next begins may be in doubt.
const Tried* Judge::tried_at(Attempts& attempts, const Serving& serving) const {
  const std::uint64_t turn = serving.peer->turn_offered(serving.request_begin + 1);
  if (turn == 0) return nullptr;
  const Nanos time = world_.time_of(*serving.request, turn);
  for (auto tried = attempts.rbegin(); tried != attempts.rend(); ++tried) {
    if (tried->serving != nullptr || tried->record->provider != serving.provider) continue;
    // Over HTTP/2 it may have waited behind what others said, and its end behind it.
    const bool waited = serving.answer.h2 && serving.text->reset_by_them;
    if (tried->began() > time || (tried->ended() < time && !waited)) continue;
    tried->serving = &serving;
    return &*tried;
  }
  return nullptr;
}

// -- one after the other

void Judge::judge_attempts(const RequestRecords& of, const RequestPlan& plan) {
  const Record& request = of.requests.front();
  const config::Snapshot& snapshot = snapshot_of(request);
  const config::Route& route = snapshot.routes[plan.route];
  const Attempts& attempts = attempts_of(of);
  const auto id = number(plan.id);
  std::uint32_t first_target = 0;
  for (std::size_t i = 0; i < plan.route; ++i)
    first_target += static_cast<std::uint32_t>(snapshot.routes[i].targets.size());
  std::size_t last_wait = 0;
  std::uint32_t asked = 0;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const Record& record = *attempts[i].record;
    const std::uint32_t target = record.target - first_target;
    if (target >= route.targets.size() || route.targets[target].provider != record.provider)
      verdict_.fail("request %llu: attempt %zu at no target of its route", id, i);
    if (record.attempt != i) verdict_.fail("request %llu: attempts out of order", id);
    if (record.error != 0 && !is_justified(record, attempts[i], &plan))
      verdict_.fail("request %llu: attempt %zu ends in %s without cause",
                    id,
                    i,
                    base::name_of(attempts[i].code()).data());
    if (i + 1 < attempts.size() && (record.flags & record_flag::kCommitted) != 0)
      verdict_.fail("request %llu: asked again behind the commit point", id);
    if (i == 0 && plan.auth != Auth::brought) judge_order(attempts[i], route);
    bool waited = false;
    if (i != 0) judge_next(attempts, i, last_wait, waited);
    if (waited) last_wait = i;
    if (i == 0 || !attempts[i - 1].stale) ++asked;
  }
  if (asked > route.attempts)
    verdict_.fail("request %llu: %u attempts of %u", id, asked, route.attempts);
  if (!attempts.empty() && asked < route.attempts && plan.auth != Auth::brought)
    judge_surrender(of, plan);
  if (!attempts.empty()) judge_refused(of, plan);
}

// Why was this one asked, after those before it?
void Judge::judge_next(const Attempts& attempts,
                       std::size_t next,
                       std::size_t last_wait,
                       bool& waited) {
  const Tried& now = attempts[next];
  const Tried& before = attempts[next - 1];
  const auto id = number(now.serving == nullptr ? 0 : now.serving->request->id);
  if (now.began() < before.ended()) verdict_.fail("request %llu: two attempts at a time", id);
  if (before.stale) {
    ++tally_.retries;
    if (now.record->target != before.record->target)
      verdict_.fail("request %llu: a stale connection led to another target", id);
    // One that was ready and never used is as good as a new one; so is, over HTTP/2, one that has
    // just spoken, if it is another than that which refused.
    const bool used = now.serving != nullptr && !now.serving->first_of_connection &&
                      (!world_.provider(now.serving->provider).plan().h2 ||
                       (before.serving != nullptr && before.serving->peer == now.serving->peer));
    if (used && (now.record->flags & record_flag::kReusedConnection) != 0)
      verdict_.fail("request %llu: a retry on a reused connection", id);
    return;
  }
  const Meaning why = meaning_of(before);
  if (why == Meaning::none || why == Meaning::request || why == Meaning::ours)
    verdict_.fail("request %llu: asked again after %s", id, base::name_of(before.code()).data());
  bool struck = false;
  for (std::size_t i = 0; i < next; ++i) {
    const Tried& tried = attempts[i];
    const bool known = tried.serving != nullptr && now.serving != nullptr;
    const bool same_target = tried.record->target == now.record->target;
    const bool same_key = known && tried.record->provider == now.record->provider &&
                          tried.serving->credential == now.serving->credential;
    switch (tried.stale ? Meaning::none : meaning_of(tried)) {
      case Meaning::credential:
        struck = struck || same_key;
        break;
      case Meaning::pair:
      case Meaning::limited:
        struck = struck || (same_target && same_key);
        break;
      case Meaning::target:
        struck = struck || same_target;
        break;
      default:
        break;
    }
    const bool hinted = i >= last_wait && same_target && (same_key || !known) &&
                        hints_at_wait(tried) && meaning_of(tried) != Meaning::credential &&
                        meaning_of(tried) != Meaning::pair;
    waited = waited || (hinted && now.began() >= tried.ended() + tried.serving->answer.retry_after);
  }
  if (struck && !waited) verdict_.fail("request %llu: asked again where it was refused", id);
  waited = struck;
  ++(struck ? tally_.waits : tally_.failovers);
}

bool Judge::failed_before(std::size_t provider, Nanos time) const {
  const auto found = first_failures_.find(provider);
  return found != first_failures_.end() && found->second <= time;
}

// Targets come by priority, unless one of those before has failed somebody already.
void Judge::judge_order(const Tried& first, const config::Route& route) {
  std::uint32_t asked = UINT32_MAX;
  const auto tier = [&](std::size_t i) {
    const std::uint32_t priority = route.targets[i].priority;
    return priority != 0 ? priority : static_cast<std::uint32_t>(i) + 1;
  };
  for (std::size_t i = 0; i < route.targets.size(); ++i) {
    if (route.targets[i].provider == first.record->provider) asked = std::min(asked, tier(i));
  }
  for (std::size_t i = 0; i < route.targets.size(); ++i) {
    if (tier(i) < asked && !failed_before(route.targets[i].provider, first.began()))
      verdict_.fail("target %zu was passed over", i);
  }
}

// A request that failed although a provider was left that had never failed anybody.
void Judge::judge_surrender(const RequestRecords& of, const RequestPlan& plan) {
  const Record& request = of.requests.front();
  const Attempts& attempts = attempts_of(of);
  const Meaning why = meaning_of(attempts.back());
  const bool over = why == Meaning::none || why == Meaning::request || why == Meaning::ours ||
                    attempts.back().stale;
  const bool ours = meaning_of({&request, nullptr}) == Meaning::ours &&
                    Errc{request.error} != Errc::upstream_status;
  if (over || ours || request.status == 499 || (request.flags & record_flag::kCommitted) != 0)
    return;
  const Nanos time = attempts.back().ended();
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  for (const auto& [key, list] : attempts_) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].began() > time) continue;
      ++(i == 0 ? requests : retries);
    }
  }
  if (5 * (retries + 1) > 5 * static_cast<std::uint64_t>(limits::kRetryStart) + requests) return;
  for (const config::Target& target : snapshot_of(request).routes[plan.route].targets) {
    if (!failed_before(target.provider, time))
      verdict_.fail("request %llu: provider %zu was left", number(plan.id), target.provider);
  }
}

// Retries within a fifth of the requests, and those that are free at the start; at any time.
void Judge::judge_budget() {
  std::vector<std::pair<Nanos, bool>> asked;  // when, and whether it was a retry
  for (const auto& [of, attempts] : attempts_) {
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      if (i != 0 && attempts[i - 1].stale) continue;
      asked.emplace_back(attempts[i].began(), i != 0);
    }
  }
  std::sort(asked.begin(), asked.end());
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  for (const auto& [time, retry] : asked) {
    ++(retry ? retries : requests);
    if (5 * retries > 5 * static_cast<std::uint64_t>(limits::kRetryStart) + requests) {
      verdict_.fail("%llu retries of %llu requests", number(retries), number(requests));
      return;
    }
  }
}

// -- what the client is told

int Judge::told_of(const Case& c) const {
  const Record& record = c.records->requests.front();
  const Errc code{record.error};
  if (code != Errc::upstream_status) return told_towards(c.plan->family, status_of(code));
  if (c.serving == nullptr) return 0;
  const int said = c.serving->answer.said;
  const bool odd = said > 400 && said < 500 && meaning_of_status(said) == Meaning::request;
  const int told = odd && said != 413 ? 400 : told_status(said);  // in words of ours
  return told_towards(c.plan->family, told);
}

}  // namespace headrace::sim
