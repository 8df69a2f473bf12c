// A client of a GatewayScene that speaks HTTP/2 in frames made by hand.
#pragma once

#include <string>
#include <string_view>

#include "gateway_scene.h"
#include "h2_frames.h"

namespace headrace::test {

inline std::string h2_hello(
    const std::vector<std::pair<std::uint16_t, std::uint32_t>>& settings = {}) {
  return std::string(h2::kPreface) + h2::settings(settings) + h2::settings_ack();
}

inline h2::FieldTexts h2_head(const std::string& method,
                              const std::string& path,
                              const h2::FieldTexts& more = {}) {
  h2::FieldTexts fields = {
      {":method", method}, {":scheme", "http"}, {":authority", "h"}, {":path", path}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

inline std::string h2_models(std::uint32_t id) {
  return h2::headers(id, h2_head("GET", "/v1/models"), true);
}

inline std::string h2_post(std::uint32_t id,
                           std::string_view body,
                           const h2::FieldTexts& more = {}) {
  return h2::headers(id, h2_head("POST", "/v1/chat/completions", more), false) +
         h2::data(id, body, true);
}

inline std::string h2_chat(std::uint32_t id, bool stream = true) {
  return h2_post(id, stream ? R"({"model":"m","stream":true})" : R"({"model":"m"})");
}

// What the gateway said on a stream.
struct H2Heard {
  std::string payload;
  bool answered = false;    // a head
  bool ended = false;       // END_STREAM
  std::int64_t reset = -1;  // code
};

inline H2Heard heard_on(const Talker& client, std::uint32_t id) {
  H2Heard heard;
  for (const h2::Frame& frame : h2::frames_of(client.heard)) {
    if (frame.id != id) continue;
    if (frame.type == h2::kHeaders) heard.answered = true;
    if (frame.type == h2::kData) heard.payload += frame.payload;
    if (frame.ends()) heard.ended = true;
    if (frame.type == h2::kRstStream) heard.reset = frame.word(0);
  }
  return heard;
}

// The code of the last GOAWAY, or -1.
inline std::int64_t goaway_of(const Talker& client) {
  std::int64_t code = -1;
  for (const h2::Frame& frame : h2::frames_of(client.heard)) {
    if (frame.type == h2::kGoaway) code = frame.word(4);
  }
  return code;
}

inline bool ends_on(GatewayScene& scene, Talker& client, std::uint32_t id) {
  return scene.run_until([&] { return heard_on(client, id).ended; });
}

}  // namespace headrace::test
