#include "dialect/openai_to_anthropic_messages.h"

#include <array>

#include "base/assert.h"
#include "dialect/string_bodies.h"
#include "dialect/tool_ids.h"
#include "dialect/tool_input.h"

namespace headrace::dialect {
namespace {

using api::JsonBuilder;
using base::Status;
using json::Type;
using json::Value;

enum class Role : std::uint8_t { system, user, assistant, tool, unknown };

constexpr Bytes kParam = "messages";
constexpr Bytes kBadRole = "A message has a role that this provider does not know.";
constexpr Bytes kBadContent = "The content of a message must be a string or a list of parts.";
constexpr Bytes kBadPart = "A content part has a type that this provider does not take.";
constexpr Bytes kBadImage = "An image must be a https address or a base64 data URL.";
constexpr Bytes kBadFile = "A file must be a PDF as a base64 data URL, or a file_id.";
constexpr Bytes kBadArguments = "The arguments of a tool call must be a JSON object.";
constexpr Bytes kBadCall = "A tool call is not a function call with an id and a name.";
constexpr Bytes kBadResult = "The result of a tool lacks its tool_call_id.";

enum Field : std::size_t {
  kRole,
  kContent,
  kToolCalls,
  kToolCallId,
  kThinkingBlocks,
  kReasoning,
  kCacheControl,
  kFunctionCall,
  kFieldCount
};
constexpr std::array<Bytes, kFieldCount> kFields = {"role",
                                                    "content",
                                                    "tool_calls",
                                                    "tool_call_id",
                                                    "thinking_blocks",
                                                    "reasoning_content",
                                                    "cache_control",
                                                    "function_call"};
using Message = std::array<Value, kFieldCount>;

enum PartField : std::size_t {
  kType,
  kText,
  kImage,
  kFile,
  kRefusal,
  kPartCache,
  kBreakpoint,
  kPartFieldCount
};
constexpr std::array<Bytes, kPartFieldCount> kPartFields = {
    "type", "text", "image_url", "file", "refusal", "cache_control", "prompt_cache_breakpoint"};
using Part = std::array<Value, kPartFieldCount>;

Role role_of(Value name) {
  if (name.reads("user")) return Role::user;
  if (name.reads("assistant")) return Role::assistant;
  if (name.reads("tool")) return Role::tool;
  return name.reads("system") || name.reads("developer") ? Role::system : Role::unknown;
}

Role role_of_message(Value message) {
  static constexpr std::array<Bytes, 1> kKeys = {"role"};
  return role_of(json::pick<kKeys>(message)[0]);
}

// Writes the blocks of messages and sees to it that turns alternate, begin with the user's, and are
// never empty.
class TurnWriter {
 public:
  TurnWriter(Value messages, RequestTranslation& translation, JsonBuilder& out)
      : messages_(messages), translation_(translation), out_(out), ids_(out.pool(), messages) {}

  Status write_system() {
    json::Elements walk(messages_);
    Value value;
    while (walk.next(value)) {
      const Role role = role_of_message(value);
      if (role == Role::unknown) return fail(kBadRole);
      if (role == Role::system) HEADRACE_TRY(content(json::pick<kFields>(value), Place::system));
    }
    return {};
  }

  Status write() {
    json::Elements walk(messages_);
    Value value;
    while (true) {
      HEADRACE_TRY(user_turn(walk));
      if (!walk.next(value)) break;
      HEADRACE_TRY(assistant(json::pick<kFields>(value), walk));
    }
    if (open_ == Open::none) filler();
    out_.raw("]}");
    return {};
  }

 private:
  enum class Open : std::uint8_t { none, user, assistant };
  enum class Place : std::uint8_t { system, user, assistant, result };

  Status fail(Bytes reason) { return refuse(translation_, kParam, reason); }

  void filler() {
    out_.comma();
    out_.raw(R"({"role":"user","content":[{"type":"text","text":"."})");
    open_ = Open::user;
  }

  // Room for the next block of a turn.
  void begin_block(Place place) {
    if (place == Place::user || place == Place::assistant) {
      const Open wanted = place == Place::user ? Open::user : Open::assistant;
      if (open_ == Open::none && wanted == Open::assistant) filler();
      if (open_ != wanted) {
        if (open_ != Open::none) out_.raw("]}");
        out_.comma();
        out_.raw(wanted == Open::user ? R"({"role":"user","content":[)"
                                      : R"({"role":"assistant","content":[)");
        open_ = wanted;
      }
    }
    out_.comma();
  }

