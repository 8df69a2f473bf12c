// Goal: a head of ours leaves over HTTP/2 as the same fields, without those of a connection.
#include "http/h2_fields.h"

#include <doctest/doctest.h>

#include <deque>
#include <span>
#include <string>

namespace headrace {
namespace {

using base::Bytes;
using http::H2FieldList;

// Texts of a test, which a list may write to, and which lie still.
std::span<char> writable(Bytes text) {
  static std::deque<std::string> texts;
  return texts.emplace_back(text);
}

std::string text_of(const H2FieldList& list) {
  std::string text;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const nghttp2_nv& field = list.data()[i];
    text.append(reinterpret_cast<const char*>(field.name), field.namelen).append("=");
    text.append(reinterpret_cast<const char*>(field.value), field.valuelen);
    text += (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0 ? " unindexed\n" : "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a request head becomes pseudo fields and fields, and tells where its body begins") {
  const std::string head =
      "POST /v1/chat/completions?x=y HTTP/1.1\r\nhost: api.example:8443\r\ncontent-type: "
      "application/json\r\nAuthorization: Bearer k\r\nConnection: keep-alive\r\nte: "
      "trailers\r\nTransfer-Encoding: chunked\r\nx-empty:\r\ncontent-length: 4\r\n\r\n";
  const std::string whole = head + "body";
  H2FieldList list;
  CHECK(list.read_request(writable(whole), "https") == head.size());
  CHECK(text_of(list) ==
        ":method=POST\n:scheme=https\n:path=/v1/chat/completions?x=y\n:authority=api.example:8443\n"
        "content-type=application/json\nauthorization=Bearer k unindexed\nx-empty=\n"
        "content-length=4\n");
}

TEST_CASE("what is no request head is none") {
  for (const Bytes text : {"",
                           "POST",
                           "POST / HTTP/1.1",
                           "POST / HTTP/1.1\r\n",
                           "POST /\r\nhost: h\r\n\r\n",
                           "POST / HTTP/1.1\r\nhost: h\r\n",
                           "POST / HTTP/1.1\r\nhost: h\r\nx: y",
                           "POST / HTTP/1.1\r\n\r\n",
                           "POST / HTTP/1.1\r\nhost: h\r\nno colon\r\n\r\n",
                           "POST / HTTP/1.1\r\nhost: h\r\n: empty\r\n\r\n"}) {
    CAPTURE(text);
    H2FieldList list;
    CHECK(list.read_request(writable(text), "http") == 0);
  }
  std::string many = "POST / HTTP/1.1\r\nhost: h\r\n";
  for (std::size_t i = 0; i <= base::limits::kHeadFields; ++i) many += "a: b\r\n";
  H2FieldList list;
  CHECK(list.read_request(writable(many + "\r\n"), "http") == 0);
}

TEST_CASE("an answer's lines follow its status") {
  H2FieldList list;
  list.status(503);
  CHECK(list.lines(
      writable("retry-after: 1\r\nkeep-alive: timeout=5\r\nset-cookie: a\r\nset-cookie: b\r\n")));
  CHECK(text_of(list) == ":status=503\nretry-after=1\nset-cookie=a\nset-cookie=b\n");
  CHECK(list.lines(writable("")));
  CHECK_FALSE(list.lines(writable("x: y")));
  CHECK_FALSE(list.lines(writable("x\r\n")));
  CHECK_FALSE(list.lines(writable("\r\n")));
  std::string many;
  for (std::size_t i = 0; i <= base::limits::kHeadFields + 4; ++i) many += "a: b\r\n";
  CHECK_FALSE(list.lines(writable(many)));
}

TEST_CASE("names become lower case where they lie, however long they are, and values stay") {
  for (std::size_t size = 1; size < 70; ++size) {
    for (std::size_t upper = 0; upper < size; ++upper) {
      std::string name(size, 'n');
      std::string line = name + ": Value:X\r\n";
      line[upper] = 'N';
      H2FieldList list;
      CHECK(list.lines(line));
      CHECK(text_of(list) == name + "=Value:X\n");
      CHECK(line == name + ": Value:X\r\n");
    }
  }
}

TEST_CASE("secrets stay out of compression tables, and so does what never comes twice") {
  H2FieldList list;
  SUBCASE("but where names are taught") {
    list.teach();
    CHECK(list.lines(writable("x-api-key: k\r\nserver-timing: a\r\n")));
    CHECK(text_of(list) == "x-api-key=k unindexed\nserver-timing=a\n");
    return;
  }
  CHECK(list.lines(writable(
      "x-api-key: k\r\nServer-Timing: a\r\nx-headrace-request-id: 1\r\nx-headrace-target: "
      "t\r\ncontent-type: c\r\nhttp2-settings: x\r\nx-a-name-that-is-longer-than-any: 1\r\n")));
  CHECK(text_of(list) ==
        "x-api-key=k unindexed\nserver-timing=a unindexed\nx-headrace-request-id=1 unindexed\n"
        "x-headrace-target=t\ncontent-type=c\nx-a-name-that-is-longer-than-any=1\n");
}

}  // namespace headrace
