// What the mock is told while it runs, and what it tells: /mock/control and /mock/stats.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "json_text.h"
#include "service.h"

namespace headrace::mock {
namespace {

constexpr std::size_t kRulesMax = 64;

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() &&
                         base::hex_value(text[i + 1]) >= 0 && base::hex_value(text[i + 2]) >= 0;
    if (escaped) {
      result += static_cast<char>(base::hex_value(text[i + 1]) * 16 + base::hex_value(text[i + 2]));
      i += 2;
    } else {
      result += text[i] == '+' ? ' ' : text[i];
    }
  }
  return result;
}

}  // namespace

// ?clear=1&fault=5%25:+http=429&shape=tools%3D2&ttft=const:1s: applied from left to right, answered
// with what now holds.
void Service::on_control(Connection& connection, const HttpRequest& request) {
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::string_view name = part.substr(0, part.find('='));
    const std::string value = percent_decoded(part.substr(std::min(part.size(), name.size() + 1)));
    if (!apply_control(name, value)) {
      ++truth_.bad_requests;
      connection.reply(400,
                       error_body(fmt::format("cannot apply {}={}", name, value),
                                  "invalid_request_error",
                                  "bad_control"));
      return;
    }
  }
  connection.reply(200, settings_body());
}

bool Service::apply_control(std::string_view name, const std::string& value) {
  if (name == "clear") {
    settings_.faults.clear();
    settings_.shape = {};
    return true;
  }
  if (name == "fault") {
    auto rule = parse_fault_rule(value);
    if (!rule || settings_.faults.size() >= kRulesMax) return false;
    settings_.faults.push_back(std::move(*rule));
    return true;
  }
  if (name == "shape") {
    Choice choice;
    if (!apply_words(value, choice) || choice.fault) return false;
    settings_.shape = choice.shape;
    return true;
  }
  const bool is_count = name == "tokens";
  if (!is_count && name != "ttft" && name != "itl") return false;
  const auto drawn =
      Distribution::parse(value, is_count ? Distribution::Unit::count : Distribution::Unit::time);
  if (!drawn) return false;
  (is_count ? settings_.tokens : name == "ttft" ? settings_.ttft : settings_.itl) = *drawn;
  return true;
}

std::string Service::stats_body() const {
  std::string cancels;
  for (const Truth::Cancel& cancel : truth_.last_cancels) {
    cancels += fmt::format(R"({}{{"id":"{}","seen_at_ns":{},"tokens_sent":{}}})",
                           cancels.empty() ? "" : ",",
                           cancel.id,
                           cancel.seen_at,
                           cancel.tokens_sent);
  }
  return fmt::format(
      R"({{"io":"{}","connections":{},"connections_open":{},"connections_refused":{},"tls_full":{},"tls_resumed":{},"requests":{},)"
      R"("chats":{},"completions":{},"embeddings":{},"responses":{},"messages":{},)"
      R"("count_tokens":{},"streams":{},"bad_requests":{},"unauthorized":{},"faults":{},)"
      R"("finished":{},"cancels":{},"late_max_us":{},"last_cancels":[{}]}})",
      io_.name(),
      truth_.connections,
      doors_.size(),
      truth_.connections_refused,
      truth_.tls_full,
      truth_.tls_resumed,
      truth_.requests,
      truth_.of(Call::chat),
      truth_.of(Call::completions),
      truth_.of(Call::embeddings),
      truth_.of(Call::responses),
      truth_.of(Call::messages),
      truth_.of(Call::count_tokens),
      truth_.streams,
      truth_.bad_requests,
      truth_.unauthorized,
      truth_.faults,
      truth_.finished,
      truth_.cancels,
      truth_.late_max / base::kMicrosecond,
      cancels);
}

std::string Service::settings_body() const {
  std::string rules;
  for (const FaultRule& rule : settings_.faults) {
    rules += fmt::format(R"({}"{}")", rules.empty() ? "" : ",", json_escaped(rule.text));
  }
  return fmt::format(R"({{"faults":[{}]}})", rules);
}

}  // namespace headrace::mock