  void cache_mark(Value cache_control, Value breakpoint) {
    if (cache_control.is(Type::object)) {
      out_.key("cache_control");
      out_.compact(cache_control.raw());
    } else if (breakpoint.is(Type::object)) {
      out_.raw(R"(,"cache_control":{"type":"ephemeral"})");
    }
  }

  void text(Place place, Bytes body, Value cache_control, Value breakpoint) {
    if (body.empty()) return;
    begin_block(place);
    out_.raw(R"({"type":"text","text":")");
    out_.raw(body);
    out_.raw('"');
    cache_mark(cache_control, breakpoint);
    out_.raw('}');
  }

  Status image(Place place, const Part& part) {
    Value address = part[kImage];
    if (address.is(Type::object)) address = address.member("url");
    DataUrl url;
    const bool inlined = read_data_url(address.body(), url);
    if (!inlined && !is_https(address.body())) return fail(kBadImage);
    begin_block(place);
    out_.raw(R"({"type":"image","source":{)");
    source(inlined, url, address);
    cache_mark(part[kPartCache], part[kBreakpoint]);
    out_.raw('}');
    return {};
  }

  void source(bool inlined, const DataUrl& url, Value address) {
    if (inlined) {
      out_.raw(R"("type":"base64")");
      out_.member("media_type", url.media_type);
      out_.member("data", url.data);
    } else {
      out_.raw(R"("type":"url")");
      out_.member("url", address.body());
    }
    out_.raw('}');
  }

  Status file(Place place, const Part& part) {
    static constexpr std::array<Bytes, 3> kKeys = {"file_data", "file_id", "filename"};
    const auto [data, id, name] = json::pick<kKeys>(part[kFile]);
    DataUrl url;
    const bool inlined = read_data_url(data.body(), url) && is_pdf(url.media_type);
    if (!inlined && !id.has_text()) return fail(kBadFile);
    begin_block(place);
    out_.raw(R"({"type":"document","source":{)");
    if (inlined) {
      source(true, url, data);
    } else {
      out_.raw(R"("type":"file")");
      out_.member("file_id", id.body());
      out_.raw('}');
    }
    if (name.has_text()) out_.member("title", name.body());
    cache_mark(part[kPartCache], part[kBreakpoint]);
    out_.raw('}');
    return {};
  }

  Status part(Place place, Value value, bool last) {
    const Part fields = json::pick<kPartFields>(value);
    const bool refusal = fields[kRefusal].found() && fields[kType].reads("refusal");
    if (refusal || fields[kType].reads("text")) {
      const Bytes body = (refusal ? fields[kRefusal] : fields[kText]).body();
      text(place,
           last ? without_trailing_blanks(body) : body,
           fields[kPartCache],
           fields[kBreakpoint]);
      return {};
    }
    const bool takes_files = place == Place::user || place == Place::result;
    if (takes_files && fields[kType].reads("image_url")) return image(place, fields);
    if (takes_files && fields[kType].reads("file")) return file(place, fields);
    return fail(kBadPart);
  }

  // `last`: the conversation ends with this text, which must not end in white space then.
  Status content(const Message& message, Place place, bool last = false) {
    const Value value = message[kContent];
    if (!value.given()) return {};
    if (value.is(Type::string)) {
      const Bytes body = value.body();
      text(place, last ? without_trailing_blanks(body) : body, message[kCacheControl], {});
      return {};
    }
    if (!value.is(Type::array)) return fail(kBadContent);
    json::Elements walk(value);
    Value element;
    while (walk.next(element)) HEADRACE_TRY(part(place, element, last));
    return {};
  }

  // Everything up to the next assistant message: one turn, the results of tools first. `walk` is at
  // the first of these messages and is left at the assistant's.
  Status user_turn(json::Elements& walk) {
    const json::Elements begin = walk;
    bool results = false;
    bool others = false;
    json::Elements behind = begin;
    Value value;
    while (behind.next(value)) {
      const Role role = role_of_message(value);
      if (role == Role::assistant) break;
      results = results || role == Role::tool;
      others = others || role != Role::tool;
      walk = behind;
    }
    if (results) HEADRACE_TRY(messages_of(Role::tool, begin, walk, others));
    if (others) HEADRACE_TRY(messages_of(Role::user, begin, walk, true));
    return {};
  }

