"""The words of two families of providers, written from their own documentation and not from ours: what a request
asks, an answer as one body, an answer as events, and errors. Both sides use `Answer`, which belongs to neither."""

import base64
import json


class Answer:
    def __init__(self, *words, tools=(), thought=(), signature="", finish=None, usage=True):
        self.words = words  # pieces of text
        self.tools = tools  # (id, name, pieces of arguments)
        self.thought = thought  # pieces
        self.signature = signature
        self.finish = finish or ("tools" if tools else "stop")
        self.usage = usage

    @property
    def text(self):
        return "".join(self.words)


class Asked:
    """What a request says, of whichever dialect."""

    def __init__(self):
        self.images = []  # (media type, bytes), or ("url", address)
        self.results = []  # (id, text) of tools
        self.called = {}  # id: name
        self.thoughts = []  # (text, signature)
        self.schema = None


INPUT, CACHED, OUTPUT = 11, 4, 5  # tokens of every answer; INPUT are those that came from no cache


def dumps(value):
    return json.dumps(value, ensure_ascii=False).encode()


class OpenAI:
    name = "openai"
    request_id = "x-request-id"

    @staticmethod
    def read(body):
        asked = Asked()
        for message in body["messages"]:
            for call in message.get("tool_calls") or ():
                asked.called[call["id"]] = call["function"]["name"]
                json.loads(call["function"]["arguments"])
            if message["role"] == "tool":
                asked.results.append((message["tool_call_id"], text_of(message["content"])))
            for part in message["content"] if isinstance(message["content"], list) else ():
                if part["type"] == "image_url":
                    asked.images.append(image_at(part["image_url"]["url"]))
            if message.get("reasoning_content"):
                asked.thoughts.append((message["reasoning_content"], ""))
        wanted = body.get("response_format") or {}
        if wanted.get("type") == "json_schema":
            asked.schema = wanted["json_schema"]["schema"]
        return asked

    FINISH = {"stop": "stop", "tools": "tool_calls", "length": "length"}
    USAGE = {"prompt_tokens": INPUT + CACHED, "completion_tokens": OUTPUT, "total_tokens": INPUT + CACHED + OUTPUT,
             "prompt_tokens_details": {"cached_tokens": CACHED}, "completion_tokens_details": {"reasoning_tokens": 0}}

    def plain(self, answer, body):
        message = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.thought:
            message["reasoning_content"] = "".join(answer.thought)
        if answer.tools:
            message["tool_calls"] = [{"id": id, "type": "function", "function": {"name": name, "arguments": "".join(pieces)}}
                                     for id, name, pieces in answer.tools]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.FINISH[answer.finish]}
        return dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": body["model"],
                      "choices": [choice], "usage": self.USAGE})

    def events(self, answer, body):
        def chunk(delta, finish=None):
            data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": body["model"],
                    "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
            return b"data: " + dumps({**data, "usage": None} if asks_usage else data) + b"\n\n"

        asks_usage = (body.get("stream_options") or {}).get("include_usage")
        yield chunk({"role": "assistant", "content": ""})
        for piece in answer.thought:
            yield chunk({"reasoning_content": piece})
        for word in answer.words:
            yield chunk({"content": word})
        for index, (id, name, pieces) in enumerate(answer.tools):
            yield chunk({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]})
            for piece in pieces:
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield chunk({}, self.FINISH[answer.finish])
        if asks_usage:
            data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": body["model"],
                    "choices": [], "usage": self.USAGE}
            yield b"data: " + dumps(data) + b"\n\n"
        yield b"data: [DONE]\n\n"

    TYPES = {400: ("invalid_request_error", "temperature", "invalid_value"), 401: ("invalid_request_error", None, "invalid_api_key"),
             403: ("permission_error", None, None), 404: ("invalid_request_error", None, "model_not_found"),
             429: ("rate_limit_error", None, "rate_limit_exceeded")}

    def error(self, status, message):
        kind, param, code = self.TYPES.get(status, ("server_error", None, None))
        return dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})

    def error_event(self, message):
        return b"data: " + self.error(500, message) + b"\n\n"


