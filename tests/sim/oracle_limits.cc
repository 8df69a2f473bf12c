// Who may ask, and how much: every refusal against the plans, and the counts of each key replayed
// from the records of all workers.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "judge.h"

namespace headrace::sim {
namespace {

// Of the answer to a stranger, all that could tell one stranger from another.
std::string told_to_stranger(const Message& answer) {
  constexpr std::array<std::string_view, 6> kDiffer = {"date",
                                                       "x-headrace-request-id",
                                                       "x-headrace-overhead-us",
                                                       "server-timing",
                                                       "connection",
                                                       "keep-alive"};
  std::string text = std::to_string(answer.status()) + "\n";
  for (const auto& [name, value] : answer.fields) {
    if (std::find(kDiffer.begin(), kDiffer.end(), name) == kDiffer.end())
      text += name + ": " + value + "\n";
  }
  return text + answer.body;
}

const char* scope_of(Errc code) {
  if (code == Errc::requests_limited) return "requests";
  return code == Errc::tokens_limited ? "tokens" : "concurrency";
}

std::uint64_t estimate_of(const RequestPlan& plan) {
  return plan.body.size() / 4 + 1 + (plan.max_tokens == 0 ? 1024 : plan.max_tokens);
}

// The documents' minute: it begins with an admission, in steps of 0.1 s rounded up.
class Minute {
 public:
  void move_to(Nanos now) {
    if (used != 0 && now / kStep - stamp_ < 600) return;
    rolled = rolled || used != 0;
    used = 0;
    stamp_ = (now + kStep - 1) / kStep;
  }
  Nanos stamp() const { return stamp_; }
  std::uint64_t used = 0;
  bool rolled = false;

 private:
  static constexpr Nanos kStep = 100 * base::kMillisecond;
  Nanos stamp_ = 0;
};

struct Event {
  // Within one turn in that order. `left`: of one that goes on without its client, its place is
  // free. `instant`: an admission and its end in one turn.
  enum class Kind : std::uint8_t { end, left, instant, admission, refusal };
  // Whether the place is kept to the end, or when it came back cannot be told.
  enum class Place : std::uint8_t { kept, came_back, unsure };
  Nanos time;
  Kind kind;
  Errc code;
  std::uint64_t reserved;
  std::uint64_t spent;
  std::uint64_t id;
  Place place = Place::kept;
};

// The counts of one key, event by event.
class Replay {
 public:
  Replay(const KeyPlan& key, Verdict& verdict) : key_(key), verdict_(verdict) {}

  void take(const Event& event) {
    if (std::exchange(turn_, event.time) != event.time) ended_now_ = 0;
    requests_.move_to(event.time);
    tokens.move_to(event.time);
    switch (event.kind) {
      case Event::Kind::end:
        running_ -= event.place == Event::Place::kept ? 1 : 0;
        unsure_ -= event.place == Event::Place::unsure ? 1 : 0;
        ++ended_now_;
        tokens.used -= std::min(tokens.used, event.reserved);
        tokens.used += event.spent;
        return;
      case Event::Kind::left:
        --running_;
        ++ended_now_;
        return;
      case Event::Kind::instant:
        ++ended_now_;
        count_request(event);
        tokens.used += event.spent;
        return;
      case Event::Kind::admission:
        return admit(event);
      case Event::Kind::refusal:
        if (!is_due(event))
          verdict_.fail("request %llu: refused by a limit that was not reached", number(event.id));
        return;
    }
  }

  Minute tokens;

 private:
  void count_request(const Event& event) {
    if (key_.requests != 0 && ++requests_.used > key_.requests)
      verdict_.fail("request %llu: one too many in its minute", number(event.id));
  }

  void admit(const Event& event) {
    count_request(event);
    ++(event.place == Event::Place::unsure ? unsure_ : running_);
    if (key_.concurrency != 0 && running_ > key_.concurrency)
      verdict_.fail("request %llu: one too many at a time", number(event.id));
    tokens.used += event.reserved;
    if (key_.tokens != 0 && !tokens.rolled && tokens.used > key_.tokens)
      verdict_.fail("request %llu: too many tokens in its minute", number(event.id));
  }

  // What ended in the turn of the refusal may have ended behind it.
  bool is_due(const Event& event) const {
    switch (event.code) {
      case Errc::requests_limited:
        return key_.requests != 0 && requests_.used >= key_.requests;
      case Errc::concurrency_limited:
        return key_.concurrency != 0 && running_ + unsure_ + ended_now_ >= key_.concurrency;
      default:
        return key_.tokens != 0 &&
               (tokens.rolled || ended_now_ != 0 || tokens.used + event.reserved > key_.tokens);
    }
  }

