// Judge: the oracle at work on one run. oracle.cc compares answers with what the providers said,
// oracle_records.cc the records and the attempts with what the scripts did.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "oracle.h"

namespace headrace::sim {

using base::Errc;
using base::Nanos;

inline unsigned long long number(std::uint64_t value) {
  return value;
}

// One answer of one client beside everything that is known about it.
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
    const Serving* serving;         // the last attempt that reached a provider; null: none did
  };

  void judge_client(const ClientPeer& client);
  static bool answers_owe_no_close(const std::vector<const Message*>& answers,
                                   const ClientPeer& client);
  void judge_case(const Case& c);
  void judge_local(const Case& c);
  void judge_relayed(const Case& c);
  void judge_plain(const Case& c);
  void judge_stream(const Case& c);
  void judge_stream_end(const Case& c, std::uint64_t relayed, bool told);
  void judge_commit(const Case& c);
  void judge_turns(const Case& c, std::uint64_t relayed);
  void judge_incomplete(const Case& c);
  void judge_connection(const Case& c);
  void judge_record(const Record& record, const RequestRecords& of, const RequestPlan* plan);
  bool is_justified(const Record& record, const Record* attempt, const RequestPlan* plan);
  bool is_upstream_justified(Errc code, const RequestPlan& plan);
  bool has_strays(std::size_t provider) const;
  void judge_attempts(const RequestRecords& of);
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
  bool may_have_gone(const ClientPeer& client) const {
    const bool half = client.half_closed() && scenario_.half_close == config::HalfClose::cancel;
    return client.left() || half || scenario_.faults.reset > 0 || world_.draining();
  }
  bool client_may_break(const ClientPeer& client) const {
    return client.left() || scenario_.faults.reset > 0 || client.saw_reset();
  }

  const SimWorld& world_;
  const Scenario& scenario_;
  Verdict& verdict_;
  Tally& tally_;
};

}  // namespace headrace::sim
