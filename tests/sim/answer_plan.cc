#include "answer_plan.h"

#include <algorithm>
#include <array>

#include "base/limits.h"

namespace headrace::sim {
namespace {

using base::Prng;

std::string hex_of(std::uint64_t value, bool upper) {
  std::array<char, 24> text;
  std::snprintf(
      text.data(), text.size(), upper ? "%llX" : "%llx", static_cast<unsigned long long>(value));
  return text.data();
}

std::string extension(Prng& dice) {
  constexpr std::array<const char*, 5> kExtensions = {"", "", ";a=b", ";x", ";q=\"a;b\\\"c\";z"};
  return kExtensions[dice.below(kExtensions.size())];
}

void put_payload(AnswerPlan& plan, std::uint64_t from, std::uint64_t size) {
  if (size == 0) return;
  plan.spans.push_back({plan.wire.size(), from, size});
  plan.wire.append(plan.payload, from, size);
}

void put_chunks(Prng& dice, AnswerPlan& plan) {
  const std::uint64_t total = plan.payload.size();
  std::uint64_t at = 0;
  std::uint64_t extension_bytes = 0;
  const std::uint64_t bad_at = plan.fault == Fault::bad_chunk ? dice.below(total + 1) : total + 1;
  const std::uint64_t largest = dice.chance(0.3) ? 1 + dice.below(40) : 1 + dice.below(20'000);
  while (at < total) {
    if (at >= bad_at) break;
    std::uint64_t size = std::min(total - at, 1 + dice.below(largest));
    if (total > 50'000) size = std::min(total - at, std::max<std::uint64_t>(size, 500));
    const std::string more =
        extension_bytes < 3000 ? extension(dice) : "";  // all of a body have a limit
    extension_bytes += more.size();
    plan.wire += (dice.chance(0.1) ? "00" : "") + hex_of(size, dice.chance(0.5)) + more + "\r\n";
    put_payload(plan, at, size);
    plan.wire += "\r\n";
    at += size;
  }
  if (plan.fault == Fault::bad_chunk) {
    constexpr std::array<const char*, 5> kBad = {
        "0x5\r\nhello\r\n", "5_0\r\n", "-1\r\n", "11112222333344445\r\n", "5\nhello\r\n"};
    plan.wire += kBad[dice.below(kBad.size())];
    plan.broken_http = true;
    return;
  }
  plan.wire += dice.chance(0.2) ? "0\r\nx-trailer: 1\r\n\r\n" : "0\r\n\r\n";
}

void put_interim(Prng& dice, AnswerPlan& plan) {
  const bool flood = plan.fault == Fault::interim_flood;
  const std::uint64_t count = flood ? 9 + dice.below(5) : 1 + dice.below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    plan.wire += dice.chance(0.5) ? "HTTP/1.1 100 Continue\r\n\r\n"
                                  : "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n";
  }
  if (flood) plan.broken_http = true;
}

void put_bad_head(Prng& dice, AnswerPlan& plan) {
  plan.broken_http = true;
  if (plan.fault == Fault::switching) {
    plan.wire +=
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    return;
  }
  constexpr std::array<const char*, 6> kBad = {
      "HTTP/2.0 200 OK\r\n\r\n",
      "SSH-2.0-OpenSSH_9\r\n\r\n",
      "HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nbad name: 1\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\ncontent-length: 0\n\n",
      "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello"};
  plan.wire += kBad[dice.below(kBad.size())];
}

void put_hints(Prng& dice, AnswerPlan& plan) {
  const std::uint64_t which = dice.below(4);
  if (which == 0 || which == 3) {
    const std::uint64_t seconds = dice.below(dice.chance(0.8) ? 3 : 60);
    plan.retry_after = static_cast<base::Nanos>(seconds) * base::kSecond;
    plan.wire += "retry-after: " + std::to_string(seconds) + "\r\n";
  }
  if (which == 1) {
    const std::uint64_t ms = dice.below(500);
    plan.retry_after = static_cast<base::Nanos>(ms) * base::kMillisecond;
    plan.wire += "retry-after-ms: " + std::to_string(ms) + "\r\nretry-after: 77\r\n";
  }
  if (which >= 2) {
    plan.may_retry = false;
    plan.wire += "x-should-retry: false\r\n";
  }
}

void put_fields(Prng& dice, AnswerPlan& plan) {
  if (plan.fault == Fault::huge_head) {
    for (int i = 0; i < 90; ++i)
      plan.wire += "x-long-" + std::to_string(i) + ": " + std::string(800, 'v') + "\r\n";
    plan.broken_http = true;
  }
  if (plan.fault == Fault::redirect) plan.wire += "location: http://10.0.0.9/else\r\n";
  if (plan.status >= 400 && dice.chance(0.35)) put_hints(dice, plan);
  if (dice.chance(0.5)) plan.wire += "x-request-id: up-1\r\nserver: script\r\nset-cookie: a=b\r\n";
}

void put_body(Prng& dice, AnswerPlan& plan) {
  const std::uint64_t kind = dice.below(plan.stream ? 8 : 10);
  const bool two = plan.fault == Fault::two_framings;
  if (two) {
    plan.broken_http = true;
    plan.wire += dice.chance(0.5)
                     ? "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                     : "content-length: 5\r\ncontent-length: 6\r\n\r\nhello";
    return;
  }
  if (kind < 5 || plan.fault == Fault::bad_chunk) {
    plan.wire += "transfer-encoding: chunked\r\n\r\n";
    put_chunks(dice, plan);
    if (plan.fault != Fault::bad_chunk) plan.complete_at = plan.wire.size();
  } else if (kind == 5 && plan.fault != Fault::extra_bytes) {
    plan.until_close = true;
    plan.ending = Ending::fin;
    plan.wire += "\r\n";
    put_payload(plan, 0, plan.payload.size());
  } else {
    plan.wire += "content-length: " + std::to_string(plan.payload.size()) + "\r\n\r\n";
    put_payload(plan, 0, plan.payload.size());
    plan.complete_at = plan.wire.size();
  }
}

void put_status_line(Prng& dice, AnswerPlan& plan) {
  constexpr std::array<int, 20> kErrors = {400, 401, 402, 403, 404, 408, 409, 413, 418, 422,
                                           429, 429, 498, 500, 500, 502, 503, 503, 504, 529};
  constexpr std::array<int, 4> kRedirects = {301, 302, 307, 308};
  if (plan.fault == Fault::error_status)
    plan.said = plan.status = kErrors[dice.below(kErrors.size())];
  if (plan.fault == Fault::redirect) plan.status = kRedirects[dice.below(kRedirects.size())];
  if (plan.status != 200) plan.stream = false;
  plan.wire += "HTTP/1.1 " + std::to_string(plan.status) + " Words\r\n";
  plan.wire += plan.stream ? "content-type: text/event-stream; charset=utf-8\r\n"
                           : "content-type: application/json\r\n";
}

void choose_end(Prng& dice, AnswerPlan& plan) {
  plan.cut = plan.wire.size();
  switch (plan.fault) {
    case Fault::cut_fin:
      plan.cut = dice.below(plan.wire.size() + 1);
      plan.ending = Ending::fin;
      break;
    case Fault::cut_reset:
      plan.cut = dice.below(plan.wire.size() + 1);
      plan.ending = Ending::reset;
      break;
    case Fault::silence:
      plan.cut = dice.below(plan.wire.size());
      plan.ending = Ending::silence;
      break;
    case Fault::stall:
      plan.cut = dice.below(std::max<std::uint64_t>(wire_of(plan.spans, plan.commit_payload()), 1));
      plan.ending = Ending::silence;
      break;
    case Fault::early:
      if (plan.ending == Ending::keep && dice.chance(0.5)) plan.ending = Ending::fin;
      break;
    default:
      break;
  }
  if (plan.ending == Ending::keep && !plan.h2 && dice.chance(0.15)) plan.ending = Ending::fin;
  if (!plan.until_close || plan.stream || plan.cut >= plan.wire.size()) return;
  // Nobody can see that it is cut, but for the JSON that never ends.
  plan.unreadable = plan.status < 400;
  plan.said = plan.status < 400 ? 0 : plan.status;
}

void choose_pauses(Prng& dice, AnswerPlan& plan, const AnswerOptions& options) {
  const std::uint64_t count = dice.below(plan.stream ? 14 : 4);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto most =
        static_cast<std::uint64_t>(dice.chance(0.3) ? options.pause_max : base::kMillisecond);
    std::uint64_t at = dice.below(plan.cut + 1);
    if (dice.chance(0.5) && !plan.events.empty()) {  // right behind an event, as real providers do
      const std::uint64_t end = plan.events[dice.below(plan.events.size())].end;
      at = std::min(plan.cut, wire_of(plan.spans, end));
    }
    plan.pauses.push_back({at, static_cast<base::Nanos>(dice.below(most) + 1)});
  }
  std::sort(plan.pauses.begin(), plan.pauses.end(), [](auto& a, auto& b) { return a.at < b.at; });
}

}  // namespace

AnswerPlan make_answer(Prng& dice, const AnswerOptions& options) {
  AnswerPlan plan;
  plan.fault = options.fault;
  plan.h2 = options.h2;
  plan.family = options.family;
  plan.stream = options.stream;
  if (plan.fault == Fault::interim_few || plan.fault == Fault::interim_flood)
    put_interim(dice, plan);
  const bool bad = plan.fault == Fault::switching || plan.fault == Fault::bad_head;
  if (bad && !options.h2) put_bad_head(dice, plan);
  put_status_line(dice, plan);
  if (plan.stream) {
    write_stream(dice, plan, options);
  } else if (plan.fault == Fault::error_status) {
    write_refusal(dice, plan, options);
  } else {
    write_plain(dice, plan, options);
  }
  put_fields(dice, plan);
  if (options.h2) {
    put_h2_answer(dice, plan);
  } else {
    put_body(dice, plan);
  }
  if (!options.h2 && plan.fault == Fault::extra_bytes && plan.complete_at != 0)
    plan.wire += "HTTP/1.1 200 OK\r\n";
  if (plan.fault == Fault::early) plan.early_after = dice.below(3000);
  choose_end(dice, plan);
  if (options.h2) choose_h2_end(dice, plan);
  choose_pauses(dice, plan, options);
  return plan;
}

// -- the truth

const EventMark* AnswerPlan::event_before(std::uint64_t payload_bytes) const {
  const EventMark* last = nullptr;
  for (const EventMark& event : events) {
    if (event.end > payload_bytes) break;
    last = &event;
  }
  return last;
}

const EventMark* AnswerPlan::shown_before(std::uint64_t shown_bytes) const {
  const EventMark* last = nullptr;
  for (const EventMark& event : events) {
    if (event.shown_end > shown_bytes) break;
    last = &event;
  }
  return last;
}

bool AnswerPlan::has_stream_end(std::uint64_t payload_bytes) const {
  return std::any_of(events.begin(), events.end(), [&](const EventMark& event) {
    return (event.ends_stream || event.fails) && event.end <= payload_bytes;
  });
}

bool AnswerPlan::has_failure(std::uint64_t payload_bytes) const {
  return std::any_of(events.begin(), events.end(), [&](const EventMark& event) {
    return event.fails && event.end <= payload_bytes;
  });
}

std::uint64_t AnswerPlan::refusal_end() const {
  for (const EventMark& event : events) {
    if (event.fails) return event.end;
    if (event.useful) return 0;
  }
  return 0;
}

std::uint64_t AnswerPlan::commit_payload() const {
  using namespace base::limits;
  std::uint64_t at = std::min<std::uint64_t>(payload.size(), kHoldBytes);
  if (!stream) return at;
  std::uint64_t begin = 0;
  for (const EventMark& event : events) {
    if (event.end - begin > kEventBytes) return std::min(at, begin + kEventBytes + 1);
    if (event.useful) return std::min(at, event.end);
    begin = event.end;
  }
  return at;
}

}  // namespace headrace::sim
