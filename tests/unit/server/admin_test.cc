// Goal: probes and scrapes are answered over real sockets, whatever else is connected. Method: raw
// clients on loopback and Unix sockets in the same thread; time passes by handing on_ready() a
// later `now`.
#include "server/admin.h"

#include <doctest/doctest.h>

#include <ctime>
#include <list>

#include "admin_client.h"
#include "base/limits.h"

using namespace headrace;
using server::Admin;
using server_test::AdminClient;
using server_test::FakeSource;

namespace {

namespace limits = base::limits;

const std::string kGetLive = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

struct Fixture {
  explicit Fixture(const char* where = "127.0.0.1:0") {
    auto address = net::parse_address(where);
    REQUIRE(address.ok());
    REQUIRE(admin.listen(*address).ok());
  }

  base::Nanos now() const {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * base::kSecond + time.tv_nsec;
  }
  // One round as step() does it, at another time.
  void round_at(base::Nanos at) {
    std::vector<pollfd> fds;
    admin.add_fds(fds, at);
    REQUIRE(::poll(fds.data(), fds.size(), 0) >= 0);
    admin.on_ready(fds, at);
  }
  // Until `count` connections are open on the server.
  void settle(std::size_t count) {
    for (int i = 0; i < 1000 && admin.connections() != count; ++i) admin.step(1);
    REQUIRE(admin.connections() == count);
  }

  FakeSource source;
  Admin admin{source};
};

}  // namespace

TEST_CASE("a request is answered and the connection closed, on TCP and on Unix sockets") {
  for (const char* where : {"127.0.0.1:0", "[::1]:0", "unix:@headrace-admin-test"}) {
    CAPTURE(where);
    Fixture f(where);
    AdminClient client(f.admin.address());
    client.send(kGetLive);
    CHECK(client.finish(f.admin).ends_with("\r\n\r\nok\n"));
    client.close();
    f.settle(0);
  }
}

TEST_CASE("a head may come byte by byte") {
  Fixture f;
  AdminClient client(f.admin.address());
  for (const char c : kGetLive) {
    CHECK(client.received().empty());
    client.send({&c, 1});
    f.admin.step(1);
  }
  CHECK(client.finish(f.admin).starts_with("HTTP/1.1 200 "));
}

TEST_CASE(
    "bad input is told so and closed, and the answer survives the bytes that were never read") {
  Fixture f;
  const auto answer_to = [&](const std::string& bytes) {
    AdminClient client(f.admin.address());
    client.send(bytes);
    return client.finish(f.admin).substr(0, 13);
  };
  CHECK(answer_to("nonsense\r\n\r\n") == "HTTP/1.1 400 ");
  CHECK(answer_to("GET /livez HTTP/1.1\r\n\r\n") == "HTTP/1.1 400 ");
  CHECK(answer_to(std::string("\x16\x03\x01\x02\x00\x01", 6)) == "HTTP/1.1 400 ");
  CHECK(answer_to("GET /livez HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x')) ==
        "HTTP/1.1 431 ");
  CHECK(answer_to("POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" +
                  std::string(50'000, 'x')) == "HTTP/1.1 405 ");
  CHECK(answer_to("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 404 ");
}

TEST_CASE("only the first of several requests is answered") {
  Fixture f;
  AdminClient client(f.admin.address());
  client.send(kGetLive + kGetLive);
  const std::string text = client.finish(f.admin);
  CHECK(text.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE("a page larger than the socket takes goes out whole") {
  Fixture f;
  f.source.page = std::string(8 << 20, 'm');
  AdminClient client(f.admin.address());
  client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string text = client.finish(f.admin);
  CHECK(text.size() - text.find("\r\n\r\n") - 4 == f.source.page.size());
}

TEST_CASE("silence is cut: at once when nothing came, with 408 when a request had begun") {
  Fixture f;
  AdminClient silent(f.admin.address());
  AdminClient begun(f.admin.address());
  begun.send("GET /li");
  f.settle(2);
  f.round_at(f.now());
  const base::Nanos end = f.now() + limits::kAdminTimeout;
  CHECK(f.admin.timeout_ms(f.now()) > 0);
  CHECK(f.admin.timeout_ms(f.now()) <= limits::kAdminTimeout / base::kMillisecond);
  f.round_at(end - base::kSecond);
  CHECK(f.admin.connections() == 2);
  f.round_at(end);
  CHECK(f.admin.connections() == 1);
  CHECK(silent.received().empty());
  CHECK(silent.ended());
  CHECK(begun.received().starts_with("HTTP/1.1 408 "));
  // And who then neither reads nor closes is not waited for.
  f.round_at(end + limits::kAdminLinger);
  CHECK(f.admin.connections() == 0);
  CHECK(f.admin.timeout_ms(f.now()) == -1);
}

TEST_CASE("a reader that takes nothing is cut") {
  Fixture f;
  f.source.page = std::string(16 << 20, 'm');
  AdminClient client(f.admin.address());
  client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  f.settle(1);
  f.round_at(f.now());
  f.round_at(f.now() + limits::kAdminTimeout - base::kSecond);
  CHECK(f.admin.connections() == 1);
  f.round_at(f.now() + limits::kAdminTimeout + base::kSecond);
  CHECK(f.admin.connections() == 0);
}

TEST_CASE("connections are bounded, and a probe gets through a crowd that only sits there") {
  Fixture f;
  std::list<AdminClient> crowd;
  for (std::size_t i = 0; i < limits::kAdminConnections; ++i) crowd.emplace_back(f.admin.address());
  f.settle(limits::kAdminConnections);
  AdminClient probe(f.admin.address());
  probe.send(kGetLive);
  CHECK(probe.finish(f.admin).starts_with("HTTP/1.1 200 "));
  CHECK(f.admin.connections() <= limits::kAdminConnections);
  crowd.front().received();
  CHECK((crowd.front().ended() || crowd.front().reset()));  // the stalest made room
}

TEST_CASE("descriptors of others in the same poll are left alone") {
  Fixture f;
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  REQUIRE(::write(pipe_ends[1], "x", 1) == 1);
  AdminClient client(f.admin.address());
  client.send(kGetLive);
  for (int i = 0; i < 1000 && !client.ended(); ++i) {
    std::vector<pollfd> fds{{pipe_ends[0], POLLIN, 0}};
    f.admin.add_fds(fds, f.now());
    REQUIRE(::poll(fds.data(), fds.size(), 1) >= 0);
    CHECK(fds[0].revents == POLLIN);
    f.admin.on_ready(fds, f.now());
    client.received();
  }
  CHECK(client.ended());
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_CASE("closing drops everybody, and the same address can be listened on again") {
  Fixture f("unix:@headrace-admin-close");
  AdminClient client(f.admin.address());
  f.settle(1);
  const net::Address address = f.admin.address();
  f.admin.close();
  client.received();
  CHECK(client.ended());
  CHECK(f.admin.connections() == 0);
  REQUIRE(f.admin.listen(address).ok());
  AdminClient again(f.admin.address());
  again.send(kGetLive);
  CHECK(again.finish(f.admin).starts_with("HTTP/1.1 200 "));
}
