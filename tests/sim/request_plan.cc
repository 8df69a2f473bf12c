#include "request_plan.h"

#include <algorithm>
#include <array>

namespace headrace::sim {
namespace {

using base::Prng;

// Not ours, and nobody's.
constexpr const char* kUnknownKey = "hr-client-key-of-nobody-00";

std::string auth_lines(Prng& dice, const RequestPlan& plan, std::span<const KeyPlan> keys) {
  const bool bearer = dice.chance(0.6);
  const auto show = [bearer](const std::string& key) {
    return (bearer ? "Authorization: Bearer " : "x-api-key: ") + key + "\r\n";
  };
  switch (plan.auth) {
    case Auth::open:
      return "Authorization: Bearer client-key\r\n";
    case Auth::good:
    case Auth::disabled:
    case Auth::expired:
      return show(keys[plan.key].key);
    case Auth::brought:
      return show(plan.brought_key);
    case Auth::none:
      return "";
    case Auth::unknown:
      return show(kUnknownKey);
    case Auth::malformed:
      return show(dice.chance(0.5) ? "hr-short" : "hr-client-key-with-a.dot-in-it");
    case Auth::conflicting:
      return "Authorization: Bearer client-key-number-one\r\nx-api-key: " + keys[0].key + "\r\n";
  }
  return "";
}

void choose_auth(Prng& dice, RequestPlan& plan, const RequestOptions& options) {
  if (options.access == config::Access::open) return;
  if (options.access == config::Access::bring && dice.chance(0.4)) {
    plan.auth = Auth::brought;
    plan.brought_key = "sk-own-client-key-" + std::to_string(plan.id);
    return;
  }
  plan.auth = dice.chance(options.stranger)
                  ? static_cast<Auth>(dice.between(static_cast<std::uint64_t>(Auth::none),
                                                   static_cast<std::uint64_t>(Auth::conflicting)))
                  : Auth::good;
  const auto fits = [&](const KeyPlan& key) {
    return key.disabled == (plan.auth == Auth::disabled) &&
           key.expired == (plan.auth == Auth::expired);
  };
  plan.key = dice.below(options.keys.size());
  while (!fits(options.keys[plan.key])) plan.key = (plan.key + 1) % options.keys.size();
}

constexpr const char* kPost = "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n";

struct BadRequest {
  const char* wire;
  int status;
};

// The rows of the list of bad input that one connection can show, with what each must get back.
constexpr auto kBadRequests = std::to_array<BadRequest>({
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nTransfer-Encoding: "
     "chunked\r\n\r\n",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nContent-Length: "
     "6\r\n\r\nhello",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: +5\r\n\r\nhello", 400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: -1\r\n\r\n", 400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 5, 5\r\n\r\nhello", 400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: "
     "18446744073709551616\r\n\r\n",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 0x5\r\n\r\nhello", 400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked, cow\r\n\r\n",
     501},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     400},
    {"POST /v1/chat/completions HTTP/1.0\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"GET /v1/models HTTP/1.1\nHost: g\n\n", 400},
    {"GET /v1/models HTTP/1.1\r\nHost: g\r\nX: a\rb\r\n\r\n", 400},
    {"GET /v1/models HTTP/1.1\r\nHost: g\r\nX: a\x01"
     "b\r\n\r\n",
     400},
    {"GET /v1/models HTTP/1.1\r\nHost: g\r\nX: a\r\n b\r\n\r\n", 400},
    {"GET /v1/models HTTP/1.1\r\nHost : g\r\n\r\n", 400},
    {"GET /v1/models HTTP/1.1\r\nHost: g\r\n: a\r\n\r\n", 400},
    {"GET /v1/models HTTP/1.1\r\nHost: g\r\nX@Y: a\r\n\r\n", 400},
    {"GET /v1/models HTTP/1.1\r\n\r\n", 400},
    {"GET /v1/models HTTP/1.1\r\nHost: g\r\nHost: g\r\n\r\n", 400},
    {"GET http://other/v1/models HTTP/1.1\r\nHost: g\r\n\r\n", 421},
    {"OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n", 400},
    {"CONNECT g:443 HTTP/1.1\r\nHost: g\r\n\r\n", 405},
    {"GET /v1/models HTTP/1.1\r\nHost: g\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET "
     "/x HTTP/1.1\r\n\r\n",
     426},
    {"GET /v1/nothing HTTP/1.1\r\nHost: g\r\n\r\n", 404},
    {"DELETE /v1/models HTTP/1.1\r\nHost: g\r\n\r\n", 405},
    {"GET /v1/chat/completions HTTP/1.1\r\nHost: g\r\n\r\n", 405},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Encoding: gzip\r\nContent-Length: "
     "5\r\n\r\nhello",
     415},
    {"\x16\x03\x01\x02 hello", 400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0x5\r\nhello\r\n",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n5_0\r\n",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: "
     "chunked\r\n\r\n11112222333344445\r\n",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello",
     400},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: "
     "chunked\r\n\r\n5\r\nhelloworld",
     400},
});

