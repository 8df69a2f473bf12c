"""Rows 29 and 30: clients that vanish or do not read. The provider's connection is closed, and others do not notice."""

import threading
import time

from harness import words
from harness.checks import WAIT_S, equal, require, until
from harness.scene import case

SOON_S = 5.0  # for what takes milliseconds: generous to a busy machine, far below every timeout


def leaves(scene, phase, how, **config):
    """A client leaves in a phase of its request; returns what the provider saw."""
    seen = []
    reached = threading.Event()

    def script(call):
        phase(call)
        reached.set()
        seen.append(call.wait_gone())

    gateway, upstream = scene.pair(script, **config)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    require(reached.wait(WAIT_S), "the provider gets that far")
    if phase is streaming or phase is between_events:
        client.read_head()
        client.read_events(2)
    how(client)
    until(lambda: seen, "the provider sees its connection close", SOON_S)
    require(seen[0][1] < SOON_S, f"the provider's connection closed after {seen[0][1]:.2f} s")
    until(lambda: gateway.requests_by_outcome() == {"client_cancel": 1}, "the request is recorded as left by its client")
    gateway.wait_metric("headrace_upstream_cancels_total", 1)
    told = gateway.metrics()
    require(told.required("headrace_cancel_propagation_seconds_count") == 1, "the time to cancel is measured")
    far = "answer" if phase is streaming or phase is between_events else "upstream"
    require(told.required("headrace_cancelled_total", phase=far, cause="client_closed") == 1, "how far it had got is told")
    equal(len(upstream.requests), 1, "requests upstream: no retry")


def before_the_head(call):
    pass


def behind_the_head(call):
    call.send(words.stream_head())


def behind_the_role(call):
    call.send(words.stream_head(), words.chunk(words.ROLE))


def streaming(call):
    call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]), words.chunk(words.WORDS[1]))


def between_events(call):
    streaming(call)
    call.send(b"f0\r\n" + words.WORDS[2][:30])


PHASES = (before_the_head, behind_the_head, behind_the_role, streaming, between_events)
WAYS = {"closing": lambda client: client.close(), "a reset": lambda client: client.reset(),
        "ending its sending side": lambda client: client.finish_sending()}

for _phase in PHASES:
    for _way, _how in WAYS.items():
        @case(f"row 30: a client that leaves by {_way} {_phase.__name__.replace('_', ' ')} cancels its attempt",
              every_backend=_phase in (before_the_head, streaming))
        def _leaving(scene, phase=_phase, how=_how):
            leaves(scene, phase, how)


@case("row 30: a client that leaves before its request is whole costs nothing upstream", every_backend=True)
def incomplete(scene):
    gateway, upstream = scene.pair()
    whole = words.chat_request()
    for at in (1, 30, len(whole) - 5):
        for how in WAYS.values():
            how(scene.client(gateway).send(whole[:at]))
    gateway.wait_metric("headrace_client_connections", 0)
    equal((upstream.connections, len(upstream.requests)), (0, 0), "connections and requests upstream")
    equal(scene.ask(gateway).status, 200, "a good request afterwards")


@case("row 30: a client that leaves while a connection is being made leaves nothing behind")
def while_connecting(scene):
    import socket
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    scene.at_end(full.close)
    fillers = []
    for _ in range(4):  # the queue of connections to accept is full: the next connect hangs
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
        scene.at_end(filler.close)
    gateway = scene.gateway(f"http://127.0.0.1:{full.getsockname()[1]}/v1",
                            routes=[{"model": "*", "targets": ["up"], "connect_timeout": "1m"}])
    client = scene.client(gateway).send(words.chat_request(stream=True))
    gateway.wait_metric("headrace_upstream_connections", 1, state="connecting")
    client.close()
    gateway.wait_metric("headrace_upstream_connections", 0, state="connecting")
    gateway.wait_metric("headrace_inflight", 0)


@case("a half-closed client is answered where the listener says so", every_backend=True)
def half_close_ignored(scene):
    gate = threading.Event()
    scene.at_end(gate.set)

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        gate.wait(WAIT_S)
        call.send(*(words.chunk(e) for e in words.STREAM[2:]), words.LAST_CHUNK)

    gateway, upstream = scene.pair(script, listen=[{"address": "127.0.0.1:0", "half_close": "ignore"}])
    client = scene.client(gateway).send(words.chat_request(stream=True))
    upstream.wait_requests(1)
    client.finish_sending()
    client.read_head()
    client.read_events(2)
    gate.set()
    equal(client.read_rest_of_stream(), b"".join(words.STREAM[2:]), "the rest of the stream")
    client.expect_closed()


