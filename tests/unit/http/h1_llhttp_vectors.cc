// Goal: agree with a widely deployed parser about what HTTP/1.1 is. Method: its published request
// vectors, when they are at hand, go through our head and body parsers; where we are stricter (or
// laxer) on purpose the vector is named below with the reason, everything else must agree.
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include <doctest/doctest.h>
#include <simdjson.h>

#include "h1_outcome.h"
#include "split.h"

namespace headrace {
namespace {

using base::Bytes;
using test::Cuts;

const std::map<std::string, std::string> kOnPurpose = {
    {"llhttp/connection/No restart when keep-alive is off (1.0)",
     "what follows the last request is not read"},
    {"llhttp/invalid/HTTP protocol and ANNOUNCE method",
     "any token is a method until the path is known"},
    {"llhttp/invalid/Invalid method", "any token is a method until the path is known"},
    {"llhttp/method/M-SEARCH request", "the target * means nothing here"},
    {"llhttp/method/SOURCE request with ICE", "HTTP is the only protocol"},
    {"llhttp/method/OPTIONS request with RTSP", "HTTP is the only protocol"},
    {"llhttp/method/ANNOUNCE request with RTSP", "HTTP is the only protocol"},
    {"llhttp/sample/No HTTP version", "HTTP/0.9 is not spoken"},
    {"llhttp/transfer-encoding/POST with `chunked` as last transfer-encoding",
     "chunked is the only coding"},
    {"llhttp/transfer-encoding/POST with `chunked` as last transfer-encoding (multiple headers)",
     "chunked is the only coding"},
    {"llhttp/uri/Fragment in URI", "a target has no fragment (RFC 9112 section 3.2)"},
    {"llhttp/uri/`host:port` and basic auth",
     "credentials in a target are refused (RFC 9110 section 4.2.4)"},
};

std::string unhex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(base::hex_value(hex[i]) * 16 + base::hex_value(hex[i + 1]));
  }
  return out;
}

// Most of the vectors have no Host, which we demand: it is added so that they test what they are
// about.
std::string with_host(std::string text) {
  constexpr Bytes kLineEnd = " HTTP/1.1\r\n";
  constexpr Bytes kScheme = "http://";
  std::string lowered = text;
  for (char& c : lowered) c = base::lower(c);
  if (lowered.find("host:") != std::string::npos) return text;
  std::string host = "Host: h\r\n";
  if (const std::size_t uri = text.find(kScheme); uri != std::string::npos) {
    const std::size_t begin = uri + kScheme.size();
    host = "Host: " + text.substr(begin, text.find_first_of("/? ", begin) - begin) + "\r\n";
  }
  for (std::size_t at = 0; (at = text.find(kLineEnd, at)) != std::string::npos;) {
    at += kLineEnd.size();
    text.insert(at, host);
  }
  return text;
}

// All messages of one connection, one after the other. An Upgrade is never granted: the connection
// ends there.
bool accepted(Bytes text) {
  for (;;) {
    http::H1RequestParser parser;
    const http::Parse state = parser.parse(text);
    if (state != http::Parse::done) return state == http::Parse::need_more;
    const http::RequestHead head = parser.head(text);
    if (head.wants_upgrade) return false;
    text.remove_prefix(parser.head_bytes());
    http::H1Body body;
    body.start(head.framing, head.content_length);
    http::H1Body::Step step{};
    do {
      step = body.next(text);
      text.remove_prefix(step.framing + step.payload);
    } while (step.state == http::H1Body::State::payload);
    if (step.state != http::H1Body::State::done)
      return step.state == http::H1Body::State::need_more;
    if (!head.keep_alive) return true;
  }
}

std::filesystem::path vectors_path() {
  const char* const shared = std::getenv("HEADRACE_SHARED");
  return std::filesystem::path(shared != nullptr ? shared : "../shared") / "vectors/h1_llhttp.json";
}

TEST_CASE(
    "published request vectors are accepted and refused alike, but for the named differences") {
  simdjson::padded_string text;
  if (simdjson::padded_string::load(vectors_path().string()).get(text) != simdjson::SUCCESS) {
    MESSAGE("skipped: no vectors at " << vectors_path().string());
    return;
  }
  simdjson::dom::parser json;
  std::size_t differences = 0;
  for (const simdjson::dom::element vector : json.parse(text).get_array()) {
    const std::string name{std::string_view(vector["name"])};
    const std::string request = with_host(unhex(vector["hex"]));
    const bool expected = std::string_view(vector["expect"]) == "valid";
    CAPTURE(name);
    CAPTURE(request);
    const bool differs = kOnPurpose.count(name) != 0;
    if (differs) ++differences;
    CHECK_EQ(accepted(request), expected != differs);
    test::same_at_every_split(
        request, [&request](const Cuts& cuts) { return test::request_outcome(request, cuts); });
  }
  CHECK_EQ(differences, kOnPurpose.size());
}

}  // namespace
}  // namespace headrace
