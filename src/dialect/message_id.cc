#include "dialect/message_id.h"

namespace headrace::dialect {

void write_message_id(base::Bytes body, api::JsonBuilder& out) {
  constexpr base::Bytes kCompletion = "chatcmpl-";
  constexpr base::Bytes kMessage = "msg_";
  if (body.substr(0, kCompletion.size()) == kCompletion) body.remove_prefix(kCompletion.size());
  if (body.substr(0, kMessage.size()) != kMessage) out.raw(kMessage);
  out.raw(body);
}

void write_call_id(base::Bytes body, std::size_t number, api::JsonBuilder& out) {
  if (!body.empty()) return out.raw(body);
  out.raw("call_");
  out.number(number);
}

}  // namespace headrace::dialect
