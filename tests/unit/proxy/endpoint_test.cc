// Goal: the table of paths: what each means and what is said where there is none.
#include "proxy/endpoint.h"

#include <doctest/doctest.h>

namespace headrace::proxy {

using base::Errc;

TEST_CASE("every path has its endpoint and its place below the provider") {
  struct Row {
    base::Bytes path;
    Endpoint endpoint;
    dialect::Call call;
    api::Family family;
  };
  using api::Family;
  using dialect::Call;
  for (const Row& row :
       {Row{"/v1/chat/completions", Endpoint::chat_completions, Call::chat, Family::openai},
        {"/v1/completions", Endpoint::completions, Call::completions, Family::openai},
        {"/v1/embeddings", Endpoint::embeddings, Call::embeddings, Family::openai},
        {"/v1/responses", Endpoint::responses, Call::responses, Family::openai},
        {"/v1/messages", Endpoint::messages, Call::chat, Family::anthropic},
        {"/v1/messages/count_tokens",
         Endpoint::count_tokens,
         Call::count_tokens,
         Family::anthropic}}) {
    const EndpointMatch match = match_endpoint("POST", row.path);
    CAPTURE(row.path);
    CHECK(match.refusal == Errc::ok);
    CHECK(match.endpoint == row.endpoint);
    CHECK(match.call == row.call);
    CHECK(match.family == row.family);
    CHECK(match.path == row.path);
    CHECK_FALSE(match.is_local());
  }
  CHECK(match_endpoint("GET", "/v1/models").is_local());
  CHECK(match_endpoint("POST", "/v1/prewarm").is_local());
  CHECK(match_endpoint("POST", "/v1/prewarm").endpoint == Endpoint::prewarm);
  CHECK(match_endpoint("GET", "/v1/prewarm").refusal == Errc::method_not_allowed);
  CHECK(match_endpoint("GET", "/v1/models").endpoint == Endpoint::models);
  CHECK(match_endpoint("GET", "/v1/models").refusal == Errc::ok);
}

TEST_CASE("one model is asked for by its name, slashes included") {
  const EndpointMatch match = match_endpoint("GET", "/v1/models/vendor/name");
  CHECK(match.endpoint == Endpoint::model);
  CHECK(match.refusal == Errc::ok);
  CHECK(match.rest == "vendor/name");
}

TEST_CASE("chat is served by every dialect, anything else by its own") {
  const dialect::Dialect& openai = dialect::openai_dialect();
  const dialect::Dialect& anthropic = dialect::anthropic_dialect();
  const auto served = [](const dialect::Dialect& by, base::Bytes path) {
    return can_serve(by, match_endpoint("POST", path));
  };
  const auto translated = [](const dialect::Dialect& by, base::Bytes path) {
    return is_translated(by, match_endpoint("POST", path));
  };
  for (const base::Bytes path : {"/v1/chat/completions", "/v1/messages"}) {
    CHECK(served(openai, path));
    CHECK(served(anthropic, path));
  }
  CHECK(translated(anthropic, "/v1/chat/completions"));
  CHECK(translated(openai, "/v1/messages"));
  CHECK_FALSE(translated(openai, "/v1/chat/completions"));
  CHECK_FALSE(translated(anthropic, "/v1/messages"));
  for (const base::Bytes path : {"/v1/embeddings", "/v1/responses", "/v1/completions"}) {
    CHECK(served(openai, path));
    CHECK_FALSE(served(anthropic, path));
  }
  CHECK(served(anthropic, "/v1/messages/count_tokens"));
  CHECK_FALSE(served(openai, "/v1/messages/count_tokens"));
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
