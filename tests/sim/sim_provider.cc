#include "sim_provider.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "h2_provider.h"
#include "json_text.h"

namespace headrace::sim {

std::uint64_t Serving::bytes_read() const {
  if (answer.h2) {
    const std::uint64_t last = over_turn != 0        ? over_turn
                               : text->reset_by_them ? peer->turn_offered(text->reset_at)
                                                     : 0;
    return payload_within(placed, last == 0 ? peer->bytes_read() : peer->bytes_read_by(last));
  }
  const std::uint64_t read = peer->bytes_read();
  return read <= answer_begin ? 0 : std::min(read - answer_begin, answer.cut);
}

std::uint64_t Serving::bytes_due() const {
  if (!answer.h2 || over_turn == 0) return bytes_read();
  return payload_within(placed, peer->bytes_read_by(over_turn - 1));
}

std::uint64_t Serving::turn_read(std::uint64_t offset) const {
  if (!answer.h2) return peer->turn_read(answer_begin + offset);
  const std::uint64_t wire = wire_of(placed, offset);
  return wire == 0 ? 0 : peer->turn_read(wire);
}

bool Serving::answer_over() const {
  return answer.complete_at != 0 && bytes_read() >= answer.complete_at;
}

// -- a connection

ProviderPeer::ProviderPeer(SimNet& net, Provider& provider)
    : ProviderConn(net), provider_(provider) {}

void ProviderPeer::on_bytes(std::string_view bytes) {
  if (ended_by_script_) return;
  if (serving_ == nullptr && fate_ != Fate::lives) {  // the race that every pool loses now and then
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
  if (plan_ == nullptr) {
    plan_ = provider_.request_in(message);
    if (plan_ == nullptr && !message.complete) return;
    if (plan_ == nullptr) {
      provider_.verdict().fail("a request of nobody reached a provider: %s",
                               message.start_line.c_str());
      ended_by_script_ = true;
      reset();
      return;
    }
    answer_ = provider_.make_answer(*plan_);
  }
  const bool early =
      answer_.fault == Fault::early && message.wire_end - message.wire_begin >= answer_.early_after;
  if (message.complete || early) begin_answer(message);
}

void ProviderPeer::begin_answer(const Message& message) {
  early_ = !message.complete;
  Serving serving;
  serving.request = std::exchange(plan_, nullptr);
  serving.answer = std::move(answer_);
  serving.provider = provider_.plan().index;
  serving.peer = this;
  serving.request_begin = message.wire_begin;
  serving.answer_begin = sent();
  serving.first_of_connection = served_ == 0;
  serving.whole = message.complete;
  serving.credential = provider_.check_request(message, *serving.request);
  serving_ = &provider_.add_serving(std::move(serving));
  ++served_;
  ++generation_;
  played_ = 0;
  next_pause_ = 0;
  if (early_ && provider_.dice().chance(0.3)) set_reading(false);
  play();
}

void ProviderPeer::play() {
  if (serving_ == nullptr || finished() || saw_reset()) return;
  const AnswerPlan& plan = serving_->answer;
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
  const Ending ending = serving_->answer.ending;
  if (ending == Ending::silence) return;  // until the worker has had enough
  if (ending != Ending::keep) return end(ending == Ending::reset);
  if (early_) return;  // the rest of the request still comes; the worker will not use this again
  serving_ = nullptr;
  choose_fate();
  look_for_request();
}

// Nobody asks: the connection ends.
void ProviderPeer::watch_idleness() {
  const base::Nanos limit = provider_.plan().idle_limit;
  if (limit == 0) return;
  net().after(limit, [this, generation = generation_] {
    const bool idle = generation == generation_ && serving_ == nullptr && plan_ == nullptr;
    if (idle && !finished() && !saw_reset() && !ended_by_script_) end(false);
  });
}

void ProviderPeer::choose_fate() {
  watch_idleness();
  if (provider_.plan().calm) return;
  base::Prng& dice = provider_.dice();
  if (dice.chance(0.75)) return;
  if (dice.chance(0.5)) {
    fate_ = dice.chance(0.5) ? Fate::fin_at_next : Fate::reset_at_next;
    return;
  }
  const auto delay = static_cast<base::Nanos>(dice.below(20 * base::kMillisecond));
  net().after(delay, [this, generation = generation_] {
    if (generation != generation_ || finished() || ended_by_script_) return;
    end(false);
  });
}

void ProviderPeer::end(bool by_reset) {
  ended_by_script_ = true;
  ++provider_.ends;
  ++generation_;
  if (by_reset) {
    reset();
  } else {
    close();
  }
}

// -- the provider

Provider::Provider(SimNet& net,
                   const ProviderPlan& plan,
                   base::Prng& dice,
                   Verdict& verdict,
                   FindPlan find,
                   std::map<std::uint64_t, std::uint64_t>& made)
    : SimListenerPeer(net, address_of(plan.index)),
      net_(net),
      plan_(plan),
      dice_(dice),
      verdict_(verdict),
      find_(std::move(find)),
      made_(made) {}

AnswerPlan Provider::make_answer(const RequestPlan& plan) {
  return plan.answer(made_[plan.id]++, plan_.family, plan_.h2);
}

SimPeer* Provider::on_accept() {
  if (plan_.h2) {
    peers.push_back(std::make_unique<H2ProviderPeer>(net_, *this));
  } else {
    peers.push_back(std::make_unique<ProviderPeer>(net_, *this));
  }
  return peers.back().get();
}

void Provider::change_mode(Mode mode) {
  if (mode != Mode::answers) was_away_ = true;
  set_mode(mode);
}

// Fields pass in their own dialect only; where they do not, the text tells whose it is.
const RequestPlan* Provider::request_in(const Message& message) const {
  for (const char* name : {"idempotency-key", "anthropic-beta"}) {
    const std::string* key = message.field(name);
    if (key != nullptr && key->starts_with("req-")) return find_(std::stoull(key->substr(4)));
  }
  constexpr std::string_view kText = "\"request ";
  const std::size_t at = message.body.find(kText);
  if (!message.complete || at == std::string::npos) return nullptr;
  return find_(std::strtoull(message.body.c_str() + at + kText.size(), nullptr, 10));
}

Serving& Provider::add_serving(Serving serving) {
  servings.push_back(std::make_unique<Serving>(std::move(serving)));
  return *servings.back();
}

// Only what the table of names on the wire allows, and the body as the client sent it but for the
// edits that are due.
std::size_t Provider::check_request(const Message& message, const RequestPlan& plan) {
  const auto id = static_cast<unsigned long long>(plan.id);
  const bool openai = plan_.family == api::Family::openai;
  if (plan.kind != RequestPlan::Kind::chat)
    verdict_.fail("request %llu must not reach a provider", id);
  check_fields(message, plan);
  const auto expect = [&](const char* name, const std::string& value) {
    const std::string* found = message.field(name);
    if (found == nullptr || *found != value) {
      verdict_.fail(
          "request %llu: %s is %s", id, name, found == nullptr ? "missing" : found->c_str());
    }
  };
  expect("host", authority_of(plan_.index));
  expect("accept-encoding", "identity");
  if (!openai) expect("anthropic-version", "2023-06-01");
  if (message.start_line !=
      (openai ? "POST /v1/chat/completions HTTP/1.1" : "POST /v1/messages HTTP/1.1")) {
    verdict_.fail("request %llu: start line %s", id, message.start_line.c_str());
  }
  const std::string& model = plan_.models[plan.route];
  if (plan.family != plan_.family) {
    if (message.complete) check_translation(message, plan);
    return shown_credential(message, plan);
  }
  const std::string body = plan.body_for(model);
  expect("content-length", std::to_string(body.size()));
  const bool changed = message.complete ? message.body != body : !body.starts_with(message.body);
  if (changed) verdict_.fail("request %llu: its body was changed", id);
  return shown_credential(message, plan);
}

// The same question in other words.
void Provider::check_translation(const Message& message, const RequestPlan& plan) {
  const Json asked = read_json(message.body);
  const Json meant = read_json(plan.body);
  const std::string& model = plan_.models[plan.route];
  const Json& question = asked.at("messages").at(0).at("content");
  const std::string& text = question.items.empty() ? question.text : question.at(0).at("text").text;
  const Json& most = plan_.family == api::Family::openai && !asked.at("max_tokens")
                         ? asked.at("max_completion_tokens")
                         : asked.at("max_tokens");
  const bool same = asked.at("model").text == (model.empty() ? plan.name : model) &&
                    (asked.at("stream").text == "true") == plan.stream &&
                    text == meant.at("messages").at(0).at("content").text &&
                    (plan.max_tokens == 0 || most.count() == plan.max_tokens);
  if (!same)
    verdict_.fail("request %llu: its translation is another question",
                  static_cast<unsigned long long>(plan.id));
}

void Provider::check_fields(const Message& message, const RequestPlan& plan) {
  constexpr std::array<const char*, 6> kAlways = {
      "host", "content-type", "accept", "accept-encoding", "user-agent", "content-length"};
  constexpr std::array<const char*, 4> kOpenai = {
      "authorization", "openai-organization", "idempotency-key", "openai-project"};
  constexpr std::array<const char*, 3> kAnthropic = {
      "x-api-key", "anthropic-version", "anthropic-beta"};
  const auto is_in = [](const auto& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto& [name, value] : message.fields) {
    const bool known =
        is_in(kAlways, name) ||
        (plan_.family == api::Family::openai ? is_in(kOpenai, name) : is_in(kAnthropic, name));
    if (!known)
      verdict_.fail("request %llu brought the field %s",
                    static_cast<unsigned long long>(plan.id),
                    name.c_str());
    const bool own = plan.auth == Auth::brought && plan_.takes_client_key;
    if (value.find("client-key") != std::string::npos && !own)
      verdict_.fail("the client's key reached a provider");
  }
}

std::size_t Provider::shown_credential(const Message& message, const RequestPlan& plan) {
  const bool openai = plan_.family == api::Family::openai;
  const std::string* field = message.field(openai ? "authorization" : "x-api-key");
  const std::string shown = field == nullptr ? "" : openai ? field->substr(7) : *field;
  if (plan.auth == Auth::brought && shown == plan.brought_key) return kBroughtKey;
  for (std::size_t i = 0; i < plan_.credentials.size(); ++i) {
    if (plan.auth != Auth::brought && shown == key_of(plan_.index, i)) return i;
  }
  verdict_.fail("request %llu: no credential of the provider's",
                static_cast<unsigned long long>(plan.id));
  return 0;
}

}  // namespace headrace::sim
