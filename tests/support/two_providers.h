// A gateway with two providers behind one model, the second for when the first fails, and the
// answers that providers give.
#pragma once

#include <string>
#include <utility>

#include "gateway_scene.h"
#include "policy/keys.h"

namespace headrace::test {

inline constexpr char kKeySecret[] = "a secret of the configuration";

inline config::Snapshot two_providers() {
  config::Snapshot snapshot = one_provider();
  snapshot.providers[0].credentials = {{.name = "k1", .api_key = "key-one", .weight = 1}};
  config::Provider second = snapshot.providers[0];
  second.name = "q";
  second.host = second.authority = "10.0.0.3";
  second.addresses = {sim::SimNet::address(3, 80)};
  second.credentials = {{.name = "k2", .api_key = "key-two", .weight = 1}};
  snapshot.providers.push_back(second);
  snapshot.routes[0].targets.push_back({.name = "q", .provider = 1, .model = ""});
  return snapshot;
}

inline config::ClientKey client_key(const std::string& name, const std::string& key) {
  config::ClientKey from;
  from.name = name;
  from.hash = policy::to_hex(policy::KeyHash(kKeySecret)(key));
  return from;
}

inline const std::string kMessagesFields = "anthropic-version: 2023-06-01\r\n";

// A request of either family.
inline std::string post(std::string_view path,
                        std::string_view body,
                        std::string_view fields = {}) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nhost: h\r\n" + std::string(fields) +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

inline const std::string kChatAnswer =
    R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}})";
inline const std::string kMessageAnswer =
    R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text",)"
    R"("text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,)"
    R"("usage":{"input_tokens":11,"output_tokens":7}})";

class TwoProviders : public GatewayScene {
 public:
  explicit TwoProviders(config::Snapshot configured = two_providers())
      : GatewayScene(std::move(configured)) {}

  // Whole requests that the second provider has heard.
  bool asked_second(std::size_t requests = 1) {
    return run_until([&] {
      return second.count() != 0 && second[second.count() - 1].count("\"m\"") >= requests;
    });
  }

  House second{net, sim::SimNet::address(3, 80)};
};

}  // namespace headrace::test
