"""Rows 31, 34, 36 and 37: providers that break, and what the client is told."""

import json
import threading
import time

from harness import words
from harness.checks import WAIT_S, contains, equal, lacks, require, until
from harness.scene import case, free_port

BEGUN = [words.ROLE, *words.WORDS[:2]]


def error_of(text):
    """The terminal error event at the end of a stream: its text before, and the error."""
    before, mark, last = text.rpartition(b"data: ")
    require(mark and last.endswith(b"\n\n"), f"the stream ends with an event: {text[-200:]!r}")
    return before, json.loads(last)["error"]


def broken_stream(scene, breaks, status, code="upstream_disconnected", message=None, **config):
    """The stream ends with what was whole, one error event and no [DONE]; the connection serves on."""

    def script(call):
        if call.number == 1:
            return breaks(call)
        call.send(words.plain_answer())

    gateway, upstream = scene.pair(script, **config)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    answer = client.read_answer()
    before, error = error_of(answer.body)
    equal((answer.status, before), (200, b"".join(BEGUN)), "the stream before the error")
    equal((error["code"], error["status"], error["type"]), (code, status, "server_error"), "the error")
    if message:
        contains(error["message"], message, "the message")
    lacks(answer.body.decode(), "[DONE]", "the stream")
    equal(client.send(words.chat_request()).read_answer().body, words.PLAIN, "the next answer on the same connection")
    equal(len(upstream.requests), 2, "requests upstream: nothing is sent again")
    outcomes = gateway.requests_by_outcome()
    equal((outcomes.pop("ok"), list(outcomes.values())), (1, [1]), "requests recorded")
    return gateway, list(outcomes)[0]


def begin(call):
    call.send(words.stream_head(), *(words.chunk(event) for event in BEGUN))


@case("row 34: a stream cut by FIN ends with an error event", every_backend=True)
def cut_by_fin(scene):
    def breaks(call):
        begin(call)
        call.close()

    gateway, outcome = broken_stream(scene, breaks, 502)
    equal(outcome, "truncated", "the outcome")
    equal(gateway.metrics().required("headrace_attempts_total", target="up", result="upstream_disconnected"), 1, "attempts by result")


@case("row 34: a stream cut by a reset ends with an error event", every_backend=True)
def cut_by_reset(scene):
    seen = threading.Event()

    def script(call):
        if call.number == 1:
            begin(call)
            seen.wait(WAIT_S)  # a reset takes along what was not read before it
            call.reset()
        else:
            call.send(words.plain_answer())

    gateway, _ = scene.pair(script)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    client.read_head()
    equal(client.read_events(len(BEGUN)), b"".join(BEGUN), "what was sent before the reset")
    seen.set()
    before, error = error_of(client.read_rest_of_stream())
    equal((before, error["code"]), (b"", "upstream_disconnected"), "the end of the stream")
    equal(client.send(words.chat_request()).read_answer().body, words.PLAIN, "the next answer")


@case("row 34: a stream with a bad chunk ends with an error event", every_backend=True)
def bad_chunk(scene):
    def breaks(call):
        begin(call)
        call.send(b"5_0\r\nhello")
        call.wait_gone()

    broken_stream(scene, breaks, 502, message="not valid HTTP")


@case("row 34: a stream shorter than its Content-Length ends with an error event", every_backend=True)
def short_length(scene):
    def breaks(call):
        text = b"".join(BEGUN)
        call.send(words.head("HTTP/1.1 200 OK", [("content-type", "text/event-stream"), ("content-length", len(text) + 100)]), text)
        call.close()

    broken_stream(scene, breaks, 502)


@case("row 34: a stream cut inside an event loses that event only", every_backend=True)
def cut_inside_event(scene):
    def breaks(call):
        begin(call)
        call.send(words.chunk(words.WORDS[2][:-20]))
        call.close()

    broken_stream(scene, breaks, 502)


