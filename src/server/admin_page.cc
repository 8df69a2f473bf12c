#include "server/admin_page.h"

#include <array>
#include <cstdio>
#include <string_view>

#include "base/assert.h"
#include "base/limits.h"
#include "http/h1_writer.h"

namespace headrace::server {

namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kOpenMetrics =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Page {
  std::uint16_t status = 200;
  std::string_view type = kPlain;
  std::string body;
};

Page probe_page(const std::string& complaint) {
  if (complaint.empty()) return {200, kPlain, "ok\n"};
  return {503, kPlain, complaint + "\n"};
}

Page metrics_page(const http::H1RequestParser& request, http::Bytes text, AdminSource& source) {
  const http::Bytes accept = request.fields().find("accept", text);
  const bool openmetrics = accept.find("application/openmetrics-text") != http::Bytes::npos;
  return {200, openmetrics ? kOpenMetrics : kPrometheus, source.metrics(openmetrics)};
}

Page page_of(const http::RequestHead& head,
             const http::H1RequestParser& request,
             http::Bytes text,
             AdminSource& source) {
  const bool probe = head.path == "/livez" || head.path == "/healthz";
  if (!probe && head.path != "/readyz" && head.path != "/metrics") {
    return {404, kPlain, "not found\n"};
  }
  if (head.method != "GET" && head.method != "HEAD") return {405, kPlain, "method not allowed\n"};
  if (probe) return probe_page(source.not_live());
  if (head.path == "/readyz") return probe_page(source.not_ready());
  return metrics_page(request, text, source);
}

// `with_body`: false for HEAD, whose answer keeps the length.
std::string message_of(const Page& page, bool with_body) {
  std::array<char, 512> head;
  http::H1Writer writer(head.data(), head.size());
  writer.status_line(page.status);
  writer.field("content-type", page.type);
  writer.field("content-length", page.body.size());
  writer.field("cache-control", "no-store");
  if (page.status == 405) writer.field("allow", "GET, HEAD");
  writer.field("connection", "close");
  writer.end_head();
  HEADRACE_ASSERT(writer.ok());
  std::string message(writer.written());
  if (with_body) message += page.body;
  return message;
}

}  // namespace

std::string admin_answer(const http::H1RequestParser& request,
                         http::Bytes text,
                         AdminSource& source) {
  const http::RequestHead head = request.head(text);
  return message_of(page_of(head, request, text, source), head.method != "HEAD");
}

std::string admin_refusal(base::Errc error) {
  using base::Errc;
  switch (error) {
    case Errc::head_too_large:
      return message_of({431, kPlain, "request head too large\n"}, true);
    case Errc::uri_too_long:
      return message_of({414, kPlain, "request target too long\n"}, true);
    case Errc::method_not_allowed:
      return message_of({405, kPlain, "method not allowed\n"}, true);
    case Errc::request_timeout:
      return message_of({408, kPlain, "request timeout\n"}, true);
    default:
      return message_of({400, kPlain, "bad request\n"}, true);
  }
}

std::string stalled_worker(std::span<const telemetry::WorkerCounters* const> workers,
                           base::Nanos now) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const auto last = static_cast<base::Nanos>(workers[i]->last_tick_ns.get());
    if (now - last < base::limits::kLiveWindow) continue;
    std::array<char, 96> text;
    const double ago = static_cast<double>(now - last) / static_cast<double>(base::kSecond);
    std::snprintf(text.data(), text.size(), "worker %zu: last loop turn %.1f s ago", i, ago);
    return last == 0 ? "worker " + std::to_string(i) + ": loop not started" : text.data();
  }
  return {};
}

}  // namespace headrace::server
