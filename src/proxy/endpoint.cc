#include "proxy/endpoint.h"

#include <array>

namespace headrace::proxy {
namespace {

struct Row {
  base::Bytes path;
  base::Bytes method;
  Endpoint endpoint;
  base::Bytes upstream_path;
};

constexpr std::array<Row, 4> kRows = {{
    {"/v1/chat/completions", "POST", Endpoint::chat_completions, "/chat/completions"},
    {"/v1/completions", "POST", Endpoint::completions, "/completions"},
    {"/v1/embeddings", "POST", Endpoint::embeddings, "/embeddings"},
    {"/v1/models", "GET", Endpoint::models, ""},
}};
constexpr base::Bytes kModelPrefix = "/v1/models/";

EndpointMatch judge(const Row& row, base::Bytes method) {
  EndpointMatch match;
  match.endpoint = row.endpoint;
  match.upstream_path = row.upstream_path;
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
    EndpointMatch match = judge({kModelPrefix, "GET", Endpoint::model, ""}, method);
    match.rest = path.substr(kModelPrefix.size());
    return match;
  }
  EndpointMatch match;
  match.refusal = base::Errc::no_such_path;
  return match;
}

}  // namespace headrace::proxy
