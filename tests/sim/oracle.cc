#include "oracle.h"

#include <algorithm>
#include <string_view>

#include "judge.h"

namespace headrace::sim {
namespace {

std::string_view error_body(api::Family family) {
  return family == api::Family::openai ? R"({"error":{)" : R"({"type":"error","error":{)";
}

std::string_view error_event(api::Family family) {
  return family == api::Family::openai ? "data: {\"error\":{"
                                       : "event: error\ndata: {\"type\":\"error\",\"error\":{";
}

}  // namespace

bool says_end(std::string_view tail) {
  return tail.find("[DONE]") != std::string_view::npos ||
         tail.find(R"("finish_reason":")") != std::string_view::npos ||
         tail.find(R"("stop_reason":")") != std::string_view::npos ||
         tail.find(R"("message_stop"})") != std::string_view::npos;
}

void Judge::judge_all() {
  match_servings();
  for (const auto& client : world_.clients()) judge_client(*client);
  judge_records();
  judge_budget();
  judge_servings();
}

const RequestRecords* Judge::records_of(const Message& answer) const {
  const std::string* id = answer.field("x-headrace-request-id");
  if (id == nullptr) return nullptr;
  std::string key = *id;
  std::erase(key, '-');
  const auto found = world_.records().find(key);
  return found == world_.records().end() ? nullptr : &found->second;
}

// A whole body was read, and its length says whose it was.
const RequestPlan* Judge::plan_of(const Record& record) const {
  for (const ClientPlan& client : scenario_.clients) {
    for (const RequestPlan& plan : client.requests) {
      if (plan.kind == RequestPlan::Kind::chat && plan.body.size() == record.bytes_in) return &plan;
    }
  }
  return nullptr;
}

// -- what a client got

void Judge::judge_client(const ClientPeer& client) {
  if (!client.fault().empty()) {
    verdict_.fail("a client was told what is not HTTP: %s", client.fault().c_str());
    return;
  }
  if (client.plan().h2) return judge_h2_client(client);
  const auto answers = client.answers();
  const auto& requests = client.plan().requests;
  if (answers.size() > requests.size()) {
    verdict_.fail("%zu answers to %zu requests", answers.size(), requests.size());
    return;
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!client.begun(i)) {
      verdict_.fail("an answer to request %llu, which was never sent", number(requests[i].id));
      return;
    }
    if (i + 1 < answers.size() && !answers[i]->complete) {
      verdict_.fail("an answer behind the unfinished one to request %llu", number(requests[i].id));
    }
    judge_answer(client, i, *answers[i]);
  }
  // A client that stayed has all its answers, or was told that the connection ends.
  const bool stays = !client.left() && !client_may_break(client) && !client.refused();
  const bool half_closed_early =
      client.half_closed() && scenario_.half_close == config::HalfClose::cancel;
  const std::string* last = answers.empty() ? nullptr : answers.back()->field("connection");
  const bool told = last != nullptr && *last == "close";
  // A half-close alone is no reason to leave whole requests unanswered.
  const bool owed =
      client.half_closed() && client.plan().pipelined && answers_owe_no_close(answers, client);
  const bool quiet = world_.draining() || half_closed_early || (told && !owed);
  if (stays && !quiet && answers.size() < requests.size() && client.begun(answers.size())) {
    ++tally_.unanswered;
    // Who still reads the last answer when the keep-alive time is over may ask in vain.
    if (client.plan().reading == ClientPlan::Reading::normal) {
      verdict_.fail("request %llu was never answered", number(requests[answers.size()].id));
    }
  }
}

void Judge::judge_answer(const ClientPeer& client, std::size_t request, const Message& answer) {
  Case c{&client, &client.plan().requests[request], &answer, records_of(answer), nullptr};
  if (c.records != nullptr && !attempts_of(*c.records).empty())
    c.serving = attempts_of(*c.records).back().serving;
  judge_case(c);
}

// None of the requests answered so far asked for an end of the connection, or earned it.
bool Judge::answers_owe_no_close(const std::vector<const Message*>& answers,
                                 const ClientPeer& client) {
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const RequestPlan& plan = client.plan().requests[i];
    if (plan.asks_close || plan.http10 || plan.closes) return false;
    if (answers[i]->status() == 408 || answers[i]->status() == 503) return false;
  }
  return true;
}