@case("row 30: of many streams only those whose clients left are cancelled", every_backend=True)
def some_leave(scene):
    gate = threading.Event()
    scene.at_end(gate.set)
    gone = []

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        if b"leaver" in call.request.body:
            gone.append(call.wait_gone())
            return
        gate.wait(WAIT_S)
        call.send(*(words.chunk(e) for e in words.STREAM[2:]), words.LAST_CHUNK)

    gateway, _ = scene.pair(script, workers=2)
    stayers = [scene.client(gateway).send(words.chat_request(stream=True)) for _ in range(10)]
    leavers = [scene.client(gateway).send(words.chat_request(stream=True, user="leaver")) for _ in range(10)]
    for client in stayers + leavers:
        client.read_head()
    for client in leavers:
        client.close()
    until(lambda: len(gone) == 10, "ten connections upstream are closed", SOON_S)
    gate.set()
    for client in stayers:
        client.read_events(2)
        equal(client.read_rest_of_stream(), b"".join(words.STREAM[2:]), "the rest of a stream that stayed")
    equal(gateway.requests_by_outcome(), {"ok": 10, "client_cancel": 10}, "requests recorded")


def flood(call, sent):
    """Events without end, counted; stops when the gateway does not take them or has gone."""
    event = words.event({"content": "x" * 1000})
    call.send(words.stream_head(), words.chunk(words.ROLE))
    while True:
        call.send(words.chunk(event))
        sent[0] += len(event)


@case("row 29: a client that does not read holds its provider back, and is cut without progress", every_backend=True)
def never_reads(scene):
    sent, stopped = [0], []

    def script(call):
        if call.number > 1:
            return call.send(words.plain_answer())
        try:
            flood(call, sent)
        except OSError:
            stopped.append(time.monotonic())

    gateway, _ = scene.pair(script, limits={"write_stall_timeout": "1500ms"})
    client = scene.client(gateway, receive_buffer=4096).send(words.chat_request(stream=True))

    def steady():
        before = sent[0]
        time.sleep(0.3)
        return sent[0] == before and before > 0

    until(steady, "the provider is held back")
    require(sent[0] < 40_000_000, f"{sent[0]} bytes were taken from the provider")
    equal(scene.ask(gateway).status, 200, "another client meanwhile")
    until(lambda: stopped, "the provider's connection is closed")
    equal(gateway.requests_by_outcome(), {"ok": 1, "client_cancel": 1}, "requests recorded")
    client.wait_gone()


@case("row 29: memory held for a client that does not read is bounded")
def bounded_memory(scene):
    sent = [0]

    def script(call):
        try:
            flood(call, sent)
        except OSError:
            pass

    gateway, _ = scene.pair(script)
    before = gateway.metrics().required("process_resident_memory_bytes")
    clients = [scene.client(gateway, receive_buffer=4096).send(words.chat_request(stream=True)) for _ in range(20)]
    for client in clients:
        client.read_head()

    def steady():
        count = sent[0]
        time.sleep(0.3)
        return sent[0] == count

    until(steady, "the providers are held back")
    growth = gateway.metrics().required("process_resident_memory_bytes") - before
    require(growth < 20 * 1024 * 1024, f"20 clients that do not read cost {growth / 1024:.0f} KiB")
    for client in clients:
        client.close()


@case("a slow reader gets every byte in the end", every_backend=True)
def slow_reader(scene):
    events = [words.ROLE, *(words.event({"content": f"{i} " + "y" * 900}) for i in range(1500)), words.FINISH, words.DONE]
    gateway, _ = scene.pair(lambda call: call.send(words.stream_answer(events)))
    client = scene.client(gateway, receive_buffer=4096).send(words.chat_request(stream=True))
    client.read_head()
    text = b""
    while data := client.read_chunk():
        if len(text) % 200_000 < len(data):
            time.sleep(0.02)
        text += data
    equal(text, b"".join(events), "the stream")