// Whole requests with a body that is at fault: the connection lives on.
constexpr auto kBadBodies = std::to_array<BadRequest>({
    {"", 400},
    {"{", 400},
    {"[]", 400},
    {"{\"model\":\"m0\"} x", 400},
    {"{\"model\":\"m0\",\"model\":\"m1\"}", 400},
    {"{\"model\":\"m0\",\"mod\\u0065l\":\"m1\"}", 400},
    {"{\"model\":\"m0\",\"x\":\"\xff\"}", 400},
    {"{\"model\":7}", 400},
    {"{\"messages\":[]}", 400},
    {"{\"model\":\"nobody\"}", 404},
    {"{\"model\":\"..\\/..\\u0000\\r\\n\"}", 404},
});

void make_head_refusal(Prng& dice, RequestPlan& plan, const RequestOptions& options) {
  plan.kind = RequestPlan::Kind::refused;
  plan.closes = true;
  plan.whole_body = false;
  const std::uint64_t which = dice.below(kBadRequests.size() + 4);
  if (which < kBadRequests.size()) {
    plan.wire = kBadRequests[which].wire;
    plan.status = kBadRequests[which].status;
    // What is wrong with a body of unknown length is never seen of a stranger.
    const bool in_body =
        plan.wire.find("Transfer-Encoding: chunked\r\n\r\n") != std::string::npos &&
        !plan.wire.ends_with("\r\n\r\n") && plan.status == 400 &&
        plan.wire.find("HTTP/1.0") == std::string::npos;
    if (in_body && options.access != config::Access::open) plan.status = 401;
    if (dice.chance(0.5))
      plan.wire += "GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n";  // must never be answered
    return;
  }
  switch (which - kBadRequests.size()) {
    case 0:
      plan.wire =
          "GET /v1/models HTTP/1.1\r\nHost: g\r\nX: " + std::string(33'000, 'x') + "\r\n\r\n";
      plan.status = 431;
      break;
    case 1:
      plan.wire = "GET /v1/models HTTP/1.1\r\nHost: g\r\n";
      for (int i = 0; i < 101; ++i) plan.wire += "X: 1\r\n";
      plan.wire += "\r\n";
      plan.status = 431;
      break;
    case 2:
      plan.wire = "GET /" + std::string(8200, 'x') + " HTTP/1.1\r\nHost: g\r\n\r\n";
      plan.status = 414;
      break;
    default:
      plan.wire = std::string(kPost) + "Content-Length: 900000000\r\n\r\n";
      plan.status = options.access == config::Access::open ? 413 : 401;
      break;
  }
}

void put_pauses(Prng& dice, RequestPlan& plan) {
  const std::uint64_t count = dice.chance(0.5) ? 0 : dice.below(6);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = static_cast<base::Nanos>(dice.below(5 * base::kMillisecond) + 1);
    plan.pauses.push_back({dice.below(plan.wire.size() + 1), length});
  }
  std::sort(plan.pauses.begin(), plan.pauses.end(), [](auto& a, auto& b) { return a.at < b.at; });
}

