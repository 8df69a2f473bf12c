#include "responses.h"

#include <fmt/format.h>

#include <iterator>

#include "json_text.h"

namespace headrace::mock {
namespace {

std::string text_part(std::string_view text) {
  return fmt::format(R"({{"type":"output_text","annotations":[],"logprobs":[],"text":"{}"}})",
                     json_escaped(text));
}

std::string summary_part(std::string_view text) {
  return fmt::format(R"({{"type":"summary_text","text":"{}"}})", json_escaped(text));
}

constexpr std::string_view kInProgress = "in_progress";
constexpr std::string_view kCompleted = "completed";
constexpr std::string_view kInContent = R"(,"content_index":0)";
constexpr std::string_view kInSummary = R"(,"summary_index":0)";

}  // namespace

void ResponseTexts::begin(EventSink& sink) {
  response_event("response.created", kInProgress, sink);
  response_event("response.in_progress", kInProgress, sink);
}

void ResponseTexts::piece(const Piece& piece, EventSink& sink) {
  Open kind = Open::call;
  std::string_view type = "response.function_call_arguments.delta";
  if (piece.kind == Piece::Kind::thought) {
    kind = Open::thought;
    type = "response.reasoning_summary_text.delta";
  } else if (piece.kind == Piece::Kind::text) {
    kind = Open::text;
    type = "response.output_text.delta";
  }
  if (open_ != kind || (kind == Open::call && open_call_ != piece.call)) {
    close_item(kCompleted, sink);
    open_item(kind, piece.call, sink);
  }
  begin_item_event(type);
  if (kind == Open::thought) line_ += kInSummary;
  if (kind == Open::text) line_ += kInContent;
  field("delta", piece.content);
  if (kind == Open::text) line_ += R"(,"logprobs":[])";
  send(sink);
  whole_.add(piece);
}

void ResponseTexts::end(EventSink& sink) {
  close_item(status(), sink);
  const bool complete = status() == kCompleted;
  response_event(complete ? "response.completed" : "response.incomplete", status(), sink);
}

void ResponseTexts::open_item(Open kind, std::size_t call, EventSink& sink) {
  open_ = kind;
  open_call_ = call;
  open_id_ = part_id(kind == Open::thought ? "rs_" : kind == Open::text ? "msg_" : "fc_", call);
  begin_event("response.output_item.added");
  fmt::format_to(std::back_inserter(line_),
                 R"(,"output_index":{},"item":{})",
                 index_,
                 open_item_as(kInProgress));
  send(sink);
  if (kind == Open::call) return;
  const bool text = kind == Open::text;
  begin_item_event(text ? "response.content_part.added" : "response.reasoning_summary_part.added");
  line_ += text ? kInContent : kInSummary;
  line_ += R"(,"part":)" + (text ? text_part("") : summary_part(""));
  send(sink);
}

void ResponseTexts::close_item(std::string_view status, EventSink& sink) {
  if (open_ == Open::none) return;
  if (open_ == Open::thought) close_thought(sink);
  if (open_ == Open::text) close_text(sink);
  if (open_ == Open::call) close_call(sink);
  const std::string done = open_item_as(status);
  begin_event("response.output_item.done");
  fmt::format_to(std::back_inserter(line_), R"(,"output_index":{},"item":{})", index_, done);
  send(sink);
  if (!output_.empty()) output_ += ',';
  output_ += done;
  ++index_;
  open_ = Open::none;
}

void ResponseTexts::close_thought(EventSink& sink) {
  begin_item_event("response.reasoning_summary_text.done");
  line_ += kInSummary;
  field("text", whole_.thought);
  send(sink);
  begin_item_event("response.reasoning_summary_part.done");
  line_ += kInSummary;
  line_ += R"(,"part":)" + summary_part(whole_.thought);
  send(sink);
}

void ResponseTexts::close_text(EventSink& sink) {
  begin_item_event("response.output_text.done");
  line_ += kInContent;
  field("text", whole_.text);
  line_ += R"(,"logprobs":[])";
  send(sink);
  begin_item_event("response.content_part.done");
  line_ += kInContent;
  line_ += R"(,"part":)" + text_part(whole_.text);
  send(sink);
}

void ResponseTexts::close_call(EventSink& sink) {
  begin_item_event("response.function_call_arguments.done");
  field("name", plan().calls()[open_call_].name);
  field("arguments", whole_.arguments[open_call_]);
  send(sink);
}

std::string ResponseTexts::open_item_as(std::string_view status) const {
  if (open_ == Open::thought) return thought_item(whole_.thought, status);
  if (open_ == Open::text) return text_item(whole_.text, status);
  const bool begun = open_call_ < whole_.arguments.size();
  return call_item(open_call_, begun ? whole_.arguments[open_call_] : "", status);
}

std::string ResponseTexts::thought_item(std::string_view text, std::string_view status) const {
  return fmt::format(R"({{"id":"{}","type":"reasoning","summary":[{}]}})",
                     part_id("rs_", 0),
                     status == kInProgress ? "" : summary_part(text));
}

std::string ResponseTexts::text_item(std::string_view text, std::string_view status) const {
  return fmt::format(
      R"({{"id":"{}","type":"message","status":"{}","content":[{}],"role":"assistant"}})",
      part_id("msg_", 0),
      status,
      status == kInProgress ? "" : text_part(text));
}

std::string ResponseTexts::call_item(std::size_t call,
                                     std::string_view arguments,
                                     std::string_view status) const {
  return fmt::format(R"({{"id":"{}","type":"function_call","status":"{}","arguments":"{}",)"
                     R"("call_id":"{}","name":"{}"}})",
                     part_id("fc_", call),
                     status,
                     status == kInProgress ? "" : json_escaped(arguments),
                     part_id("call_", call),
                     json_escaped(plan().calls()[call].name));
}

std::string ResponseTexts::plain_body(const Whole& whole) const {
  std::string output;
  const auto add = [&](std::string_view item) {
    if (!output.empty()) output += ',';
    output += item;
  };
  // Only the last item can be cut.
  const std::size_t calls = whole.arguments.size();
  const bool text_is_last = calls == 0;
  if (!whole.thought.empty()) add(thought_item(whole.thought, kCompleted));
  if (!whole.text.empty()) add(text_item(whole.text, text_is_last ? status() : kCompleted));
  for (std::size_t call = 0; call < calls; ++call) {
    add(call_item(call, whole.arguments[call], call + 1 == calls ? status() : kCompleted));
  }
  return response(status(), output, "null");
}

// The error, and the response that failed by it.
void ResponseTexts::error(const ErrorWords& words, EventSink& sink) {
  const std::string code = words.code.empty() ? "null" : fmt::format("\"{}\"", words.code);
  begin_event("error");
  line_ += R"(,"code":)" + code;
  field("message", words.message);
  line_ += R"(,"param":null)";
  send(sink);
  begin_event("response.failed");
  line_ += R"(,"response":)" + response("failed",
                                        output_,
                                        fmt::format(R"({{"code":{},"message":"{}"}})",
                                                    words.code.empty() ? "\"server_error\"" : code,
                                                    json_escaped(words.message)));
  send(sink);
}

std::string ResponseTexts::response(std::string_view status,
                                    std::string_view output,
                                    std::string_view error) const {
  const bool incomplete = status == "incomplete";
  const bool told = (status == kCompleted || incomplete) && shape().usage != Shape::Usage::none;
  return fmt::format(
      R"({{"id":"{}","object":"response","created_at":{},"status":"{}","background":false,)"
      R"("error":{},"incomplete_details":{},"instructions":null,"max_output_tokens":null,)"
      R"("model":"{}","output":[{}],"parallel_tool_calls":true,"previous_response_id":null,)"
      R"("service_tier":"default","store":false,"temperature":1.0,"text":{{"format":)"
      R"({{"type":"text"}}}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled",)"
      R"("usage":{},"user":null,"metadata":{{}}}})",
      id(),
      order().created,
      status,
      error,
      incomplete ? fmt::format(R"({{"reason":"{}"}})", reason()) : "null",
      model(),
      output,
      told ? response_usage(counts(plan().pieces())) : "null");
}

