#include "proxy/prewarm.h"

#include "json/write.h"

namespace headrace::proxy {
namespace {

// A pattern may stand for a model that the caller may use.
bool may_serve(const config::Route& route, const policy::Caller& caller) {
  return route.model.find('*') != std::string::npos ||
         policy::Admission::may_use(caller, route.model);
}

base::Bytes state_of(const upstream::Spares& spares) {
  if (spares.ready != 0) return "warm";
  return spares.connecting != 0 ? "connecting" : "cold";
}

void put_text(json::Writer& writer, base::Bytes text) {
  char escaped[2048];
  json::Writer value({escaped, sizeof escaped});
  value.string(text);
  writer.raw(value.ok() ? value.written() : base::Bytes("\"\""));
}

}  // namespace

io::Slice prewarm(upstream::Pool& pool,
                  const Live& live,
                  const policy::Caller& caller,
                  io::BlockPool& blocks) {
  const config::Snapshot& snapshot = live.rules->snapshot;
  std::size_t room = 64;
  for (const config::Route& route : snapshot.routes) {
    for (const config::Target& target : route.targets) {
      const config::Provider& provider = snapshot.providers[target.provider];
      room += 96 + 6 * (target.name.size() + provider.name.size());
    }
  }
  io::Slice block = blocks.take(room);
  json::Writer writer({block.data(), room});
  writer.raw(R"({"object":"list","data":[)");
  bool first = true;
  for (const config::Route& route : snapshot.routes) {
    if (!may_serve(route, caller)) continue;
    for (const config::Target& target : route.targets) {
      const upstream::Spares spares = pool.warm(*live.origins[target.provider]);
      writer.raw(first ? R"({"target":)" : R"(,{"target":)");
      first = false;
      put_text(writer, target.name);
      writer.raw(R"(,"provider":)");
      put_text(writer, snapshot.providers[target.provider].name);
      writer.raw(R"(,"state":")");
      writer.raw(state_of(spares));
      writer.raw(R"("})");
    }
  }
  writer.raw("]}");
  HEADRACE_ASSERT(writer.ok());
  return io::Slice(*block.buffer(), block.data(), writer.size());
}

}  // namespace headrace::proxy
