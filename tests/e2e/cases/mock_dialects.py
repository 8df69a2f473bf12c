"""The mock provider on its own wire: each call of each dialect, each way to choose what an answer looks like, and
errors in the family's own words. What other cases rely on when they put a gateway in between."""

import base64
import json
import struct

from harness import words
from harness.checks import contains, equal, lacks, require
from harness.scene import case
from harness.sockets import connect

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
HELLO = [{"role": "user", "content": "Hello"}]
VERSION = ("anthropic-version", "2023-06-01")

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"


def tools_of(path):
    if path == CHAT:
        return [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    if path == RESPONSES:
        return [{"type": "function", "name": "weather", "parameters": SCHEMA}]
    return [{"name": "weather", "input_schema": SCHEMA}]


def body_of(path, model, **more):
    own = {MESSAGES: {"messages": HELLO, "max_tokens": 1000}, CHAT: {"messages": HELLO}, RESPONSES: {"input": "Hello"},
           "/v1/completions": {"prompt": "Hello"}, "/v1/embeddings": {"input": "Hello"},
           "/v1/messages/count_tokens": {"messages": HELLO}}[path]
    return {"model": model, **own, **more}


class Asker:
    """One connection to the mock."""

    def __init__(self, scene, *more, **options):
        self.mock = scene.mock(more=more, **options)
        self.wire = connect(self.mock.address)
        scene.at_end(self.wire.close)

    def answer(self, path, model="mock", fields=None, **more):
        every = [VERSION] if fields is None and path.startswith(MESSAGES) else fields or []
        body = json.dumps(body_of(path, model, **more)).encode()
        return self.wire.send(words.request(target=path, body=body, fields=every)).read_answer()

    def plain(self, path, model="mock", **more):
        answer = self.answer(path, model, **more)
        equal((answer.status, answer.field("content-type")), (200, "application/json"), "the answer")
        return json.loads(answer.body)

    def events(self, path, model="mock", **more):
        """[(name or None, data)] of a stream; the end marker is left out, and has to be there in OpenAI's."""
        answer = self.answer(path, model, stream=True, **more)
        equal((answer.status, answer.field("content-type")), (200, "text/event-stream; charset=utf-8"), "the head")
        return events_in(answer.body)

    def error(self, path, model="mock", **more):
        answer = self.answer(path, model, **more)
        return answer.status, json.loads(answer.body)["error"], answer


def events_in(text):
    found = []
    for event in text.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in event.split("\n"))
        if lines["data"] != "[DONE]":
            found.append((lines.get("event"), json.loads(lines["data"])))
    return found


def names(events):
    """Of events, those that repeat told once."""
    told = [name for name, _ in events]
    return [name for i, name in enumerate(told) if i == 0 or told[i - 1] != name]


# -- streams

@case("a stream of messages has all its events in order, and its usage")
def messages_stream(scene):
    events = Asker(scene).events(MESSAGES, "mock:thinking+cached=100+written=20+input=7")
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    equal(names(events), ["message_start", "content_block_start", "ping", *block[1:], *block, "message_delta",
                          "message_stop"], "the events")
    require(all(name == data["type"] for name, data in events), "each event is named in its data too")
    usage = events[0][1]["message"]["usage"]
    equal((usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]),
          (7, 100, 20), "usage at the start")
    last = events[-2][1]
    equal((last["delta"]["stop_reason"], last["usage"]["output_tokens"]), ("end_turn", 4 + 8), "the message_delta")
    deltas = [data["delta"] for name, data in events if name == "content_block_delta"]
    equal([delta["type"] for delta in deltas], ["thinking_delta"] * 4 + ["signature_delta"] + ["text_delta"] * 8,
          "the deltas")
    require(len(deltas[4]["signature"]) > 10, "a thought is signed")


@case("a request that asks for thinking gets it; one that does not, does not")
def thinking_asked(scene):
    asker = Asker(scene)
    told = asker.plain(MESSAGES, thinking={"type": "enabled", "budget_tokens": 1024})
    equal([block["type"] for block in told["content"]], ["thinking", "text"], "the blocks")
    equal([block["type"] for block in asker.plain(MESSAGES)["content"]], ["text"], "the blocks unasked")