  const KeyPlan& key_;
  Verdict& verdict_;
  Minute requests_;
  std::uint64_t running_ = 0;
  std::uint64_t unsure_ = 0;
  std::uint64_t ended_now_ = 0;
  Nanos turn_ = 0;
};

// `left`: when its client left while it went on; 0: it did not, kNever: that cannot be told.
void put_events(const Record& record,
                const RequestPlan& plan,
                const std::vector<Tried>& attempts,
                Nanos left,
                std::vector<Event>& events) {
  const Errc code{record.error};
  const Nanos end = record.start_ns + record.settled_ns;
  const std::uint64_t reserved = estimate_of(plan);
  if (is_limit(code)) events.push_back({end, Event::Kind::refusal, code, reserved, 0, plan.id});
  if (is_limit(code) || (attempts.empty() && code != Errc::total_timeout)) return;
  std::uint64_t spent = 0;
  for (const Tried& tried : attempts) {
    for (const std::uint32_t tokens : tried.record->tokens)
      spent += tokens == kNoTokens ? 0 : tokens;
  }
  // Who was answered without a word on usage spent what was reserved.
  if (spent == 0 && record.status == 200 && !attempts.empty()) spent = reserved;
  const Nanos begun = attempts.empty() ? end : attempts.front().began();
  if (begun == end) {
    events.push_back({end, Event::Kind::instant, code, reserved, spent, plan.id});
    return;
  }
  using Place = Event::Place;
  const Place place = left == 0              ? Place::kept
                      : left == base::kNever ? Place::unsure
                                             : Place::came_back;
  events.push_back({begun, Event::Kind::admission, code, reserved, spent, plan.id, place});
  if (place == Place::came_back)
    events.push_back({left, Event::Kind::left, code, reserved, spent, plan.id, place});
  events.push_back({end, Event::Kind::end, code, reserved, spent, plan.id, place});
}

}  // namespace

// -- one answer

void Judge::judge_admission(const Case& c) {
  const Record& record = c.records->requests.front();
  const Errc code{record.error};
  const auto id = number(c.plan->id);
  const bool untimely = code == Errc::request_timeout || code == Errc::draining ||
                        code == Errc::overloaded || record.status == 499;
  const bool asks =
      c.plan->kind == RequestPlan::Kind::chat || c.plan->kind == RequestPlan::Kind::models;
  if (asks && !untimely && !c.plan->may_ask() && code != Errc::invalid_key)
    verdict_.fail("request %llu: a stranger got through", id);
  if (code == Errc::invalid_key && c.plan->auth != Auth::brought) {
    ++tally_.strangers;
    if (c.plan->may_ask() && c.plan->kind != RequestPlan::Kind::refused)
      verdict_.fail("request %llu: a good key is refused", id);
    if (c.plan->family == api::Family::openai && c.answer->complete) {
      const std::string told = told_to_stranger(*c.answer);
      if (stranger_.empty()) stranger_ = told;
      if (told != stranger_) verdict_.fail("request %llu: one stranger is told more", id);
    }
  }
  if (is_limit(code)) judge_limited(c);
}

// The refusal says which limit, and when to ask again.
void Judge::judge_limited(const Case& c) {
  const Errc code{c.records->requests.front().error};
  const auto id = number(c.plan->id);
  ++tally_.limited;
  const std::string* scope = c.answer->field("x-ratelimit-scope");
  if (scope == nullptr || *scope != scope_of(code))
    verdict_.fail("request %llu: the limit has no name", id);
  const KeyPlan& key = scenario_.keys[c.plan->key];
  const bool hopeless = code == Errc::tokens_limited && estimate_of(*c.plan) > key.tokens;
  const std::string* retry = c.answer->field("x-should-retry");
  const std::string* seconds = c.answer->field("retry-after");
  const std::string* ms = c.answer->field("retry-after-ms");
  if (hopeless ? retry == nullptr || *retry != "false"
               : seconds == nullptr || ms == nullptr || std::atoll(ms->c_str()) < 1 ||
                     std::atoll(ms->c_str()) > 60'100 ||
                     std::atoll(seconds->c_str()) != (std::atoll(ms->c_str()) + 999) / 1000)
    verdict_.fail("request %llu: when to ask again is not told", id);
}

// -- all that a key asked

void Judge::judge_keys() {
  for (std::size_t i = 0; i < scenario_.keys.size(); ++i) judge_key(i);
}

void Judge::judge_key(std::size_t index) {
  const KeyPlan& key = scenario_.keys[index];
  std::vector<Event> events;
  for (const auto& [id, of] : world_.records()) {
    if (of.requests.size() != 1 || of.requests.front().key != index) continue;
    const RequestPlan* plan = plan_of(of.requests.front());
    if (plan == nullptr) continue;
    const Record& record = of.requests.front();
    put_events(record, *plan, attempts_of(of), left_at(record, *plan), events);
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return std::tie(a.time, a.kind, a.id) < std::tie(b.time, b.kind, b.id);
  });
  Replay replay(key, verdict_);
  for (const Event& event : events) replay.take(event);
  const policy::KeyLimits& limits = world_.limits_of(index);
  if (limits.running.running() != 0)
    verdict_.fail("%llu places of %s are kept", number(limits.running.running()), key.name.c_str());
  const policy::Allowance left = limits.tokens.look(key.tokens, world_.now());
  replay.tokens.move_to(world_.now());
  const std::uint64_t used = std::min<std::uint64_t>(replay.tokens.used, key.tokens);
  if (key.tokens != 0 && !replay.tokens.rolled && left.limit - left.remaining != used)
    verdict_.fail("%s used %llu tokens, %llu are counted",
                  key.name.c_str(),
                  number(used),
                  number(left.limit - left.remaining));
}

}  // namespace headrace::sim
