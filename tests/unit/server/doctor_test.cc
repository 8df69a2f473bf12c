// Goal: the doctor's verdict follows from what it saw, and every finding is on the page. Method:
// made-up host facts, real sockets on loopback.
#include "server/doctor.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "config/load.h"
#include "net/listen.h"

namespace headrace::server {
namespace {

// A provider that takes connections: the kernel completes them on its own.
struct Provider {
  Provider() : fd(net::listen_on(net::parse_address("127.0.0.1:0").value(), {}).value()) {}
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  ~Provider() { ::close(fd); }
  std::string address() const { return net::format(net::bound_address(fd).value()); }
  int fd;
};

config::Snapshot load(const std::string& listen, const std::string& provider) {
  auto outcome = config::load_text(
      "listen: \"" + listen + "\"\naccess: open\nadmin: off\nproviders: {p: {base_url: \"http://" +
          provider + "/v1\"}}\nroutes: [{model: \"*\", targets: [p]}]\n",
      {});
  REQUIRE_MESSAGE(outcome.ok(), config::format_faults(outcome));
  return *outcome.snapshot;
}

config::HostFacts host() {
  config::HostFacts facts;
  facts.affinity_cpus = 4;
  facts.kernel = "6.1.0-test";
  facts.open_files = {1 << 20, 1 << 20};
  facts.locked_memory = {8192 * 1024, UINT64_MAX};
  facts.clock_source = "tsc";
  facts.congestion_control = "cubic";
  return facts;
}

DoctorReport report(const config::Snapshot& snapshot,
                    const config::HostFacts& facts = host(),
                    std::string_view backend = "io_uring") {
  return examine({snapshot, facts, "test.yaml", backend, "the probe passed"});
}

bool has(const DoctorReport& page, std::string_view words) {
  return page.text.find(words) != std::string::npos;
}

TEST_CASE("a price table that cannot be read is in the way of a start") {
  const Provider provider;
  config::Snapshot snapshot = load("127.0.0.1:0", provider.address());
  CHECK(has(report(snapshot), "built in, as of "));
  snapshot.prices = "/no/such.json";
  const DoctorReport page = report(snapshot);
  CHECK_FALSE(page.can_serve);
  CHECK(has(page, "!!  prices"));
}

TEST_CASE("a healthy host can serve, and the page says what it found") {
  const Provider provider;
  const DoctorReport page = report(load("127.0.0.1:0", provider.address()));
  INFO(page.text);
  CHECK(page.can_serve);
  CHECK(page.exit_code() == 0);
  CHECK(has(page, "test.yaml"));
  CHECK(has(page, "6.1.0-test, no hypervisor seen"));
  CHECK(has(page, "io_uring: the probe passed"));
  CHECK(has(page, "affinity 4, cgroup quota none"));
  CHECK(has(page, "4 (auto), pinned"));
  CHECK(has(page, "8MiB (hard unlimited)"));
  CHECK(has(page, "127.0.0.1:0 can be bound"));
  CHECK(has(page, provider.address() + " connected in "));
  CHECK(has(page, "1 of 1 targets answer"));
  CHECK(has(page, "\ncan serve\n"));
  CHECK_FALSE(has(page, "!!"));
}

TEST_CASE("a quota shows in workers, polling and pinning") {
  const Provider provider;
  config::HostFacts facts = host();
  facts.quota_cpus = 1.5;
  const DoctorReport page = report(load("127.0.0.1:0", provider.address()), facts);
  CHECK(has(page, "cgroup quota 1.50"));
  CHECK(has(page, "2 (auto), not pinned"));
  CHECK(has(page, "off, because of the cgroup quota"));
}

TEST_CASE("a provider that refuses leaves its route without a target") {
  std::string dead;
  {
    dead = Provider().address();
  }
  const DoctorReport page = report(load("127.0.0.1:0", dead));
  CHECK_FALSE(page.can_serve);
  CHECK(page.exit_code() == 1);
  CHECK(has(page, "Connection refused"));
  CHECK(has(page, "0 of 1 targets answer"));
  CHECK(has(page, "cannot serve"));
}

TEST_CASE("whose answers outlive their clients is on the page") {
  const Provider provider;
  config::Snapshot snapshot = load("127.0.0.1:0", provider.address());
  const std::string_view words = "read to its end (on_disconnect)";
  CHECK_FALSE(has(report(snapshot), words));
  snapshot.providers[0].drains = true;
  CHECK(has(report(snapshot), words));
}

TEST_CASE("a name without address is told as such") {
  const DoctorReport page = report(load("127.0.0.1:0", "nowhere.invalid"));
  CHECK_FALSE(page.can_serve);
  CHECK(has(page, "nowhere.invalid: "));
}

TEST_CASE("one target that answers is enough for a route") {
  const Provider alive;
  config::Snapshot snapshot = load("127.0.0.1:0", alive.address());
  snapshot.providers.push_back(snapshot.providers[0]);
  snapshot.providers[1].host = "nowhere.invalid";
  snapshot.routes[0].targets.push_back({.name = "dead", .provider = 1, .model = {}});
  const DoctorReport page = report(snapshot);
  CHECK(page.can_serve);
  CHECK(has(page, "1 of 2 targets answer"));
}

TEST_CASE("a listener that cannot be bound and a missing backend are in the way") {
  const Provider provider;
  const DoctorReport unbound = report(load("192.0.2.1:80", provider.address()));
  CHECK_FALSE(unbound.can_serve);
  CHECK(has(unbound, "192.0.2.1:80: no interface of this host has the address"));
  CHECK_FALSE(report(load("127.0.0.1:0", provider.address()), host(), "").can_serve);
}

TEST_CASE("slow clocks, few files and too many workers are noted, not held against the host") {
  const Provider provider;
  config::HostFacts facts = host();
  facts.clock_source = "hpet";
  facts.open_files = {1024, 1024};
  config::Snapshot snapshot = load("127.0.0.1:0", provider.address());
  snapshot.workers = 8;
  const DoctorReport page = report(snapshot, facts);
  CHECK(page.can_serve);
  CHECK(has(page, "hpet; every reading is a system call"));
  CHECK(has(page, "limits.client_connections would take up to"));
  CHECK(has(page, "more than the CPUs there are"));
}

}  // namespace
}  // namespace headrace::server
