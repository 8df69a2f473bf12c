// Goal: a proxy is told where to, in the form that it expects, and by whom. Method: the bytes.
#include "upstream/egress.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::upstream {
namespace {

std::string text_of(io::Slice slice) {
  return std::string(slice.view());
}

}  // namespace

TEST_CASE("bytes in base64 are those of the vectors of RFC 4648") {
  CHECK(base64_of("").empty());
  CHECK(base64_of("f") == "Zg==");
  CHECK(base64_of("fo") == "Zm8=");
  CHECK(base64_of("foo") == "Zm9v");
  CHECK(base64_of("foob") == "Zm9vYg==");
  CHECK(base64_of("fooba") == "Zm9vYmE=");
  CHECK(base64_of("foobar") == "Zm9vYmFy");
  CHECK(base64_of("\xff\xfe\xfd") == "//79");
}

TEST_CASE("a tunnel is asked for by host and port, with credentials where there are some") {
  const Egress bare({.proxy = "p:1", .target = "api.example:443", .credentials = {}});
  CHECK(bare.connect_request() ==
        "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n");
  const Egress known({.proxy = "p:1", .target = "[fd00::1]:443", .credentials = "joe:s:x"});
  CHECK(known.connect_request() ==
        "CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: [fd00::1]:443\r\n"
        "Proxy-Authorization: Basic am9lOnM6eA==\r\n\r\n");
  CHECK(known.proxy() == "p:1");
}

TEST_CASE("an answer is asked for in absolute form, and nothing else of the request changes") {
  const std::string head = "POST /v1/chat?x=1 HTTP/1.1\r\nHost: lab:9000\r\n\r\n{}";
  io::BlockPool blocks;
  for (const std::string credentials : {"", "joe:secret"}) {
    const Egress egress(
        {.proxy = "p:1", .target = "lab:9000", .credentials = credentials, .tunnels = false});
    io::Slice rest = io::Slice::borrowed(head);
    const std::string line = text_of(egress.take_request_line(rest, blocks));
    const std::string field =
        credentials.empty() ? "" : "Proxy-Authorization: Basic am9lOnNlY3JldA==\r\n";
    CHECK(line == "POST http://lab:9000/v1/chat?x=1 HTTP/1.1\r\n" + field);
    CHECK(rest.view() == "Host: lab:9000\r\n\r\n{}");
  }
}

}  // namespace headrace::upstream
