// H2FieldList: a finished HTTP/1.1-style head of ours (a request line or a status, then field
// lines), as the fields of an HTTP/2 head, so that whoever writes heads need not know which
// protocol they leave in. Views only, and nghttp2 copies nothing: the text must live until the head
// is framed, and its names are made lower case where they lie. Fields that belong to an HTTP/1.1
// connection are left out. No allocation.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/limits.h"
#include "http/message.h"

namespace headrace::http {

class H2FieldList {
 public:
  // Reads the request head that `text` begins with. Returns the bytes that it took, the empty line
  // included; 0 when it is no head or has too many fields. `scheme`: "http" or "https".
  [[nodiscard]] std::size_t read_request(std::span<char> text, Bytes scheme);

  // Here also what never comes twice goes into the table: its name then stands there for those that
  // come after, until it is pushed out.
  void teach() { teaches_ = true; }

  void status(std::uint16_t code);
  // Field lines, each with its CRLF. False when one is none, or there are too many.
  [[nodiscard]] bool lines(std::span<char> text);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return count_; }

 private:
  static constexpr std::size_t kPseudoFields = 4;
  static constexpr std::uint8_t kLiesStill =
      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

  void put(Bytes name, Bytes value, std::uint8_t flags = kLiesStill);
  void field(Bytes name, Bytes value);
  bool full() const { return count_ == fields_.size(); }

  std::array<nghttp2_nv, base::limits::kHeadFields + kPseudoFields> fields_;
  std::array<char, 3> status_{};
  std::size_t count_ = 0;
  bool teaches_ = false;
};

}  // namespace headrace::http
