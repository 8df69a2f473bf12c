// A whole worker in the simulated world, with one provider behind it and as many clients as a test
// wants; and the words that clients and providers speak.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/record.h"
#include "proxy/rules.h"
#include "server/worker.h"
#include "sim_stage.h"
#include "telemetry/counters.h"
#include "telemetry/ring.h"
#include "telemetry/ring_memory.h"

namespace headrace::test {

inline std::string chat(bool stream = true, std::string_view fields = {}) {
  const std::string body = stream ? R"({"model":"m","stream":true})" : R"({"model":"m"})";
  return "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\n" + std::string(fields) +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string delta(std::string_view text) {
  return R"(data: {"choices":[{"index":0,"delta":{"content":")" + std::string(text) + "\"}}]}\n\n";
}
inline const std::string kRoleEvent =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
inline const std::string kFinishEvent =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
inline const std::string kDoneEvent = "data: [DONE]\n\n";

inline std::string chunk(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string size;
  for (std::size_t left = bytes.size(); left != 0; left /= 16)
    size.insert(size.begin(), kDigits[left % 16]);
  return size + "\r\n" + std::string(bytes) + "\r\n";
}
inline const std::string kLastChunk = "0\r\n\r\n";

inline const std::string kStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

inline std::string plain_answer(std::string_view body,
                                int status = 200,
                                std::string_view fields = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\ncontent-type: application/json\r\n" +
         std::string(fields) + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// Payload and completeness of a chunked body.
struct Unchunked {
  std::string payload;
  bool complete = false;
};
inline Unchunked unchunk(std::string_view bytes) {
  Unchunked result;
  for (;;) {
    const std::size_t line = bytes.find("\r\n");
    if (line == std::string_view::npos) return result;
    const std::size_t size = std::stoul(std::string(bytes.substr(0, line)), nullptr, 16);
    bytes.remove_prefix(line + 2);
    if (size == 0) {
      result.complete = bytes == "\r\n";
      return result;
    }
    if (bytes.size() < size + 2) return result;
    result.payload += bytes.substr(0, size);
    CHECK(bytes.substr(size, 2) == "\r\n");
    bytes.remove_prefix(size + 2);
  }
}
inline std::string body_of(std::string_view answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(answer.substr(end + 4));
}
inline std::string head_of(std::string_view answer) {
  return std::string(answer.substr(0, answer.find("\r\n\r\n")));
}

inline config::Snapshot one_provider() {
  config::Snapshot snapshot;
  config::Provider provider;
  provider.name = "p";
  provider.scheme = "http";
  provider.host = "10.0.0.2";
  provider.authority = "10.0.0.2";
  provider.base_path = "/v1";
  provider.addresses = {sim::SimNet::address(2, 80)};
  snapshot.providers.push_back(provider);
  config::Route route;
  route.model = "m";
  route.targets.push_back({.name = "p", .provider = 0, .model = ""});
  snapshot.routes.push_back(route);
  snapshot.epoch = 1;
  return snapshot;
}

inline const std::shared_ptr<const meter::PriceTable>& built_in_prices() {
  static const auto kPrices = [] {
    std::string fault;
    auto table = meter::PriceTable::parse(meter::PriceTable::built_in(), fault);
    REQUIRE(table.has_value());
    return std::make_shared<const meter::PriceTable>(std::move(*table));
  }();
  return kPrices;
}

class GatewayScene : public SimStage {
 public:
  static constexpr std::size_t kRing = 64;

  explicit GatewayScene(config::Snapshot configured = one_provider(),
                        config::HalfClose half_close = config::HalfClose::cancel,
                        server::WorkerOptions options = {},
                        std::size_t buffer_bytes = 4096)
      : SimStage(buffer_bytes),
        rules(std::move(configured), registries, built_in_prices()),
        memory(std::move(
            telemetry::RingMemory::create(telemetry::RecordRing::bytes_for(kRing)).value())) {
    ring.format(memory.bytes(), kRing, 0);
    worker = std::make_unique<server::Worker>(io, ring, counters, options);
    worker->use(rules);
    worker->listen(net.make_listener(sim::SimNet::address(1, 8080)),
                   {.address = {}, .group = {}, .half_close = half_close});
    turn = [this] { worker->turn(); };
  }
  // Everything ends, and nothing is left behind.
  ~GatewayScene() {
    worker->move_to(server::Worker::Stage::stopped);
    CHECK(run_until([this] { return worker->quiet(); }));
    worker.reset();
    CHECK(client_buffers.out() == 0);
    CHECK(upstream_buffers.out() == 0);
    CHECK(io.blocks().blocks_out() == 0);
  }

  Talker& dial() {
    clients.push_back(std::make_unique<Talker>(net));
    clients.back()->dial(sim::SimNet::address(1, 8080));
    return *clients.back();
  }
  Talker& ask(std::string_view request) {
    Talker& client = dial();
    client.send(request);
    return client;
  }
  // The provider has heard `requests` whole chat requests on its connection number `i`.
  bool asked(std::size_t i = 0, std::size_t requests = 1) {
    return run_until(
        [&] { return provider.count() > i && provider[i].count("\"m\"") >= requests; });
  }
  bool heard(Talker& client, std::string_view what) {
    return run_until([&] { return client.has(what); });
  }

  std::vector<Record> records() {
    std::vector<Record> all(kRing);
    all.resize(ring.pop(all));
    return all;
  }
  const proxy::Tally& tally() const { return worker->shop().tally; }

  proxy::Registries registries;
  proxy::Rules rules;
  House provider{net, sim::SimNet::address(2, 80)};
  telemetry::RingMemory memory;
  telemetry::RecordRing ring;
  telemetry::WorkerCounters counters;
  std::unique_ptr<server::Worker> worker;
  std::vector<std::unique_ptr<Talker>> clients;
};

}  // namespace headrace::test
