"""Clients that leave, and providers that go on and charge all the same: `on_disconnect: drain` reads the answer to
its end for its usage, `cancel` does not."""

import json
import threading
import time

from cases.http2 import node, seen_by
from harness import words
from harness.audit import Audit, every_record_once
from harness.checks import WAIT_S, equal, lacks, require, until
from harness.h2_wire import H2Wire, request, reset
from harness.scene import case

USAGE = (b'data: {"choices":[],"usage":{"prompt_tokens":70,"completion_tokens":65,"total_tokens":135,'
         b'"prompt_tokens_details":{"cached_tokens":30}}}\n\n')
REST = [*words.WORDS[2:], words.FINISH, USAGE, words.DONE]
TOKENS = {"input": 40, "cache_read": 30, "output": 65}


def draining(upstream, **more):
    return {"up": {"base_url": upstream.base_url, "on_disconnect": "drain", "warm_min": 0, **more}}


class Costly:
    """Begins a stream, and ends it when the case says so; notes whom the gateway left."""

    def __init__(self, scene):
        self.go_on = threading.Event()
        self.gone = []
        scene.at_end(self.go_on.set)

    def __call__(self, call):
        if b'"stream": true' not in call.request.body:
            return call.send(words.plain_answer())
        try:
            call.send(words.stream_head(), *(words.chunk(e) for e in (words.ROLE, *words.WORDS[:2])))
            self.go_on.wait(WAIT_S)
            for event in REST:
                call.send(words.chunk(event))
                time.sleep(0.01)
            call.send(words.LAST_CHUNK)
        except OSError:
            self.gone.append(call.number)
            raise


def drained_pair(scene, script, **more):
    audit = Audit(scene)
    upstream = scene.upstream(script)
    gateway = scene.gateway(upstream, providers=draining(upstream), **audit.settings(), **more)
    return audit, gateway, upstream


def reads_a_little(client):
    client.read_head()
    client.read_events(2)


def check_line(line, flags=(), no_flags=("usage_estimated",), tokens=TOKENS):
    equal((line["status"], line["outcome"], line["error"]), (499, "client_cancel", "client_closed"), "the end of a request")
    equal(line["tokens"], tokens, "its usage")
    for flag in ("client_closed", "drained", *flags):
        require(flag in line["flags"], f"{flag} in {line['flags']}")
    for flag in no_flags:
        lacks(str(line["flags"]), flag, "its flags")


WAYS = {"closing": lambda client: client.close(), "a reset": lambda client: client.reset()}


@case("drain: a stream whose client left is read to its end, its usage is the provider's, its connection used again",
      every_backend=True)
def drained_stream(scene):
    script = Costly(scene)
    audit, gateway, upstream = drained_pair(scene, script)
    for count, leave in enumerate(WAYS.values(), 1):
        script.go_on.clear()
        client = scene.client(gateway).send(words.chat_request(stream=True))
        reads_a_little(client)
        leave(client)
        gateway.wait_metric("headrace_upstream_draining", 1)
        time.sleep(0.2)
        equal(upstream.open, 1, "connections of the provider while its answer goes on")
        script.go_on.set()
        gateway.wait_metric("headrace_upstream_drained_total", count, result="whole")
        line = audit.wait(count)[-1]
        check_line(line, flags=("truncated", "committed"))
        require(0 < line["bytes_out"] <= len(b"".join([words.ROLE, *words.WORDS[:2]])), f"{line['bytes_out']} bytes for the client")
    equal(scene.ask(gateway).status, 200, "another request")
    equal(upstream.connections, 1, "connections made to the provider")
    told = gateway.metrics()
    equal(told.required("headrace_upstream_cancels_total"), 0, "attempts cancelled")
    equal(told.required("headrace_upstream_draining"), 0, "answers that are read on")
    every_record_once(audit.wait(3))


