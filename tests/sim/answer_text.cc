// What scripted providers say, in both dialects: streams, plain answers and refusals, each with its
// truth beside it.
#include <array>
#include <string_view>

#include "answer_plan.h"

namespace headrace::sim {
namespace {

using base::Prng;

struct Refusal {
  const char* type;
  int said;  // the status of its class
};
// What stands inside an answer of status 200, where only words can tell.
constexpr auto kInside = std::to_array<Refusal>({{"rate_limit_error", 429},
                                                 {"overloaded_error", 529},
                                                 {"server_error", 500},
                                                 {"api_error", 500},
                                                 {"insufficient_quota", 402},
                                                 {"authentication_error", 401},
                                                 {"permission_error", 403},
                                                 {"timeout_error", 504},
                                                 {"invalid_request_error", 400}});
// A timeout that is told by words stands for 408.
int class_of(const Refusal& refusal) {
  return refusal.said == 504 ? 408 : refusal.said;
}

std::string error_object(const std::string& name, const char* type, bool wrapped) {
  return std::string(wrapped ? R"({"type":"error","error":{"message":"no )"
                             : R"({"error":{"message":"no )") +
         name + R"(","type":")" + type + R"(","code":null}})";
}

const char* pick_line_end(Prng& dice) {
  constexpr std::array<const char*, 5> kEnds = {"\n", "\n", "\n", "\r\n", "\r"};
  return kEnds[dice.below(kEnds.size())];
}

class StreamWriter {
 public:
  StreamWriter(Prng& dice, AnswerPlan& plan, const AnswerOptions& options)
      : dice_(dice),
        plan_(plan),
        options_(options),
        name_(std::to_string(options.id) + "." + std::to_string(options.attempt)),
        line_end_(pick_line_end(dice)),
        openai_(options.family == api::Family::openai) {}