class Anthropic:
    name = "anthropic"
    request_id = "request-id"

    @staticmethod
    def read(body):
        asked = Asked()
        for message in body["messages"]:
            for block in message["content"] if isinstance(message["content"], list) else ():
                if block["type"] == "tool_use":
                    asked.called[block["id"]] = block["name"]
                    dict(block["input"])
                elif block["type"] == "tool_result":
                    asked.results.append((block["tool_use_id"], text_of(block["content"])))
                elif block["type"] == "image":
                    source = block["source"]
                    asked.images.append(("url", source["url"]) if source["type"] == "url"
                                        else (source["media_type"], base64.b64decode(source["data"])))
                elif block["type"] == "thinking":
                    asked.thoughts.append((block["thinking"], block["signature"]))
        asked.schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
        return asked

    FINISH = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens"}

    @staticmethod
    def usage(output):
        return {"input_tokens": INPUT, "cache_creation_input_tokens": 0, "cache_read_input_tokens": CACHED, "output_tokens": output}

    def plain(self, answer, body):
        content = []
        if answer.thought:
            content.append({"type": "thinking", "thinking": "".join(answer.thought), "signature": answer.signature})
        if answer.words:
            content.append({"type": "text", "text": answer.text})
        content += [{"type": "tool_use", "id": id, "name": name, "input": json.loads("".join(pieces))}
                    for id, name, pieces in answer.tools]
        return dumps({"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": content,
                      "stop_reason": self.FINISH[answer.finish], "stop_sequence": None, "usage": self.usage(OUTPUT)})

    @staticmethod
    def event(kind, **more):
        return f"event: {kind}\ndata: ".encode() + dumps({"type": kind, **more}) + b"\n\n"

    def block(self, index, opened, deltas):
        yield self.event("content_block_start", index=index, content_block=opened)
        for delta in deltas:
            yield self.event("content_block_delta", index=index, delta=delta)
        yield self.event("content_block_stop", index=index)

    def events(self, answer, body):
        yield self.event("message_start", message={
            "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": self.usage(1)})
        yield self.event("ping")
        index = 0
        if answer.thought:
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in answer.thought]
            deltas.append({"type": "signature_delta", "signature": answer.signature})
            yield from self.block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
            index += 1
        if answer.words:
            deltas = ({"type": "text_delta", "text": word} for word in answer.words)
            yield from self.block(index, {"type": "text", "text": ""}, deltas)
            index += 1
        for id, name, pieces in answer.tools:
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]
            yield from self.block(index, {"type": "tool_use", "id": id, "name": name, "input": {}}, deltas)
            index += 1
        yield self.event("message_delta", delta={"stop_reason": self.FINISH[answer.finish], "stop_sequence": None},
                         usage={"output_tokens": OUTPUT})
        yield self.event("message_stop")

    TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
             429: "rate_limit_error", 529: "overloaded_error"}

    def error(self, status, message):
        return dumps({"type": "error", "error": {"type": self.TYPES.get(status, "api_error"), "message": message},
                      "request_id": "req_of_provider"})

    @staticmethod
    def refuse_thread():
        """To a request that wants this side to keep the conversation."""
        error = {"type": "invalid_request_error", "message": "thread: not supported here",
                 "details": {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}}
        return dumps({"type": "error", "error": error, "request_id": "req_of_provider"})

    def error_event(self, message):
        return b"event: error\ndata: " + self.error(529, message) + b"\n\n"


def text_of(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content if part["type"] == "text")


def image_at(address):
    if not address.startswith("data:"):
        return ("url", address)
    kind, _, data = address[len("data:"):].partition(";base64,")
    return (kind, base64.b64decode(data))