@case("drain: a plain answer nobody waits for tells its usage", every_backend=True)
def drained_plain(scene):
    answer, asked = threading.Event(), threading.Event()
    scene.at_end(answer.set)

    def script(call):
        asked.set()
        answer.wait(WAIT_S)
        call.send(words.plain_answer())

    audit, gateway, upstream = drained_pair(scene, script)
    client = scene.client(gateway).send(words.chat_request())
    require(asked.wait(WAIT_S), "the provider is asked")
    client.close()
    gateway.wait_metric("headrace_upstream_draining", 1)
    answer.set()
    line = audit.wait(1)[0]
    check_line(line, no_flags=("usage_estimated", "committed", "truncated"), tokens={"input": 3, "output": 2})
    equal(scene.ask(gateway).status, 200, "another request")
    equal(upstream.connections, 1, "connections made to the provider")


@case("cancel: the provider loses its client, and the usage is an estimate", every_backend=True)
def cancelled(scene):
    gone = []

    def script(call):
        call.send(words.stream_head(), *(words.chunk(e) for e in (words.ROLE, *words.WORDS[:2])))
        gone.append(call.wait_gone())

    audit = Audit(scene)
    gateway, _ = scene.pair(script, **audit.settings())
    client = scene.client(gateway).send(words.chat_request(stream=True))
    reads_a_little(client)
    client.close()
    until(lambda: gone, "the provider's connection ends")
    line = audit.wait(1)[0]
    equal((line["status"], line["outcome"]), (499, "client_cancel"), "the end of the request")
    require("usage_estimated" in line["flags"] and "drained" not in line["flags"], f"flags {line['flags']}")


@case("drain: a client of HTTP/2 that takes its stream back, or leaves, ends no answer", every_backend=True)
def h2_clients(scene):
    script = Costly(scene)
    audit, gateway, upstream = drained_pair(scene, script)
    body = words.chat(stream=True)
    client = H2Wire(scene, gateway).send(request(1, body) + request(3, body))
    client.until(lambda: client.of(1).body and client.of(3).body, "both streams begin")
    client.send(reset(1))
    gateway.wait_metric("headrace_upstream_draining", 1)
    client.wire.close()
    gateway.wait_metric("headrace_upstream_draining", 2)
    gateway.wait_metric("headrace_client_connections", 0)
    script.go_on.set()
    for line in audit.wait(2):
        check_line(line)
    equal((upstream.connections, script.gone), (2, []), "connections made to the provider, and given up")


@case("drain and cancel at a Node HTTP/2 server: the stream goes on to its end, or is reset", every_backend=True)
def h2_provider(scene):
    base_url = node(scene)
    audit = Audit(scene)

    def provider(policy):
        return {"base_url": base_url, "http": "h2c", "warm_min": 0, "on_disconnect": policy}

    gateway = scene.gateway(base_url, providers={"d": provider("drain"), "c": provider("cancel")},
                            routes=[{"model": "costly", "targets": ["d"]}, {"model": "endless", "targets": ["c"]},
                                    {"model": "*", "targets": ["d"]}], **audit.settings())
    for model in ("costly", "endless"):
        client = scene.client(gateway).send(words.chat_request(model=model, stream=True))
        reads_a_little(client)
        client.close()
        audit.wait(1 if model == "costly" else 2)
    drained, cancelled_line = audit.lines()
    check_line(drained, tokens={"input": 70, "output": 65})
    require("usage_estimated" in cancelled_line["flags"], "the cancelled one is an estimate")
    seen = seen_by(scene, gateway)
    equal((seen["sessions"], seen["finished"], seen["cancelled"]), (1, 1, 1), "sessions, streams finished, streams cancelled")


