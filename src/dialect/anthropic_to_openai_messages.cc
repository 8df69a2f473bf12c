#include "dialect/anthropic_to_openai_messages.h"

#include <array>

#include "dialect/tool_ids.h"

namespace headrace::dialect {
namespace {

using api::JsonBuilder;
using base::Status;
using json::Type;
using json::Value;

constexpr Bytes kParam = "messages";
constexpr Bytes kBadRole = "A message has a role that this provider does not know.";
constexpr Bytes kBadContent = "The content of a message must be a string or a list of blocks.";
constexpr Bytes kBadBlock = "A content block has a type that this provider does not take.";
constexpr Bytes kBadSource = "The source of an image or a document cannot be translated.";
constexpr Bytes kBadCall = "A tool call lacks its id or its name.";
constexpr Bytes kSystemParam = "system";
constexpr Bytes kParagraph = R"(\n\n)";  // as the body of a string

enum Field : std::size_t {
  kType,
  kText,
  kSource,
  kTitle,
  kId,
  kName,
  kInput,
  kToolUseId,
  kContent,
  kIsError,
  kFieldCount
};
constexpr std::array<Bytes, kFieldCount> kFields = {
    "type", "text", "source", "title", "id", "name", "input", "tool_use_id", "content", "is_error"};
using Block = std::array<Value, kFieldCount>;

bool is(const Block& block, Bytes type) {
  return block[kType].reads(type);
}

// All blocks are text (or there are none), so that they may be joined to one string.
bool all_text(Value blocks, bool ignore_results) {
  json::Elements walk(blocks);
  Value value;
  while (walk.next(value)) {
    const Value type = value.member("type");
    if (ignore_results && type.reads("tool_result")) continue;
    if (!type.reads("text")) return false;
  }
  return true;
}

class MessageWriter {
 public:
  MessageWriter(RequestTranslation& translation, JsonBuilder& out)
      : translation_(translation), out_(out) {}

  Status system(Value content, Bytes param) {
    if (!content.given()) return {};
    const bool text = content.is(Type::string);
    if (!text && !content.is(Type::array)) return refuse(translation_, param, kBadContent);
    if (!text && !all_text(content, false)) return refuse(translation_, param, kBadBlock);
    if (text ? !content.has_text() : json::Elements(content).empty()) return {};
    begin("system");
    out_.raw('"');
    if (text) {
      out_.raw(content.body());
    } else {
      texts(content, kParagraph);
    }
    out_.raw(R"("})");
    return {};
  }

  Status message(Value value) {
    static constexpr std::array<Bytes, 2> kKeys = {"role", "content"};
    const auto [role, content] = json::pick<kKeys>(value);
    if (role.reads("system")) return system(content, kParam);
    const bool user = role.reads("user");
    if (!user && !role.reads("assistant")) return fail(kBadRole);
    if (content.is(Type::string)) {
      begin(user ? "user" : "assistant");
      out_.raw(content.raw());
      out_.raw('}');
      return {};
    }
    if (!content.is(Type::array)) return fail(kBadContent);
    return user ? user_turn(content) : assistant_turn(content);
  }

 private:
  Status fail(Bytes reason) { return refuse(translation_, kParam, reason); }

  void begin(Bytes role) {
    out_.comma();
    out_.raw('{');
    out_.member("role", role);
    out_.raw(R"(,"content":)");
  }

  // The texts of all text blocks, as one body.
  void texts(Value blocks, Bytes between) {
    json::Elements walk(blocks);
    Value value;
    bool any = false;
    while (walk.next(value)) {
      static constexpr std::array<Bytes, 2> kKeys = {"type", "text"};
      const auto [type, text] = json::pick<kKeys>(value);
      if (!type.reads("text")) continue;
      if (any) out_.raw(between);
      out_.raw(text.body());
      any = true;
    }
  }

  // -- what the user's side says

  Status user_turn(Value content) {
    json::Elements walk(content);
    Value value;
    std::size_t results = 0;
    bool images = false;
    while (walk.next(value)) {
      if (!value.member("type").reads("tool_result")) continue;
      ++results;
      HEADRACE_TRY(result(json::pick<kFields>(value), images));
    }
    const bool only_results = results != 0 && !images && results == count(content);
    if (only_results) return {};
    begin("user");
    if (!images && all_text(content, true)) {
      out_.raw('"');
      texts(content, {});
      out_.raw(R"("})");
      return {};
    }
    out_.raw('[');
    if (images) HEADRACE_TRY(images_of_results(content));
    HEADRACE_TRY(parts(content));
    out_.raw("]}");
    return {};
  }

  static std::size_t count(Value list) {
    std::size_t count = 0;
    json::Elements walk(list);
    Value value;
    while (walk.next(value)) ++count;
    return count;
  }