@case("a stream of responses has all its events, numbered, and the whole response at its end")
def responses_stream(scene):
    events = Asker(scene).events(RESPONSES)
    equal(names(events), ["response." + name for name in
                          ("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta",
                           "output_text.done", "content_part.done", "output_item.done", "completed")], "the events")
    equal([data["sequence_number"] for _, data in events], list(range(len(events))), "the numbers")
    text = "".join(data["delta"] for name, data in events if name == "response.output_text.delta")
    response = events[-1][1]["response"]
    equal(response["output"][0]["content"][0]["text"], text, "the text of the last event")
    equal(response["usage"]["output_tokens"], 8, "output tokens")


@case("completions stream text and end with [DONE]")
def completions_stream(scene):
    asker = Asker(scene)
    answer = asker.answer("/v1/completions", stream=True)
    require(answer.body.endswith(words.DONE), "the stream ends with [DONE]")
    events = events_in(answer.body)
    equal((len(events), events[-1][1]["choices"][0]["finish_reason"]), (9, "stop"), "the chunks")
    equal(asker.plain("/v1/completions")["object"], "text_completion", "a plain answer")


# -- tools

def calls_in_stream(path, events):
    """{place: (name, arguments)} as a client puts them together."""
    calls = {}
    for name, data in events:
        if path == CHAT:
            for call in data["choices"][0]["delta"].get("tool_calls", ()) if data["choices"] else ():
                known = calls.setdefault(call["index"], [call["function"].get("name"), ""])
                known[1] += call["function"]["arguments"]
        elif path == MESSAGES:
            if name == "content_block_start" and data["content_block"]["type"] == "tool_use":
                calls[data["index"]] = [data["content_block"]["name"], ""]
            elif name == "content_block_delta" and data["delta"]["type"] == "input_json_delta":
                calls[data["index"]][1] += data["delta"]["partial_json"]
        elif name == "response.output_item.added":
            calls[data["output_index"]] = [data["item"]["name"], ""]
        elif name == "response.function_call_arguments.delta":
            calls[data["output_index"]][1] += data["delta"]
    return [(name, json.loads(arguments)) for _, (name, arguments) in sorted(calls.items())]


def calls_in_plain(path, told):
    if path == CHAT:
        return [(call["function"]["name"], json.loads(call["function"]["arguments"]))
                for call in told["choices"][0]["message"]["tool_calls"]]
    if path == MESSAGES:
        return [(block["name"], block["input"]) for block in told["content"]]
    return [(item["name"], json.loads(item["arguments"])) for item in told["output"]]


@case("tools are called in pieces and in parallel, with arguments of their schemas, in every dialect")
def tool_calls(scene):
    asker = Asker(scene)
    for path in (CHAT, MESSAGES, RESPONSES):
        calls = calls_in_stream(path, asker.events(path, "mock-tools=2", tools=tools_of(path)))
        equal(len(calls), 2, f"calls of {path}")
        for name, arguments in calls:
            equal((name, sorted(arguments)), ("weather", ["city", "days"]), f"a call of {path}")
            require(isinstance(arguments["days"], int), "an integer is one")
        equal(calls_in_plain(path, asker.plain(path, "mock-tools=2", tools=tools_of(path))), calls, f"plain, {path}")


@case("what a tool said is answered with text, so that an agent comes to an end")
def after_tools(scene):
    told = Asker(scene).plain(CHAT, "mock-tools", tools=tools_of(CHAT),
                              messages=[*HELLO, {"role": "tool", "tool_call_id": "c", "content": "sun"}])
    equal(told["choices"][0]["finish_reason"], "stop", "the finish reason")


# -- usage

@case("usage is told as each kind of provider tells it")
def usage(scene):
    asker = Asker(scene)
    for model, expected in (("mock", 0), ("mock:usage=last", 1), ("mock:usage=every", 10), ("mock:usage=none", 0)):
        events = asker.events(CHAT, model)
        equal(sum(bool(data.get("usage")) for _, data in events), expected, f"chunks with usage of {model}")
    asked = asker.events(CHAT, "mock:reasoning=9+cached=5+input=2", stream_options={"include_usage": True})[-1][1]
    equal((asked["choices"], asked["usage"]["prompt_tokens"], asked["usage"]["completion_tokens"]), ([], 7, 17),
          "the usage chunk")
    equal((asked["usage"]["prompt_tokens_details"]["cached_tokens"],
           asked["usage"]["completion_tokens_details"]["reasoning_tokens"]), (5, 9), "its details")


# -- bodies that are no streams

