#include "messages.h"

#include <fmt/format.h>

#include <iterator>

#include "json_text.h"

namespace headrace::mock {
namespace {

constexpr std::string_view kRedacted = "EvAFCkYIChgCKkBtb2NrIG1vY2sgbW9jayBtb2Nr";

}  // namespace

// Nothing of it is of use to a client; a call would be, so its block waits for its first piece.
void MessageTexts::begin(EventSink& sink) {
  data_ = R"({"type":"message_start","message":)" + message("", false, 1);
  event("message_start", sink);
  if (plan().thoughts() == 0 && shape().redacted) redacted_block(sink);
  if (plan().pieces() != 0 && plan().piece(0).kind != Piece::Kind::arguments) {
    open_for(plan().piece(0), sink);
  }
  keep_alive(sink);
}

void MessageTexts::piece(const Piece& piece, EventSink& sink) {
  ++sent_;
  open_for(piece, sink);
  switch (piece.kind) {
    case Piece::Kind::thought:
      return delta("thinking_delta", "thinking", piece.content, sink);
    case Piece::Kind::text:
      return delta("text_delta", "text", piece.content, sink);
    case Piece::Kind::arguments:
      return delta("input_json_delta", "partial_json", piece.content, sink);
  }
}

void MessageTexts::end(EventSink& sink) {
  close_block(sink);
  data_ =
      fmt::format(R"({{"type":"message_delta","delta":{{"stop_reason":"{}","stop_sequence":null}})",
                  stop_reason());
  if (shape().usage != Shape::Usage::none) {
    data_ += R"(,"usage":)" + message_delta_usage(counts(sent_));
  }
  event("message_delta", sink);
  data_ = R"({"type":"message_stop")";
  event("message_stop", sink);
}

// The block that the piece belongs to.
void MessageTexts::open_for(const Piece& piece, EventSink& sink) {
  Open kind = Open::call;
  if (piece.kind == Piece::Kind::thought) kind = Open::thought;
  if (piece.kind == Piece::Kind::text) kind = Open::text;
  if (open_ == kind && (kind != Open::call || open_call_ == piece.call)) return;
  close_block(sink);
  open_block(kind, piece.call, sink);
}

void MessageTexts::open_block(Open kind, std::size_t call, EventSink& sink) {
  open_ = kind;
  open_call_ = call;
  std::string block = R"({"type":"text","text":""})";
  if (kind == Open::thought) block = R"({"type":"thinking","thinking":"","signature":""})";
  if (kind == Open::call) block = call_block(call, "{}");
  data_ =
      fmt::format(R"({{"type":"content_block_start","index":{},"content_block":{})", index_, block);
  event("content_block_start", sink);
  // The real service begins every input with an empty piece.
  if (kind == Open::call) delta("input_json_delta", "partial_json", "", sink);
}

void MessageTexts::close_block(EventSink& sink) {
  if (open_ == Open::none) return;
  const bool thought = open_ == Open::thought;
  if (thought) delta("signature_delta", "signature", signature(), sink);
  open_ = Open::none;
  data_ = fmt::format(R"({{"type":"content_block_stop","index":{})", index_++);
  event("content_block_stop", sink);
  if (thought && shape().redacted) redacted_block(sink);
}

void MessageTexts::redacted_block(EventSink& sink) {
  data_ = fmt::format(R"({{"type":"content_block_start","index":{},"content_block":)"
                      R"({{"type":"redacted_thinking","data":"{}"}})",
                      index_,
                      kRedacted);
  event("content_block_start", sink);
  data_ = fmt::format(R"({{"type":"content_block_stop","index":{})", index_++);
  event("content_block_stop", sink);
}

void MessageTexts::delta(std::string_view type,
                         std::string_view name,
                         std::string_view content,
                         EventSink& sink) {
  data_.clear();
  fmt::format_to(std::back_inserter(data_),
                 R"({{"type":"content_block_delta","index":{},"delta":{{"type":"{}","{}":")",
                 index_,
                 type,
                 name);
  append_escaped(data_, content);
  data_ += "\"}";
  event("content_block_delta", sink);
}

std::string MessageTexts::call_block(std::size_t call, std::string_view input) const {
  return fmt::format(R"({{"type":"tool_use","id":"{}","name":"{}","input":{}}})",
                     part_id("toolu_", call),
                     json_escaped(plan().calls()[call].name),
                     input);
}

std::string MessageTexts::plain_body(const Whole& whole) const {
  std::string blocks;
  const auto add = [&](std::string_view block) {
    if (!blocks.empty()) blocks += ',';
    blocks += block;
  };
  if (!whole.thought.empty()) {
    add(fmt::format(R"({{"type":"thinking","thinking":"{}","signature":"{}"}})",
                    json_escaped(whole.thought),
                    signature()));
  }
  if (shape().redacted)
    add(fmt::format(R"({{"type":"redacted_thinking","data":"{}"}})", kRedacted));
  if (!whole.text.empty()) {
    add(fmt::format(R"({{"type":"text","text":"{}"}})", json_escaped(whole.text)));
  }
  for (std::size_t call = 0; call < whole.arguments.size(); ++call) {
    // An input that max_tokens cut is no object any more: the real service leaves it empty.
    const bool cut = whole.arguments[call].size() < plan().calls()[call].arguments.size();
    add(call_block(call, cut ? "{}" : whole.arguments[call]));
  }
  return message(blocks, true, plan().pieces());
}

std::string MessageTexts::message(std::string_view content,
                                  bool finished,
                                  std::uint64_t pieces) const {
  std::string usage;
  if (shape().usage != Shape::Usage::none) {
    Counts told = counts(pieces);
    // What is not finished has been paid for its prompt, and for next to nothing else.
    if (!finished) told.output = 1;
    if (!finished) told.reasoning = 0;
    usage = R"(,"usage":)" + message_usage(told);
  }
  return fmt::format(R"({{"id":"{}","type":"message","role":"assistant","model":"{}",)"
                     R"("content":[{}],"stop_reason":{},"stop_sequence":null{}}})",
                     id(),
                     model(),
                     content,
                     finished ? fmt::format("\"{}\"", stop_reason()) : "null",
                     usage);
}

void MessageTexts::keep_alive(EventSink& sink) {
  data_ = R"({"type":"ping")";
  event("ping", sink);
}

void MessageTexts::error(const ErrorWords& words, EventSink& sink) {
  data_ = error_body(Family::anthropic, words, request_id());
  data_.pop_back();
  event("error", sink);
}

std::string MessageTexts::signature() const {
  return fmt::format("EqoBCkYIChgCKkBtb2Nr{:016x}/+w==", order().number);
}

std::string_view MessageTexts::stop_reason() const {
  switch (plan().end()) {
    case Plan::End::stop:
      return "end_turn";
    case Plan::End::calls:
      return "tool_use";
    case Plan::End::length:
      return "max_tokens";
    case Plan::End::filter:
      return "refusal";
  }
  return {};
}

void MessageTexts::event(std::string_view type, EventSink& sink) {
  constexpr std::uint64_t kPaddings = 5;
  line_ = "event: ";
  line_ += type;
  line_ += "\ndata: ";
  line_ += data_;
  line_.append(events_++ % kPaddings, ' ');
  line_ += "}\n\n";
  sink.event(line_);
}

}  // namespace headrace::mock
