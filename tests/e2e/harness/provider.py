"""A provider of both dialects for clients that only an SDK can be: what it answers is chosen by the model's name
(`gpt-5.1:tools`), what arrived is told at `/control/calls`, and the first part of the path (`/first/v1`) is a name
by which one provider can be several targets. Use it as the script of an Upstream."""

import hashlib
import json
import select
import socket
import struct
import threading
import time

from base64 import b64encode

from harness import words
from harness.dialects import INPUT, Anthropic, Answer, OpenAI, dumps

TEXT = ("Water", " runs", " \u6c34", ' "down"', " hill")
TOOLS = (("call_w", "get_weather", ('{"city"', ':"Zürich \u6c34', '"', "}")), ("call_t", "get_time", ('{"zone":"CET"}',)))
THOUGHT = ("Let me", " think.")
SIGNATURE = "c2lnbmVkIGJ5IHRoZSBwcm92aWRlcg=="
MODELS = ("gpt-exact", "claude-exact")
SLOW_S = 20


class Provider:
    def __init__(self, keys=None):
        self.keys = keys  # name of a target: the keys of which one must be shown to it
        self.calls = []
        self._lock = threading.Lock()

    # -- one request
    def __call__(self, call):
        target = call.request.target.split("?")[0]
        if target == "/control/calls":
            return self._tell(call)
        name, _, path = target[1:].partition("/v1/")
        dialect = Anthropic() if path.startswith("messages") else OpenAI()
        body = json.loads(call.request.body) if call.request.body else {}
        seen = {"target": name, "path": path, "fields": dict(call.request.fields), "body": body, "gone": None}
        with self._lock:
            self.calls.append(seen)
            number = len(self.calls)
        fields = [(dialect.request_id, f"req_{name}_{number}")]
        if self._is_stranger(name, dialect, seen["fields"]):
            return send(call, dialect.error(401, "Incorrect API key provided."), "401 Unauthorized", fields)
        if path == "models":
            return send(call, dumps({"object": "list", "data": [{"id": id, "object": "model", "created": 1, "owned_by": "x"} for id in MODELS]}))
        scenario = body["model"].partition(":")[2] or "plain"
        other = {"embeddings": embeddings, "completions": completions, "responses": responses,
                 "messages/count_tokens": count_tokens}.get(path)
        if scenario == "no-retry":
            send(call, dialect.error(503, "Never come back."), "503 Service Unavailable", fields + [("x-should-retry", "false")])
        elif scenario.startswith("status-"):
            self._refuse(call, dialect, scenario, name, fields)
        elif scenario in ("silent", "endless"):
            self._for_ever(call, dialect, scenario, seen, fields)
        elif other:
            other(call, body, fields)
        else:
            self._chat(call, dialect, scenario, body, fields)

    def _tell(self, call):
        with self._lock:
            send(call, dumps(self.calls))
            if call.request.method == "DELETE":
                self.calls.clear()

    def _is_stranger(self, name, dialect, fields):
        if self.keys is None:
            return False
        shown = fields.get("x-api-key") if dialect.name == "anthropic" else fields.get("authorization", "")[len("Bearer "):]
        return shown not in self.keys[name]

    # -- chat
    def _chat(self, call, dialect, scenario, body, fields):
        if scenario == "first-fails" and call.request.target.startswith("/first/"):
            return send(call, dialect.error(503, "Come back later."), "503 Service Unavailable", fields)
        if "thread" in body and dialect.name == "anthropic":
            return send(call, dialect.refuse_thread(), "400 Bad Request", fields)
        answer = answer_of(scenario, dialect.read(body))
        if not body.get("stream"):
            return send(call, dialect.plain(answer, body), fields=fields)
        call.send(words.stream_head(fields))
        for count, event in enumerate(dialect.events(answer, body)):
            if scenario in ("error-in-stream", "cut-in-stream") and b" runs" in event:
                if scenario == "cut-in-stream":
                    time.sleep(0.05)  # what was written leaves first
                    return call.reset()
                call.send(words.chunk(dialect.error_event("Broken in mid-stream.")), words.LAST_CHUNK)
                return None
            call.send(words.chunk(event))
        call.send(words.LAST_CHUNK)

    @staticmethod
    def _refuse(call, dialect, scenario, name, fields):
        status, _, only = scenario[len("status-"):].partition("-")
        if only and name != only:
            return send(call, dialect.plain(Answer(*TEXT), {"model": "m"}), fields=fields)
        more = [("retry-after-ms", "40"), ("retry-after", "1")] if status == "429" else []
        return send(call, dialect.error(int(status), f"Refused with {status}."), f"{status} Refused", fields + more)

    def _for_ever(self, call, dialect, scenario, seen, fields):
        """Nothing, or words without an end, until the other side leaves."""
        deadline = time.monotonic() + SLOW_S
        if scenario == "endless":
            call.send(words.stream_head(fields))
            for event in dialect.events(Answer(*(" on",) * 10_000), seen["body"]):
                if time.monotonic() > deadline:
                    break
                call.send(words.chunk(event))
                if leaves_within(call, 0.005):
                    break
        else:
            leaves_within(call, SLOW_S)
        seen["gone"] = time.time() * 1000
        call.close()