void Judge::judge_case(const Case& c) {
  const auto id = number(c.plan->id);
  const std::string* request_id = c.answer->field("x-headrace-request-id");
  if (request_id == nullptr) {  // turned away at the door: nothing was read, nothing is on record
    const bool full = c.answer->status() == 503 && scenario_.clients_max < scenario_.clients.size();
    if (!full) verdict_.fail("request %llu: an answer without an id", id);
    ++tally_.turned_away;
    return;
  }
  if (c.records == nullptr || c.records->requests.size() != 1) {
    verdict_.fail(
        "request %llu: %zu records", id, c.records == nullptr ? 0 : c.records->requests.size());
    return;
  }
  const Record& record = c.records->requests.front();
  const bool gone = record.status == 499;
  if (!gone && record.status != c.answer->status()) {
    verdict_.fail("request %llu: status %d, on record %d", id, c.answer->status(), record.status);
  }
  if (gone && c.answer->complete && !c.answer->until_close && !client_may_break(c) &&
      !c.client->half_closed()) {
    verdict_.fail("request %llu: a whole answer, on record as 499", id);
  }
  judge_connection(c);
  judge_admission(c);
  if ((record.flags & record_flag::kCommitted) != 0) {
    judge_relayed(c);
  } else {
    judge_local(c);
  }
}

void Judge::judge_connection(const Case& c) {
  const std::string* connection = c.answer->field("connection");
  const bool closes = connection != nullptr && *connection == "close";
  const auto id = number(c.plan->id);
  const Record& record = c.records->requests.front();
  if (c.plan->kind == RequestPlan::Kind::chat || c.plan->kind == RequestPlan::Kind::models) {
    const bool may = c.plan->hasty || c.plan->asks_close || c.plan->http10 || world_.draining() ||
                     c.client->half_closed() ||
                     record.error == static_cast<std::uint8_t>(Errc::request_timeout);
    if (closes && !may)
      verdict_.fail("request %llu: the connection closes for no reason: %d, %s",
                    id,
                    c.answer->status(),
                    std::string(base::name_of(Errc{record.error})).c_str());
    if (!closes && c.plan->asks_close)
      verdict_.fail("request %llu: the connection should close", id);
  } else if (c.plan->closes && !closes) {
    verdict_.fail("request %llu: the connection lives on behind a refused head", id);
  } else if (!c.plan->closes && closes && !c.plan->asks_close && !c.plan->http10 &&
             !world_.draining() && !c.client->half_closed()) {
    verdict_.fail("request %llu: the connection closes behind a bad body", id);
  }
}

// -- answers of our own

void Judge::judge_local(const Case& c) {
  const auto id = number(c.plan->id);
  const Record& record = c.records->requests.front();
  const Errc code{record.error};
  if (!c.answer->complete) return judge_incomplete(c);
  const std::string* type = c.answer->field("content-type");
  if (type == nullptr || *type != "application/json") verdict_.fail("request %llu: not JSON", id);
  if (code == Errc::ok) {
    const bool some = !scenario_.keys.empty() && c.plan->auth == Auth::good &&
                      scenario_.keys[c.plan->key].only_route != SIZE_MAX;
    const bool models = c.plan->kind == RequestPlan::Kind::models && c.answer->status() == 200 &&
                        (some || c.answer->body.find("\"m0\"") != std::string::npos);
    if (!models) verdict_.fail("request %llu: an answer of our own without an error", id);
    ++tally_.models;
    return;
  }
  ++tally_.refused;
  const bool whole = code != Errc::request_timeout && code != Errc::draining &&
                     code != Errc::overloaded && c.plan->kind == RequestPlan::Kind::refused;
  if (whole && c.answer->status() != c.plan->status)
    verdict_.fail("request %llu: status %d instead of %d", id, c.answer->status(), c.plan->status);
  if (!c.answer->body.starts_with(error_body(c.plan->family)))
    verdict_.fail("request %llu: not an error body", id);
  const std::string* retry = c.answer->field("x-should-retry");
  if (record.attempts != 0 && (retry == nullptr || *retry != "false"))
    verdict_.fail("request %llu: an SDK may try again", id);
  if (c.answer->status() != told_of(c)) {
    verdict_.fail("request %llu: status %d for %s",
                  id,
                  c.answer->status(),
                  std::string(base::name_of(code)).c_str());
  }
}

// -- answers of a provider

void Judge::judge_relayed(const Case& c) {
  const auto id = number(c.plan->id);
  if (c.serving == nullptr) {
    verdict_.fail("request %llu: an answer that no provider gave", id);
    return;
  }
  const AnswerPlan& plan = c.serving->answer;
  if (c.answer->status() != plan.status) {
    verdict_.fail("request %llu: status %d instead of %d", id, c.answer->status(), plan.status);
  }
  tally_.given_back += plan.status >= 400 ? 1 : 0;
  if (plan.status >= 300 && plan.status < 400)
    verdict_.fail("request %llu: a redirect came through", id);
  const std::uint64_t payload_read = plan.payload_read(c.serving->bytes_read());
  const bool ended = plan.has_stream_end(payload_read);
  if (plan.broken_http && c.answer->complete && c.records->requests.front().error == 0 && !ended) {
    verdict_.fail("request %llu: what is not HTTP passes for an answer", id);
  }
  for (const char* name : {"server", "set-cookie", "location", "x-trailer"}) {
    if (c.answer->field(name) != nullptr)
      verdict_.fail("request %llu: the field %s came through", id, name);
  }
  if (c.serving->bytes_read() != 0 && c.answer->field("x-headrace-target") == nullptr) {
    verdict_.fail("request %llu: no target is named", id);
  }
  judge_commit(c);
  if (plan.family != c.plan->family) return judge_translated(c);
  if (plan.stream) {
    judge_stream(c);
  } else {
    judge_plain(c);
  }
}

