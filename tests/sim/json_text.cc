#include "json_text.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace headrace::sim {
namespace {

const Json kNothing;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Json whole() {
    Json value = read();
    skip();
    return ok_ && at_ == text_.size() ? value : Json{};
  }

 private:
  void skip() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string::npos)
      ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Json read() {
    skip();
    Json value;
    if (at_ >= text_.size()) return fail();
    switch (text_[at_]) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        value.kind = Json::Kind::string;
        value.text = string();
        return value;
      default:
        return word();
    }
  }

  Json object() {
    Json value;
    value.kind = Json::Kind::object;
    ++at_;
    if (take('}')) return value;
    do {
      skip();
      if (at_ >= text_.size() || text_[at_] != '"') return fail();
      std::string name = string();
      if (!take(':')) return fail();
      value.names.push_back(std::move(name));
      value.items.push_back(read());
    } while (ok_ && take(','));
    return take('}') ? value : fail();
  }

  Json array() {
    Json value;
    value.kind = Json::Kind::array;
    ++at_;
    if (take(']')) return value;
    do {
      value.items.push_back(read());
    } while (ok_ && take(','));
    return take(']') ? value : fail();
  }

  Json word() {
    Json value;
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view(",]} \t\r\n").find(text_[at_]) == std::string::npos)
      ++at_;
    value.text = std::string(text_.substr(begin, at_ - begin));
    if (value.text == "null") {
      value.kind = Json::Kind::null;
    } else if (value.text == "true" || value.text == "false") {
      value.kind = Json::Kind::boolean;
    } else if (!value.text.empty() &&
               (std::isdigit(static_cast<unsigned char>(value.text[0])) != 0 ||
                value.text[0] == '-')) {
      value.kind = Json::Kind::number;
    } else {
      return fail();
    }
    return value;
  }

  std::string string() {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) ok_ = false;
      if (text_[at_] == '\\') {
        escape(out);
      } else {
        out += text_[at_];
      }
    }
    if (at_ >= text_.size()) ok_ = false;
    ++at_;
    return out;
  }

  void escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (++at_ >= text_.size()) return;
    const std::size_t which = kNames.find(text_[at_]);
    if (which != std::string_view::npos) {
      out += kMeant[which];
    } else if (text_[at_] == 'u' && at_ + 4 < text_.size()) {
      const unsigned code =
          static_cast<unsigned>(std::stoul(std::string(text_.substr(at_ + 1, 4)), nullptr, 16));
      at_ += 4;
      if (code >= 0x80) ok_ = false;  // nobody here writes these
      out += static_cast<char>(code);
    } else {
      ok_ = false;
    }
  }

  Json fail() {
    ok_ = false;
    return {};
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// -- the two dialects

class Listener {
 public:
  Listener(Understood& heard, api::Family family) : heard_(heard), family_(family) {}

  void hear(std::string_view type, std::string_view data) {
    if (heard_.ended || heard_.failed) {
      heard_.nonsense = "an event behind the end";
    } else if (data == "[DONE]" && family_ == api::Family::openai) {
      heard_.ended = true;
    } else {
      const Json event = read_json(data);
      if (!event) {
        heard_.nonsense = "no JSON: " + std::string(data);
      } else if (event.at("error")) {
        heard_.failed = true;
      } else if (family_ == api::Family::openai) {
        chunk(event);
      } else {
        if (event.at("type").text != type) heard_.nonsense = "two types of event";
        message_event(event);
      }
    }
  }

 private:
  void chunk(const Json& event) {
    usage(event.at("usage"), "prompt_tokens", "completion_tokens");
    const Json& choice = event.at("choices").at(0);
    const Json& delta = choice.at("delta");
    heard_.content.text += delta.at("content").text == "null" ? "" : delta.at("content").text;
    for (const Json& call : delta.at("tool_calls").items) {
      const std::size_t index = call.at("index").count();
      if (index > heard_.content.calls.size()) {
        heard_.nonsense = "a call out of order";
        return;
      }
      if (index == heard_.content.calls.size()) heard_.content.calls.emplace_back();
      heard_.content.calls[index].first += call.at("function").at("name").text;
      heard_.content.calls[index].second += call.at("function").at("arguments").text;
    }
    if (choice.at("finish_reason")) heard_.reason = choice.at("finish_reason").text;
  }

  void message_event(const Json& event) {
    const std::string& type = event.at("type").text;
    Content& content = heard_.content;
    if (type == "content_block_start") {
      if (open_ || event.at("index").count() != blocks_) heard_.nonsense = "blocks out of order";
      open_ = true;
      ++blocks_;
      if (event.at("content_block").at("type").text == "tool_use")
        content.calls.emplace_back(event.at("content_block").at("name").text, "");
    } else if (type == "content_block_delta") {
      if (!open_) heard_.nonsense = "a delta of no block";
      content.text += event.at("delta").at("text").text;
      if (event.at("delta").at("partial_json"))
        content.calls.back().second += event.at("delta").at("partial_json").text;
    } else if (type == "content_block_stop") {
      if (!open_) heard_.nonsense = "an end of no block";
      open_ = false;
    } else if (type == "message_delta") {
      if (open_) heard_.nonsense = "a block that never ends";
      heard_.reason = event.at("delta").at("stop_reason").text;
      usage(event.at("usage"), "input_tokens", "output_tokens");
    } else if (type == "message_stop") {
      heard_.ended = true;
    } else if (type == "message_start") {
      if (started_) heard_.nonsense = "two messages";
      started_ = true;
    } else if (type != "ping") {
      heard_.nonsense = "an event of type " + type;
    }
    if (!started_) heard_.nonsense = "an event before the message";
  }

  void usage(const Json& usage, const char* in, const char* out) {
    if (!usage) return;
    heard_.content.has_usage = true;
    if (usage.at(in)) heard_.content.tokens_in = usage.at(in).count();
    heard_.content.tokens_out = usage.at(out).count();
  }

  Understood& heard_;
  const api::Family family_;
  std::uint64_t blocks_ = 0;
  bool open_ = false;
  bool started_ = false;
};

}  // namespace

