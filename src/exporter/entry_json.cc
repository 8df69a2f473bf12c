#include "exporter/entry_json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <span>

#include "base/error.h"
#include "base/uuid.h"
#include "exporter/aggregate.h"
#include "exporter/json_text.h"
#include "exporter/token_names.h"
#include "telemetry/text_slot.h"

namespace headrace::exporter {
namespace {

using Bytes = base::Bytes;

// By bit; an empty one is no flag (yet).
constexpr std::array<Bytes, 14> kFlagNames = {"streamed",
                                              "committed",
                                              "truncated",
                                              "client_closed",
                                              "reused_connection",
                                              "hedge",
                                              "retried",
                                              "hold_full",
                                              "usage_estimated",
                                              "client_reused",
                                              "won",
                                              "cost_reported",
                                              "cost_uncertain",
                                              "drained"};

struct Phase {
  JsonKey name;
  std::int64_t Record::* member;
};
constexpr Phase kPhases[] = {
    {"head_complete", &Record::head_complete_ns},
    {"dispatched", &Record::dispatched_ns},
    {"connected", &Record::connected_ns},
    {"request_sent", &Record::request_sent_ns},
    {"upstream_first_byte", &Record::upstream_first_byte_ns},
    {"first_useful_event", &Record::first_useful_event_ns},
    {"first_byte_sent", &Record::first_byte_sent_ns},
    {"last_byte", &Record::last_byte_ns},
    {"settled", &Record::settled_ns},
};

// "2026-11-20T13:05:50.123456789Z"
std::array<char, 30> time_text(std::uint64_t wall_ns) {
  const auto seconds = static_cast<std::int64_t>(wall_ns / 1'000'000'000);
  const std::int64_t day = seconds / 86400;
  const std::int64_t of_day = seconds % 86400;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  const auto year = static_cast<std::uint64_t>(static_cast<int>(date.year()));
  std::array<char, 30> text{};
  char* next = base::write_pair(text.data(), year / 100 % 100);
  const auto put = [&next](char before, std::uint64_t below_100) {
    *next++ = before;
    next = base::write_pair(next, below_100);
  };
  next = base::write_pair(next, year % 100);
  put('-', static_cast<unsigned>(date.month()));
  put('-', static_cast<unsigned>(date.day()));
  put('T', static_cast<std::uint64_t>(of_day / 3600));
  put(':', static_cast<std::uint64_t>(of_day / 60 % 60));
  put(':', static_cast<std::uint64_t>(of_day % 60));
  const std::uint64_t nanos = wall_ns % 1'000'000'000;
  *next++ = '.';
  *next++ = static_cast<char>('0' + nanos / 100'000'000);
  for (std::uint64_t unit = 1'000'000; unit != 0; unit /= 100)
    next = base::write_pair(next, nanos / unit % 100);
  *next = 'Z';
  return text;
}

std::array<char, 16> ring_text(std::uint64_t ring) {
  std::array<char, 16> text{};
  for (std::size_t i = text.size(); i-- > 0; ring >>= 4) text[i] = "0123456789abcdef"[ring & 15];
  return text;
}

void put_id(JsonText& out, const Record& record) {
  base::Uuid id;
  std::memcpy(id.data(), record.request_id, id.size());
  char text[base::kUuidTextBytes];
  const char* const end = base::write_uuid(text, id);
  out.key("request_id").plain({text, static_cast<std::size_t>(end - text)});
}

// The name of an id, or "#id" when nobody told us what it stands for.
void put_name(JsonText& out,
              const JsonKey& key,
              const Dictionary* names,
              std::vector<std::string> Dictionary::* list,
              std::uint32_t id,
              std::uint32_t none) {
  if (id == none) return;
  if (names != nullptr && id < (names->*list).size()) {
    out.key(key).string((names->*list)[id]);
    return;
  }
  char text[24] = {'#'};
  const char* const end = base::write_decimal(text + 1, id);
  out.key(key).plain({text, static_cast<std::size_t>(end - text)});
}

// Nothing where all of it is zero.
void put_hex(JsonText& out, const JsonKey& key, std::span<const std::uint8_t> bytes) {
  constexpr std::uint8_t kZeros[sizeof Record::trace_id] = {};
  if (std::memcmp(bytes.data(), kZeros, bytes.size()) == 0) return;
  char text[2 * sizeof Record::trace_id];
  char* next = text;
  for (const std::uint8_t byte : bytes) {
    *next++ = "0123456789abcdef"[byte >> 4];
    *next++ = "0123456789abcdef"[byte & 15];
  }
  out.key(key).plain({text, static_cast<std::size_t>(next - text)});
}

void put_flags(JsonText& out, std::uint32_t flags) {
  if (flags == 0) return;
  out.key("flags").begin_list();
  flags &= (1u << kFlagNames.size()) - 1;
  for (; flags != 0; flags &= flags - 1) {
    out.plain(kFlagNames[static_cast<std::size_t>(std::countr_zero(flags))]);
  }
  out.end_list();
}

void put_tokens(JsonText& out, const Record& record) {
  bool any = false;
  for (std::size_t i = 0; i < kTokenClasses; ++i) {
    if (record.tokens[i] == kNoTokens) continue;
    if (!any) out.key("tokens").begin_object();
    any = true;
    out.key(kTokenNames[i]).number(record.tokens[i]);
  }
  if (any) out.end_object();
}

void put_phases(JsonText& out, const Record& record) {
  out.key("ns").begin_object();
  for (const Phase& phase : kPhases) {
    if (record.*phase.member >= 0) out.key(phase.name).number(record.*phase.member);
  }
  if (record.upstream_wait_ns != 0) out.key("upstream_wait").number(record.upstream_wait_ns);
  if (record.overhead_ns != kNoDuration) out.key("overhead").number(record.overhead_ns);
  if (record.cancel_ns != kNoDuration) out.key("cancel").number(record.cancel_ns);
  out.end_object();
}

void put_error(JsonText& out, const Record& record) {
  if (record.error == 0) return;
  out.key("error").plain(base::name_of(static_cast<base::Errc>(record.error)));
  constexpr std::array<Bytes, 3> kBlames = {"client", "upstream", "gateway"};
  if (record.blame < kBlames.size()) out.key("blame").plain(kBlames[record.blame]);
}

// What a request and an attempt have in common.
void put_part(JsonText& out, const Part& part, const Dictionary* names) {
  const Record& record = part.record;
  if (part.text && part.text->model_bytes != 0) {
    out.key("model").string(telemetry::model_of(*part.text));
  }
  put_name(out, "target", names, &Dictionary::targets, record.target, kNoId);
  put_name(out, "provider", names, &Dictionary::providers, record.provider, kNoShortId);
  if (part.text && part.text->provider_id_bytes != 0) {
    out.key("provider_request_id").string(telemetry::provider_id_of(*part.text));
  }
  if (record.status != 0) out.key("status").number(std::uint32_t{record.status});
  if (record.upstream_status != 0) {
    out.key("upstream_status").number(std::uint32_t{record.upstream_status});
  }
  put_error(out, record);
  put_hex(out, "span_id", record.span_id);
  put_flags(out, record.flags);
  put_tokens(out, record);
  put_name(out, "price", names, &Dictionary::prices, record.price_row, kNoId);
  if (record.cost_picodollars != kNoCost) {
    out.key("cost_picodollars").number(record.cost_picodollars);
  }
  out.key("events").number(record.events);
  if (record.kind == RecordKind::request) out.key("bytes_in").number(record.bytes_in);
  out.key("bytes_out").number(record.bytes_out);
  put_phases(out, record);
}

bool same_result(const Record& one, const Record& other) {
  return one.target == other.target && one.provider == other.provider &&
         one.upstream_status == other.upstream_status && one.error == other.error &&
         one.blame == other.blame;
}

bool same_use(const Record& one, const Record& other) {
  return std::equal(std::begin(one.tokens), std::end(one.tokens), std::begin(other.tokens)) &&
         one.price_row == other.price_row && one.cost_picodollars == other.cost_picodollars &&
         one.events == other.events && one.bytes_out == other.bytes_out;
}

bool same_times(const Record& one, const Record& other) {
  return one.upstream_wait_ns == other.upstream_wait_ns &&
         std::all_of(std::begin(kPhases), std::end(kPhases), [&](const Phase& phase) {
           return one.*phase.member == other.*phase.member ||
                  phase.member == &Record::head_complete_ns;
         });
}

// The request's record speaks of its last attempt, and sums up over all of them: where there was
// one only, nothing need be said twice.
bool is_told(const Part& attempt, const Entry& entry) {
  if (!entry.request || entry.attempts.size() != 1) return false;
  const Record& told = entry.request->record;
  const Record& record = attempt.record;
  return told.attempts == 1 && !attempt.text && same_result(record, told) &&
         same_use(record, told) && same_times(record, told);
}

void put_attempt(JsonText& out, const Part& part, const Entry& entry) {
  out.begin_object();
  out.key("sequence").number(part.record.sequence);
  out.key("attempt").number(std::uint32_t{part.record.attempt});
  if (is_told(part, entry)) {
    put_hex(out, "span_id", part.record.span_id);
    put_flags(out, part.record.flags);
  } else {
    put_part(out, part, entry.names);
  }
  out.end_object();
}

}  // namespace

void append_line(const Entry& entry, JsonText& out, std::string& lines) {
  const Record& first = entry.request ? entry.request->record : entry.attempts.front().record;
  out.begin_object();
  out.key("kind").plain(entry.request ? "request" : "attempt");
  const auto ring = ring_text(entry.ring);
  out.key("ring").plain({ring.data(), ring.size()});
  out.key("worker").number(std::uint32_t{first.worker});
  if (entry.request) out.key("sequence").number(first.sequence);
  const auto time = time_text(first.wall_start_ns);
  out.key("time").plain({time.data(), time.size()});
  put_id(out, first);
  put_hex(out, "trace_id", first.trace_id);
  put_name(out, "key", entry.names, &Dictionary::keys, first.key, kNoId);
  put_name(out, "route", entry.names, &Dictionary::routes, first.route, kNoShortId);
  if (entry.request) {
    out.key("outcome").plain(name_of(outcome_of(first)));
    put_part(out, *entry.request, entry.names);
    out.key("attempts_made").number(std::uint32_t{first.attempts});
  }
  out.key("attempts").begin_list();
  for (const Part& attempt : entry.attempts) put_attempt(out, attempt, entry);
  out.end_list().end_object().move_line(lines);
}

std::string line_of(const Entry& entry) {
  JsonText text;
  std::string line;
  append_line(entry, text, line);
  return line;
}

}  // namespace headrace::exporter