// Nothing is said before the commit point.
void Judge::judge_commit(const Case& c) {
  const AnswerPlan& plan = c.serving->answer;
  std::uint64_t needed = plan.commit_payload();
  if (!plan.stream && plan.until_close) needed = std::min(needed, plan.whole_payload());
  const std::uint64_t wire = needed == 0 ? 0 : wire_of(plan.spans, needed);
  const std::uint64_t read = c.serving->turn_read(wire);
  const std::uint64_t offered = c.client->turn_offered(c.answer->wire_begin + 1);
  if (wire != 0 && (read == 0 || offered < read)) {
    verdict_.fail("request %llu: an answer began before its commit point", number(c.plan->id));
  }
}

void Judge::judge_plain(const Case& c) {
  const AnswerPlan& plan = c.serving->answer;
  const auto id = number(c.plan->id);
  if (!plan.payload.starts_with(c.answer->body)) {
    verdict_.fail("request %llu: the body is not the provider's", id);
    return;
  }
  if (!c.answer->complete) return judge_incomplete(c);
  ++tally_.plain;
  if (c.answer->body.size() != plan.whole_payload()) {
    verdict_.fail("request %llu: a body of %zu bytes passes for one of %llu",
                  id,
                  c.answer->body.size(),
                  number(plan.whole_payload()));
  }
}

void Judge::judge_stream(const Case& c) {
  const AnswerPlan& plan = c.serving->answer;
  const std::string& body = c.answer->body;
  const auto differs =
      std::mismatch(body.begin(), body.end(), plan.shown.begin(), plan.shown.end());
  std::uint64_t relayed = static_cast<std::uint64_t>(differs.first - body.begin());
  bool told = false;
  if (relayed < body.size()) {  // what is not the provider's can only be our last word
    const EventMark* last = plan.shown_before(relayed);
    relayed = last == nullptr ? 0 : last->shown_end;
    const std::string_view rest = std::string_view(body).substr(relayed);
    const std::size_t blank = rest.find("\n\n");
    const bool whole = blank != std::string_view::npos && blank + 2 == rest.size();
    const bool part = !c.answer->complete && blank == std::string_view::npos;
    const std::string_view words = error_event(c.plan->family);
    told = rest.starts_with(words) || (part && words.starts_with(rest));
    // Of a finished stream that was cut, part of the usage that would have been stripped.
    const bool rest_of_stripped =
        c.answer->complete && plan.until_close &&
        std::any_of(plan.events.begin(), plan.events.end(), [&](const EventMark& event) {
          return event.shown_end == relayed &&
                 plan.payload.compare(event.end, rest.size(), rest) == 0;
        });
    if ((!told || !(whole || part)) && !rest_of_stripped) {
      verdict_.fail("request %llu: the stream is not the provider's from byte %llu on",
                    number(c.plan->id),
                    number(relayed));
      return;
    }
  }
  judge_turns(c, relayed);
  if (!c.answer->complete) return judge_incomplete(c);
  if (told) {
    judge_told(c, relayed);
  } else {
    judge_stream_end(c, relayed);
  }
}

// A broken stream, and the client was told.
void Judge::judge_told(const Case& c, std::uint64_t relayed) {
  const AnswerPlan& plan = c.serving->answer;
  const auto id = number(c.plan->id);
  const EventMark* last = plan.event_before(plan.payload_read(c.serving->bytes_read()));
  const EventMark* sure = plan.event_before(plan.payload_read(c.serving->bytes_due()));
  const std::uint64_t due = last == nullptr ? 0 : last->shown_end;
  const std::uint64_t least = sure == nullptr ? 0 : sure->shown_end;
  ++tally_.broken_streams;
  if (c.answer->body.find("[DONE]") != std::string::npos) {
    verdict_.fail("request %llu: an end marker in a stream that ends in an error", id);
  }
  if (sure != nullptr && plan.has_stream_end(sure->end)) {
    verdict_.fail("request %llu: a finished stream ends in an error", id);
  }
  if (relayed > due || relayed < least) {
    verdict_.fail("request %llu: %llu bytes relayed of %llu that were whole events",
                  id,
                  number(relayed),
                  number(due));
  }
  const Record& record = c.records->requests.front();
  if ((record.flags & record_flag::kTruncated) == 0)
    verdict_.fail("request %llu: not on record as cut", id);
}

