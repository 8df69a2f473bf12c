// Goal: a whole gateway from its configuration to its exit code: it serves, reloads on SIGHUP, and
// ends in stages on SIGTERM. Method: Control on a thread of its own, real signals to this process
// (blocked in every thread), sockets in the abstract namespace, every wait bounded.
#include "server/control.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "base/log.h"
#include "real_client.h"
#include "scratch_dir.h"

namespace headrace::test {
namespace {

const std::string kModels = "GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n";

std::string abstract(const char* name) {
  return "unix:@headrace-control-test-" + std::to_string(::getpid()) + "-" + name;
}

const headrace_test::ScratchDir& state_dir() {
  static const headrace_test::ScratchDir dir;
  return dir;
}

std::string config_text(const std::string& model, const std::string& more = {}) {
  return "state_dir: " + state_dir().path() + "\nlisten: \"" + abstract("main") + "\"\nadmin: \"" +
         abstract("admin") +
         "\"\nworkers: 1\nbusy: off\nproviders:\n  p:\n    base_url: "
         "http://127.0.0.1:9/v1\nroutes:\n"
         "  - model: " +
         model + "\n    targets: [p]\n" + more;
}

// A file that goes when the test does.
class File {
 public:
  explicit File(const std::string& text) {
    std::string name = std::filesystem::temp_directory_path() / "headrace-control-XXXXXX";
    const int fd = ::mkstemp(name.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    path = name;
    write(text);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::unlink(path.c_str()); }
  void write(const std::string& text) const {
    std::FILE* file = std::fopen(path.c_str(), "w");
    REQUIRE(file != nullptr);
    CHECK(std::fwrite(text.data(), 1, text.size(), file) == text.size());
    std::fclose(file);
  }
  std::string path;
};

class Gateway {
 public:
  explicit Gateway(const std::string& text) : file_(text) {
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
    server::block_signals();
    config::LoadOutcome loaded = config::load(file_.path, {});
    REQUIRE_MESSAGE(loaded.ok(), config::format_faults(loaded));
    control_ = std::make_unique<server::Control>(file_.path, std::move(loaded));
    thread_ = std::thread([this] {
      code_ = control_->run();
      ended_ = true;
    });
    REQUIRE(soon([&] { return ended_ || admin("/readyz").find("200 OK") != std::string::npos; }));
  }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway() {
    for (int i = 0; i < 3 && !ended_; ++i) {
      signal(SIGTERM);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    thread_.join();
    control_.reset();
    // A signal that came when control had ended already must not end this process.
    sigset_t ours;
    sigemptyset(&ours);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ours, number);
    const timespec at_once{};
    while (::sigtimedwait(&ours, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }

  static void signal(int number) { CHECK(::kill(::getpid(), number) == 0); }
  static std::string admin(const std::string& path) {
    RealClient client(*net::parse_address(abstract("admin")));
    if (!client.connected()) return {};
    client.send("GET " + path + " HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    client.hears_end();
    return client.heard;
  }
  static net::Address place() { return *net::parse_address(abstract("main")); }
  bool ends() {
    return soon([&] { return ended_.load(); });
  }
  bool ended() const { return ended_; }
  int code() const { return code_; }
  const File& file() const { return file_; }

 private:
  File file_;
  sigset_t mask_{};
  std::unique_ptr<server::Control> control_;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  std::atomic<int> code_{-1};
};

}  // namespace

TEST_CASE("a gateway serves, tells its health and its figures, and ends with 0") {
  Gateway gateway(config_text("m"));
  RealClient client(Gateway::place());
  client.send(kModels);
  CHECK(client.hears("\"id\":\"m\""));
  CHECK(Gateway::admin("/livez").starts_with("HTTP/1.1 200 OK"));
  CHECK(Gateway::admin("/metrics").find("headrace_build_info") != std::string::npos);
  Gateway::signal(SIGTERM);
  CHECK(client.hears_end());  // an idle connection is closed at once
  REQUIRE(gateway.ends());
  CHECK(gateway.code() == 0);
  CHECK_FALSE(RealClient(Gateway::place()).connected());
}

TEST_CASE("SIGHUP brings the new configuration, a faulty one changes nothing") {
  Gateway gateway(config_text("m"));
  const auto served = [](const std::string& model) {
    RealClient client(Gateway::place());
    client.send(kModels);
    return client.hears("]}") && client.heard.find("\"id\":\"" + model + "\"") != std::string::npos;
  };
  CHECK(served("m"));
  gateway.file().write(config_text("n"));
  Gateway::signal(SIGHUP);
  CHECK(soon([&] { return served("n"); }));
  gateway.file().write("routes: 7\n");
  Gateway::signal(SIGHUP);
  CHECK(soon([] {
    return Gateway::admin("/metrics").find("headrace_config_last_reload_successful 0") !=
           std::string::npos;
  }));
  CHECK(served("n"));
}

TEST_CASE("a drain waits for what runs, a second signal does not") {
  Gateway gateway(config_text("m", "drain_timeout: 60s\n"));
  RealClient client(Gateway::place());
  client.send(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: "
      "9\r\n\r\n");
  REQUIRE(client.hears("100 Continue"));
  Gateway::signal(SIGTERM);
  CHECK(soon([] { return Gateway::admin("/readyz").starts_with("HTTP/1.1 503"); }));
  CHECK_FALSE(gateway.ended());
  Gateway::signal(SIGINT);
  CHECK(client.hears("HTTP/1.1 503 "));
  REQUIRE(gateway.ends());
  CHECK(gateway.code() == 0);
}

TEST_CASE("before the drain the gateway goes on accepting for its drain_delay") {
  Gateway gateway(config_text("m", "drain_delay: 300ms\n"));
  Gateway::signal(SIGTERM);
  CHECK(soon([] { return Gateway::admin("/readyz").starts_with("HTTP/1.1 503"); }));
  RealClient client(Gateway::place());
  client.send(kModels);
  CHECK(client.hears("\"id\":\"m\""));
  REQUIRE(gateway.ends());
  CHECK(gateway.code() == 0);
}

TEST_CASE("requests are in the audit file, and what changes there waits for the next start") {
  const headrace_test::ScratchDir dir;
  const std::string file = dir.file("audit.jsonl");
  const std::string audited = "audit: {path: " + file + "}\n";
  const auto lines = [&] {
    const std::string text = headrace_test::read_text(file);
    return std::count(text.begin(), text.end(), '\n');
  };
  const auto ask = [] {
    RealClient client(Gateway::place());
    client.send(kModels);
    CHECK(client.hears("]}"));
  };
  {
    Gateway gateway(config_text("m", audited));
    ask();
    CHECK(soon([&] { return lines() == 1; }));
    gateway.file().write(config_text("n"));
    Gateway::signal(SIGHUP);
    CHECK(soon([] {
      RealClient client(Gateway::place());
      client.send(kModels);
      return client.hears("]}") && client.heard.find("\"id\":\"n\"") != std::string::npos;
    }));
  }
  const auto written = lines();
  CHECK(written >= 2);
  Gateway again(config_text("m", audited));
  ask();
  CHECK(soon([&] { return lines() == written + 1; }));
}

TEST_CASE("a start with a faulty price table, state directory or audit file ends with 1") {
  const headrace_test::ScratchDir dir;
  for (const std::string& more : {std::string("prices: /no/such.json\n"),
                                  "audit: {path: " + dir.path() + "}\n",
                                  "audit: {path: " + dir.file("a") + ", required: true}\n"}) {
    std::string text = config_text("m", more);
    if (more.find("required") != std::string::npos)
      text.replace(11, state_dir().path().size(), "/proc/x");
    config::LoadOutcome loaded = config::load_text(text, {});
    REQUIRE_MESSAGE(loaded.ok(), config::format_faults(loaded));
    server::Control control({}, std::move(loaded));
    CHECK(control.run() == 1);
  }
}

TEST_CASE("a place that is taken ends the start with 1") {
  Gateway gateway(config_text("m"));
  config::LoadOutcome loaded = config::load_text(config_text("m"), {});
  REQUIRE(loaded.ok());
  server::Control second({}, std::move(loaded));
  CHECK(second.run() == 1);
}

}  // namespace headrace::test