@case("row 34: a well-formed end without [DONE] or a finish is a truncation", every_backend=True)
def unfinished(scene):
    def breaks(call):
        begin(call)
        call.send(words.LAST_CHUNK)

    broken_stream(scene, breaks, 502)


@case("row 34: silence in a stream ends it at the idle timeout, and the provider's connection", every_backend=True)
def silence(scene):
    gone = []

    def breaks(call):
        begin(call)
        gone.append(call.wait_gone()[0])

    route = {"model": "*", "targets": ["up"], "idle_timeout": "300ms"}
    gateway, outcome = broken_stream(scene, breaks, 504, routes=[route])
    until(lambda: gone, "the provider's connection is closed")
    equal((gone, outcome), (["fin"], "stall"), "the provider's connection, and the outcome")


@case("row 34: a stream that never ends is ended at the total timeout")
def endless(scene):
    def script(call):
        begin(call)
        while True:  # until the gateway closes
            call.send(words.chunk(words.WORDS[0]))
            time.sleep(0.02)

    gateway, upstream = scene.pair(script, routes=[{"model": "*", "targets": ["up"], "total_timeout": "400ms"}])
    answer = scene.client(gateway).send(words.chat_request(stream=True)).read_answer()
    _, error = error_of(answer.body)
    equal((error["code"], error["status"]), ("deadline_exceeded", 504), "the error")
    upstream.wait_no_connection()


@case("row 34: a plain body that breaks before its end is an error, not half an answer", every_backend=True)
def plain_cut(scene):
    def script(call):
        call.send(words.plain_answer()[:-10])
        call.close()

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway)
    for _ in range(2):
        answer = client.send(words.chat_request()).read_answer()
        equal((answer.status, json.loads(answer.body)["error"]["code"]), (502, "upstream_disconnected"), "the answer")
        require(not answer.closes(), "the connection is kept")
    equal(len(upstream.requests), 2, "requests upstream")


@case("row 34: a large plain body that breaks after its first part ends below its length")
def large_plain_cut(scene):
    size = 600_000

    def script(call):
        call.send(words.plain_answer(b'"' + b"x" * size + b'"')[:-1000])
        call.close()

    gateway, _ = scene.pair(script)
    client = scene.client(gateway).send(words.chat_request())
    head = client.read_head()
    equal((head.status, head.field("content-length")), (200, str(size + 2)), "the head of what was committed")
    client.wait_gone()
    require(len(client.buffer) < size, "the body ends below its length")


@case("row 31: a provider that refuses connections is a 502 with its code, and the client is kept", every_backend=True)
def refused(scene):
    gateway = scene.gateway(f"http://127.0.0.1:{free_port()}/v1")
    client = scene.client(gateway)
    for streamed in (False, True):
        answer = client.send(words.chat_request(stream=streamed)).read_answer()
        said = json.loads(answer.body)["error"]
        equal((answer.status, said["code"], said["type"]), (502, "upstream_connect_failed", "server_error"), "the answer")
        equal(answer.field("x-should-retry"), "false", "what a client is told about trying again")
        require(not answer.closes(), "the connection is kept")
    equal(gateway.requests_by_outcome(), {"upstream_error": 2}, "requests recorded")


@case("row 31: a provider that ends the connection before an answer is a 502, asked once", every_backend=True)
def ended_before_answer(scene):
    ends = [lambda call: call.close(), lambda call: call.reset(),
            lambda call: (call.send(b"HTTP/1.1 200 OK\r\ncontent-le"), call.close()),
            lambda call: (call.send(words.stream_head(), words.chunk(words.ROLE)), call.close()),
            lambda call: (call.send(words.stream_answer([words.ROLE, b": ping\n\n"])), None)]

    gateway, upstream = scene.pair(lambda call: ends[call.number - 1](call))
    client = scene.client(gateway)
    for number in range(1, len(ends) + 1):
        answer = client.send(words.chat_request(stream=True)).read_answer()
        equal(answer.status, 502, f"the status of answer {number}")
        require(json.loads(answer.body)["error"]["code"].startswith("upstream_"), "the code names the provider")
        equal((len(upstream.requests), answer.field("x-headrace-attempts")), (number, "1"), "requests upstream")