void Judge::judge_stream_end(const Case& c, std::uint64_t relayed) {
  const AnswerPlan& plan = c.serving->answer;
  const auto id = number(c.plan->id);
  const EventMark* read = plan.event_before(plan.payload_read(c.serving->bytes_read()));
  const EventMark* sent = plan.shown_before(relayed);
  const std::uint64_t due = read == nullptr ? 0 : read->shown_end;
  const std::uint64_t whole = sent == nullptr ? 0 : sent->shown_end;
  ++tally_.streams;
  if (!c.serving->answer_over() && !plan.until_close && relayed != whole) {
    verdict_.fail("request %llu: a stream ends inside an event", id);
  }
  const bool ends = sent != nullptr && plan.has_stream_end(sent->end);
  if (!ends && !says_end(std::string_view(c.answer->body).substr(whole)))
    verdict_.fail("request %llu: a cut stream passes for a whole one", id);
  if (relayed < due) {
    verdict_.fail("request %llu: %llu bytes of a stream of %llu", id, number(relayed), number(due));
  }
  if (c.serving->answer_over() && !plan.broken_http && relayed != plan.shown.size()) {
    verdict_.fail("request %llu: the end of a whole stream is missing", id);
  }
  // An error event of the provider's ends a stream well for the client, not for the record.
  const Record& record = c.records->requests.front();
  const bool failed = sent != nullptr && plan.has_failure(sent->end);
  const Errc expected = failed ? Errc::upstream_status : Errc::ok;
  if (record.status != 499 && Errc{record.error} != expected)
    verdict_.fail("request %llu: on record as %s", id, name_of(Errc{record.error}).data());
  tally_.failed_streams += failed ? 1 : 0;
}

// A relayed event left in the turn in which its last byte came, or found the client's socket busy.
void Judge::judge_turns(const Case& c, std::uint64_t relayed) {
  const AnswerPlan& plan = c.serving->answer;
  const std::uint64_t commit = wire_of(plan.spans, plan.commit_payload());
  const std::uint64_t committed = c.serving->turn_read(commit);
  for (const EventMark& event : plan.events) {
    if (event.shown_end > relayed) break;
    if (event.stripped) continue;
    const std::uint64_t read = std::max({committed,
                                         c.serving->turn_read(wire_of(plan.spans, event.end)),
                                         c.client->window_turn(c.index(), event.shown_end)});
    const std::uint64_t offered = c.client->turn_offered(wire_of(c.answer->spans, event.shown_end));
    ++tally_.events;
    if (offered == read) continue;
    ++tally_.events_behind_busy;
    // What is framed ahead of a busy socket is bounded: the rest waits where its kernel sees
    // nothing.
    const bool busy =
        c.client->worker_busy(read) || (c.client->plan().h2 && c.client->worker_backed_up(read));
    if (offered < read || !busy) {
      verdict_.fail("request %llu: the event that ends at %llu came in turn %llu and left in %llu",
                    number(c.plan->id),
                    number(event.end),
                    number(read),
                    number(offered));
      return;
    }
  }
}

// An answer that is not whole needs a reason: the client's own doing, a reset, or a break that
// cannot be told.
void Judge::judge_incomplete(const Case& c) {
  ++tally_.incomplete;
  if (c.client->left_request(c.index()) || scenario_.faults.reset > 0 || world_.draining()) return;
  const Record& record = c.records->requests.front();
  const Errc code{record.error};
  const auto id = number(c.plan->id);
  if (code == Errc::client_stalled || code == Errc::client_closed)
    return;  // judged with the record
  const bool cancels = scenario_.half_close == config::HalfClose::cancel;
  if (c.client->half_closed() && cancels) return;  // that is a client that left
  if (!c.client->cut(c.index())) {
    verdict_.fail("request %llu: a silent end in the middle of the answer", id);
    return;
  }
  if (c.client->reading_of(c.index()) != ClientPlan::Reading::normal)
    return;  // cut after the exchange was over
  if (code == Errc::ok) verdict_.fail("request %llu: cut, and the record knows of no error", id);
  if (c.serving == nullptr) return;
  const AnswerPlan& plan = c.serving->answer;
  const std::uint64_t read = plan.payload_read(c.serving->bytes_read());
  const bool inside_long = read - plan.event_end_before(read) > base::limits::kEventBytes;
  if (plan.stream && !inside_long) {
    verdict_.fail("request %llu: a stream that broke between events was cut", id);
  }
}

void judge(const SimWorld& world, Verdict& verdict, Tally& tally) {
  Judge(world, verdict, tally).judge_all();
}

}  // namespace headrace::sim
