#include "proxy/endpoint.h"

#include <array>

namespace headrace::proxy {
namespace {

using api::Family;
using dialect::Call;

struct Row {
  base::Bytes path;
  base::Bytes method;
  Endpoint endpoint;
  Family family;
  Call call;
};

constexpr std::array<Row, 8> kRows = {{
    {"/v1/chat/completions", "POST", Endpoint::chat_completions, Family::openai, Call::chat},
    {"/v1/messages", "POST", Endpoint::messages, Family::anthropic, Call::chat},
    {"/v1/responses", "POST", Endpoint::responses, Family::openai, Call::responses},
    {"/v1/embeddings", "POST", Endpoint::embeddings, Family::openai, Call::embeddings},
    {"/v1/completions", "POST", Endpoint::completions, Family::openai, Call::completions},
    {"/v1/messages/count_tokens",
     "POST",
     Endpoint::count_tokens,
     Family::anthropic,
     Call::count_tokens},
    {"/v1/models", "GET", Endpoint::models, Family::openai, Call::chat},
    {"/v1/prewarm", "POST", Endpoint::prewarm, Family::openai, Call::chat},
}};
constexpr base::Bytes kModelPrefix = "/v1/models/";

EndpointMatch judge(const Row& row, base::Bytes method) {
  EndpointMatch match;
  match.endpoint = row.endpoint;
  match.call = row.call;
  match.family = row.family;
  match.path = row.path;
  match.allow = row.method;
  const bool asks_for_head = method == "HEAD" && row.method == "GET";  // RFC 9110 9.3.2
  if (method != row.method && !asks_for_head) match.refusal = base::Errc::method_not_allowed;
  return match;
}

}  // namespace

EndpointMatch match_endpoint(base::Bytes method, base::Bytes path) {
  for (const Row& row : kRows) {
    if (path == row.path) return judge(row, method);
  }
  if (path.size() > kModelPrefix.size() && path.substr(0, kModelPrefix.size()) == kModelPrefix) {
    EndpointMatch match =
        judge({kModelPrefix, "GET", Endpoint::model, Family::openai, Call::chat}, method);
    match.rest = path.substr(kModelPrefix.size());
    return match;
  }
  EndpointMatch match;
  match.refusal = base::Errc::no_such_path;
  return match;
}

bool is_translated(const dialect::Dialect& provider, const EndpointMatch& endpoint) {
  return endpoint.call == Call::chat && provider.family != endpoint.family;
}

bool can_serve(const dialect::Dialect& provider, const EndpointMatch& endpoint) {
  if (is_translated(provider, endpoint)) return true;
  return provider.family == endpoint.family &&
         !dialect::upstream_path(provider, endpoint.call).empty();
}

}  // namespace headrace::proxy
