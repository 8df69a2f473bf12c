// Goal: heads are read exactly as RFC 9112 has them, and what it forbids is refused with the right
// reply. Method: each input goes in whole, byte by byte and split in two at every point, and the
// outcome, printed as one line, is compared with the expected one.
#include "http/h1_parser.h"

#include <string>

#include <doctest/doctest.h>

#include "h1_outcome.h"
#include "split.h"

namespace headrace {
namespace {

using base::Bytes;
using test::Cuts;

std::string request(Bytes text) {
  return test::same_at_every_split(
      text, [text](const Cuts& cuts) { return test::request_outcome(text, cuts); });
}

std::string response(Bytes text, bool head_request = false) {
  return test::same_at_every_split(
      text, [=](const Cuts& cuts) { return test::response_outcome(text, cuts, head_request); });
}

// A POST with the given field lines.
std::string with_fields(const std::string& lines) {
  return request("POST /v1 HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n");
}

std::string with_target(const std::string& target) {
  return request("GET " + target + " HTTP/1.1\r\nHost: h:80\r\n\r\n");
}

std::string with_host(const std::string& host) {
  return request("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

std::string answer_with(const std::string& lines) {
  return response("HTTP/1.1 200 OK\r\n" + lines + "\r\n");
}

constexpr Bytes kBad = "failed bad_request";
constexpr Bytes kBadAnswer = "failed upstream_protocol_error";

TEST_CASE("a request head is taken apart in place, and the body behind it is left alone") {
  CHECK_EQ(request("POST /v1/chat/completions?a=b?c HTTP/1.1\r\n"
                   "Host: api.example.com:8080\r\n"
                   "content-length: 12\r\n"
                   "X-Empty:\r\n"
                   "X-Blanks: \t  a \tb\t \r\n"
                   "\r\n"
                   "{\"model\":1}\n"),
           "POST /v1/chat/completions?a=b?c path=/v1/chat/completions query=a=b?c "
           "host=api.example.com:8080 1.1 keep length 12 "
           "[Host=api.example.com:8080|content-length=12|X-Empty=|X-Blanks=a \tb] left 12");
}

TEST_CASE("an incomplete head asks for more, and says whether a request has begun") {
  CHECK_EQ(request(""), "more, not started");
  CHECK_EQ(request("\r\n\r"), "more, not started");
  CHECK_EQ(request("\r\nG"), "more");
  CHECK_EQ(request("GET / HTTP/1.1\r\nHost: h\r\n\r"), "more");
}

TEST_CASE("up to eight empty lines may come before a request line") {
  const std::string line = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  std::string eight;
  for (int i = 0; i < 8; ++i) eight += "\r\n";
  CHECK_EQ(request(eight + line), "GET / path=/ host=h 1.1 keep none [Host=h] left 0");
  CHECK_EQ(request(eight + "\r\n" + line), kBad);
  CHECK_EQ(request("\n" + line), kBad);
  CHECK_EQ(request("\r" + line), kBad);
}

TEST_CASE("any token is a method, but CONNECT is not served") {
  CHECK_EQ(request("M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1\r\nHost: h\r\n\r\n"),
           "M-SEARCH!#$%&'*+.^_`|~ / path=/ host=h 1.1 keep none [Host=h] left 0");
  CHECK_EQ(request("get / HTTP/1.1\r\nHost: h\r\n\r\n"),
           "get / path=/ host=h 1.1 keep none [Host=h] left 0");
  CHECK_EQ(request("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"), "failed method_not_allowed");
  for (const Bytes method : {Bytes(""),
                             Bytes(" "),
                             Bytes("G(T"),
                             Bytes("G\tT"),
                             Bytes("\xffGET"),
                             Bytes("G\0T", 3),
                             Bytes("<GET")}) {
    CAPTURE(method);
    CHECK_EQ(request(std::string(method) + " / HTTP/1.1\r\nHost: h\r\n\r\n"), kBad);
  }
}

TEST_CASE("a target is a path, or an http URI of the host that the Host field names") {
  CHECK_EQ(with_target("/a?"), "GET /a? path=/a host=h:80 1.1 keep none [Host=h:80] left 0");
  CHECK_EQ(with_target("//h/../%00"),
           "GET //h/../%00 path=//h/../%00 host=h:80 1.1 keep none [Host=h:80] left 0");
  CHECK_EQ(with_target("http://H:80/a/b?q"),
           "GET http://H:80/a/b?q path=/a/b query=q host=h:80 1.1 keep none [Host=h:80] left 0");
  CHECK_EQ(with_target("HTTPS://h:80"),
           "GET HTTPS://h:80 path=/ host=h:80 1.1 keep none [Host=h:80] left 0");
  CHECK_EQ(with_target("http://h:80?q"),
           "GET http://h:80?q path=/ query=q host=h:80 1.1 keep none [Host=h:80] left 0");
  CHECK_EQ(with_target("http://other:80/"), "failed misdirected");
  CHECK_EQ(with_target("http://h/"), "failed misdirected");
  CHECK_EQ(request("GET http://h:8/a HTTP/1.0\r\n\r\n"),
           "GET http://h:8/a path=/a host=h:8 1.0 close none [] left 0");
}

TEST_CASE("a target in any other form is refused") {
  for (const Bytes target : {"*",
                             "h:80",
                             "a",
                             "http:/h",
                             "http://",
                             "http:///a",
                             "http://?q",
                             "http://u@h:80/",
                             "http://u:p@h:80/",
                             "ftp://h:80/",
                             "http://h:80#f",
                             "/a#f",
                             "/a b",
                             "/\x7f",
                             "/\x01",
                             "/\xc3\xa4",
                             "/a\t",
                             "http://h:x/",
                             "http://h:70000/"}) {
    CAPTURE(target);
    CHECK_EQ(with_target(std::string(target)), kBad);
  }
  CHECK_EQ(request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), kBad);
  CHECK_EQ(request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), kBad);
  CHECK_EQ(request(Bytes("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28)), kBad);
}

TEST_CASE("only HTTP/1.0 and HTTP/1.1 are spoken, in exactly that spelling") {
  for (const Bytes version : {"HTTP/1.2",
                              "HTTP/2.0",
                              "HTTP/0.9",
                              "http/1.1",
                              "HTTP/1.10",
                              "HTTP/01.1",
                              "HTTP/1",
                              "HTTP/1.1 ",
                              " HTTP/1.1",
                              "HTTP/1,1",
                              "ICE/1.0",
                              ""}) {
    CAPTURE(version);
    CHECK_EQ(request("GET / " + std::string(version) + "\r\nHost: h\r\n\r\n"), kBad);
  }
  CHECK_EQ(request("GET /\r\n\r\n"), kBad);
  CHECK_EQ(request("GET / HTTP/1.1\nHost: h\r\n\r\n"), kBad);
  CHECK_EQ(request("GET / HTTP/1.1\rHost: h\r\n\r\n"), kBad);
}

TEST_CASE("exactly one well-formed Host is due; HTTP/1.0 may do without") {
  CHECK_EQ(request("GET / HTTP/1.1\r\n\r\n"), kBad);
  CHECK_EQ(request("GET / HTTP/1.0\r\n\r\n"), "GET / path=/ host= 1.0 close none [] left 0");
  CHECK_EQ(with_fields("Host: h\r\n"), kBad);
  CHECK_EQ(request("GET / HTTP/1.0\r\nhOST: a\r\nHOST: a\r\n\r\n"), kBad);
  CHECK_EQ(with_host("[::1]:8080"),
           "GET / path=/ host=[::1]:8080 1.1 keep none [Host=[::1]:8080] left 0");
  CHECK_EQ(with_host("a-b_c.d%2f:"),
           "GET / path=/ host=a-b_c.d%2f: 1.1 keep none [Host=a-b_c.d%2f:] left 0");
  for (const Bytes host : {"",        "a b",  "a/b",  "a@b", "a:b",      "a:1:2",  ":80",
                           "a:65536", "a:+1", "[::1", "[]",  "[g::]",    "[::1]x", "[::1]:x",
                           "a%2",     "a%zz", "a?b",  "a#b", "\xc3\xa4", "::1",    "http://a"}) {
    CAPTURE(host);
    CHECK_EQ(with_host(std::string(host)), kBad);
  }
}

TEST_CASE("a malformed field line is refused, never repaired") {
  for (const Bytes line : {"A : b\r\n",   "A\t: b\r\n",      ": b\r\n",         "A\r\n",
                           "A b: c\r\n",  " A: b\r\n",       "A: b\r\n c\r\n",  "A: b\r\n\tc\r\n",
                           "A: b\n",      "A: b\rC: d\r\n",  "A: b\rXC: d\r\n", "A: b\r\r\n",
                           "A:\r\n\r",    "A\x01: b\r\n",    "A: \x01\r\n",     "A: b\x7f\r\n",
                           "A: \x0b\r\n", "\xc3\xa4: b\r\n", "A(: b\r\n",       "A\n: b\r\n",
                           "\n",          "A: b\n\r\n"}) {
    CAPTURE(line);
    CHECK_EQ(with_fields(std::string(line)), kBad);
  }
  CHECK_EQ(with_fields(std::string("A: b\0c\r\n", 8)), kBad);
  CHECK_EQ(with_fields(std::string("A\0: b\r\n", 7)), kBad);
}

TEST_CASE("every byte is judged alike in a field name and value wherever it stands") {
  // Values long enough for sixteen bytes at a time, with the byte in each position.
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool legal = c == '\t' || (c >= 0x20 && c != 0x7f);
    const bool token =
        c > 0x20 && c < 0x7f && std::string("\"(),/:;<=>?@[\\]{}").find(byte) == std::string::npos;
    for (std::size_t at = 1; at < 36; at += 7) {
      CAPTURE(c);
      CAPTURE(at);
      std::string text(37, 'x');
      text[at] = byte;
      const std::string in_value = "GET / HTTP/1.1\r\nHost: h\r\nA: " + text + "\r\n\r\n";
      CHECK_EQ(test::request_outcome(in_value, {in_value.size()}) != kBad, legal);
      const std::string in_name = "GET / HTTP/1.1\r\nHost: h\r\n" + text + ": v\r\n\r\n";
      // A colon only ends the name earlier.
      CHECK_EQ(test::request_outcome(in_name, {in_name.size()}) != kBad, token || byte == ':');
    }
  }
}

TEST_CASE("a body's length is one plain decimal number") {
  CHECK_EQ(with_fields("Content-Length: 0\r\n"),
           "POST /v1 path=/v1 host=h 1.1 keep length 0 [Host=h|Content-Length=0] left 0");
  CHECK_EQ(with_fields("cONTENT-lENGTH:\t 0009223372036854775807 \r\n"),
           "POST /v1 path=/v1 host=h 1.1 keep length 9223372036854775807 "
           "[Host=h|cONTENT-lENGTH=0009223372036854775807] left 0");
  for (const Bytes value : {"",
                            "+5",
                            "-1",
                            "5, 5",
                            "5,5",
                            "18446744073709551616",
                            "9223372036854775808",
                            "0x5",
                            "1_0",
                            "5 5",
                            "5;",
                            "five",
                            "1e3",
                            "\"5\""}) {
    CAPTURE(value);
    CHECK_EQ(with_fields("Content-Length: " + std::string(value) + "\r\n"), kBad);
  }
  CHECK_EQ(with_fields("Content-Length: 5\r\nContent-Length: 5\r\n"), kBad);
  CHECK_EQ(with_fields("Content-Length: 5\r\ncontent-length: 6\r\n"), kBad);
}

TEST_CASE("the only transfer coding is chunked; a legal other one is 501, anything else 400") {
  CHECK_EQ(with_fields("Transfer-Encoding: \tChUnKeD \r\n"),
           "POST /v1 path=/v1 host=h 1.1 keep chunked [Host=h|Transfer-Encoding=ChUnKeD] left 0");
  for (const Bytes value :
       {"gzip", "xchunked", "chunked, cow", "gzip, chunked", "identity", "deflate , chunked"}) {
    CAPTURE(value);
    CHECK_EQ(with_fields("Transfer-Encoding: " + std::string(value) + "\r\n"),
             "failed unsupported_coding");
  }
  for (const Bytes value : {"",
                            "chunked, chunked",
                            "chunked,",
                            ",chunked",
                            "\x0b"
                            "chunked",
                            "chunked\x0b",
                            "chunked;a",
                            "\"chunked\"",
                            "chun ked",
                            "gzip,,chunked",
                            "[chunked]",
                            "chunked, CHUNKED, x"}) {
    CAPTURE(value);
    CHECK_EQ(with_fields("Transfer-Encoding: " + std::string(value) + "\r\n"), kBad);
  }
  CHECK_EQ(with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), kBad);
  CHECK_EQ(with_fields("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), kBad);
}

TEST_CASE("two ways to frame a body, or chunks in HTTP/1.0, are refused in either order") {
  CHECK_EQ(with_fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), kBad);
  CHECK_EQ(with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), kBad);
  CHECK_EQ(with_fields("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"), kBad);
  CHECK_EQ(request("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), kBad);
  CHECK_EQ(request("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"), kBad);
}

TEST_CASE("the connection persists as version and Connection say, and close wins") {
  const auto persists = [](const std::string& version, const std::string& lines) {
    const std::string out = request("GET / HTTP/" + version + "\r\nHost: h\r\n" + lines + "\r\n");
    return out.find(" keep ") != std::string::npos;
  };
  CHECK(persists("1.1", ""));
  CHECK(persists("1.1", "Connection: upgrade, x\r\n"));
  CHECK(persists("1.1", "Connection: closed\r\n"));
  CHECK_FALSE(persists("1.1", "Connection: CLOSE\r\n"));
  CHECK_FALSE(persists("1.1", "Connection: keep-alive ,\tclose\r\n"));
  CHECK_FALSE(persists("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
  CHECK_FALSE(persists("1.0", ""));
  CHECK(persists("1.0", "cOnnection: x,Keep-Alive,\r\n"));
  CHECK(persists("1.0", "Connection: x\r\nConnection: keep-alive\r\n"));
  CHECK_FALSE(persists("1.0", "Connection: keep-alive, close\r\n"));
}

TEST_CASE("Expect knows one value, and HTTP/1.0 not even that; Upgrade is noticed") {
  CHECK_EQ(with_fields("eXpect: 100-Continue\r\n"),
           "POST /v1 path=/v1 host=h 1.1 keep expect none [Host=h|eXpect=100-Continue] left 0");
  CHECK_EQ(with_fields("Expect: 200-ok\r\n"), kBad);
  CHECK_EQ(with_fields("Expect:\r\n"), kBad);
  CHECK_EQ(request("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"),
           "GET / path=/ host= 1.0 close none [Expect=100-continue] left 0");
  CHECK_EQ(with_fields("Upgrade: websocket\r\n"),
           "POST /v1 path=/v1 host=h 1.1 keep upgrade none [Host=h|Upgrade=websocket] left 0");
}

TEST_CASE("names that only resemble the ones that matter change nothing") {
  CHECK_EQ(
      with_fields(
          "Content_Length: x\r\nTransfer-Encodinq: x\r\nHosu: [\r\nExpecu: x\r\nUpgradf: x\r\n"
          "Content-Lengti: x\r\nConnectioo: close\r\nTransfer.Encoding: x\r\n"),
      "POST /v1 path=/v1 host=h 1.1 keep none [Host=h|Content_Length=x|Transfer-Encodinq=x|Hosu=[|"
      "Expecu=x|Upgradf=x|Content-Lengti=x|Connectioo=close|Transfer.Encoding=x] left 0");
}

TEST_CASE("a head is at most 32 KiB, and stops there even when the rest has arrived") {
  const std::string front = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
  const std::string fits =
      front + std::string(base::limits::kHeadBytes - front.size() - 4, 'a') + "\r\n\r\n";
  CHECK_EQ(fits.size(), base::limits::kHeadBytes);
  CHECK_EQ(request(fits).substr(0, 13), "GET / path=/ ");
  const std::string above = front + std::string(base::limits::kHeadBytes, 'a') + "\r\n\r\n";
  CHECK_EQ(request(above), "failed head_too_large");
  CHECK_EQ(request(above.substr(0, base::limits::kHeadBytes)), "failed head_too_large");
  CHECK_EQ(request(above.substr(0, base::limits::kHeadBytes - 1)), "more");
  CHECK_EQ(request(std::string(40'000, 'G')), "failed head_too_large");
}

TEST_CASE("a head has at most 100 fields") {
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "a: b\r\n";
  CHECK_EQ(with_fields(lines).substr(0, 8), "POST /v1");
  CHECK_EQ(with_fields(lines + "a: b\r\n"), "failed head_too_large");
}

TEST_CASE("a target is at most 8 KiB, and is refused without waiting for its end") {
  const std::string fits = std::string("/").append(base::limits::kTargetBytes - 1, 'a');
  CHECK_EQ(with_target(fits).substr(0, 6), "GET /a");
  CHECK_EQ(with_target(fits + "a"), "failed uri_too_long");
  CHECK_EQ(request("GET " + fits + "a"), "failed uri_too_long");
  CHECK_EQ(request("GET " + fits), "more");
}

TEST_CASE("a parser is as new after reset, and keeps its verdict until then") {
  http::H1RequestParser parser;
  const Bytes bad = "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\nUpgrade: y\r\n\r\n";
  const Bytes good =
      "\r\nGET http://h/ HTTP/1.0\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n\r\n";
  CHECK_EQ(parser.parse(bad), http::Parse::failed);
  CHECK_EQ(parser.parse(good), http::Parse::failed);
  CHECK_EQ(parser.error(), base::Errc::unsupported_coding);
  parser.reset();
  CHECK_FALSE(parser.started());
  CHECK_EQ(parser.parse(good), http::Parse::done);
  CHECK_EQ(parser.parse(good), http::Parse::done);
  CHECK_EQ(parser.error(), base::Errc::ok);
  CHECK_FALSE(parser.head(good).wants_upgrade);
  CHECK_EQ(parser.head(good).framing, http::Framing::none);
  CHECK_EQ(parser.fields().find("connection", good), "keep-alive");
  CHECK_EQ(parser.fields().find("host", good).data(), nullptr);
}

TEST_CASE("an accepted head, written again, reads the same") {
  const std::string text =
      "PUT /a?b HTTP/1.1\r\nHost:h\r\nA:  b c \r\nContent-Length: 7\r\nConnection: close\r\n\r\n";
  http::H1RequestParser parser;
  REQUIRE_EQ(parser.parse(text), http::Parse::done);
  const std::string again = test::rewritten_request(text, parser);
  CHECK_EQ(
      again,
      "PUT /a?b HTTP/1.1\r\nHost: h\r\nA: b c\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
  http::H1RequestParser second;
  REQUIRE_EQ(second.parse(again), http::Parse::done);
  CHECK_EQ(test::rewritten_request(again, second), again);
}

TEST_CASE("an answer's head is taken apart in place") {
  CHECK_EQ(
      response("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
               "chunked\r\n\r\n5\r\n"),
      "200 1.1 keep chunked [Content-Type=text/event-stream|Transfer-Encoding=chunked] left 3");
  CHECK_EQ(response("HTTP/1.0 404 Not \xff Found\r\nContent-Length: 3\r\n\r\n"),
           "404 1.0 close length 3 [Content-Length=3] left 0");
  CHECK_EQ(response("HTTP/1.1 529\r\nContent-Length: 0\r\n\r\n"),
           "529 1.1 keep length 0 [Content-Length=0] left 0");
  CHECK_EQ(response("HTTP/1.1 200 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
           "200 1.1 close length 0 [Content-Length=0|Connection=close] left 0");
  CHECK_EQ(response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"),
           "200 1.0 keep length 0 [Content-Length=0|Connection=keep-alive] left 0");
  CHECK_EQ(response("HTTP/1.1 200 OK\r\nConte"), "more");
}

TEST_CASE("an answer without a length runs until the connection ends, which cannot be used again") {
  CHECK_EQ(response("HTTP/1.1 200 OK\r\n\r\n"), "200 1.1 close until_close [] left 0");
  CHECK_EQ(response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"),
           "200 1.0 close until_close [Connection=keep-alive] left 0");
}

TEST_CASE("interim answers, 204, 304 and answers to HEAD have no body whatever they say") {
  CHECK_EQ(response("HTTP/1.1 100 Continue\r\n\r\n"), "100 1.1 keep none [] left 0");
  CHECK_EQ(response("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
           "103 1.1 keep none [Link=x] left 0");
  CHECK_EQ(response("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
           "204 1.1 keep none [Content-Length=5] left 0");
  CHECK_EQ(response("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
           "304 1.1 keep none [Transfer-Encoding=chunked] left 0");
  CHECK_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
           "200 1.1 keep none [Content-Length=5] left 0");
  CHECK_EQ(response("HTTP/1.1 200 OK\r\n\r\n", true), "200 1.1 keep none [] left 0");
}

TEST_CASE("an answer that RFC 9112 forbids is the upstream's fault") {
  for (const Bytes line : {"HTTP/2.0 200 OK",
                           "HTTP/1.x 200 OK",
                           "http/1.1 200 OK",
                           "HTTP/1.1  200 OK",
                           "HTTP/1.1 20 OK",
                           "HTTP/1.1 2000 OK",
                           "HTTP/1.1 099 OK",
                           "HTTP/1.1 2x0 OK",
                           "HTTP/1.1 200OK",
                           " HTTP/1.1 200 OK",
                           "HTTP/1.1\t200 OK",
                           "HTTP/1.1 200 O\x01K",
                           "HTTP/1.1 200 OK\n",
                           "HTTP/1.1 200 OK\rX",
                           "ICY 200 OK",
                           "\r\nHTTP/1.1 200 OK",
                           "HTTP/1.1 101 Switching Protocols"}) {
    CAPTURE(line);
    CHECK_EQ(response(std::string(line) + "\r\nContent-Length: 0\r\n\r\n"), kBadAnswer);
  }
  for (const Bytes lines : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                            "Content-Length: 5\r\nContent-Length: 5\r\n",
                            "Content-Length: 5, 5\r\n",
                            "Content-Length:\r\n",
                            "Transfer-Encoding: gzip\r\n",
                            "Transfer-Encoding: gzip, chunked\r\n",
                            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                            "Transfer-Encoding:\r\n",
                            "A : b\r\n",
                            "A: b\n",
                            "A: b\r\n c\r\n",
                            "A: \x01\r\n"}) {
    CAPTURE(lines);
    CHECK_EQ(answer_with(std::string(lines)), kBadAnswer);
  }
  CHECK_EQ(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), kBadAnswer);
}

TEST_CASE("an answer's head is at most 56 KiB and has at most 100 fields") {
  const std::string front = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: ";
  const std::string fits =
      front + std::string(base::limits::kAnswerHeadBytes - front.size() - 4, 'a') + "\r\n\r\n";
  CHECK_EQ(response(fits).substr(0, 21), "200 1.1 keep length 0");
  CHECK_EQ(response(front + std::string(base::limits::kAnswerHeadBytes, 'a')), kBadAnswer);
  CHECK_EQ(response(std::string("HTTP/1.1 200 ").append(base::limits::kAnswerHeadBytes, 'a')),
           kBadAnswer);
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "a: b\r\n";
  CHECK_EQ(answer_with(lines).substr(0, 3), "200");
  CHECK_EQ(answer_with(lines + "a: b\r\n"), kBadAnswer);
}

TEST_CASE("an answer parser is as new after reset") {
  http::H1ResponseParser parser;
  parser.reset(true);
  CHECK_FALSE(parser.started());
  CHECK_EQ(parser.parse("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"),
           http::Parse::done);
  CHECK(parser.started());
  parser.reset();
  CHECK_FALSE(parser.started());
  CHECK_EQ(parser.parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
           http::Parse::done);
  CHECK_EQ(parser.head().framing, http::Framing::chunked);
  CHECK(parser.head().keep_alive);
  CHECK_EQ(parser.fields().count(), 1);
}

}  // namespace
}  // namespace headrace
