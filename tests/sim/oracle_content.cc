// Answers that were translated: what a client makes of its bytes against what the provider meant.
#include <string>
#include <string_view>

#include "json_text.h"
#include "judge.h"

namespace headrace::sim {
namespace {

// The plan keeps strings as JSON writes them.
std::string meant(const std::string& text) {
  return read_json("\"" + text + "\"").text;
}

const char* reason_word(const Content& content, api::Family family) {
  const bool tools = !content.calls.empty();
  if (family == api::Family::openai) return tools ? "tool_calls" : "stop";
  return tools ? "tool_use" : "end_turn";
}

}  // namespace

void Judge::judge_translated(const Case& c) {
  const AnswerPlan& plan = c.serving->answer;
  const auto id = number(c.plan->id);
  const api::Family family = c.plan->family;
  if (!plan.stream && !c.answer->complete) return judge_incomplete(c);
  const Understood heard = plan.stream ? understand_stream(c.answer->body, family)
                                       : understand_plain(c.answer->body, family);
  if (!heard.nonsense.empty()) {
    verdict_.fail("request %llu: translated into nonsense: %s", id, heard.nonsense.c_str());
    return;
  }
  ++tally_.translated;
  if (!meant(plan.content.text).starts_with(heard.content.text))
    verdict_.fail("request %llu: the text is not the provider's", id);
  if (!c.answer->complete) return judge_incomplete(c);
  const Record& record = c.records->requests.front();
  const std::uint64_t read = plan.payload_read(c.serving->bytes_read());
  if (heard.failed) {
    ++(plan.has_failure(read) ? tally_.failed_streams : tally_.broken_streams);
    if (record.error == 0) verdict_.fail("request %llu: the record knows of no error", id);
    return;
  }
  ++(plan.stream ? tally_.streams : tally_.plain);
  if (!heard.ended) {
    verdict_.fail("request %llu: a translated stream without its end", id);
    return;
  }
  judge_whole(c, heard);
}

// The answer says that it is whole: then it is all of it.
void Judge::judge_whole(const Case& c, const Understood& heard) {
  const AnswerPlan& plan = c.serving->answer;
  const auto id = number(c.plan->id);
  const std::uint64_t read = plan.payload_read(c.serving->bytes_read());
  const std::string_view tail =
      std::string_view(plan.payload).substr(0, read).substr(plan.event_end_before(read));
  const bool ended = !plan.stream || plan.has_stream_end(read) || says_end(tail);
  if (!ended) verdict_.fail("request %llu: a cut stream is translated as a whole one", id);
  if (heard.content.text != meant(plan.content.text))
    verdict_.fail("request %llu: part of the text is missing", id);
  if (heard.content.calls.size() != plan.content.calls.size()) {
    verdict_.fail("request %llu: %zu calls of %zu",
                  id,
                  heard.content.calls.size(),
                  plan.content.calls.size());
    return;
  }
  for (std::size_t i = 0; i < heard.content.calls.size(); ++i) {
    const auto& [name, arguments] = plan.content.calls[i];
    if (heard.content.calls[i] != std::pair(name, meant(arguments)))
      verdict_.fail("request %llu: a call was changed", id);
  }
  if (plan.content.reason_given && heard.reason != reason_word(plan.content, c.plan->family))
    verdict_.fail("request %llu: the reason is %s", id, heard.reason.c_str());
  const bool shows =
      c.plan->family == api::Family::anthropic || c.plan->wants_usage || !plan.stream;
  const bool all = read == plan.payload.size();
  if (!all || !plan.content.has_usage || !shows) return;
  if (heard.content.tokens_out != plan.content.tokens_out ||
      heard.content.tokens_in != plan.content.tokens_in)
    verdict_.fail("request %llu: usage of %llu and %llu tokens",
                  id,
                  number(heard.content.tokens_in),
                  number(heard.content.tokens_out));
}

}  // namespace headrace::sim
