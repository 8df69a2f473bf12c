#include "sim_provider.h"

#include <algorithm>
#include <array>

namespace headrace::sim {

std::uint64_t Serving::bytes_read() const {
  const std::uint64_t read = peer->bytes_read();
  return read <= answer_begin ? 0 : std::min(read - answer_begin, request->answer.cut);
}

bool Serving::answer_over() const {
  const AnswerPlan& plan = request->answer;
  return plan.complete_at != 0 && bytes_read() >= plan.complete_at;
}

// -- a connection

ProviderPeer::ProviderPeer(SimNet& net, Provider& provider) : SimPeer(net), provider_(provider) {}

void ProviderPeer::on_bytes(std::string_view bytes) {
  if (ended_by_script_) return;
  if (serving_ == nullptr && fate_ != Fate::lives) {  // the race that every pool loses now and then
    ++provider_.stale_deaths;
    end(fate_ == Fate::reset_at_next);
    return;
  }
  reader_.feed(bytes);
  if (!reader_.fault().empty())
    provider_.verdict().fail("at the provider: %s", reader_.fault().c_str());
  look_for_request();
}

void ProviderPeer::on_eof() {
  serving_ = nullptr;
  close();
}

void ProviderPeer::look_for_request() {
  if (serving_ != nullptr || reader_.messages().size() <= served_) return;
  const Message& message = reader_.messages()[served_];
  const std::string* key = message.field("idempotency-key");
  const RequestPlan* plan = key == nullptr || !key->starts_with("req-")
                                ? nullptr
                                : provider_.find(std::stoull(key->substr(4)));
  if (plan == nullptr) {
    provider_.verdict().fail("a request of nobody reached a provider: %s",
                             message.start_line.c_str());
    ended_by_script_ = true;
    reset();
    return;
  }
  const bool early = plan->answer.fault == Fault::early &&
                     message.wire_end - message.wire_begin >= plan->answer.early_after;
  if (message.complete) provider_.check_request(message, *plan);
  if (message.complete || early) begin_answer(*plan, message);
}

void ProviderPeer::begin_answer(const RequestPlan& plan, const Message& message) {
  early_ = !message.complete;
  serving_ = &provider_.add_serving(
      {&plan, this, message.wire_begin, sent(), served_ == 0, message.complete});
  ++served_;
  ++generation_;
  played_ = 0;
  next_pause_ = 0;
  if (early_ && provider_.dice().chance(0.3)) set_reading(false);
  play();
}

void ProviderPeer::play() {
  if (serving_ == nullptr || finished() || saw_reset()) return;
  const AnswerPlan& plan = serving_->request->answer;
  const bool pauses = next_pause_ < plan.pauses.size();
  const std::uint64_t until = pauses ? plan.pauses[next_pause_].at : plan.cut;
  if (until > played_) send(std::string_view(plan.wire).substr(played_, until - played_));
  played_ = std::max(played_, until);
  if (!pauses) return end_answer();
  net().after(plan.pauses[next_pause_++].length, [this, generation = generation_] {
    if (generation == generation_) play();
  });
}

void ProviderPeer::end_answer() {
  const Ending ending = serving_->request->answer.ending;
  if (ending == Ending::silence) return;  // until the worker has had enough
  if (ending != Ending::keep) return end(ending == Ending::reset);
  if (early_) return;  // the rest of the request still comes; the worker will not use this again
  serving_ = nullptr;
  choose_fate();
  look_for_request();
}

void ProviderPeer::choose_fate() {
  base::Prng& dice = provider_.dice();
  if (dice.chance(0.75)) return;
  if (dice.chance(0.5)) {
    fate_ = dice.chance(0.5) ? Fate::fin_at_next : Fate::reset_at_next;
    return;
  }
  const auto delay = static_cast<base::Nanos>(dice.below(20 * base::kMillisecond));
  net().after(delay, [this, generation = generation_] {
    if (generation == generation_ && !finished() && !ended_by_script_) end(false);
  });
}

void ProviderPeer::end(bool by_reset) {
  ended_by_script_ = true;
  ++generation_;
  if (by_reset) {
    reset();
  } else {
    close();
  }
}

// -- the provider

Provider::Provider(
    SimNet& net, std::size_t index, base::Prng& dice, Verdict& verdict, FindPlan find)
    : SimListenerPeer(net, address_of(index)),
      net_(net),
      index_(index),
      dice_(dice),
      verdict_(verdict),
      find_(std::move(find)) {}

SimPeer* Provider::on_accept() {
  peers.push_back(std::make_unique<ProviderPeer>(net_, *this));
  return peers.back().get();
}

void Provider::change_mode(Mode mode) {
  if (mode != Mode::answers) was_away_ = true;
  set_mode(mode);
}

Serving& Provider::add_serving(Serving serving) {
  servings.push_back(std::make_unique<Serving>(serving));
  return *servings.back();
}

// Only what the table of names on the wire allows, and the body as the client sent it.
void Provider::check_request(const Message& message, const RequestPlan& plan) {
  constexpr std::array<const char*, 10> kAllowed = {"host",
                                                    "content-type",
                                                    "accept",
                                                    "accept-encoding",
                                                    "user-agent",
                                                    "authorization",
                                                    "content-length",
                                                    "openai-organization",
                                                    "idempotency-key",
                                                    "openai-project"};
  const auto id = static_cast<unsigned long long>(plan.id);
  if (plan.kind != RequestPlan::Kind::chat)
    verdict_.fail("request %llu must not reach a provider", id);
  if (plan.provider != index_) verdict_.fail("request %llu is at the wrong provider", id);
  for (const auto& [name, value] : message.fields) {
    if (std::find(kAllowed.begin(), kAllowed.end(), name) == kAllowed.end()) {
      verdict_.fail("request %llu brought the field %s", id, name.c_str());
    }
    if (value.find("client-key") != std::string::npos)
      verdict_.fail("the client's key reached a provider");
  }
  const auto expect = [&](const char* name, const std::string& value) {
    const std::string* found = message.field(name);
    if (found == nullptr || *found != value) {
      verdict_.fail(
          "request %llu: %s is %s", id, name, found == nullptr ? "missing" : found->c_str());
    }
  };
  expect("host", authority_of(index_));
  expect("authorization", "Bearer " + key_of(index_));
  expect("accept-encoding", "identity");
  expect("content-length", std::to_string(plan.body.size()));
  if (message.start_line != "POST /v1/chat/completions HTTP/1.1") {
    verdict_.fail("request %llu: start line %s", id, message.start_line.c_str());
  }
  if (message.body != plan.body) verdict_.fail("request %llu: its body was changed", id);
}

}  // namespace headrace::sim
