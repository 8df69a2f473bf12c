#include "chat.h"

#include <fmt/format.h>

#include <iterator>

#include "json_text.h"

namespace headrace::mock {

ChatTexts::ChatTexts(const Order& order) : Texts(order, "chatcmpl-") {
  start_ =
      fmt::format(R"(data: {{"id":"{}","object":"chat.completion.chunk","created":{},"model":"{}",)"
                  R"("service_tier":"default","system_fingerprint":"fp_mock","choices":)",
                  id(),
                  order.created,
                  model());
}

void ChatTexts::begin(EventSink& sink) {
  open_line();
  line_ += R"([{"index":0,"delta":{"role":"assistant","content":"","refusal":null},)"
           R"("logprobs":null,"finish_reason":null}])";
  close_line(UsageOf::content, sink);
}

void ChatTexts::piece(const Piece& piece, EventSink& sink) {
  ++sent_;
  switch (piece.kind) {
    case Piece::Kind::thought:
      return delta("reasoning_content", piece.content, sink);
    case Piece::Kind::text:
      return delta("content", piece.content, sink);
    case Piece::Kind::arguments:
      if (piece.call == calls_begun_) call_begin(calls_begun_++, sink);
      return call_arguments(piece, sink);
  }
}

void ChatTexts::delta(std::string_view name, std::string_view content, EventSink& sink) {
  open_line();
  line_ += R"([{"index":0,"delta":{")";
  line_ += name;
  line_ += "\":\"";
  append_escaped(line_, content);
  line_ += R"("},"logprobs":null,"finish_reason":null}])";
  close_line(UsageOf::content, sink);
}

void ChatTexts::call_begin(std::size_t call, EventSink& sink) {
  open_line();
  fmt::format_to(std::back_inserter(line_),
                 R"([{{"index":0,"delta":{{"tool_calls":[{{"index":{},"id":"{}","type":"function",)"
                 R"("function":{{"name":"{}","arguments":""}}}}]}},"logprobs":null,)"
                 R"("finish_reason":null}}])",
                 call,
                 part_id("call_", call),
                 json_escaped(plan().calls()[call].name));
  close_line(UsageOf::content, sink);
}

void ChatTexts::call_arguments(const Piece& piece, EventSink& sink) {
  open_line();
  fmt::format_to(std::back_inserter(line_),
                 R"([{{"index":0,"delta":{{"tool_calls":[{{"index":{},"function":{{"arguments":")",
                 piece.call);
  append_escaped(line_, piece.content);
  line_ += R"("}}]},"logprobs":null,"finish_reason":null}])";
  close_line(UsageOf::content, sink);
}

void ChatTexts::end(EventSink& sink) {
  open_line();
  fmt::format_to(std::back_inserter(line_),
                 R"([{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"{}"}}])",
                 finish_reason());
  close_line(UsageOf::finish, sink);
  if (request().include_usage && shape().usage != Shape::Usage::none &&
      shape().usage != Shape::Usage::last) {
    open_line();
    line_ += "[]";
    close_line(UsageOf::last, sink);
  }
  sink.event("data: [DONE]\n\n");
}

std::string ChatTexts::calls(const Whole& whole) const {
  std::string result;
  for (std::size_t call = 0; call < whole.arguments.size(); ++call) {
    result += fmt::format(R"({}{{"id":"{}","type":"function","function":{{"name":"{}",)"
                          R"("arguments":"{}"}}}})",
                          call == 0 ? R"(,"tool_calls":[)" : ",",
                          part_id("call_", call),
                          json_escaped(plan().calls()[call].name),
                          json_escaped(whole.arguments[call]));
  }
  return result.empty() ? result : result + "]";
}

std::string ChatTexts::plain_body(const Whole& whole) const {
  const bool only_calls = !whole.arguments.empty() && whole.text.empty();
  const std::string content = only_calls ? "null" : "\"" + json_escaped(whole.text) + "\"";
  std::string thought;
  if (!whole.thought.empty()) {
    thought = fmt::format(R"("reasoning_content":"{}",)", json_escaped(whole.thought));
  }
  std::string usage;
  if (shape().usage != Shape::Usage::none) {
    usage = R"("usage":)";
    append_chat_usage(usage, counts(plan().pieces()));
    usage += ',';
  }
  return fmt::format(
      R"({{"id":"{}","object":"chat.completion","created":{},"model":"{}","choices":[{{"index":0,)"
      R"("message":{{"role":"assistant",{}"content":{},"refusal":null,"annotations":[]{}}},)"
      R"("logprobs":null,"finish_reason":"{}"}}],{}"service_tier":"default",)"
      R"("system_fingerprint":"fp_mock"}})",
      id(),
      order().created,
      model(),
      thought,
      content,
      calls(whole),
      finish_reason(),
      usage);
}

std::string_view ChatTexts::finish_reason() const {
  switch (plan().end()) {
    case Plan::End::stop:
      return "stop";
    case Plan::End::calls:
      return "tool_calls";
    case Plan::End::length:
      return "length";
    case Plan::End::filter:
      return "content_filter";
  }
  return {};
}

void ChatTexts::open_line() {
  line_ = start_;
}

// OpenAI's usage field is there in every chunk, as null, exactly when usage was asked for.
void ChatTexts::close_line(UsageOf place, EventSink& sink) {
  const Shape::Usage usage = shape().usage;
  const bool told = place == UsageOf::last || usage == Shape::Usage::every ||
                    (usage == Shape::Usage::last && place == UsageOf::finish);
  if (told) {
    line_ += R"(,"usage":)";
    append_chat_usage(line_, counts(sent_));
  } else if (request().include_usage && usage == Shape::Usage::normal) {
    line_ += R"(,"usage":null)";
  }
  line_ += "}\n\n";
  sink.event(line_);
}

}  // namespace headrace::mock
