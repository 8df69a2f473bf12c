#include "api/chat_edit.h"

#include "base/assert.h"

namespace headrace::api {
namespace {

using json::FoundValue;
using json::Type;

void replace(json::EditList& list, const FoundValue& value, Bytes text) {
  list.replace(value.begin, value.size, text);
}

void ask_for_usage(const ChatRequest& request, json::EditList& list) {
  if (!request.stream || request.wants_usage) return;
  if (request.include_usage.found()) return replace(list, request.include_usage, "true");
  switch (request.stream_options.type) {
    case Type::absent:
      // The model stands behind it, so there is always something for the comma to part.
      return list.insert(request.members_begin, R"("stream_options":{"include_usage":true},)");
    case Type::object:
      return list.insert(
          request.option_members_begin,
          request.options_empty ? R"("include_usage":true)" : R"("include_usage":true,)");
    default:
      HEADRACE_ASSERT(request.stream_options.type == Type::null);
      return replace(list, request.stream_options, R"({"include_usage":true})");
  }
}

}  // namespace

void edit_chat_request(Bytes body,
                       const ChatRequest& request,
                       const ChatEdits& wanted,
                       json::EditList& list) {
  HEADRACE_ASSERT(list.empty());
  if (!wanted.model.empty() && wanted.model != request.model) {
    replace(list, request.model_value, list.own_string(wanted.model));
  }
  if (wanted.reports_usage) ask_for_usage(request, list);
  list.erase_members(body, request.extensions);
}

}  // namespace headrace::api
