// Judge: the oracle at work on one run. oracle.cc compares answers with what the providers said,
// oracle_records.cc the records and the attempts with what the scripts did.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json_text.h"
#include "oracle.h"

namespace headrace::sim {

using base::Errc;
using base::Nanos;

inline unsigned long long number(std::uint64_t value) {
  return value;
}

// An event whose blank line never came, and that ends its stream all the same.
bool says_end(std::string_view tail);

// What an answer itself is the cause of, in either version of HTTP. `read`: of its payload.
bool is_said_by(const AnswerPlan& answer, std::uint64_t read, Errc code);

inline bool is_limit(Errc code) {
  return code == Errc::requests_limited || code == Errc::tokens_limited ||
         code == Errc::concurrency_limited;
}

// An attempt as its record has it, beside what a provider saw of it.
struct Tried {
  const Record* record = nullptr;
  const Serving* serving = nullptr;  // null: no request reached a provider

  Nanos began() const { return record->start_ns + record->dispatched_ns; }
  Nanos ended() const { return record->start_ns + record->settled_ns; }
  Errc code() const { return Errc{record->error}; }
  bool stale = false;  // asked in vain: it may be asked again, once, and nobody need know
};
enum class Stale : std::uint8_t { no, maybe, yes };

// What a failure means for who is asked next, by the words of the table in the documents.
enum class Meaning : std::uint8_t { none, request, credential, pair, limited, target, ours };

class Judge {
 public:
  Judge(const SimWorld& world, Verdict& verdict, Tally& tally)
      : world_(world), scenario_(world.scenario()), verdict_(verdict), tally_(tally) {}

  void judge_all();

 private:
  struct Case {
    const ClientPeer* client;
    const RequestPlan* plan;
    const Message* answer;          // null: nothing came
    const RequestRecords* records;  // null: none is known
    const Serving* serving;         // what the client sees; null: it never reached a provider

    std::size_t index() const { return client->index_of(*plan); }
  };
  using Attempts = std::vector<Tried>;

  void judge_client(const ClientPeer& client);
  void judge_answer(const ClientPeer& client, std::size_t request, const Message& answer);
  static bool answers_owe_no_close(const std::vector<const Message*>& answers,
                                   const ClientPeer& client);
  void judge_case(const Case& c);
  void judge_local(const Case& c);
  void judge_relayed(const Case& c);
  void judge_plain(const Case& c);
  void judge_stream(const Case& c);
  void judge_told(const Case& c, std::uint64_t relayed);
  void judge_stream_end(const Case& c, std::uint64_t relayed);
  void judge_commit(const Case& c);
  void judge_turns(const Case& c, std::uint64_t relayed);
  void judge_incomplete(const Case& c);
  void judge_connection(const Case& c);
  void judge_record(const Record& record, const RequestRecords& of, const RequestPlan* plan);
  bool is_justified(const Record& record, const Tried& last, const RequestPlan* plan);
  bool is_upstream_justified(Errc code, const Tried& tried);
  // -- oracle_h2.cc
  void judge_h2_client(const ClientPeer& client);
  Stale h2_stale_of(const Tried& tried, bool broke) const;
  bool is_h2_justified(Errc code, const Tried& tried) const;
  void judge_refused(const RequestRecords& of, const RequestPlan& plan);
  void judge_h2(const Provider& provider);
  void judge_cancel(const Serving& serving);
  // -- oracle_drained.cc
  void judge_drained(const RequestRecords& of, const RequestPlan& plan);
  void judge_drained_usage(const Tried& tried);
  void judge_drained_count();
  Nanos left_at(const Record& record, const RequestPlan& plan) const;
  // -- oracle_content.cc
  void judge_translated(const Case& c);
  void judge_whole(const Case& c, const Understood& heard);
  // -- oracle_limits.cc
  void judge_admission(const Case& c);
  void judge_limited(const Case& c);
  void judge_keys();
  void judge_key(std::size_t index);
  bool has_strays(std::size_t provider) const;

  // -- oracle_attempts.cc
  void match_servings();
  void settle_stale(Attempts& attempts) const;
  Stale stale_of(const Tried& tried) const;
  const Tried* tried_at(Attempts& attempts, const Serving& serving) const;
  void judge_attempts(const RequestRecords& of, const RequestPlan& plan);
  void judge_next(const Attempts& attempts, std::size_t next, std::size_t last_wait, bool& waited);
  void judge_surrender(const RequestRecords& of, const RequestPlan& plan);
  void judge_order(const Tried& first, const config::Route& route);
  void judge_budget();
  static Meaning meaning_of(const Tried& tried);
  int told_of(const Case& c) const;
  const Attempts& attempts_of(const RequestRecords& of) const { return attempts_.at(&of); }
  bool failed_before(std::size_t provider, Nanos time) const;
  void judge_records();
  void judge_servings();
  void judge_reuse(const Provider& provider);

  const RequestRecords* records_of(const Message& answer) const;
  const config::Snapshot& snapshot_of(const Record& record) const {
    return scenario_.snapshots.at(record.epoch - 1);
  }
  const RequestPlan* plan_of(const Record& record) const;
  // A connection keeps the limits that it began under.
  Nanos shortest_reading() const {
    Nanos shortest = base::kNever;
    for (const config::Snapshot& snapshot : scenario_.snapshots) {
      shortest = std::min({shortest, snapshot.limits.head_timeout, snapshot.limits.body_grace});
    }
    return shortest;
  }
  Nanos longest_reading() const {
    Nanos longest = 0;
    for (const config::Snapshot& snapshot : scenario_.snapshots) {
      longest = std::max(longest, snapshot.limits.head_timeout + snapshot.limits.body_grace);
    }
    return longest;
  }
  const ClientPeer& client_of(const RequestPlan& plan) const {
    for (const auto& client : world_.clients()) {
      for (const RequestPlan& request : client->plan().requests) {
        if (request.id == plan.id) return *client;
      }
    }
    return *world_.clients().front();
  }
  bool may_have_gone(const ClientPeer& client, const RequestPlan& plan) const {
    const bool half = client.half_closed() && scenario_.half_close == config::HalfClose::cancel;
    return client.left_request(client.index_of(plan)) || half || scenario_.faults.reset > 0 ||
           world_.draining();
  }
  static bool may_stall(const ClientPeer& client, const RequestPlan& plan) {
    const ClientPlan::Reading reading = client.reading_of(client.index_of(plan));
    // Over HTTP/2 a client that ended its half gives no more window.
    return reading == ClientPlan::Reading::stalls ||
           (client.plan().h2 && (reading == ClientPlan::Reading::slow || client.left()));
  }
  bool client_may_break(const Case& c) const {
    return c.client->left_request(c.index()) || client_may_break(*c.client);
  }
  bool client_may_break(const ClientPeer& client) const {
    return client.left() || scenario_.faults.reset > 0 || client.saw_reset();
  }

  const SimWorld& world_;
  const Scenario& scenario_;
  Verdict& verdict_;
  Tally& tally_;
  std::map<const RequestRecords*, Attempts> attempts_;
  std::map<std::size_t, Nanos> first_failures_;  // by provider
  std::uint64_t drained_ = 0;                    // attempts on record as read on
  std::string stranger_;                         // what they are all told
};

}  // namespace headrace::sim
