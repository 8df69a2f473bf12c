#include "proxy/reply.h"

#include <array>
#include <cstring>

#include "api/error_body.h"
#include "headrace/version.h"
#include "json/write.h"
#include "route/router.h"

namespace headrace::proxy {
namespace {

constexpr std::array<base::Bytes, 4> kOpenaiNames = {
    "openai-organization", "openai-project", "openai-beta", "idempotency-key"};
constexpr std::array<base::Bytes, 2> kAnthropicNames = {"anthropic-version", "anthropic-beta"};

// Milliseconds with three decimals, as Server-Timing has them.
char* write_milliseconds(char* out, base::Nanos nanos) {
  const auto micros = static_cast<std::uint64_t>(nanos < 0 ? 0 : nanos / 1000);
  out = base::write_decimal(out, micros / 1000);
  *out++ = '.';
  *out++ = static_cast<char>('0' + micros / 100 % 10);
  *out++ = static_cast<char>('0' + micros / 10 % 10);
  *out++ = static_cast<char>('0' + micros % 10);
  return out;
}

// Ours have no birthday; Anthropic's clients want one.
void write_model(json::Writer& writer, api::Family family, base::Bytes id) {
  writer.begin_object();
  if (family == api::Family::anthropic) {
    writer.key("type");
    writer.string("model");
    writer.key("id");
    writer.string(id);
    writer.key("display_name");
    writer.string(id);
    writer.key("created_at");
    writer.string("1970-01-01T00:00:00Z");
  } else {
    writer.key("id");
    writer.string(id);
    writer.key("object");
    writer.string("model");
    writer.key("created");
    writer.number(0);
    writer.key("owned_by");
    writer.string("headrace");
  }
  writer.end_object();
}

bool is_listed(const config::Route& route, const policy::Caller& caller) {
  return route.model.find('*') == std::string::npos &&
         policy::Admission::may_use(caller, route.model);
}

}  // namespace

io::Slice keep_request_fields(api::Family family,
                              const http::Fields& fields,
                              base::Bytes text,
                              io::BlockPool& blocks) {
  const std::span<const base::Bytes> names =
      family == api::Family::openai ? std::span<const base::Bytes>(kOpenaiNames) : kAnthropicNames;
  char lines[kRequestFieldsBytes];
  http::H1Writer writer(lines, sizeof lines);
  for (std::size_t i = 0; i < fields.count(); ++i) {
    const base::Bytes name = fields.name(i, text);
    for (const base::Bytes known : names) {
      if (!base::equals_lowered(name, known)) continue;
      const base::Bytes value = fields.value(i, text);
      if (writer.size() + known.size() + value.size() + 4 <= sizeof lines)
        writer.field(known, value);
    }
  }
  return writer.size() == 0 ? io::Slice{} : blocks.copy_of(writer.written());
}

base::Bytes write_request_head(std::span<char> out, const RequestFacts& facts) {
  http::H1Writer writer(out.data(), out.size());
  writer.raw("POST ");
  writer.raw(facts.provider->base_path);
  writer.raw(facts.path);
  writer.raw(" HTTP/1.1\r\nhost: ");
  writer.raw(facts.provider->authority);
  writer.raw("\r\ncontent-type: application/json\r\naccept: ");
  writer.raw(facts.stream ? "text/event-stream" : "application/json");
  writer.raw("\r\naccept-encoding: identity\r\nuser-agent: headrace/" HEADRACE_VERSION "\r\n");
  if (!facts.key.empty()) {
    writer.raw(facts.dialect->key_field);
    writer.raw(facts.key);
    writer.raw("\r\n");
  }
  writer.raw(facts.forwarded);
  // A client of the same family has its own word on the version, if it is a good client.
  if (facts.forwarded.find(kAnthropicNames[0]) == base::Bytes::npos)
    writer.raw(facts.dialect->version_fields);
  writer.raw(facts.trace);
  writer.field("content-length", facts.body_bytes);
  writer.end_head();
  HEADRACE_ASSERT(writer.ok());
  return writer.written();
}

void write_answer_facts(http::H1Writer& writer, const AnswerFacts& facts) {
  char text[320];
  char* next = base::write_bytes(text, "x-headrace-request-id: ");
  next = base::write_uuid(next, *facts.id);
  next = base::write_bytes(next, "\r\nx-headrace-attempts: ");
  next = base::write_decimal(next, facts.attempts);
  next = base::write_bytes(next, "\r\nx-headrace-overhead-us: ");
  next = base::write_decimal(next, static_cast<std::uint64_t>(facts.overhead / 1000));
  next = base::write_bytes(next, "\r\nserver-timing: headrace;dur=");
  next = write_milliseconds(next, facts.overhead);
  if (!facts.target.empty()) {
    next = base::write_bytes(next, facts.reused ? ", conn;desc=reused" : ", conn;desc=new");
    next = base::write_bytes(next, ", upstream;dur=");
    next = write_milliseconds(next, facts.upstream);
  }
  next = base::write_bytes(next, "\r\n");
  writer.raw({text, static_cast<std::size_t>(next - text)});
  if (!facts.target.empty()) writer.field("x-headrace-target", facts.target);
  if (facts.final_failure) writer.raw("x-should-retry: false\r\n");
}

base::Bytes write_error_fields(std::span<char> out, base::Error error, base::Bytes allow) {
  http::H1Writer writer(out.data(), out.size());
  writer.raw("content-type: application/json\r\n");
  if (error.code == base::Errc::method_not_allowed) writer.field("allow", allow);
  if (error.code == base::Errc::upgrade_refused) writer.raw("upgrade: HTTP/1.1\r\n");
  if (const std::uint32_t seconds = api::retry_after_seconds_of(error); seconds != 0) {
    writer.field("retry-after", std::uint64_t{seconds});
  }
  return writer.written();
}

io::Slice write_models(const config::Snapshot& snapshot,
                       const policy::Caller& caller,
                       api::Family family,
                       base::Bytes id,
                       io::BlockPool& blocks) {
  constexpr std::size_t kPerModel = 256;                                  // beside the name
  const std::size_t escaped = family == api::Family::anthropic ? 12 : 6;  // times, at the most
  std::size_t room = 2 * kPerModel + id.size() * escaped;
  for (const config::Route& route : snapshot.routes) room += kPerModel + route.model.size() * 18;
  io::Slice block = blocks.take(room);
  json::Writer writer({block.data(), room});
  if (!id.empty()) {
    if (route::pick_route(snapshot, id) == nullptr || !policy::Admission::may_use(caller, id))
      return {};
    write_model(writer, family, id);
    HEADRACE_ASSERT(writer.ok());
    return io::Slice(*block.buffer(), block.data(), writer.size());
  }
  base::Bytes first;
  base::Bytes last;
  writer.raw(family == api::Family::openai ? R"({"object":"list","data":[)" : R"({"data":[)");
  for (const config::Route& route : snapshot.routes) {
    if (!is_listed(route, caller)) continue;
    if (first.empty()) {
      first = route.model;
    } else {
      writer.raw(",");
    }
    last = route.model;
    char object[2048];
    json::Writer model({object, sizeof object});
    write_model(model, family, route.model);
    HEADRACE_ASSERT(model.ok());  // names are bounded
    writer.raw(model.written());
  }
  writer.raw("]");
  if (family == api::Family::anthropic) {
    for (const auto& [key, name] :
         {std::pair{R"(,"first_id":)", first}, {R"(,"last_id":)", last}}) {
      char text[base::limits::kModelNameBytes * 6 + 8];
      json::Writer value({text, sizeof text});
      name.empty() ? value.null() : value.string(name);
      writer.raw(key);
      writer.raw(value.written());
    }
    writer.raw(R"(,"has_more":false)");
  }
  writer.raw("}");
  HEADRACE_ASSERT(writer.ok());
  return io::Slice(*block.buffer(), block.data(), writer.size());
}

}  // namespace headrace::proxy
