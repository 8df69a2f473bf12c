#include "service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace headrace::mock {
namespace {

constexpr std::uint64_t kTokensMax = 100'000;
constexpr std::string_view kModels =
    R"({"object":"list","data":[{"id":"mock","object":"model","created":1700000000,)"
    R"("owned_by":"headrace"}]})";
constexpr std::string_view kAnthropicModels =
    R"({"data":[{"type":"model","id":"mock","display_name":"Mock",)"
    R"("created_at":"2023-11-14T22:13:20Z"}],"has_more":false,"first_id":"mock","last_id":"mock"})";

// Whose API a request means: by its path, and where both have the path by a field that only
// Anthropic's clients send.
Family family_meant(const HttpRequest& request) {
  const bool anthropic = request.path.starts_with("/v1/messages") ||
                         (request.path == "/v1/models" && !request.anthropic_version.empty());
  return anthropic ? Family::anthropic : Family::openai;
}

std::string retry_fields(const Fault& fault) {
  const std::uint64_t seconds =
      fault.retry_after_s != 0 ? fault.retry_after_s : (fault.retry_after_ms + 999) / 1000;
  std::string fields;
  if (fault.retry_after_ms != 0)
    fields = fmt::format("retry-after-ms: {}\r\n", fault.retry_after_ms);
  if (seconds != 0) fields += fmt::format("retry-after: {}\r\n", seconds);
  return fields;
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
  std::vector<Door*> doors;
  doors.reserve(doors_.size());
  for (const auto& [door, owner] : doors_) doors.push_back(door);
  for (Door* door : doors) door->stop();
}

void Service::on_accept(int fd) {
  if (doors_.size() >= settings_.connections_max) {
    ++truth_.connections_refused;
    ::close(fd);
    return;
  }
  ++truth_.connections;
  auto door = std::make_unique<Door>(*this, io_, h2_memory_);
  Door& started = *door;
  doors_.emplace(&started, std::move(door));
  const auto drawn = [this](Fault::Action action) {
    return draw_connection_fault(settings_.faults, action, random_);
  };
  started.start(fd,
                settings_.tls.get(),
                settings_.h2,
                drawn(Fault::Action::tls_slow),
                drawn(Fault::Action::max_conn_age));
}

void Service::on_accept_error(base::Error) {
  ++truth_.connections_refused;
}

void Service::on_closed(Door& door) {
  doors_.erase(&door);
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
  if (request.path.starts_with("/v1/") && !may_enter(connection, request)) return;
  const auto call = posts ? find_call(request.path) : std::nullopt;
  if (call) {
    on_call(connection, answer, request, *call);
  } else if (request.path == "/v1/models" && !posts) {
    const bool anthropic = family_meant(request) == Family::anthropic;
    connection.reply(200, anthropic ? kAnthropicModels : kModels);
  } else if (request.path == "/mock/stats" && !posts) {
    connection.reply(200, stats_body());
  } else if (request.path == "/mock/control") {
    on_control(connection, request);
  } else {
    const bool openai = family_meant(request) == Family::openai;
    refuse(connection,
           request,
           404,
           {openai ? "invalid_request_error" : "not_found_error",
            "unknown_url",
            "Unknown request URL: " + request.method + " " + request.path});
  }
}

// What a real provider asks for before it looks at a request: a key, and Anthropic a version.
bool Service::may_enter(Connection& connection, const HttpRequest& request) {
  const Family family = family_meant(request);
  const std::string bearer = "Bearer " + settings_.key;
  const bool has_key = request.authorization == bearer ||
                       (family == Family::anthropic && request.x_api_key == settings_.key);
  if (!settings_.key.empty() && !has_key) {
    ++truth_.unauthorized;
    const ErrorWords words = error_words(family, 401);
    const bool missing = request.authorization.empty() && request.x_api_key.empty();
    const std::string_view message = missing ? "No API key was provided." : words.message;
    refuse(connection, request, 401, {words.type, words.code, std::string(message)});
    return false;
  }
  if (family == Family::anthropic && request.anthropic_version.empty()) {
    refuse(connection,
           request,
           400,
           {"invalid_request_error", {}, "anthropic-version: header is required"});
    return false;
  }
  return true;
}

void Service::refuse(Connection& connection,
                     const HttpRequest& request,
                     std::uint16_t status,
                     const Refusal& refusal) {
  ++truth_.bad_requests;
  reply_error(
      connection, family_meant(request), status, {refusal.type, refusal.code, refusal.message}, {});
}

void Service::reply_error(Connection& connection,
                          Family family,
                          std::uint16_t status,
                          const ErrorWords& words,
                          std::string fields) {
  const std::string id = fmt::format("req_mock{:012x}", next_id());
  fields += fmt::format("{}: {}\r\n", family == Family::openai ? "x-request-id" : "request-id", id);
  connection.reply(status, error_body(family, words, id), fields);
}

void Service::on_call(Connection& connection,
                      Answer& answer,
                      const HttpRequest& request,
                      Call call) {
  std::string_view why;
  auto asked = parse_call(call, request.body, why);
  if (!asked) {
    refuse(connection, request, 400, {"invalid_request_error", "bad_request", std::string(why)});
    return;
  }
  ++truth_.calls[static_cast<std::size_t>(call)];
  if (asked->stream) ++truth_.streams;
  Choice choice{settings_.shape, std::nullopt};
  const std::string_view unknown = choose(request, *asked, choice);
  if (!unknown.empty()) {
    const std::uint16_t status = unknown == "model" ? 404 : 400;
    const ErrorWords words = error_words(family_of(call), status);
    refuse(connection,
           request,
           status,
           {words.type,
            words.code,
            fmt::format("The {} chooses nothing that this server knows", unknown)});
    return;
  }
  const Fault fault = choice.fault ? *choice.fault : draw_fault(settings_.faults, random_);
  if (fault.action != Fault::Action::none) ++truth_.faults;
  if (!answers_with_fault(connection, *asked, fault)) {
    answer.start(std::move(*asked), choice.shape, fault);
  }
}

// From the weakest to the strongest: the server's shape, the model, the prompt, the field. Says
// which of them is not understood.
std::string_view Service::choose(const HttpRequest& request,
                                 const CallRequest& asked,
                                 Choice& choice) const {
  const auto in_model = words_in_model(asked.model);
  if (in_model && !apply_words(*in_model, choice)) return "model";
  const std::string_view in_prompt = words_in_prompt(request.body);
  if (!in_prompt.empty() && !apply_words(in_prompt, choice)) return "prompt";
  if (!request.x_mock.empty() && !apply_words(request.x_mock, choice)) return "x-mock field";
  return {};
}

// Faults that stand in place of an answer.
bool Service::answers_with_fault(Connection& connection,
                                 const CallRequest& asked,
                                 const Fault& fault) {
  const Family family = family_of(asked.call);
  switch (fault.action) {
    case Fault::Action::refuse:
      connection.abort();
      return true;
    case Fault::Action::rst:
      connection.refuse_stream();
      return true;
    case Fault::Action::goaway:
      connection.say_goodbye();
      return false;
    case Fault::Action::http: {
      const std::string message = fmt::format("The mock was told to answer {}", fault.status);
      const ErrorWords told{error_type(family, fault.status), "mock_fault", message};
      reply_error(connection,
                  family,
                  fault.status,
                  fault.real ? error_words(family, fault.status, fault.code) : told,
                  retry_fields(fault));
      return true;
    }
    case Fault::Action::html:
      connection.reply(fault.status, html_page(fault.status), {}, "text/html");
      return true;
    case Fault::Action::empty:
      connection.reply_empty(asked.stream);
      return true;
    case Fault::Action::error_first:
      if (asked.stream) return false;
      reply_error(
          connection, family, 200, sudden_error_words(family, fault.status, fault.code), {});
      return true;
    default:
      return false;
  }
}

}  // namespace headrace::mock