const Json& Json::at(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? kNothing : items[static_cast<std::size_t>(found - names.begin())];
}

const Json& Json::at(std::size_t index) const {
  return index < items.size() ? items[index] : kNothing;
}

Json read_json(std::string_view text) {
  return Reader(text).whole();
}

Understood understand_stream(std::string_view body, api::Family family) {
  Understood heard;
  Listener listener(heard, family);
  std::string_view type;
  while (heard.nonsense.empty()) {
    const std::size_t end = body.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(end + 1);
    if (line.starts_with("event: ")) {
      type = line.substr(7);
    } else if (line.starts_with("data: ")) {
      listener.hear(type, line.substr(6));
    } else if (!line.empty()) {
      heard.nonsense = "a line of no event: " + std::string(line);
    }
  }
  return heard;
}

Understood understand_plain(std::string_view body, api::Family family) {
  Understood heard;
  const Json answer = read_json(body);
  if (!answer) heard.nonsense = "no JSON";
  heard.ended = true;
  Content& content = heard.content;
  const bool openai = family == api::Family::openai;
  const Json& usage = answer.at("usage");
  content.has_usage = static_cast<bool>(usage);
  content.tokens_in = usage.at(openai ? "prompt_tokens" : "input_tokens").count();
  content.tokens_out = usage.at(openai ? "completion_tokens" : "output_tokens").count();
  if (openai) {
    const Json& choice = answer.at("choices").at(0);
    content.text = choice.at("message").at("content").text;
    heard.reason = choice.at("finish_reason").text;
  } else {
    for (const Json& block : answer.at("content").items) content.text += block.at("text").text;
    heard.reason = answer.at("stop_reason").text;
  }
  return heard;
}

}  // namespace headrace::sim