std::string_view ResponseTexts::status() const {
  const bool whole = plan().end() == Plan::End::stop || plan().end() == Plan::End::calls;
  return whole ? kCompleted : "incomplete";
}

std::string_view ResponseTexts::reason() const {
  return plan().end() == Plan::End::filter ? "content_filter" : "max_output_tokens";
}

void ResponseTexts::begin_event(std::string_view type) {
  line_.clear();
  fmt::format_to(std::back_inserter(line_),
                 "event: {0}\ndata: {{\"type\":\"{0}\",\"sequence_number\":{1}",
                 type,
                 number_++);
}

void ResponseTexts::begin_item_event(std::string_view type) {
  begin_event(type);
  fmt::format_to(
      std::back_inserter(line_), R"(,"item_id":"{}","output_index":{})", open_id_, index_);
}

void ResponseTexts::field(std::string_view name, std::string_view text) {
  line_ += ",\"";
  line_ += name;
  line_ += "\":\"";
  append_escaped(line_, text);
  line_ += '"';
}

void ResponseTexts::send(EventSink& sink) {
  line_ += "}\n\n";
  sink.event(line_);
}

void ResponseTexts::response_event(std::string_view type,
                                   std::string_view status,
                                   EventSink& sink) {
  begin_event(type);
  line_ += R"(,"response":)" + response(status, output_, "null");
  send(sink);
}

}  // namespace headrace::mock
