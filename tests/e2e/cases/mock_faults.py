"""Each fault of headrace-mock through the gateway: what the client gets is the same whoever breaks."""

import json

from harness import words
from harness.checks import contains, equal, require
from harness.scene import case
from harness.sockets import connect

TOKENS = 8


class Bench:
    """A gateway in front of the mock; faults are named by the model."""

    def __init__(self, scene, idle="10s", first_token="10s"):
        self.mock = scene.mock(tokens=TOKENS)
        route = {"model": "*", "targets": ["up"], "idle_timeout": idle, "first_token_timeout": first_token}
        self.gateway = scene.gateway(self.mock.base_url, routes=[route])
        self.client = scene.client(self.gateway)

    def ask(self, fault, stream=True):
        return self.client.send(words.chat_request(model=f"mock:{fault}" if fault else "mock", stream=stream)).read_answer()

    def is_alive(self):
        """The same connection serves on."""
        equal(self.ask("").body[-len(words.DONE):], words.DONE, "the end of a good stream afterwards")


def tokens_in(text):
    events = [json.loads(event[6:]) for event in text.decode().split("\n\n") if event.startswith("data: {")]
    return sum(bool(event.get("choices") and event["choices"][0]["delta"].get("content")) for event in events)


def refused(fault, status, code, **limits):
    def run(scene):
        bench = Bench(scene, **limits)
        for stream in (True, False):
            answer = bench.ask(fault, stream)
            equal((answer.status, json.loads(answer.body)["error"]["code"]), (status, code), f"the answer, stream: {stream}")
        bench.is_alive()

    return run


def broken(fault, tokens, code, status, **limits):
    """A stream that breaks after so many tokens."""

    def run(scene):
        bench = Bench(scene, **limits)
        text = bench.ask(fault).body
        last = json.loads(text.split(b"\n\n")[-2][6:])
        equal((last["error"]["code"], last["error"].get("status")), (code, status), "the last event")
        equal(tokens_in(text), tokens, "whole tokens before it")
        require(b"[DONE]" not in text, "there is no [DONE]")
        bench.is_alive()

    return run


def whole(fault):
    """The stream is as good as one without a fault."""

    def run(scene):
        bench = Bench(scene)
        text = bench.ask(fault).body.replace(b"\r\n", b"\n")
        require(text.endswith(words.DONE), "the stream ends with [DONE]")
        equal(tokens_in(text), TOKENS, "tokens")
        bench.is_alive()

    return run


CASES = {
    "refuse": ("refuse: a connection reset without a word is a 502", refused("refuse", 502, "upstream_reset")),
    "status": ("http=429: the provider's refusal passes", refused("http=429,retry-after-ms=250", 429, "rate_limit_exceeded")),
    "status 500": ("http=500: the provider's failure passes", refused("http=500", 500, "mock_fault")),
    "headers": ("headers-then-silence: no first token in time is a 504", refused("headers-then-silence", 504, "first_token_timeout", first_token="300ms")),
    "stall": ("stall@tok: silence in a stream is its end", broken("stall@tok=3", 3, "upstream_disconnected", 504, idle="500ms")),
    "reset": ("reset@tok: a reset in a stream is its end", broken("reset@tok=3", 3, "upstream_disconnected", 502)),
    "eof": ("eof@tok: a FIN in a stream is its end", broken("eof@tok=3", 3, "upstream_disconnected", 502)),
    "mid-event": ("eof@mid-event: a FIN inside an event loses that event", broken("eof@mid-event=3", 3, "upstream_disconnected", 502)),
    "coalesce": ("coalesce: many events in one write are the same events", whole("coalesce=4")),
    "crlf": ("crlf: lines that end in CRLF are the same events", whole("crlf")),
    "until-close": ("until-close: a stream that ends with its connection is whole", whole("until-close")),
    "no-usage": ("no-usage: a stream without a usage chunk is whole", whole("no-usage")),
}
for _sentence, _run in CASES.values():
    case(_sentence, every_backend=True)(lambda scene, run=_run: run(scene))


@case("role-then-silence: a role alone is no first token", every_backend=True)
def role_then_silence(scene):
    bench = Bench(scene, first_token="300ms")
    answer = bench.ask("role-then-silence")
    equal((answer.status, json.loads(answer.body)["error"]["code"]), (504, "first_token_timeout"), "the answer")
    bench.is_alive()


@case("keepalive-only: comments are no first token", every_backend=True)
def keepalive_only(scene):
    bench = Bench(scene, first_token="300ms")
    answer = bench.ask("keepalive-only=20ms")
    equal((answer.status, json.loads(answer.body)["error"]["code"]), (504, "first_token_timeout"), "the answer")
    bench.is_alive()


@case("error-event@tok: the provider's own error event passes, and ends the stream")
def error_event(scene):
    bench = Bench(scene)
    text = bench.ask("error-event@tok=3").body
    require(text.count(b'"error"') >= 1, "an error event is in the stream")
    contains(text.decode(), "The server had an error", "the stream")
    equal(tokens_in(text), 3, "whole tokens before it")
    bench.is_alive()


@case("split=1B: a stream in single bytes is the same stream", every_backend=True)
def single_bytes(scene):
    bench = Bench(scene)
    text = bench.client.send(words.chat_request(model="mock:split=1B", stream=True, max_tokens=2)).read_answer().body
    require(text.endswith(words.DONE), "the stream ends with [DONE]")
    equal(tokens_in(text), 2, "tokens")
    bench.is_alive()


@case("no-done: a stream without its end is told as broken")
def no_done(scene):
    bench = Bench(scene)
    text = bench.ask("no-done").body
    equal(json.loads(text.split(b"\n\n")[-2][6:])["error"]["code"], "upstream_disconnected", "the last event")
    bench.is_alive()


@case("the mock's own count agrees with the gateway's records")
def truth(scene):
    bench = Bench(scene)
    for fault in ("", "refuse", "http=500", "eof@tok=2"):
        bench.ask(fault)
    wire = connect(bench.mock.address)
    said = json.loads(wire.send(words.request("GET", "/mock/stats")).read_answer().body)
    wire.close()
    # A reset on a reused connection is met by one more try, which is reset too.
    equal((said["chats"], said["faults"]), (5, 4), "chats and faults")
    metrics = bench.gateway.metrics()
    equal(metrics.required("headrace_requests_total"), 4, "requests recorded")
    equal(metrics.required("headrace_attempts_total"), said["chats"], "attempts recorded")