  // A tool's message takes text only; its images follow in the user's.
  Status result(const Block& block, bool& images) {
    begin("tool");
    out_.raw('"');
    if (block[kIsError].is_true()) out_.raw("Error: ");
    const Value content = block[kContent];
    if (content.is(Type::string)) {
      out_.raw(content.body());
    } else {
      texts(content, {});
      json::Elements walk(content);
      Value value;
      while (walk.next(value)) {
        const Value type = value.member("type");
        if (type.reads("text")) continue;
        if (!type.reads("image") && !type.reads("document")) return fail(kBadBlock);
        images = true;
      }
    }
    out_.raw(R"(","tool_call_id":")");
    write_openai_tool_id(block[kToolUseId], out_);
    out_.raw(R"("})");
    return {};
  }

  Status images_of_results(Value content) {
    json::Elements walk(content);
    Value value;
    while (walk.next(value)) {
      static constexpr std::array<Bytes, 2> kKeys = {"type", "content"};
      const auto [type, inner] = json::pick<kKeys>(value);
      if (!type.reads("tool_result")) continue;
      json::Elements blocks(inner);
      Value block;
      while (blocks.next(block)) {
        if (block.member("type").reads("text")) continue;
        HEADRACE_TRY(part(json::pick<kFields>(block)));
      }
    }
    return {};
  }

  Status parts(Value content) {
    json::Elements walk(content);
    Value value;
    while (walk.next(value)) {
      const Block block = json::pick<kFields>(value);
      if (!is(block, "tool_result")) HEADRACE_TRY(part(block));
    }
    return {};
  }

  Status part(const Block& block) {
    if (is(block, "image")) return image(block[kSource]);
    if (is(block, "document")) return document(block);
    if (!is(block, "text")) return fail(kBadBlock);
    text_part(block[kText].body());
    return {};
  }

  void text_part(Bytes body) {
    out_.comma();
    out_.raw(R"({"type":"text","text":")");
    out_.raw(body);
    out_.raw(R"("})");
  }

  void data_url(Value media_type, Value data) {
    out_.raw("data:");
    out_.raw(media_type.body());
    out_.raw(";base64,");
    out_.raw(data.body());
  }

  Status image(Value source) {
    static constexpr std::array<Bytes, 4> kKeys = {"type", "url", "media_type", "data"};
    const auto [type, url, media_type, data] = json::pick<kKeys>(source);
    const bool inlined = type.reads("base64") && data.has_text();
    if (!inlined && !(type.reads("url") && url.has_text())) return fail(kBadSource);
    out_.comma();
    out_.raw(R"({"type":"image_url","image_url":{"url":")");
    if (inlined) {
      data_url(media_type, data);
    } else {
      out_.raw(url.body());
    }
    out_.raw(R"("}})");
    return {};
  }

  Status document(const Block& block) {
    static constexpr std::array<Bytes, 4> kKeys = {"type", "media_type", "data", "file_id"};
    const auto [type, media_type, data, id] = json::pick<kKeys>(block[kSource]);
    if (type.reads("text") && data.is(Type::string)) {
      text_part(data.body());
      return {};
    }
    const bool inlined = type.reads("base64") && data.has_text();
    if (!inlined && !(type.reads("file") && id.has_text())) return fail(kBadSource);
    out_.comma();
    out_.raw(R"({"type":"file","file":{")");
    if (inlined) {
      out_.raw(R"(file_data":")");
      data_url(media_type, data);
    } else {
      out_.raw(R"(file_id":")");
      out_.raw(id.body());
    }
    out_.raw('"');
    if (inlined) {
      // OpenAI wants a name with every inlined file.
      const Bytes title = block[kTitle].body();
      out_.member("filename", title.empty() ? Bytes("document.pdf") : title);
    }
    out_.raw("}}");
    return {};
  }

  // -- what the model said

  Status assistant_turn(Value content) {
    std::size_t calls = 0;
    std::size_t said = 0;
    json::Elements walk(content);
    Value value;
    while (walk.next(value)) {
      const Value type = value.member("type");
      calls += type.reads("tool_use") ? 1 : 0;
      said += type.reads("text") ? 1 : 0;
    }
    begin("assistant");
    if (said == 0 && calls != 0) {
      out_.raw("null");
    } else {
      out_.raw('"');
      texts(content, {});
      out_.raw('"');
    }
    if (translation_.keeps_reasoning) thoughts(content);
    if (calls != 0) HEADRACE_TRY(tool_calls(content));
    out_.raw('}');
    return {};
  }

  void thoughts(Value content) {
    const std::size_t place = out_.size();
    out_.raw(R"(,"reasoning_content":")");
    const std::size_t empty = out_.size();
    json::Elements walk(content);
    Value value;
    while (walk.next(value)) out_.raw(value.member("thinking").body());
    if (out_.size() == empty) return out_.cut(place);
    out_.raw('"');
  }

  Status tool_calls(Value content) {
    out_.raw(R"(,"tool_calls":[)");
    json::Elements walk(content);
    Value value;
    while (walk.next(value)) {
      const Block block = json::pick<kFields>(value);
      if (!is(block, "tool_use")) continue;
      if (!block[kId].has_text() || !block[kName].has_text()) return fail(kBadCall);
      out_.comma();
      out_.raw(R"({"id":")");
      write_openai_tool_id(block[kId], out_);
      out_.raw(R"(","type":"function","function":{)");
      out_.member("name", block[kName].body());
      out_.raw(R"(,"arguments":")");
      out_.embed(block[kInput].is(Type::object) ? block[kInput].raw() : Bytes("{}"));
      out_.raw(R"("}})");
    }
    out_.raw(']');
    return {};
  }

  RequestTranslation& translation_;
  JsonBuilder& out_;
};

}  // namespace

Status write_openai_messages(Value system,
                             Value messages,
                             RequestTranslation& translation,
                             JsonBuilder& out) {
  MessageWriter writer(translation, out);
  HEADRACE_TRY(writer.system(system, kSystemParam));
  json::Elements walk(messages);
  Value value;
  while (walk.next(value)) HEADRACE_TRY(writer.message(value));
  return {};
}

}  // namespace headrace::dialect