  void write() {
    const bool unfinished = plan_.fault == Fault::unfinished;
    const std::uint64_t count = dice_.below(options_.events_max + 1);
    const std::uint64_t fails_at =
        plan_.fault == Fault::error_later ? 1 + dice_.below(count + 1) : count + 2;
    if (openai_ ? dice_.chance(0.7) : true) begin();
    if (plan_.fault == Fault::error_inside) fail();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i == fails_at) fail();
      if (dice_.chance(0.1)) quiet();
      const std::string text =
          name_ + "." + std::to_string(i) + " " + random_text(dice_, dice_.below(pick_size()) + 1);
      say(text);
    }
    if (dice_.chance(0.15)) call_tool();
    if (fails_at <= count + 1 && (count == 0 || fails_at >= count)) {
      if (count == 0) say(name_ + " ");
      fail();
    }
    // OpenAI's end marker is one without a reason too; Anthropic's is nonsense then.
    const bool reason = dice_.chance(0.9);
    end(!unfinished && (reason || !openai_), !unfinished && (openai_ || reason));
    if (plan_.payload.size() > payload_shown_) show(plan_.payload.size());
  }

 private:
  std::uint64_t pick_size() {
    return dice_.chance(0.2) ? options_.size_max : std::min<std::uint64_t>(options_.size_max, 300);
  }

  void begin() {
    if (openai_) return chunk(R"({"role":"assistant","content":""})", "null", {});
    plan_.content.tokens_in = 7;
    event("message_start",
          R"({"type":"message_start","message":{"id":"msg_)" + name_ +
              R"(","type":"message","role":"assistant","model":"up","content":[],)"
              R"("stop_reason":null,"usage":{"input_tokens":7,"output_tokens":1}}})",
          {});
  }

  void quiet() {
    if (openai_ && dice_.chance(0.5)) return chunk("{}", "null", {});
    if (!openai_ && dice_.chance(0.5)) return event("ping", R"({"type":"ping"})", {});
    line(": keep-alive", {});
  }

  void say(const std::string& text) {
    plan_.content.text += text;
    if (openai_) return chunk(R"({"content":")" + text + "\"}", "null", {.useful = true});
    if (!block_open_) {
      block_open_ = true;
      event("content_block_start",
            R"({"type":"content_block_start","index":)" + std::to_string(block_) +
                R"(,"content_block":{"type":"text","text":""}})",
            {});
    }
    block_delta(R"({"type":"text_delta","text":")" + text + "\"}");
  }

  void call_tool() {
    const std::string name = "tool_" + std::to_string(options_.id);
    const std::string arguments = R"({\"place\":\")" + random_text(dice_, 40) + R"(\"})";
    plan_.content.calls.emplace_back(name, arguments);
    const std::size_t cut = arguments.find(':') + 1;  // never inside a character or an escape
    const std::array<std::string, 2> parts = {arguments.substr(0, cut), arguments.substr(cut)};
    if (openai_) {
      chunk(R"({"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":")" +
                name + R"(","arguments":""}}]})",
            "null",
            {.useful = true});
      for (const std::string& part : parts) {
        chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":")" + part + "\"}}]}",
              "null",
              {.useful = true});
      }
      return;
    }
    close_block();
    block_open_ = true;
    event("content_block_start",
          R"({"type":"content_block_start","index":)" + std::to_string(block_) +
              R"(,"content_block":{"type":"tool_use","id":"toolu_1","name":")" + name +
              R"(","input":{}}})",
          {.useful = true});
    for (const std::string& part : parts)
      block_delta(R"({"type":"input_json_delta","partial_json":")" + part + "\"}");
    close_block();
  }

  void end(bool finishes, bool marks_end) {
    Content& content = plan_.content;
    content.reason_given = finishes;
    content.tokens_out = 3 + dice_.below(50);
    const bool tools = !content.calls.empty();
    if (openai_) {
      // An end marker alone is an empty answer in its own dialect, and nonsense in another.
      if (plan_.events.empty() && !finishes) begin();
      if (finishes)
        chunk("{}", tools ? R"("tool_calls")" : R"("stop")", {.useful = true, .ends_stream = true});
      if (dice_.chance(0.3)) {
        content.has_usage = true;
        content.tokens_in = 7;
        line(R"(data: {"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":)" +
                 std::to_string(content.tokens_out) + "}}",
             {.stripped = options_.strips_usage});
      }
      if (marks_end) line("data: [DONE]", {.useful = true, .ends_stream = true});
      return;
    }
    close_block();
    content.has_usage = finishes;
    if (finishes) {
      event("message_delta",
            R"({"type":"message_delta","delta":{"stop_reason":")" +
                std::string(tools ? "tool_use" : "end_turn") +
                R"(","stop_sequence":null},"usage":{"output_tokens":)" +
                std::to_string(content.tokens_out) + "}}",
            {.useful = true, .ends_stream = true});
    }
    if (marks_end)
      event("message_stop", R"({"type":"message_stop"})", {.useful = true, .ends_stream = true});
  }

  void fail() {
    const Refusal& refusal = kInside[dice_.below(kInside.size())];
    if (plan_.refusal_end() == 0 && plan_.fault == Fault::error_inside)
      plan_.said = class_of(refusal);
    const std::string object = error_object(name_, refusal.type, !openai_);
    if (!openai_) return event("error", object, {.fails = true});
    line("data: " + object, {.fails = true});
  }

  void block_delta(const std::string& delta) {
    event("content_block_delta",
          R"({"type":"content_block_delta","index":)" + std::to_string(block_) + R"(,"delta":)" +
              delta + "}",
          {.useful = true});
  }

  void close_block() {
    if (!block_open_) return;
    block_open_ = false;
    event("content_block_stop",
          R"({"type":"content_block_stop","index":)" + std::to_string(block_++) + "}",
          {});
  }

  void chunk(const std::string& delta, const char* reason, EventMark mark) {
    line(R"(data: {"id":"c)" + name_ + R"(","model":"up","choices":[{"index":0,"delta":)" + delta +
             R"(,"finish_reason":)" + reason + "}]}",
         mark);
  }

  void event(const char* type, const std::string& data, EventMark mark) {
    line("event: " + std::string(type) + line_end_ + "data: " + data, mark);
  }

  void line(const std::string& text, EventMark mark) {
    std::string& out = plan_.payload;
    if (openai_ && !mark.fails && dice_.chance(0.05)) out += "event: message" + line_end_;
    if (dice_.chance(0.05)) out += "id: 7" + line_end_;
    out += text + line_end_ + line_end_;
    mark.end = out.size() - (line_end_ == "\r\n" ? 1 : 0);
    if (mark.stripped) {
      payload_shown_ = mark.end;
    } else {
      show(mark.end);
    }
    mark.shown_end = plan_.shown.size();
    plan_.events.push_back(mark);
  }

  void show(std::uint64_t until) {
    plan_.shown.append(plan_.payload, payload_shown_, until - payload_shown_);
    payload_shown_ = until;
  }

  Prng& dice_;
  AnswerPlan& plan_;
  const AnswerOptions& options_;
  const std::string name_;
  const std::string line_end_;
  const bool openai_;
  std::uint64_t payload_shown_ = 0;
  std::uint64_t block_ = 0;
  bool block_open_ = false;
};

}  // namespace