@case("embeddings are the same as numbers and in base64; tokens are counted")
def embeddings(scene):
    asker = Asker(scene)
    said = asker.plain("/v1/embeddings", input=["a", "b"], dimensions=5)
    equal([one["index"] for one in said["data"]], [0, 1], "the indices")
    coded = asker.plain("/v1/embeddings", input=["a", "b"], dimensions=5, encoding_format="base64")
    for number, code in zip(said["data"], coded["data"]):
        floats = struct.unpack("<5f", base64.b64decode(code["embedding"]))
        equal([round(a, 6) for a in floats], [round(a, 6) for a in number["embedding"]], "a vector")
    require(said["data"][0]["embedding"] != said["data"][1]["embedding"], "two inputs have two vectors")
    equal(list(asker.plain("/v1/messages/count_tokens")), ["input_tokens"], "a count")


# -- ways to choose

@case("an answer is chosen by flag, model, prompt and field, each stronger than the one before")
def ways_to_choose(scene):
    asker = Asker(scene, "--shape", "tokens=1")

    def tokens(model="mock", prompt="Hello", fields=()):
        told = asker.plain(CHAT, model, fields=fields, messages=[{"role": "user", "content": prompt}])
        return told["usage"]["completion_tokens"]

    equal(tokens(), 1, "by flag")
    equal(tokens("gpt-9+mock:tokens=2"), 2, "by model")
    equal(tokens("mock:tokens=2", "Say [mock: tokens=3] it"), 3, "by prompt")
    equal(tokens("mock:tokens=2", "Say [mock: tokens=3] it", [("x-mock", "tokens=4")]), 4, "by field")
    wire = connect(asker.mock.address)
    equal(wire.send(words.request("POST", "/mock/control?shape=tokens%3D5")).read_answer().status, 200, "control")
    wire.close()
    equal(tokens(), 5, "by control")


@case("a word that nobody knows is refused, by whichever way it came")
def unknown_words(scene):
    asker = Asker(scene)
    for path in (CHAT, MESSAGES):
        status, error, _ = asker.error(path, "mock-nonsense")
        equal(status, 404, f"{path}, by model")
        status, error, _ = asker.error(path, fields=[VERSION, ("x-mock", "nonsense")])
        equal((status, error["type"]), (400, "invalid_request_error"), f"{path}, by field")


@case("the model's name chooses through a gateway, which forwards little else")
def through_a_gateway(scene):
    mock = scene.mock()
    wire = scene.client(scene.gateway(mock.base_url))
    body = words.chat(model="mock-tools=2", stream=True, tools=tools_of(CHAT))
    answer = wire.send(words.chat_request(body=body)).read_answer()
    equal(len(calls_in_stream(CHAT, events_in(answer.body))), 2, "calls")
    answer = wire.send(words.chat_request(model="mock-error-402")).read_answer()
    equal((answer.status, json.loads(answer.body)["error"]["code"]), (402, "insufficient_quota"), "the error")


# -- errors

ANTHROPIC_TYPES = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error",
                   403: "permission_error", 404: "not_found_error", 408: "timeout_error",
                   409: "invalid_request_error", 413: "request_too_large", 422: "invalid_request_error",
                   429: "rate_limit_error", 500: "api_error", 503: "api_error", 529: "overloaded_error"}
OPENAI_CODES = {400: "invalid_value", 401: "invalid_api_key", 402: "insufficient_quota",
                403: "insufficient_permissions", 404: "model_not_found", 408: "timeout", 409: "conflict",
                413: "request_too_large", 422: None, 429: "rate_limit_exceeded", 500: None, 503: None,
                529: "overloaded"}


@case("every status has its error in the words of each family")
def errors(scene):
    asker = Asker(scene)
    for expected in ANTHROPIC_TYPES:
        status, error, answer = asker.error(MESSAGES, f"mock-error-{expected}")
        equal((status, error["type"]), (expected, ANTHROPIC_TYPES[expected]), "Anthropic's")
        equal(json.loads(answer.body)["request_id"], answer.field("request-id"), "the request's id")
        status, error, answer = asker.error(CHAT, f"mock-error-{expected}")
        equal((status, error["code"]), (expected, OPENAI_CODES[expected]), "OpenAI's")
    _, error, answer = asker.error(CHAT, "mock:error=429,code=insufficient_quota,retry-after=7")
    equal((error["type"], answer.field("retry-after"), answer.field("retry-after-ms")),
          ("insufficient_quota", "7", None), "a quota")
    _, _, answer = asker.error(RESPONSES, "mock:error=429,retry-after-ms=1500")
    equal((answer.field("retry-after"), answer.field("retry-after-ms")), ("2", "1500"), "milliseconds")


