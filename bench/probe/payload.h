// The fixed messages of every workload, with fields of fixed width that are patched in place: a
// request of 567 bytes, an answer of 500, an event of 200. Both ends know every byte of what must
// arrive, so that they can compare instead of trusting. Stamps are CLOCK_MONOTONIC nanoseconds in
// 16 hexadecimal digits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "system.h"

namespace headrace::probe {

inline constexpr std::size_t kRequestBytes = 567;  // head and body
inline constexpr std::size_t kAnswerBytes = 500;   // head and body, as the upstream writes it
inline constexpr std::size_t kEventBytes = 200;    // chunk framing not counted

// What clients ask for, and the key that they show: one that a gateway with keys can know.
inline constexpr std::string_view kClientModel = "probe-model";
inline constexpr std::string_view kClientKey = "sk-probe-0123456789";

void write_fixed_hex(char* out, std::uint64_t value, std::size_t digits);
// Ends the program when there is anything but `digits` hexadecimal digits.
std::uint64_t read_fixed_hex(std::string_view text, std::size_t digits);

// The request; `id` tells the upstream which exchange it serves and comes back in the answer.
class RequestText {
 public:
  RequestText(const Endpoint& server, std::string_view model, bool stream);

  std::string_view with_id(std::uint64_t id);

 private:
  std::string text_;
  std::size_t id_at_;
};

// The upstream's end of it. `model` is the one it must be asked for.
class RequestCheck {
 public:
  explicit RequestCheck(std::string_view model);

  // The id of a body that is byte for byte one of ours; ends the program when it is not.
  std::uint64_t operator()(std::string_view body);

 private:
  std::string model_;
  std::string start_;
  // Kept between calls: the filler depends only on how long the server's address is.
  std::array<std::string, 2> expected_;
};

// The plain answer; carries the id of its request.
class AnswerText {
 public:
  AnswerText();

  std::string_view with_id(std::uint64_t id);
  void check_body(std::string_view answer, std::uint64_t id);

 private:
  std::string_view body() const { return std::string_view(text_).substr(body_at_); }

  std::string text_;
  std::size_t body_at_;
  std::size_t id_at_;
};

// One content event, and the same event as one chunk.
class EventText {
 public:
  EventText();

  std::string_view as_chunk(std::uint64_t stream, std::uint64_t sequence, Nanos stamp);
  // Compares all bytes and returns the stamp.
  Nanos check(std::string_view text, std::uint64_t stream, std::uint64_t sequence);

 private:
  std::string_view event() const { return std::string_view(chunk_).substr(event_at_, kEventBytes); }
  void patch(std::uint64_t stream, std::uint64_t sequence, std::uint64_t stamp);

  std::string chunk_;
  std::size_t event_at_;
  std::size_t stamp_at_;
};

// How a stream begins (head and role event) and ends (finish, usage, [DONE], last chunk).
std::string stream_opening();
std::string stream_ending();
// The same without head and chunk framing: what the client must see around the content events.
std::string_view opening_event();
std::string_view ending_events();

}  // namespace headrace::probe
