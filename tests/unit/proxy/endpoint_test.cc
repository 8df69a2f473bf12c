// Goal: the table of paths: what each means and what is said where there is none.
#include "proxy/endpoint.h"

#include <doctest/doctest.h>

namespace headrace::proxy {

using base::Errc;

TEST_CASE("every path has its endpoint and its place below the provider") {
  CHECK(match_endpoint("POST", "/v1/chat/completions").endpoint == Endpoint::chat_completions);
  CHECK(match_endpoint("POST", "/v1/chat/completions").upstream_path == "/chat/completions");
  CHECK(match_endpoint("POST", "/v1/completions").endpoint == Endpoint::completions);
  CHECK(match_endpoint("POST", "/v1/completions").upstream_path == "/completions");
  CHECK(match_endpoint("POST", "/v1/embeddings").endpoint == Endpoint::embeddings);
  CHECK(match_endpoint("POST", "/v1/embeddings").upstream_path == "/embeddings");
  CHECK(match_endpoint("GET", "/v1/models").endpoint == Endpoint::models);
  CHECK(match_endpoint("GET", "/v1/models").refusal == Errc::ok);
}

TEST_CASE("one model is asked for by its name, slashes included") {
  const EndpointMatch match = match_endpoint("GET", "/v1/models/vendor/name");
  CHECK(match.endpoint == Endpoint::model);
  CHECK(match.refusal == Errc::ok);
  CHECK(match.rest == "vendor/name");
}

TEST_CASE("the wrong method is told which one is right") {
  for (const base::Bytes method : {"GET", "PUT", "post", "DELETE"}) {
    const EndpointMatch match = match_endpoint(method, "/v1/chat/completions");
    CHECK(match.refusal == Errc::method_not_allowed);
    CHECK(match.allow == "POST");
  }
  CHECK(match_endpoint("POST", "/v1/models").allow == "GET");
  CHECK(match_endpoint("DELETE", "/v1/models/m").allow == "GET");
}

TEST_CASE("HEAD is served wherever GET is, and nowhere else") {
  CHECK(match_endpoint("HEAD", "/v1/models").refusal == Errc::ok);
  CHECK(match_endpoint("HEAD", "/v1/models/m").refusal == Errc::ok);
  CHECK(match_endpoint("HEAD", "/v1/chat/completions").refusal == Errc::method_not_allowed);
}

TEST_CASE("a path must be the whole of a known one") {
  for (const base::Bytes path : {"/",
                                 "",
                                 "/v1",
                                 "/v1/",
                                 "/v1/chat/completions/",
                                 "/v1/chat/completion",
                                 "/v1/Models",
                                 "/v1/models/",
                                 "//v1/models"}) {
    CAPTURE(path);
    CHECK(match_endpoint("GET", path).refusal == Errc::no_such_path);
  }
}

}  // namespace headrace::proxy
