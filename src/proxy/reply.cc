#include "proxy/reply.h"

#include <array>
#include <cstring>

#include "api/error_body.h"
#include "headrace/version.h"
#include "json/write.h"
#include "route/router.h"

namespace headrace::proxy {
namespace {

constexpr std::array<base::Bytes, 4> kRequestNames = {
    "openai-organization", "openai-project", "openai-beta", "idempotency-key"};

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

void write_model(json::Writer& writer, base::Bytes id) {
  writer.begin_object();
  writer.key("id");
  writer.string(id);
  writer.key("object");
  writer.string("model");
  writer.key("created");
  writer.number(0);
  writer.key("owned_by");
  writer.string("headrace");
  writer.end_object();
}

}  // namespace

io::Slice keep_request_fields(const http::Fields& fields, base::Bytes text, io::BlockPool& blocks) {
  char lines[kRequestFieldsBytes];
  http::H1Writer writer(lines, sizeof lines);
  for (std::size_t i = 0; i < fields.count(); ++i) {
    const base::Bytes name = fields.name(i, text);
    for (const base::Bytes known : kRequestNames) {
      if (!base::equals_lowered(name, known)) continue;
      const base::Bytes value = fields.value(i, text);
      if (writer.size() + known.size() + value.size() + 4 <= sizeof lines)
        writer.field(known, value);
    }
  }
  return writer.size() == 0 ? io::Slice{} : blocks.copy_of(writer.written());
}

base::Bytes write_request_head(std::span<char> out,
                               const config::Provider& provider,
                               base::Bytes upstream_path,
                               base::Bytes forwarded,
                               std::size_t body_bytes,
                               bool stream) {
  http::H1Writer writer(out.data(), out.size());
  writer.raw("POST ");
  writer.raw(provider.base_path);
  writer.raw(upstream_path);
  writer.raw(" HTTP/1.1\r\nhost: ");
  writer.raw(provider.authority);
  writer.raw("\r\ncontent-type: application/json\r\naccept: ");
  writer.raw(stream ? "text/event-stream" : "application/json");
  writer.raw("\r\naccept-encoding: identity\r\nuser-agent: headrace/" HEADRACE_VERSION "\r\n");
  if (!provider.api_key.empty()) {
    writer.raw("authorization: Bearer ");
    writer.raw(provider.api_key);
    writer.raw("\r\n");
  }
  writer.raw(forwarded);
  writer.field("content-length", body_bytes);
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
}

base::Bytes write_error_fields(std::span<char> out,
                               base::Error error,
                               base::Bytes allow,
                               bool upstream_tried) {
  http::H1Writer writer(out.data(), out.size());
  writer.raw("content-type: application/json\r\n");
  if (error.code == base::Errc::method_not_allowed) writer.field("allow", allow);
  if (error.code == base::Errc::upgrade_refused) writer.raw("upgrade: HTTP/1.1\r\n");
  if (const std::uint32_t seconds = api::retry_after_seconds_of(error); seconds != 0) {
    writer.field("retry-after", std::uint64_t{seconds});
  }
  if (upstream_tried) writer.raw("x-should-retry: false\r\n");
  return writer.written();
}

io::Slice write_models(const config::Snapshot& snapshot, base::Bytes id, io::BlockPool& blocks) {
  constexpr std::size_t kPerModel =
      192;  // beside the name, which escaping makes at most six times longer
  std::size_t room = kPerModel + id.size() * 6;
  for (const config::Route& route : snapshot.routes) room += kPerModel + route.model.size() * 6;
  io::Slice block = blocks.take(room);
  json::Writer writer({block.data(), room});
  if (!id.empty()) {
    if (route::pick_route(snapshot, id) == nullptr) return {};
    write_model(writer, id);
  } else {
    writer.raw(R"({"object":"list","data":[)");
    bool first = true;
    for (const config::Route& route : snapshot.routes) {
      if (route.model.find('*') != std::string::npos) continue;
      if (!first) writer.raw(",");
      first = false;
      char object[2048];
      json::Writer model({object, sizeof object});
      write_model(model, route.model);
      if (model.ok()) writer.raw(model.written());
    }
    writer.raw("]}");
  }
  HEADRACE_ASSERT(writer.ok());
  return io::Slice(*block.buffer(), block.data(), writer.size());
}

}  // namespace headrace::proxy
