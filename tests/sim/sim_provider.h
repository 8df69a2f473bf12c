// Scripted providers: each connection checks the request it gets against what the client sent,
// finds the plan of the answer by the request's id and plays it, faults included. What it did is
// kept for the oracle. This is HTTP/1.1; h2_provider.h has the connections of HTTP/2.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "http_text.h"
#include "request_plan.h"
#include "sim_peer.h"
#include "verdict.h"

namespace headrace::sim {

class Provider;
class ProviderConn;

inline constexpr std::size_t kBroughtKey = SIZE_MAX;

// What a provider is, whatever the configuration says of routes.
struct ProviderPlan {
  std::size_t index = 0;
  api::Family family = api::Family::openai;
  std::vector<std::uint32_t> credentials;  // their weights
  std::vector<std::string> models;  // by route: the name it is asked under; empty: as it came
  bool takes_client_key = false;
  bool h2 = false;      // it speaks HTTP/2, and nothing else
  bool drains = false;  // what it says is read to the end, also when nobody listens
  std::uint32_t warm_min = 0;
  base::Nanos idle_limit = 0;  // then it ends a connection of HTTP/1.1; 0: it does not
  base::Nanos thinks = 0;      // at most, before it answers (HTTP/2)
  bool calm = false;           // nothing goes wrong but what the answers' plans say
};

// One request that reached a provider: one attempt, seen from the other side.
struct Serving {
  const RequestPlan* request = nullptr;
  AnswerPlan answer;
  std::size_t provider = 0;
  std::size_t credential = 0;  // which of the provider's was shown; kBroughtKey: the client's own
  ProviderConn* peer = nullptr;
  std::uint64_t request_begin = 0;  // of what the peer received in all
  std::uint64_t answer_begin = 0;   // of what the peer sent in all
  bool first_of_connection = true;
  bool whole = false;  // the request came whole
  // -- HTTP/2
  std::vector<Span> placed;  // bytes of the answer (`payload`) in what the peer sent (`wire`)
  const H2StreamText* text = nullptr;
  bool refused = false;           // the provider said that it did nothing
  std::uint64_t verdict_at = 0;   // where the last byte of that stands, or of another RST_STREAM
  std::uint64_t over_turn = 0;    // the attempt ended in it, by its record
  std::uint64_t client_gone = 0;  // the turn in which that was seen while the answer was not over

  bool unheard = false;  // its client was seen to be gone while it went on

  // Bytes of the answer that the worker was given, before it had enough of it.
  std::uint64_t bytes_read() const;
  // The least of it that was the client's to have: what came in the attempt's last turn may have
  // come behind its end.
  std::uint64_t bytes_due() const;
  // It was given the head of the answer, or any byte of it.
  bool heard() const { return bytes_read() > (answer.h2 ? answer.heads.size() - 1 : 0); }
  // The turn in which it was given byte number `offset` of it (counted from 1); 0: not yet.
  std::uint64_t turn_read(std::uint64_t offset) const;
  bool answer_over() const;
};

// One connection, whatever it speaks.
class ProviderConn : public SimPeer {
 public:
  explicit ProviderConn(SimNet& net) : SimPeer(net) {}

  bool ended_by_script() const { return ended_by_script_; }
  // HTTP/2: it does not answer PINGs (in time), or nothing at all.
  bool mute() const { return mute_; }
  // It said what no server may say.
  bool in_breach() const { return in_breach_; }
  virtual void check_end(Verdict&) const {}

 protected:
  bool ended_by_script_ = false;
  bool mute_ = false;
  bool in_breach_ = false;
};

class ProviderPeer final : public ProviderConn {
 public:
  ProviderPeer(SimNet& net, Provider& provider);

 private:
  enum class Fate : std::uint8_t { lives, fin_at_next, reset_at_next };

  void on_connected() override { watch_idleness(); }
  void on_bytes(std::string_view bytes) override;
  void on_eof() override;
  void look_for_request();
  void begin_answer(const Message& message);
  void play();
  void end_answer();
  void choose_fate();
  void watch_idleness();
  void end(bool by_reset);

  Provider& provider_;
  MessageReader reader_{MessageReader::Kind::requests};
  const RequestPlan* plan_ = nullptr;  // of the request that comes in
  AnswerPlan answer_;                  // to it
  Serving* serving_ = nullptr;
  std::uint64_t served_ = 0;
  std::uint64_t played_ = 0;
  std::size_t next_pause_ = 0;
  std::uint64_t generation_ = 0;  // of answers: a timer of an earlier one does nothing
  Fate fate_ = Fate::lives;
  bool early_ = false;
};

class Provider final : public SimListenerPeer {
 public:
  using FindPlan = std::function<const RequestPlan*(std::uint64_t id)>;

  // `made`: how many answers were made to each request, over all providers.
  Provider(SimNet& net,
           const ProviderPlan& plan,
           base::Prng& dice,
           Verdict& verdict,
           FindPlan find,
           std::map<std::uint64_t, std::uint64_t>& made);

  static sockaddr_storage address_of(std::size_t index) {
    return SimNet::address(10 + static_cast<unsigned>(index), 80);
  }
  static std::string authority_of(std::size_t index) {
    return "p" + std::to_string(index) + ".test";
  }
  static std::string key_of(std::size_t index, std::size_t credential) {
    return "provider-key-" + std::to_string(index) + "-" + std::to_string(credential);
  }

  // Whose request that is; null: nobody's, or it cannot be told yet.
  const RequestPlan* request_in(const Message& message) const;
  // Which credential the request shows; its head and body are what they must be.
  std::size_t check_request(const Message& message, const RequestPlan& plan);
  const ProviderPlan& plan() const { return plan_; }
  AnswerPlan make_answer(const RequestPlan& plan);
  bool was_away() const { return was_away_; }
  void change_mode(Mode mode);

  base::Prng& dice() { return dice_; }
  Verdict& verdict() { return verdict_; }
  const RequestPlan* find(std::uint64_t id) const { return find_(id); }
  Serving& add_serving(Serving serving);

  std::vector<std::unique_ptr<ProviderConn>> peers;
  std::vector<std::unique_ptr<Serving>> servings;
  std::uint64_t ends = 0;  // of connections: who asks over one before he learns of it, lost a race
  std::uint64_t refusals = 0;  // HTTP/2: of requests that it did not look at
  std::uint64_t mutes = 0;     // of connections
  std::uint64_t breaches = 0;

 private:
  SimPeer* on_accept() override;
  void check_translation(const Message& message, const RequestPlan& plan);
  void check_fields(const Message& message, const RequestPlan& plan);
  std::size_t shown_credential(const Message& message, const RequestPlan& plan);

  SimNet& net_;
  const ProviderPlan& plan_;
  base::Prng& dice_;
  Verdict& verdict_;
  FindPlan find_;
  std::map<std::uint64_t, std::uint64_t>& made_;
  bool was_away_ = false;
};

}  // namespace headrace::sim
