// Goal: a proxy's answer to CONNECT opens a tunnel or ends the try, however it is cut, and never on
// bytes that somebody could have slipped in. Method: tables of answers, whole, byte by byte, and
// cut at every place.
#include "upstream/tunnel.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace headrace::upstream {
namespace {

using State = Tunnel::State;

struct Bench {
  explicit Bench(std::string_view credentials = "joe:sk-canary")
      : tunnel(std::make_shared<Egress>(EgressOptions{.proxy = "proxy.corp:3128",
                                                      .target = "api.example:443",
                                                      .credentials = std::string(credentials)})) {}
  State feed(std::string_view bytes) {
    if (!bytes.empty() && tunnel.state() == State::waiting)
      tunnel.feed(blocks.copy_of(bytes), blocks);
    return tunnel.state();
  }

  io::BlockPool blocks;
  Tunnel tunnel;
};

// What comes of an answer that arrives in these pieces: "open", "waiting", or the words.
std::string outcome(const std::vector<std::string_view>& pieces) {
  Bench bench;
  for (const std::string_view piece : pieces) bench.feed(piece);
  switch (bench.tunnel.state()) {
    case State::open:
      return "open";
    case State::waiting:
      return "waiting";
    case State::failed:
      break;
  }
  return bench.tunnel.failure_text();
}

void check(std::string_view answer, const std::string& wanted) {
  CAPTURE(answer);
  CHECK(outcome({answer}) == wanted);
  for (std::size_t cut = 1; cut < answer.size(); ++cut) {
    CAPTURE(cut);
    CHECK(outcome({answer.substr(0, cut), answer.substr(cut)}) == wanted);
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < answer.size(); ++i) bytes.push_back(answer.substr(i, 1));
  CHECK(outcome(bytes) == wanted);
}

const std::string kProxy = "proxy.corp:3128 ";

}  // namespace

TEST_CASE("any 2xx opens the tunnel, whatever length it announces") {
  check("HTTP/1.1 200 OK\r\n\r\n", "open");
  check("HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n", "open");
  check("HTTP/1.1 204 Fine\r\nContent-Length: 12\r\n\r\n", "open");
  check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "open");
  check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "open");
}

TEST_CASE("another status ends it, and is named beside the proxy, the credentials are not") {
  check("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", kProxy + "answered 403 to CONNECT");
  check("HTTP/1.1 502 Bad Gateway\r\n\r\n", kProxy + "answered 502 to CONNECT");
  check("HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n",
        kProxy + "answered 302 to CONNECT");
  check("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        kProxy + "answered 407 to CONNECT: it wants a user and a password, or other ones");
  CHECK(outcome({"HTTP/1.1 407 No\r\nContent-Length: 9\r\n\r\n<html>..."}).find("canary") ==
        std::string::npos);
}

TEST_CASE("bytes that come with the answer are nobody's, and end it") {
  CHECK(outcome({"HTTP/1.1 200 OK\r\n\r\nx"}) ==
        kProxy + "sent bytes behind its answer to CONNECT, where none belong");
  CHECK(outcome({"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r", "\nhi"}).find("none belong") !=
        std::string::npos);
}

TEST_CASE("what is not HTTP, or never ends, is no answer") {
  const std::string no_http = kProxy + "does not answer CONNECT in HTTP";
  for (const std::string_view answer : {"SSH-2.0-OpenSSH_9.2\r\n\r\n",
                                        "\x16\x03\x01\x02",
                                        "HTTP/1.1 200 OK\n\n",
                                        "HTTP/1.1 20 OK\r\n\r\n",
                                        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                                        "HTTP/2 200\r\n\r\n"}) {
    CAPTURE(answer);
    CHECK(outcome({answer}) == no_http);
  }
  Bench bench;
  bench.feed("HTTP/1.1 200 OK\r\n");
  const std::string line = "X: " + std::string(1000, 'y') + "\r\n";
  std::size_t fed = 0;
  while (bench.feed(line) == State::waiting) {
    fed += line.size();
    REQUIRE(fed < 2 * base::limits::kProxyHeadBytes);
  }
  CHECK(fed > base::limits::kProxyHeadBytes / 2);
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  CHECK(outcome({interim}) == kProxy + "answers CONNECT with interim answers only");
}

TEST_CASE("an end and a timeout have words of their own, and nothing is left behind") {
  Bench ended;
  ended.feed("HTTP/1.1 200");
  ended.tunnel.note_end();
  CHECK(ended.tunnel.failure_text() ==
        kProxy + "ended the connection in place of an answer to CONNECT");
  CHECK(ended.blocks.blocks_out() == 0);
  Bench late;
  late.tunnel.note_timeout();
  CHECK(late.tunnel.failure_text() == kProxy + "did not answer CONNECT in time");
}

}  // namespace headrace::upstream
