// encode.cc – the request in the provider's words: the client's own bytes with a few spans edited
// where both speak the same dialect, a translation where they do not.
#include <array>
#include <cstring>

#include "api/chat_edit.h"
#include "json/edit.h"
#include "proxy/exchange.h"
#include "proxy/trace.h"

namespace headrace::proxy {

Attempt::Aim Exchange::aim() const {
  Attempt::Aim aim;
  aim.route = route_;
  aim.choice = choice_;
  aim.target_id = live_->rules->target_id(route_index(), choice_.target);
  aim.provider = static_cast<std::uint16_t>(target().provider);
  aim.dialect = &dialect();
  aim.call = endpoint_.call;
  aim.translated = translated();
  aim.wants_usage = asked_.wants_usage || endpoint_.family == api::Family::anthropic ||
                    endpoint_.call == dialect::Call::responses;
  aim.key_limited = key_limited();
  aim.wants_texts = live_->rules->wants_texts();
  return aim;
}

// What the chosen target is shown.
base::Bytes Exchange::credential() const {
  if (!brought_key_.empty()) return brought_key_.view();
  const auto& credentials = provider().credentials;
  return choice_.credential < credentials.size()
             ? base::Bytes(credentials[choice_.credential].api_key)
             : base::Bytes(provider().api_key);
}

base::Status Exchange::write_request() {
  dropped_fields_.reset();
  RequestFacts facts;
  facts.provider = &provider();
  facts.dialect = &dialect();
  facts.path = dialect::upstream_path(dialect(), endpoint_.call);
  facts.key = credential();
  facts.stream = asked_.stream;
  char trace[kTraceLineBytes];
  span_ = {};
  if (provider().traces) {
    begin_trace(meter_.request(), shop_.random);
    span_ = new_span(shop_.random);
    facts.trace = write_trace(meter_.request(), span_, trace);
  }
  if (translated()) return translate_request(facts);
  facts.forwarded = request_fields_.view();
  edit_request(facts);
  return {};
}

void Exchange::edit_request(RequestFacts& facts) {
  char scratch[api::kChatEditScratchBytes];
  json::EditList edits(scratch);
  api::ChatEdits wanted;
  wanted.model = target().model;
  const bool reports =
      endpoint_.call == dialect::Call::chat || endpoint_.call == dialect::Call::completions;
  wanted.reports_usage =
      reports && endpoint_.family == api::Family::openai && provider().reports_usage;
  api::edit_chat_request(body_.view(), asked_, wanted, edits);
  HEADRACE_ASSERT(edits.ok());  // the model's name is bounded, and so is the number of edits

  char text[kRequestHeadBytes];
  io::BlockPool& blocks = shop_.io.blocks();
  if (edits.empty()) {
    facts.body_bytes = body_.size();
    request_ = body_.compose(blocks, write_request_head(text, facts));
    return;
  }
  json::EditList::Pieces pieces;
  facts.body_bytes = edits.edited_size(body_.view());
  request_ = body_.compose_edited(
      blocks, write_request_head(text, facts), edits.pieces(body_.view(), pieces));
}

base::Status Exchange::translate_request(RequestFacts& facts) {
  dialect::RequestTranslation translation;
  translation.model = target().model.empty() ? asked_.model : base::Bytes(target().model);
  api::JsonBuilder out(shop_.io.blocks());
  const base::Status done =
      shop_.translator.request(endpoint_.family, body_.view(), translation, out);
  if (!done) {
    detail_ = translation.detail;
    return done;
  }
  facts.body_bytes = out.size();
  char text[kRequestHeadBytes];
  request_ = {};
  request_.first = shop_.io.blocks().copy_of(write_request_head(text, facts));
  request_.second = out.take();
  if (translation.dropped.size() == 0) return {};

  // Names of ours, all of them, and bounded in number.
  constexpr base::Bytes kField = "x-headrace-dropped: ";
  char line[512];
  char* next = base::write_bytes(line, kField);
  for (std::size_t i = 0; i < translation.dropped.size(); ++i) {
    const base::Bytes name = translation.dropped[i];
    if (next + name.size() + 4 > line + sizeof line) break;
    if (i != 0) next = base::write_bytes(next, ", ");
    next = base::write_bytes(next, name);
  }
  next = base::write_bytes(next, "\r\n");
  dropped_fields_ = shop_.io.blocks().copy_of({line, static_cast<std::size_t>(next - line)});
  return {};
}

}  // namespace headrace::proxy