@case("row 31: a name without an address is a 502")
def no_address(scene):
    gateway = scene.gateway("http://no-such-host.invalid:80/v1")
    answer = scene.ask(gateway)
    equal((answer.status, json.loads(answer.body)["error"]["code"]), (502, "upstream_resolve_failed"), "the answer")


@case("a kept connection that died is replaced without the client noticing", every_backend=True)
def stale_connection(scene):
    def script(call):
        call.send(words.plain_answer())
        if call.number % 2 == 0:
            call.wire.socket.settimeout(WAIT_S)
            call.wire._more()  # the next request comes, and is met by a reset
            call.reset()

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway)
    for number in range(4):
        answer = client.send(words.chat_request()).read_answer()
        equal((answer.status, answer.body), (200, words.PLAIN), f"answer {number}")
    gateway.wait_metric("headrace_upstream_stale_retries_total", 1)
    equal(gateway.metrics().required("headrace_retries_total", target="up"), 1, "retries, and why")
    equal(gateway.metrics().required("headrace_attempts_total", target="up", reason="retry", result="ok"), 1, "attempts again")
    equal(upstream.connections, 2, "connections upstream")
    equal(gateway.requests_by_outcome(), {"ok": 4}, "requests recorded")


@case("a provider that closes its idle connection costs nothing", every_backend=True)
def closed_idle(scene):
    def script(call):
        call.send(words.plain_answer())
        call.close()

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway)
    for number in range(3):
        equal(client.send(words.chat_request()).read_answer().status, 200, f"answer {number}")
        gateway.wait_metric("headrace_upstream_connections", 0, state="idle")
    equal(upstream.connections, 3, "connections upstream")


@case("row 36: no answer of a provider that breaks HTTP reaches a client, and its connection is not used again", every_backend=True)
def broken_answers(scene):
    good = words.plain_answer()
    answers = {
        "101": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        "nine interim answers": b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 9 + good,
        "both framings": words.head("HTTP/1.1 200 OK", [("content-type", "application/json"), ("content-length", 4),
                                                       ("transfer-encoding", "chunked")]) + words.chunk(b"{}") + words.LAST_CHUNK,
        "two lengths": words.head("HTTP/1.1 200 OK", [("content-length", 2), ("content-length", 3)]) + b"{}x",
        "a head above 64 kB": words.head("HTTP/1.1 200 OK", [("x-a", "a" * 70_000), ("content-length", 2)]) + b"{}",
        "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
        "a bare LF head": b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
        "NUL in a field": b"HTTP/1.1 200 OK\r\nx-a: \x00\r\ncontent-length: 2\r\n\r\n{}",
        "a bad length": b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\n{}",
        "a coding unknown": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n{}",
        "status 99": b"HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\n{}",
    }
    waiting = list(answers.values())

    def script(call):
        if call.number % 2 == 1:
            call.send(waiting[call.number // 2])
            call.wait_gone()
        else:
            call.send(good)

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway)
    for what in answers:
        answer = client.send(words.chat_request()).read_answer()
        equal((what, answer.status, json.loads(answer.body)["error"]["code"]), (what, 502, "upstream_protocol_error"), "the answer")
        answer = client.send(words.chat_request()).read_answer()
        equal((what, answer.body), (what, words.PLAIN), "the next client's answer")
        gateway.wait_metric("headrace_upstream_connections", 1, state="idle")
    require(upstream.connections >= len(answers), "no broken connection was used again")


@case("row 36: what stands behind a whole answer spoils the connection, not the answer", every_backend=True)
def extra_bytes(scene):
    second = words.plain_answer(b'{"stolen":true}')

    def script(call):
        call.send(words.plain_answer() + (second if call.number == 1 else b""))

    gateway, upstream = scene.pair(script)
    for number in range(2):
        equal(scene.ask(gateway).body, words.PLAIN, f"answer {number}")
    equal((len(upstream.requests), upstream.connections), (2, 2), "requests and connections upstream")


@case("row 36: what comes on an idle connection spoils it", every_backend=True)
def unasked(scene):
    stolen = words.plain_answer(b'{"stolen":true}')
    go = threading.Event()
    scene.at_end(go.set)

    def script(call):
        call.send(words.plain_answer())
        if call.number == 1:
            go.wait(WAIT_S)
            call.send(stolen)
            call.wait_gone()

    gateway, upstream = scene.pair(script)
    equal(scene.ask(gateway).body, words.PLAIN, "the first answer")
    gateway.wait_metric("headrace_upstream_connections", 1, state="idle")
    go.set()
    gateway.wait_metric("headrace_upstream_connections", 0, state="idle")
    equal(scene.ask(gateway).body, words.PLAIN, "the second answer")
    equal(upstream.connections, 2, "connections upstream")


@case("row 36: up to eight interim answers are passed over", every_backend=True)
def interim(scene):
    gateway, _ = scene.pair(lambda call: call.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 8 + words.plain_answer()))
    equal(scene.ask(gateway).body, words.PLAIN, "the answer")