@case("an error inside a stream of status 200 comes first or in the middle, in each dialect")
def error_events(scene):
    asker = Asker(scene)
    for path, index in ((CHAT, -1), (MESSAGES, -1), (RESPONSES, -2)):
        events = asker.events(path, "mock-error-first,status=429")
        require(len(events) <= 2, f"{path}: nothing but the error")
        events = asker.events(path, "mock:error-event@tok=3,code=overloaded")
        name, data = events[index]
        told = data if path == RESPONSES else data["error"]
        contains(told["message"].lower(), "overloaded", path)
        equal(name, None if path == CHAT else "error", f"the name of {path}'s")
    answer = asker.answer(CHAT, "mock-error-first")
    equal((answer.status, "error" in json.loads(answer.body)), (200, True), "a plain one")


@case("a status 200 can be empty, and an error can be a page in HTML; the connection goes on")
def empty_and_html(scene):
    asker = Asker(scene)
    for path in (CHAT, MESSAGES, RESPONSES, "/v1/completions"):
        for stream in (False, True):
            answer = asker.answer(path, "mock-empty", stream=stream)
            equal((answer.status, answer.body), (200, b""), f"{path}, stream: {stream}")
    answer = asker.answer("/v1/embeddings", "mock-html=502")
    equal((answer.status, answer.field("content-type")), (502, "text/html"), "the page")
    contains(answer.body.decode(), "<h1>502 Bad Gateway</h1>", "the page")
    asker.plain(CHAT)


@case("faults of streams mean the same in every dialect")
def faults_of_streams(scene):
    for path in (CHAT, MESSAGES, RESPONSES, "/v1/completions"):
        asker = Asker(scene)
        whole = asker.answer(path, "mock:crlf", stream=True)
        lacks(whole.body.replace(b"\r\n", b""), b"\n", f"{path}: lines end in CRLF")
        cut = len(events_in(asker.answer(path, "mock:no-done", stream=True).body))
        require(cut < len(events_in(asker.answer(path, stream=True).body)), f"{path}: the end is missing")
        body = json.dumps(body_of(path, "mock:eof@mid-event=2", stream=True)).encode()
        asker.wire.send(words.request(target=path, body=body, fields=[VERSION]))
        asker.wire.read_head()
        require(not asker.wire.read_to_end().endswith(words.LAST_CHUNK), f"{path}: the last chunk is missing")


# -- what a provider insists on

@case("with --require-key a request without the key is refused in the family's words")
def keys(scene):
    asker = Asker(scene, "--require-key", "sk-mock")
    bearer, own = ("authorization", "Bearer sk-mock"), ("x-api-key", "sk-mock")
    for fields in ([], [("authorization", "Bearer sk-wrong")], [own]):
        status, error, _ = asker.error(CHAT, fields=fields)
        equal((status, error["code"]), (401, "invalid_api_key"), f"OpenAI's with {fields}")
    for fields in ([VERSION], [VERSION, ("x-api-key", "sk-wrong")]):
        status, error, _ = asker.error(MESSAGES, fields=fields)
        equal((status, error["type"]), (401, "authentication_error"), f"Anthropic's with {fields}")
    equal(asker.answer(CHAT, fields=[bearer]).status, 200, "OpenAI's with the key")
    for key in (own, bearer):
        equal(asker.answer(MESSAGES, fields=[VERSION, key]).status, 200, "Anthropic's with the key")
    equal(asker.wire.send(words.request("GET", "/v1/models")).read_answer().status, 401, "the list of models")


@case("messages need a version and a limit of tokens")
def requirements(scene):
    asker = Asker(scene)
    status, error, _ = asker.error(MESSAGES, fields=[])
    equal((status, error["message"]), (400, "anthropic-version: header is required"), "without a version")
    status, error, _ = asker.error(MESSAGES, max_tokens=0)
    equal((status, error["message"]), (400, "max_tokens: Field required"), "without a limit")
    models = asker.wire.send(words.request("GET", "/v1/models", fields=[VERSION])).read_answer()
    equal(json.loads(models.body)["data"][0]["type"], "model", "Anthropic's list of models")
