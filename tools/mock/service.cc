#include "service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"

namespace headrace::mock {
namespace {

constexpr std::string_view kModelPrefix = "mock:";
constexpr std::uint64_t kTokensMax = 100'000;
constexpr std::size_t kRulesMax = 64;

constexpr std::string_view kModels =
    R"({"object":"list","data":[{"id":"mock","object":"model","created":1700000000,)"
    R"("owned_by":"headrace"}]})";

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

std::string_view error_type(std::uint16_t status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

}  // namespace

Service::Service(io::Io& io, Settings settings)
    : io_(io), settings_(std::move(settings)), random_(settings_.seed) {}

Service::~Service() = default;

void Service::listen(int fd) {
  listeners_.push_back(std::make_unique<io::Listener>(*this));
  io_.listen_start(*listeners_.back(), fd);
  ++listening_;
}

void Service::stop() {
  for (const auto& listener : listeners_) io_.listen_stop(*listener);
  for (const auto& [connection, owner] : connections_) connection->stop();
}

void Service::on_accept(int fd) {
  if (connections_.size() >= settings_.connections_max) {
    ++truth_.connections_refused;
    ::close(fd);
    return;
  }
  ++truth_.connections;
  auto connection = std::make_unique<Connection>(*this, io_);
  Connection& started = *connection;
  connections_.emplace(&started, std::move(connection));
  started.start(fd);
}

void Service::on_accept_error(base::Error) {
  ++truth_.connections_refused;
}

void Service::on_closed(Connection& connection) {
  connections_.erase(&connection);
}

std::uint64_t Service::draw_tokens() {
  const auto drawn = static_cast<std::uint64_t>(settings_.tokens.draw(random_));
  return std::clamp<std::uint64_t>(drawn, 1, kTokensMax);
}

void Service::note_cancel(const Answer& answer) {
  ++truth_.cancels;
  auto& cancels = truth_.last_cancels;
  if (cancels.size() == Truth::kCancelsKept) cancels.erase(cancels.begin());
  cancels.push_back({answer.id(), io_.clock(), answer.tokens_sent()});
}

void Service::on_request(Connection& connection, Answer& answer, const HttpRequest& request) {
  ++truth_.requests;
  const bool posts = request.method == "POST";
  if (request.path == "/v1/chat/completions" && posts) {
    on_chat(connection, answer, request);
  } else if (request.path == "/v1/models" && !posts) {
    connection.reply(200, kModels);
  } else if (request.path == "/mock/stats" && !posts) {
    connection.reply(200, stats_body());
  } else if (request.path == "/mock/control") {
    on_control(connection, request);
  } else {
    ++truth_.bad_requests;
    connection.reply(404,
                     error_body("Unknown request URL: " + request.method + " " + request.path,
                                "invalid_request_error",
                                "unknown_url"));
  }
}

void Service::on_chat(Connection& connection, Answer& answer, const HttpRequest& request) {
  std::string_view why;
  const auto chat = parse_chat_request(request.body, why);
  if (!chat) {
    ++truth_.bad_requests;
    connection.reply(400, error_body(why, "invalid_request_error", "bad_request"));
    return;
  }
  ++truth_.chats;
  if (chat->stream) ++truth_.streams;
  bool understood = true;
  const Fault fault = choose_fault(*chat, understood);
  if (!understood) {
    ++truth_.bad_requests;
    connection.reply(404,
                     error_body("The model names no fault of this server: " + chat->model,
                                "invalid_request_error",
                                "model_not_found"));
    return;
  }
  if (fault.action != Fault::Action::none) ++truth_.faults;
  if (fault.action == Fault::Action::refuse) {
    connection.abort();
  } else if (fault.action == Fault::Action::http) {
    std::string fields;
    if (fault.retry_after_ms != 0) {
      fields = fmt::format("retry-after-ms: {}\r\nretry-after: {}\r\n",
                           fault.retry_after_ms,
                           (fault.retry_after_ms + 999) / 1000);
    }
    connection.reply(fault.status,
                     error_body(fmt::format("The mock was told to answer {}", fault.status),
                                error_type(fault.status),
                                "mock_fault"),
                     fields);
  } else {
    answer.start(*chat, fault);
  }
}

// A model that names a fault wins over the rules.
Fault Service::choose_fault(const ChatRequest& request, bool& understood) {
  const std::string_view model = request.model;
  if (!model.starts_with(kModelPrefix)) return draw_fault(settings_.faults, random_);
  const auto fault = parse_fault(model.substr(kModelPrefix.size()));
  understood = fault.has_value();
  return fault.value_or(Fault{});
}

// ?clear=1&fault=5%25:+http=429&ttft=const:1s: applied from left to right, answered with what now
// holds.
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
    return true;
  }
  if (name == "fault") {
    auto rule = parse_fault_rule(value);
    if (!rule || settings_.faults.size() >= kRulesMax) return false;
    settings_.faults.push_back(std::move(*rule));
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
      R"({{"io":"{}","connections":{},"connections_open":{},"connections_refused":{},"requests":{},)"
      R"("chats":{},"streams":{},"bad_requests":{},"faults":{},"finished":{},"cancels":{},)"
      R"("late_max_us":{},"last_cancels":[{}]}})",
      io_.name(),
      truth_.connections,
      connections_.size(),
      truth_.connections_refused,
      truth_.requests,
      truth_.chats,
      truth_.streams,
      truth_.bad_requests,
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
