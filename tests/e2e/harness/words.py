"""The words of both protocols: HTTP/1.1 messages as bytes, and the events of an OpenAI stream."""

import json


def head(first_line, fields=()):
    lines = [first_line.encode()] + [f"{name}: {value}".encode() for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


# -- requests

def chat(model="m", stream=False, **more):
    return json.dumps({"model": model, "stream": stream,
                       "messages": [{"role": "user", "content": "Hello"}], **more}).encode()


def upstream_chat(**words):
    """The same as a provider gets it: a stream is asked for its usage."""
    body = chat(**words)
    return body.replace(b"{", b'{"stream_options":{"include_usage":true},', 1) if words.get("stream") else body


def request(method="POST", target="/v1/chat/completions", body=b"", fields=(), version="1.1"):
    every = [("host", "gateway")]
    if body:
        every += [("content-type", "application/json"), ("content-length", len(body))]
    return head(f"{method} {target} HTTP/{version}", every + list(fields)) + body


def chat_request(body=None, fields=(), version="1.1", **words):
    return request(body=chat(**words) if body is None else body, fields=fields, version=version)


def chunked_request(pieces, fields=()):
    every = [("host", "gateway"), ("content-type", "application/json"), ("transfer-encoding", "chunked")]
    return (head("POST /v1/chat/completions HTTP/1.1", every + list(fields)) +
            b"".join(chunk(piece) for piece in pieces) + LAST_CHUNK)


# -- answers

PLAIN = (b'{"id":"chatcmpl-1", "object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
         b'"message":{"role":"assistant","content":"Wasser \xe6\xb0\xb4"},"finish_reason":"stop"}],'
         b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n')


def event(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [choice]}
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
WORDS = [event({"content": word}) for word in ("Water", " runs", " \u6c34", ' "down"', " hill")]
FINISH = event({}, "stop")
DONE = b"data: [DONE]\n\n"
STREAM = [ROLE, *WORDS, FINISH, DONE]
STREAM_TEXT = b"".join(STREAM)


def plain_answer(body=PLAIN, status="200 OK", fields=()):
    return head(f"HTTP/1.1 {status}", [("content-type", "application/json"),
                                       ("content-length", len(body)), *fields]) + body


def stream_head(fields=()):
    return head("HTTP/1.1 200 OK", [("content-type", "text/event-stream"),
                                    ("transfer-encoding", "chunked"), *fields])


def stream_answer(events=STREAM, fields=()):
    return stream_head(fields) + b"".join(chunk(e) for e in events) + LAST_CHUNK