@case("row 37: a redirect is neither followed nor passed on", every_backend=True)
def redirects(scene):
    elsewhere = scene.upstream()
    statuses = [301, 302, 303, 304, 307, 308]

    def script(call):
        status = statuses[(call.number - 1) % len(statuses)]
        body = b"" if status == 304 else b"moved"
        call.send(words.head(f"HTTP/1.1 {status} Moved", [("location", f"{elsewhere.base_url}/x"), ("content-length", len(body))]) + body)

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway)
    for status in statuses:
        answer = client.send(words.chat_request(stream=status % 2 == 0)).read_answer()
        equal((answer.status, json.loads(answer.body)["error"]["code"]), (502, "upstream_redirect"), "the answer")
        require("location" not in answer.names(), "no location is passed on")
        lacks(answer.body.decode(), str(elsewhere.port), "the answer")
    equal((len(upstream.requests), elsewhere.connections), (len(statuses), 0), "requests upstream and elsewhere")
    equal(gateway.requests_by_outcome(), {"upstream_error": len(statuses)}, "requests recorded")


@case("an error status that nobody can mend passes in the provider's words, with its advice", every_backend=True)
def statuses(scene):
    said = b'{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}'
    kinds = ["429 Too Many Requests", "400 Bad Request", "500 Internal Server Error", "503 Service Unavailable"]
    gateway, _ = scene.pair(lambda call: call.send(words.plain_answer(
        said, kinds[(call.number - 1) % len(kinds)], [("retry-after", "7"), ("x-should-retry", "false")])))
    client = scene.client(gateway)
    for kind in kinds:
        answer = client.send(words.chat_request(stream=True)).read_answer()
        equal((answer.status, answer.field("retry-after"), answer.field("x-should-retry")), (int(kind[:3]), "7", "false"),
              "the answer")
        equal(json.loads(answer.body)["error"]["message"], "slow down", "the provider's words")
    told = gateway.metrics()
    for error in ("rate_limited", "bad_request", "server_fault", "overloaded"):
        require(told.required("headrace_upstream_errors_total", target="up", error=error) >= 1, f"{error} is told")


@case("row 33: no useful event in time is a 504, and the provider's connection is closed", every_backend=True)
def first_token(scene):
    def script(call):
        if call.number % 2:
            call.send(words.stream_head(), words.chunk(words.ROLE))
        call.wait_gone()

    gateway, upstream = scene.pair(script, routes=[{"model": "*", "targets": ["up"], "first_token_timeout": "200ms"}])
    client = scene.client(gateway)
    for _ in range(2):
        answer = client.send(words.chat_request(stream=True)).read_answer()
        equal((answer.status, json.loads(answer.body)["error"]["code"]), (504, "first_token_timeout"), "the answer")
    upstream.wait_no_connection()
    equal(gateway.requests_by_outcome(), {"deadline": 2}, "requests recorded")