// A whole request with `plan.body`, framed in one of the legal ways.
void put_post(Prng& dice, RequestPlan& plan, const RequestOptions& options) {
  choose_auth(dice, plan, options);
  const bool openai = plan.family == api::Family::openai;
  plan.http10 = !options.h2 && dice.chance(0.1);
  const bool chunked = !plan.http10 && dice.chance(0.3);  // or without a length, over HTTP/2
  std::string& out = plan.wire;
  out = !options.h2 && dice.chance(0.1) ? "\r\n" : "";
  out += std::string("POST ") + (openai ? "/v1/chat/completions" : "/v1/messages") + " HTTP/1." +
         (plan.http10 ? "0" : "1") + "\r\n";
  out += "Host: gateway:8080\r\nContent-Type: application/json\r\n" +
         auth_lines(dice, plan, options.keys);
  if (dice.chance(0.3)) out += "Cookie: secret=1\r\nX-Custom: 1\r\nAccept-Encoding: gzip, br\r\n";
  if (dice.chance(0.3)) out += "OpenAI-Organization: org-1\r\n";
  out +=
      (openai ? "Idempotency-Key: req-" : "anthropic-version: 2023-06-01\r\nanthropic-beta: req-") +
      std::to_string(plan.id) + "\r\n";
  plan.asks_close = !options.h2 && (plan.http10 ? dice.chance(0.5) : dice.chance(0.08));
  if (plan.http10 && !plan.asks_close) out += "Connection: keep-alive\r\n";
  if (!plan.http10 && plan.asks_close) out += "Connection: close\r\n";
  plan.expects_continue = !plan.http10 && !plan.body.empty() && dice.chance(0.1);
  // A stranger is told at once where the body is long, or who knows how long.
  plan.hasty = !plan.may_ask() && (chunked || plan.expects_continue ||
                                   plan.body.size() > base::limits::kRefusedBodyBytes);
  if (plan.expects_continue) out += "Expect: 100-continue\r\n";
  if (!chunked) {
    out += "Content-Length: " + std::to_string(plan.body.size()) + "\r\n\r\n";
    plan.head_bytes = out.size();
    out += plan.body;
    return;
  }
  if (options.h2) {
    out += "\r\n";
    plan.head_bytes = out.size();
    out += plan.body;
    return;
  }
  out += "Transfer-Encoding: chunked\r\n\r\n";
  plan.head_bytes = out.size();
  std::uint64_t at = 0;
  const std::uint64_t largest = 1 + dice.below(plan.body.size() > 20'000 ? 9000 : 600);
  while (at < plan.body.size()) {
    const std::uint64_t size =
        std::min<std::uint64_t>(plan.body.size() - at, 1 + dice.below(largest));
    std::array<char, 24> line;
    std::snprintf(line.data(), line.size(), "%llx", static_cast<unsigned long long>(size));
    out += line.data();
    out += at < 3000 && dice.chance(0.2) ? ";x=1\r\n" : "\r\n";  // all of a body have a limit
    out.append(plan.body, at, size);
    out += "\r\n";
    at += size;
  }
  out += dice.chance(0.2) ? "0\r\nx-sum: 1\r\n\r\n" : "0\r\n\r\n";
}

void make_bad_body(Prng& dice, RequestPlan& plan, const RequestOptions& options) {
  plan.kind = RequestPlan::Kind::refused;
  const BadRequest& bad = kBadBodies[dice.below(kBadBodies.size())];
  plan.body = bad.wire;
  put_post(dice, plan, options);
  plan.status = plan.may_ask() ? bad.status : 401;
  plan.closes = plan.hasty;
}

void make_models(Prng& dice, RequestPlan& plan, const RequestOptions& options) {
  plan.kind = RequestPlan::Kind::models;
  choose_auth(dice, plan, options);
  const bool one = dice.chance(0.3);
  plan.wire = std::string("GET /v1/models") + (one ? "/m0" : "") + " HTTP/1.1\r\nHost: g\r\n" +
              auth_lines(dice, plan, options.keys) + "\r\n";
  plan.head_bytes = plan.wire.size();
}

std::uint64_t pick_size(Prng& dice, std::uint64_t most) {
  return dice.chance(0.3) ? most : std::min<std::uint64_t>(most, 600);
}

void make_chat(Prng& dice, RequestPlan& plan, const RequestOptions& options) {
  plan.route = dice.below(options.routes);
  plan.stream = dice.chance(0.65);
  plan.wants_usage = plan.stream && dice.chance(0.3);
  plan.name = "m" + std::to_string(plan.route);
  if (dice.chance(options.anthropic)) plan.family = api::Family::anthropic;
  const bool openai = plan.family == api::Family::openai;
  plan.wants_usage = plan.wants_usage && openai;
  if (!openai || dice.chance(0.3)) plan.max_tokens = dice.between(1, 3000);
  plan.answers_seed = dice.next();
  plan.fault = options.fault;
  AnswerOptions& answers = plan.answers;
  answers.id = plan.id;
  answers.stream = plan.stream;
  answers.strips_usage = !plan.wants_usage;
  answers.size_max = pick_size(dice, options.answer_max) + 1;
  answers.events_max = options.events_max;
  // The length of a body tells its request: what the records say of it can be found by that.
  plan.body = R"({"model":")" + plan.name + R"(","stream":)" + (plan.stream ? "true" : "false") +
              (plan.wants_usage ? R"(,"stream_options":{"include_usage":true})" : "") +
              (plan.max_tokens == 0 ? "" : ",\"max_tokens\":" + std::to_string(plan.max_tokens)) +
              R"(,"messages":[{"role":"user","content":"request )" + std::to_string(plan.id) + " " +
              random_text(dice, dice.below(pick_size(dice, options.body_max)) + 1);
  const std::string end = "\"}],\"x\":1e99999}";
  while ((plan.body.size() + end.size()) % 128 != plan.id % 128) plan.body += 'p';
  plan.body += end;
  put_post(dice, plan, options);
  plan.closes = plan.hasty;
}

