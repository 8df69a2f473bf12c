// Goal: the table of published counters keeps Prometheus' rules, so that the exposition cannot
// break them.
#include "telemetry/counters.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

using namespace headrace::telemetry;

TEST_CASE("a counter adds, subtracts and is set") {
  Counter counter;
  counter.add();
  counter.add(4);
  counter.sub(2);
  CHECK(counter.get() == 3);
  counter.set(9);
  CHECK(counter.get() == 9);
}

TEST_CASE("rows of one family stand together, agree on their kind, and are told apart by labels") {
  std::set<std::string> seen_families;
  std::set<std::string> seen_samples;
  std::vector<CounterRow> rows;
  for_each_counter([&](const CounterRow& row) { rows.push_back(row); });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const CounterRow& row = rows[i];
    CAPTURE(std::string(row.family));
    const bool first = i == 0 || rows[i - 1].family != row.family;
    if (first) {
      CHECK(seen_families.insert(std::string(row.family)).second);
      CHECK_FALSE(row.help.empty());
    } else {
      CHECK(row.kind == rows[i - 1].kind);
      CHECK(row.scope == rows[i - 1].scope);
    }
    CHECK(seen_samples.insert(std::string(row.family) + "{" + std::string(row.labels)).second);
    CHECK(row.family.ends_with("_total") == (row.kind == CounterKind::counter));
  }
}

TEST_CASE(
    "every member is published exactly once, but for the tick that serves the liveness probe") {
  std::vector<Counter WorkerCounters::*> members;
  for_each_counter([&](const CounterRow& row) {
    for (const auto member : members) CHECK(member != row.member);
    members.push_back(row.member);
    CHECK(row.member != &WorkerCounters::last_tick_ns);
  });
  // The struct is padded to its alignment, so count by writing through each member.
  WorkerCounters counters;
  for (const auto member : members) (counters.*member).set(1);
  std::size_t written = 0;
  std::size_t unwritten = 0;
  const auto* first = &counters.turns;
  const auto* last = &counters.loop_lag_ns;
  for (const Counter* at = first; at <= last; ++at) ++(at->get() == 1 ? written : unwritten);
  CHECK(written == members.size());
  CHECK(unwritten == 1);
}
