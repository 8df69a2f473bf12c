// Goal: an operator is told which changes wait for the next start, and workers are not told of an
// audit that is not written. Method: two snapshots that differ in one key each.
#include "server/reload.h"

#include <doctest/doctest.h>

#include <memory>

#include "config/load.h"
#include "net/tls_server.h"

namespace headrace::server {

TEST_CASE("what is the same, or follows a reload, is not told") {
  const config::Snapshot old = config::default_config();
  config::Snapshot fresh = old;
  fresh.routes[0].model = "m";
  fresh.prices = "prices.json";
  CHECK(keys_for_the_next_start(old, fresh).empty());
}

TEST_CASE("each key that is used at start only is told when it changes") {
  const config::Snapshot old = config::default_config();
  struct Row {
    const char* key;
    void (*change)(config::Snapshot&);
  };
  const Row rows[] = {
      {"listen", [](config::Snapshot& s) { s.listen[0].mode = 0600; }},
      {"listen", [](config::Snapshot& s) { s.listen.pop_back(); }},
      {"admin", [](config::Snapshot& s) { s.admin.clear(); }},
      {"workers", [](config::Snapshot& s) { s.workers = 3; }},
      {"busy", [](config::Snapshot& s) { s.busy = config::Busy::off; }},
      {"pin", [](config::Snapshot& s) { s.pin = config::Pin::off; }},
      {"io", [](config::Snapshot& s) { s.io.backend = config::Backend::epoll; }},
      {"state_dir", [](config::Snapshot& s) { s.state_dir = "/dev/shm/x"; }},
      {"audit", [](config::Snapshot& s) { s.audit.path = "a"; }},
      {"audit", [](config::Snapshot& s) { s.audit.keep = 1; }},
      {"log_requests", [](config::Snapshot& s) { s.log_requests = true; }},
  };
  for (const Row& row : rows) {
    config::Snapshot fresh = old;
    row.change(fresh);
    const auto keys = keys_for_the_next_start(old, fresh);
    REQUIRE(keys.size() == 1);
    CHECK(keys[0] == row.key);
  }
}

TEST_CASE("what was opened at start stays in force, and the rest is the new one's") {
  config::Snapshot old = config::default_config();
  old.audit = {.path = "a", .required = true};
  old.state_dir = "/dev/shm/x";
  config::Snapshot fresh = config::default_config();
  fresh.log_requests = true;
  fresh.routes[0].model = "m";
  keep_what_was_opened(old, fresh);
  CHECK(fresh.audit.path == "a");
  CHECK(fresh.audit.required);
  CHECK(fresh.state_dir == "/dev/shm/x");
  CHECK_FALSE(fresh.log_requests);
  CHECK(fresh.routes[0].model == "m");
}

TEST_CASE("the places to listen are those of the start, with what the new one says of each") {
  config::Snapshot old = config::default_config();
  old.listen = {{.address = "a", .group = {}}, {.address = "b", .group = {}}};
  config::Snapshot fresh = config::default_config();
  fresh.listen = {{.address = "c", .group = {}},
                  {.address = "b", .group = {}, .half_close = config::HalfClose::ignore}};
  fresh.listen[1].tls_certificates.push_back({"file", "key"});
  keep_what_was_opened(old, fresh);
  REQUIRE(fresh.listen.size() == 2);
  CHECK(fresh.listen[0].address == "a");
  CHECK(fresh.listen[1].address == "b");
  CHECK(fresh.listen[1].half_close == config::HalfClose::ignore);
  CHECK(fresh.listen[1].tls_certificates.size() == 1);
}

TEST_CASE("a place that is to speak TLS from now on, or no longer, waits for the next start") {
  config::Snapshot old = config::default_config();
  config::Snapshot fresh = old;
  fresh.listen[0].tls = std::make_shared<const net::TlsServer>();
  CHECK(keys_for_the_next_start(old, fresh) == std::vector<std::string_view>{"listen"});
  CHECK(keys_for_the_next_start(fresh, old) == std::vector<std::string_view>{"listen"});
  CHECK(keys_for_the_next_start(fresh, fresh).empty());
  keep_what_was_opened(old, fresh);
  CHECK(fresh.listen[0].tls == nullptr);
}

}  // namespace headrace::server