@case("drain: usage of a translated answer is known all the same")
def translated(scene):
    go_on = threading.Event()
    scene.at_end(go_on.set)

    def event(kind, **more):
        return words.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode())

    def script(call):
        call.send(words.stream_head(),
                  event("message_start", message={"id": "m", "type": "message", "role": "assistant", "model": "x", "content": [],
                                                  "usage": {"input_tokens": 70, "output_tokens": 1}}),
                  event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
                  event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"}))
        go_on.wait(WAIT_S)
        call.send(event("content_block_stop", index=0),
                  event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 65}),
                  event("message_stop"), words.LAST_CHUNK)

    audit = Audit(scene)
    upstream = scene.upstream(script)
    gateway = scene.gateway(upstream, providers=draining(upstream, dialect="anthropic"), **audit.settings())
    client = scene.client(gateway).send(words.chat_request(stream=True))
    client.read_head()
    client.close()
    gateway.wait_metric("headrace_upstream_draining", 1)
    go_on.set()
    check_line(audit.wait(1)[0], tokens={"input": 70, "output": 65})


@case("drain: a provider that falls silent is cut by the idle timeout, and is no failure of its own", every_backend=True)
def silent(scene):
    gone = []

    def script(call):
        if b'"stream": true' not in call.request.body:
            return call.send(words.plain_answer())
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        gone.append(call.wait_gone())

    routes = [{"model": "*", "targets": ["up"], "idle_timeout": "500ms"}]
    audit, gateway, upstream = drained_pair(scene, script, routes=routes)
    for _ in range(6):  # more than would open a breaker
        client = scene.client(gateway).send(words.chat_request(stream=True))
        reads_a_little(client)
        client.close()
    until(lambda: len(gone) == 6, "the provider's connections are closed")
    for line in audit.wait(6):
        check_line(line, flags=("usage_estimated",), no_flags=(), tokens=line["tokens"])
    told = gateway.metrics()
    equal(told.required("headrace_upstream_drained_total", result="cut"), 6, "answers that were cut")
    equal(scene.ask(gateway).status, 200, "the next request")
    equal(len(upstream.requests), 7, "requests upstream: no retry")


@case("drain: SIGTERM waits for answers without clients no longer than for others")
def terminated(scene):
    audit, gateway, upstream = drained_pair(scene, Costly(scene), drain_timeout="700ms")
    client = scene.client(gateway).send(words.chat_request(stream=True))
    reads_a_little(client)
    client.close()
    gateway.wait_metric("headrace_upstream_draining", 1)
    begun = time.monotonic()
    gateway.terminate()
    equal(gateway.exit_code(), 0, "the exit code")
    took = time.monotonic() - begun
    require(0.5 < took < 5, f"it took {took:.2f} s to end")
    check_line(audit.wait(1)[0], flags=("usage_estimated",), no_flags=(), tokens=audit.lines()[0]["tokens"])


@case("drain: of more answers than the bound the rest is cancelled")
def bounded(scene):
    bound = 256
    script = Costly(scene)
    audit, gateway, upstream = drained_pair(scene, script)
    clients = [scene.client(gateway).send(words.chat_request(stream=True)) for _ in range(bound + 5)]
    for client in clients:
        reads_a_little(client)
    for client in clients:
        client.close()
    gateway.wait_metric("headrace_upstream_drained_total", 5, result="refused")
    told = gateway.metrics()
    equal((told.required("headrace_upstream_draining"), told.required("headrace_upstream_cancels_total")), (bound, 5),
          "answers that are read on, and cancelled")
    script.go_on.set()
    gateway.wait_metric("headrace_upstream_drained_total", bound, result="whole")
    lines = audit.wait(bound + 5)
    equal(sum("drained" in line["flags"] for line in lines), bound, "lines of answers that were read on")
    equal(sum("usage_estimated" in line["flags"] for line in lines), 5, "lines with an estimate")


@case("check: a misspelt policy is told with a better word")
def misspelt(scene):
    upstream = scene.upstream()
    file = scene.folder / "bad.json"
    file.write_text(json.dumps({"providers": draining(upstream, on_disconnect="drian"), "routes": [{"model": "*", "targets": ["up"]}]}))
    code, _, errors = scene.headrace("check", "--config", file)
    require(code != 0 and 'did you mean "drain"?' in errors, f"exit code {code}: {errors}")
