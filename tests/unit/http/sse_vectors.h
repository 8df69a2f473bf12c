// Event streams and the events that a client would see in them: (type, data), the type empty where
// the stream names none. Data are bytes: what is not UTF-8 stays as it was.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace headrace::test {

struct SseVector {
  std::string_view name;
  std::string_view stream;
  std::vector<std::pair<std::string_view, std::string_view>> events;
};

inline std::vector<SseVector> sse_vectors() {
  using namespace std::literals;
  return {
      {"basic", "data: hello\n\n"sv, {{""sv, "hello"sv}}},
      {"no space", "data:hello\n\n"sv, {{""sv, "hello"sv}}},
      {"two spaces", "data:  hello\n\n"sv, {{""sv, " hello"sv}}},
      {"crlf", "data: a\r\n\r\ndata: b\r\n\r\n"sv, {{""sv, "a"sv}, {""sv, "b"sv}}},
      {"cr", "data: a\r\rdata: b\r\r"sv, {{""sv, "a"sv}, {""sv, "b"sv}}},
      {"mixed eol",
       "data: a\r\n\ndata: b\n\rdata: c\r\r\n\n"sv,
       {{""sv, "a"sv}, {""sv, "b"sv}, {""sv, "c"sv}}},
      {"multi data", "data: a\ndata: b\ndata\ndata:\ndata: c\n\n"sv, {{""sv, "a\nb\n\n\nc"sv}}},
      {"empty data",
       "data\n\ndata\ndata\n\ndata:test\n\n"sv,
       {{""sv, ""sv}, {""sv, "\n"sv}, {""sv, "test"sv}}},
      {"comment", ":\n: ping\n:\377 bad utf8\ndata: a\n: mid\n\n"sv, {{""sv, "a"sv}}},
      {"only comments",
       ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: a\n\n"sv,
       {{""sv, "a"sv}}},
      {"bom", "\357\273\277data: a\n\n"sv, {{""sv, "a"sv}}},
      {"two bom", "\357\273\277\357\273\277data: a\n\ndata: b\n\n"sv, {{""sv, "b"sv}}},
      {"bom mid",
       "data: a\n\n\357\273\277data: b\n\ndata: c\n\n"sv,
       {{""sv, "a"sv}, {""sv, "c"sv}}},
      {"event",
       "event: error\ndata: {\"error\":{\"message\":\"x\"}}\n\n"sv,
       {{"error"sv, "{\"error\":{\"message\":\"x\"}}"sv}}},
      {"event empty", "event:\ndata: x\n\n"sv, {{""sv, "x"sv}}},
      {"event no data", "event: ping\n\ndata: a\n\n"sv, {{""sv, "a"sv}}},
      {"id", "id: 1\ndata: a\n\nid\ndata: b\n\nid: 2\n\n"sv, {{""sv, "a"sv}, {""sv, "b"sv}}},
      {"id nul", "id: a\000b\ndata: x\n\n"sv, {{""sv, "x"sv}}},
      {"retry", "retry: 1000\n\nretry: 1x\n\nretry\ndata: a\n\n"sv, {{""sv, "a"sv}}},
      {"unknown field",
       "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\nData: no\ndata : no\n\n"sv,
       {{""sv, "test\n"sv}}},
      {"leading space", "data:\ttest\rdata: \ndata:test\n\n"sv, {{""sv, "\ttest\n\ntest"sv}}},
      {"nul in data", "data:\000\n\n\n\n"sv, {{""sv, "\000"sv}}},
      {"utf8",
       "data: na\303\257ve \342\200\224 \346\227\245\346\234\254\350\252\236 \360\237\231\202\n\n"sv,
       {{""sv,
         "na\303\257ve \342\200\224 \346\227\245\346\234\254\350\252\236 \360\237\231\202"sv}}},
      {"bad utf8", "data: ok\377end\n\n"sv, {{""sv, "ok\377end"sv}}},
      {"no final blank", "data: a\n\ndata: lost"sv, {{""sv, "a"sv}}},
      {"no final newline", "data: a\n\ndata: b\n"sv, {{""sv, "a"sv}}},
      {"done",
       "data: {\"choices\":[]}\n\ndata: [DONE]\n\n"sv,
       {{""sv, "{\"choices\":[]}"sv}, {""sv, "[DONE]"sv}}},
      {"colon value", "data: a:b:c\n\n"sv, {{""sv, "a:b:c"sv}}},
      {"only lf", "\n\n\n\n"sv, {}},
      {"anthropic",
       "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"na\303\257ve \342\200\224 \346\227\245\346\234\254\350\252\236 \360\237\231\202\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"sv,
       {{"message_start"sv, "{\"type\":\"message_start\"}"sv},
        {"ping"sv, "{\"type\": \"ping\"}"sv},
        {"content_block_delta"sv,
         "{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"na\303\257ve \342\200\224 \346\227\245\346\234\254\350\252\236 \360\237\231\202\"}}"sv},
        {"message_stop"sv, "{\"type\":\"message_stop\"}"sv}}},
      {"openai usage",
       "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n"sv,
       {{""sv, "{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}"sv},
        {""sv, "{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}"sv},
        {""sv, "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}"sv},
        {""sv, "[DONE]"sv}}},
      {"json error tail",
       "data: {\"a\":1}\n\n{\"error\":{\"code\":503}}"sv,
       {{""sv, "{\"a\":1}"sv}}},
      {"error in 200",
       "data: {\"error\":{\"message\":\"quota exceeded\"}}\n\ndata: [DONE]\n\n"sv,
       {{""sv, "{\"error\":{\"message\":\"quota exceeded\"}}"sv}, {""sv, "[DONE]"sv}}},
  };
}

}  // namespace headrace::test