  // Those of one role between two places; `mixed`: others may be among them.
  Status messages_of(Role wanted, json::Elements at, const json::Elements& end, bool mixed) {
    Value value;
    while (at != end && at.next(value)) {
      const Message message = json::pick<kFields>(value);
      if (mixed && role_of(message[kRole]) != wanted) continue;
      HEADRACE_TRY(wanted == Role::tool ? result(message) : content(message, Place::user));
    }
    return {};
  }

  Status result(const Message& message) {
    if (!message[kToolCallId].has_text()) return fail(kBadResult);
    begin_block(Place::user);
    out_.raw(R"({"type":"tool_result","tool_use_id":")");
    ids_.write(message[kToolCallId], out_);
    out_.raw('"');
    const Value value = message[kContent];
    if (value.is(Type::string)) {
      out_.member("content", value.body());
    } else {
      out_.raw(R"(,"content":[)");
      HEADRACE_TRY(content(message, Place::result));
      out_.raw(']');
    }
    cache_mark(message[kCacheControl], {});
    out_.raw('}');
    return {};
  }

  // Thoughts go back exactly as they came, or not at all: a changed one would be refused. A client
  // that put a stream together has the text of its only thought in reasoning_content.
  void thoughts(const Message& message) {
    static constexpr std::array<Bytes, 4> kKeys = {"type", "thinking", "signature", "data"};
    json::Elements walk(message[kThinkingBlocks]);
    Value block;
    std::size_t count = 0;
    while (walk.next(block)) ++count;
    walk = json::Elements(message[kThinkingBlocks]);
    while (walk.next(block)) {
      const auto [type, thinking, signature, data] = json::pick<kKeys>(block);
      if (type.reads("redacted_thinking") && data.has_text()) {
        begin_block(Place::assistant);
        out_.raw(R"({"type":"redacted_thinking")");
        out_.member("data", data.body());
        out_.raw('}');
        continue;
      }
      const Value words = !thinking.found() && count == 1 ? message[kReasoning] : thinking;
      if (!signature.has_text() || !words.is(Type::string)) continue;
      begin_block(Place::assistant);
      out_.raw(R"({"type":"thinking")");
      out_.member("thinking", words.body());
      out_.member("signature", signature.body());
      out_.raw('}');
    }
  }

  Status call(Value value) {
    static constexpr std::array<Bytes, 3> kKeys = {"id", "function", "cache_control"};
    static constexpr std::array<Bytes, 2> kFunction = {"name", "arguments"};
    const auto [id, function, cache_control] = json::pick<kKeys>(value);
    const auto [name, arguments] = json::pick<kFunction>(function);
    if (!id.has_text() || !name.has_text()) return fail(kBadCall);
    begin_block(Place::assistant);
    out_.raw(R"({"type":"tool_use","id":")");
    ids_.write(id, out_);
    out_.raw('"');
    out_.member("name", name.body());
    out_.raw(R"(,"input":)");
    if (!write_tool_input(arguments, out_)) return fail(kBadArguments);
    cache_mark(cache_control, {});
    out_.raw('}');
    return {};
  }

  // `behind`: the messages after this one.
  Status assistant(const Message& message, json::Elements behind) {
    if (message[kFunctionCall].given()) return fail(kBadCall);
    thoughts(message);
    Value next;
    const bool last = !behind.next(next) && json::Elements(message[kToolCalls]).empty();
    HEADRACE_TRY(content(message, Place::assistant, last));
    json::Elements walk(message[kToolCalls]);
    Value value;
    while (walk.next(value)) HEADRACE_TRY(call(value));
    return {};
  }

  Value messages_;
  RequestTranslation& translation_;
  JsonBuilder& out_;
  AnthropicToolIds ids_;
  Open open_ = Open::none;
};

}  // namespace

Status write_system_blocks(Value messages, RequestTranslation& translation, JsonBuilder& out) {
  return TurnWriter(messages, translation, out).write_system();
}

Status write_anthropic_messages(Value messages, RequestTranslation& translation, JsonBuilder& out) {
  return TurnWriter(messages, translation, out).write();
}

bool continues_without_thought(Value messages) {
  json::Elements walk(messages);
  Value value;
  Value last_assistant;
  bool ends_in_result = false;
  while (walk.next(value)) {
    const Role role = role_of_message(value);
    ends_in_result = role == Role::tool;
    if (role == Role::assistant) last_assistant = value;
  }
  if (!ends_in_result) return false;
  return json::Elements(last_assistant.member("thinking_blocks")).empty();
}

}  // namespace headrace::dialect