void make_slow(Prng& dice, RequestPlan& plan, RequestOptions options) {
  options.stranger = 0;

  plan.body = "{\"model\":\"m0\",\"messages\":[]}";
  put_post(dice, plan, options);
  plan.kind = RequestPlan::Kind::slow;
  plan.status = 408;
  plan.closes = true;
  const std::uint64_t first = plan.wire.starts_with("\r\n") ? 3 : 1;
  plan.stall_at = dice.between(first, plan.wire.size() - 1);
  if (plan.expects_continue) plan.stall_at = std::min(plan.stall_at, plan.head_bytes);
  if (options.h2) plan.stall_at = std::max(plan.stall_at, plan.head_bytes);
}

}  // namespace

AnswerPlan RequestPlan::answer(std::uint64_t attempt, api::Family provider, bool h2) const {
  Prng dice(answers_seed + attempt * 0x9e3779b97f4a7c15ULL);
  AnswerOptions options = answers;
  options.attempt = attempt;
  options.family = provider;
  options.h2 = h2;
  options.strips_usage = !wants_usage && provider == api::Family::openai;
  if (dice.chance(fault)) {
    // Refusals are a world of their own.
    const auto faults = h2 ? static_cast<std::uint64_t>(Fault::kCount) : kHttp1Faults;
    options.fault =
        dice.chance(0.3) ? Fault::error_status : static_cast<Fault>(1 + dice.below(faults - 1));
  }
  return make_answer(dice, options);
}

// The model's name replaced, usage asked for, and every other byte as it was.
std::string RequestPlan::body_for(const std::string& model) const {
  std::string text = body;
  const std::string start = R"({"model":")" + name + '"';
  if (!model.empty()) text.replace(0, start.size(), R"({"model":")" + model + '"');
  if (stream && !wants_usage && family == api::Family::openai)
    text.insert(1, R"("stream_options":{"include_usage":true},)");
  return text;
}

RequestPlan make_request(Prng& dice, const RequestOptions& options) {
  RequestPlan plan;
  plan.id = options.id;
  if (dice.chance(options.bad)) {
    const std::uint64_t which = options.h2 ? dice.between(5, 9) : dice.below(10);
    if (which < 5) {
      make_head_refusal(dice, plan, options);
    } else if (which < 9) {
      make_bad_body(dice, plan, options);
    } else {
      make_slow(dice, plan, options);
    }
  } else if (dice.chance(0.1)) {
    make_models(dice, plan, options);
  } else {
    make_chat(dice, plan, options);
  }
  put_pauses(dice, plan);
  if (options.h2) plan.closes = false;
  return plan;
}

}  // namespace headrace::sim
