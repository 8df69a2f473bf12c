// Goal: addresses and white space are recognised as they are written in JSON. Method: spellings
// with and without escapes.
#include "dialect/string_bodies.h"

#include <doctest/doctest.h>

namespace headrace::dialect {
namespace {

TEST_CASE("a data URL is taken apart, its slashes escaped or not") {
  DataUrl url;
  REQUIRE(read_data_url("data:image/png;base64,iVBO/Q==", url));
  CHECK(url.media_type == "image/png");
  CHECK(url.data == "iVBO/Q==");
  REQUIRE(read_data_url(R"(data:image\/png;base64,iVBO\/Q==)", url));
  CHECK(url.media_type == R"(image\/png)");
  CHECK(url.data == R"(iVBO\/Q==)");
}

TEST_CASE("what is not a base64 data URL is refused") {
  DataUrl url;
  for (const Bytes body : {"",
                           "data:",
                           "data:;base64,x",
                           "data:image/png;base64,",
                           "data:image/png,x",
                           "https://example.com/;base64,x"}) {
    CAPTURE(body);
    CHECK_FALSE(read_data_url(body, url));
  }
}

TEST_CASE("only https is https") {
  CHECK(is_https("https://a"));
  CHECK(is_https(R"(https:\/\/a)"));
  CHECK_FALSE(is_https("http://a"));
  CHECK_FALSE(is_https("https:/a"));
  CHECK_FALSE(is_https(""));
  CHECK(is_pdf(R"(application\/pdf)"));
  CHECK_FALSE(is_pdf("application/pdfx"));
}

TEST_CASE("white space at the end goes, however it is spelled") {
  CHECK(without_trailing_blanks("a b  ") == "a b");
  CHECK(without_trailing_blanks(R"(a \n\t\r )") == "a");
  CHECK(without_trailing_blanks(R"(a\\n)") == R"(a\\n)");
  CHECK(without_trailing_blanks(R"(a\\\n)") == R"(a\\)");
  CHECK(without_trailing_blanks(R"(\n)").empty());
  CHECK(without_trailing_blanks("n") == "n");
  CHECK(without_trailing_blanks("").empty());
}

}  // namespace
}  // namespace headrace::dialect