std::string random_text(Prng& dice, std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kWide = {"é", "ß", "水", "語", "😀", "\\n"};
  std::string text;
  text.reserve(bytes + 4);
  const bool wide = dice.chance(0.5);
  while (text.size() < bytes) {
    if (wide && dice.chance(0.2)) {
      text += kWide[dice.below(kWide.size())];
    } else {
      std::uint64_t run = dice.next();
      for (int i = 0; i < 8; ++i, run >>= 8) text += static_cast<char>('a' + (run & 0xff) % 26);
    }
  }
  return text;
}

void write_stream(Prng& dice, AnswerPlan& plan, const AnswerOptions& options) {
  StreamWriter(dice, plan, options).write();
}

void write_plain(Prng& dice, AnswerPlan& plan, const AnswerOptions& options) {
  const std::string name = std::to_string(options.id) + "." + std::to_string(options.attempt);
  const bool openai = options.family == api::Family::openai;
  if (plan.fault == Fault::error_inside) {
    const Refusal& refusal = kInside[dice.below(kInside.size())];
    plan.said = class_of(refusal);
    plan.payload = error_object(name, refusal.type, !openai);
    return;
  }
  if (plan.fault == Fault::no_answer) {
    constexpr auto kBodies = std::to_array<const char*>(
        {"<html><body>Bad gateway</body></html>", "", "   ", "[]", "7", "null", R"({"a":)", "{}x"});
    plan.payload = kBodies[dice.below(kBodies.size())];
    plan.unreadable = true;
    return;
  }
  const std::string text = name + " " + random_text(dice, dice.below(options.size_max));
  plan.content = {text, {}, true, 7, 3 + dice.below(50), true};
  const std::string out_tokens = std::to_string(plan.content.tokens_out);
  if (openai) {
    plan.payload = R"({"id":"c)" + name +
                   R"(","object":"chat.completion","model":"up","choices":[{"index":0,)"
                   R"("message":{"role":"assistant","content":")" +
                   text +
                   R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,)"
                   R"("completion_tokens":)" +
                   out_tokens + "}}";
  } else {
    plan.payload = R"({"id":"msg_)" + name +
                   R"(","type":"message","role":"assistant","model":"up","content":[{"type":)"
                   R"("text","text":")" +
                   text +
                   R"("}],"stop_reason":"end_turn","stop_sequence":null,"usage":{)"
                   R"("input_tokens":7,"output_tokens":)" +
                   out_tokens + "}}";
  }
}

// The body of an error status: an object, a page of some proxy, or nothing.
void write_refusal(Prng& dice, AnswerPlan& plan, const AnswerOptions& options) {
  const std::string name = std::to_string(options.id) + "." + std::to_string(options.attempt) +
                           " " + random_text(dice, dice.below(300));
  const std::uint64_t which = dice.below(10);
  if (which == 0) return;
  if (which == 1) {
    plan.payload = "<html><body>" + name + "</body></html>";
    return;
  }
  const bool quota = which == 2 && plan.status >= 401 && plan.status != 413;
  if (quota) plan.said = 402;
  plan.payload = error_object(
      name, quota ? "insufficient_quota" : "api_error", options.family == api::Family::anthropic);
}

}  // namespace headrace::sim
