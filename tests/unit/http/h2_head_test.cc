// Goal: decoded fields become the same vocabulary that HTTP/1.1 heads do, within the same bounds.
#include "http/h2_head.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace headrace {
namespace {

using base::Bytes;
using base::Errc;
using http::Framing;
using http::H2Head;
namespace limits = base::limits;

struct Bench {
  bool add(const std::vector<std::pair<std::string, std::string>>& fields) {
    bool going = true;
    for (const auto& [name, value] : fields) going = head.add(name, value, blocks) && going;
    return going;
  }
  io::BlockPool blocks;
  H2Head head;
};

const std::vector<std::pair<std::string, std::string>> kGet = {
    {":method", "GET"}, {":scheme", "http"}, {":path", "/p?q"}, {":authority", "h:1"}};

}  // namespace

TEST_CASE("a request has a method, a target, a host and its fields in order") {
  Bench bench;
  bench.head.begin(true);
  CHECK(bench.add(kGet));
  CHECK(bench.add({{"a", "1"}, {"content-length", "12"}, {"a", "2"}, {"host", "H:1"}}));
  http::RequestHead head;
  CHECK(bench.head.read_request(head, false) == Errc::ok);
  CHECK(head.method == "GET");
  CHECK(head.target == "/p?q");
  CHECK(head.path == "/p");
  CHECK(head.query == "q");
  CHECK(head.host == "h:1");
  CHECK(head.framing == Framing::length);
  CHECK(head.content_length == 12);
  CHECK(head.keep_alive);
  CHECK_FALSE(head.wants_upgrade);
  CHECK_FALSE(head.expect_continue);
  const http::Fields& fields = bench.head.fields();
  REQUIRE(fields.count() == 4);
  CHECK(fields.name(2, bench.head.text()) == "a");
  CHECK(fields.value(2, bench.head.text()) == "2");
  CHECK(fields.find("a", bench.head.text()) == "1");
  // The next head begins anew.
  bench.head.begin(true);
  CHECK(bench.add({{":method", "GET"}, {":path", "/"}, {"host", "only"}}));
  CHECK(bench.head.read_request(head, false) == Errc::ok);
  CHECK(head.host == "only");
  CHECK(head.framing == Framing::until_close);
  CHECK(head.query.empty());
  CHECK(bench.head.fields().count() == 1);
}

TEST_CASE("an answer has a status and a framing") {
  Bench bench;
  http::ResponseHead head;
  const auto read = [&](const std::string& status, const std::string& length, bool ends) {
    bench.head.begin(true);
    CHECK(bench.add({{":status", status}}));
    if (!length.empty()) CHECK(bench.add({{"content-length", length}}));
    return bench.head.read_answer(head, ends);
  };
  CHECK(read("200", "", false) == Errc::ok);
  CHECK(head.status == 200);
  CHECK(head.framing == Framing::until_close);
  CHECK(read("204", "", true) == Errc::ok);
  CHECK(head.framing == Framing::none);
  CHECK(read("200", "7", false) == Errc::ok);
  CHECK(head.framing == Framing::length);
  CHECK(head.content_length == 7);
  for (const char* status : {"", "99", "1000", "101", "2x0", "-1"}) {
    CHECK(read(status, "", false) == Errc::bad_request);
  }
  CHECK(read("200", "9223372036854775808", false) == Errc::bad_request);
}

TEST_CASE("a head is refused above its bounds, and far above them the connection ends") {
  Bench bench;
  http::RequestHead head;
  SUBCASE("fields") {
    bench.head.begin(true);
    CHECK(bench.add(kGet));
    for (std::size_t i = kGet.size(); i < limits::kHeadFields; ++i) CHECK(bench.add({{"a", "b"}}));
    CHECK(bench.head.read_request(head, true) == Errc::ok);
    CHECK(bench.add({{"a", "b"}}));
    CHECK(bench.head.read_request(head, true) == Errc::head_too_large);
    for (std::size_t i = limits::kHeadFields + 1; i < limits::kH2FieldsMost; ++i) {
      CHECK(bench.add({{"a", "b"}}));
    }
    CHECK_FALSE(bench.add({{"a", "b"}}));
  }
  SUBCASE("bytes") {
    bench.head.begin(true);
    CHECK(bench.add(kGet));
    const std::string value(1000, 'v');
    std::size_t bytes = 200;
    for (; bytes + 1033 <= limits::kH2HeadBytes; bytes += 1033) CHECK(bench.add({{"a", value}}));
    CHECK(bench.head.read_request(head, true) == Errc::ok);
    CHECK(bench.add({{"a", value}, {"a", value}}));
    CHECK(bench.head.read_request(head, true) == Errc::head_too_large);
    bool going = true;
    while (going && bytes < 2 * limits::kH2HeadBytesMost) {
      going = bench.add({{"a", value}});
      bytes += 1033;
    }
    CHECK_FALSE(going);
    CHECK(bytes <= limits::kH2HeadBytesMost + 2000);
    CHECK(bench.head.text().size() < 65'536);
  }
  SUBCASE("trailers are counted, not kept") {
    bench.head.begin(false);
    for (std::size_t i = 0; i < limits::kH2FieldsMost; ++i) CHECK(bench.add({{"a", "b"}}));
    CHECK_FALSE(bench.add({{"a", "b"}}));
    CHECK(bench.head.text().empty());
  }
  bench.head.reset();
  CHECK(bench.blocks.blocks_out() == 0);
}

}  // namespace headrace