def leaves_within(call, seconds):
    readable, _, _ = select.select([call.wire.socket], [], [], seconds)
    try:
        return bool(readable) and call.wire.socket.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True


def send(call, body, status="200 OK", fields=()):
    call.send(words.plain_answer(body, status, fields))


def answer_of(scenario, asked):
    if scenario == "tools":
        if not asked.results:
            return Answer("Let me look.", tools=TOOLS)
        return Answer(*(f"{asked.called[id]}={text};" for id, text in asked.results))
    if scenario == "image":
        return Answer(*(f"{kind} {what if kind == 'url' else hashlib.sha256(what).hexdigest()[:12]};" for kind, what in asked.images))
    if scenario == "schema":
        required = asked.schema.get("required") if asked.schema else None
        return Answer('{"city":"Zürich",', '"size":2}') if required == ["city", "size"] else Answer("no schema")
    if scenario == "thinking":
        if asked.thoughts:
            return Answer("thoughts: ", json.dumps(asked.thoughts))
        return Answer(*TEXT, thought=THOUGHT, signature=SIGNATURE)
    if scenario == "length":
        return Answer("Water", finish="length")
    return Answer(*TEXT)


# -- what exists in one dialect only

def embeddings(call, body, fields):
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vectors = [[len(text) / 8, -0.5, 1.0] for text in texts]
    coded = [b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors] if body.get("encoding_format") == "base64" else vectors
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(coded)]
    send(call, dumps({"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}), fields=fields)


def completions(call, body, fields):
    def part(text, finish=None):
        return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"],
                "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]}

    if not body.get("stream"):
        return send(call, dumps({**part("".join(TEXT), "stop"), "usage": OpenAI.USAGE}), fields=fields)
    call.send(words.stream_head(fields))
    parts = [part(word) for word in TEXT] + [part("", "stop")]
    if (body.get("stream_options") or {}).get("include_usage"):
        parts.append({**part(""), "choices": [], "usage": OpenAI.USAGE})
    call.send(*(words.chunk(b"data: " + dumps(each) + b"\n\n") for each in parts), words.chunk(words.DONE), words.LAST_CHUNK)


def responses(call, body, fields):
    def response(status, content):
        item = {"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": content}
        return {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": None, "incomplete_details": None,
                "instructions": None, "max_output_tokens": None, "model": body["model"], "output": [item] if content else [],
                "parallel_tool_calls": True, "previous_response_id": None, "store": True, "temperature": 1.0,
                "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
                "metadata": {}, "usage": usage if content else None}

    usage = {"input_tokens": 15, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 20}
    whole = [{"type": "output_text", "text": "".join(TEXT), "annotations": []}]
    if not body.get("stream"):
        return send(call, dumps(response("completed", whole)), fields=fields)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [("response.created", {"response": response("in_progress", [])}),
              ("response.output_item.added", {"output_index": 0, "item": {"type": "message", "id": "msg_1", "status": "in_progress",
                                                                          "role": "assistant", "content": []}}),
              ("response.content_part.added", {**place, "part": {"type": "output_text", "text": "", "annotations": []}}),
              *(("response.output_text.delta", {**place, "delta": word, "logprobs": []}) for word in TEXT)]
    if body["model"].endswith(":cut-in-stream"):
        events = events[:4]
    elif body["model"].endswith(":error-in-stream"):
        failed = {**response("failed", []), "error": {"code": "server_error", "message": "Broken in mid-stream."}}
        events.append(("response.failed", {"response": failed}))
    else:
        events += [("response.output_text.done", {**place, "text": "".join(TEXT), "logprobs": []}),
                   ("response.content_part.done", {**place, "part": whole[0]}),
                   ("response.output_item.done", {"output_index": 0, "item": response("completed", whole)["output"][0]}),
                   ("response.completed", {"response": response("completed", whole)})]
    call.send(words.stream_head(fields))
    for number, (kind, data) in enumerate(events):
        call.send(words.chunk(f"event: {kind}\ndata: ".encode() + dumps({"type": kind, "sequence_number": number, **data}) + b"\n\n"))
    if len(events) == 4:
        time.sleep(0.05)  # what was written leaves first
        return call.reset()
    call.send(words.LAST_CHUNK)


def count_tokens(call, body, fields):
    send(call, dumps({"input_tokens": INPUT + len(body["messages"])}), fields=fields)
