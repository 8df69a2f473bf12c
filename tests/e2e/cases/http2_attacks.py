"""Rows 26 to 28: requests that HTTP/2 forbids, floods, and bombs; and clients that do not read. Frames by hand."""

import os
import threading
import time

from harness import h2_wire as h2
from harness import words
from harness.checks import WAIT_S, equal, require, until
from harness.h2_wire import H2Wire
from harness.scene import case

CHAT = words.chat()
MIB = 1 << 20


def memory(gateway):
    return gateway.metrics().required("process_resident_memory_bytes")


def cpu_seconds(gateway):
    fields = open(f"/proc/{gateway.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def endless(call):
    call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
    call.wait_gone()


MALFORMED = {
    "te": [("te", "chunked")],
    "a connection field": [("connection", "keep-alive")],
    "a transfer coding": [("transfer-encoding", "chunked")],
    "a line end in a value": [("x-a", "b\r\nx-evil: 1")],
    "a NUL in a value": [("x-a", b"b\0c")],
    "a pseudo field twice": [(":path", "/v1/models")],
    "a pseudo field of answers": [(":status", "200")],
    "a pseudo field behind the others": [("x-a", "b"), (":method", "GET")],
    "a name in capitals": [("X-A", "b")],
    "a name with a blank": [("x a", "b")],
    "a length above the body": [("content-length", str(len(CHAT) + 1))],
    "a length below the body": [("content-length", str(len(CHAT) - 1))],
    "two lengths": [("content-length", str(len(CHAT))), ("content-length", "1")],
}


@case("row 26: a malformed request costs its stream, reaches no provider, and the connection lives", every_backend=True)
def malformed(scene):
    gateway, upstream = scene.pair()
    client = H2Wire(scene, gateway)
    for number, (what, more) in enumerate(MALFORMED.items()):
        stream = client.send(h2.request(1 + 2 * number, CHAT, more)).answer(1 + 2 * number)
        equal((what, stream.reset, stream.body), (what, h2.PROTOCOL_ERROR, b""), "what becomes of it")
    for path, refusals in (("/v1/chat completions", (400,)), ("no-slash", (400,)), ("/" + "x" * 9000, (414,))):
        number += 1
        stream = client.send(h2.headers(1 + 2 * number, h2.head(path=path), True)).answer(1 + 2 * number)
        require(stream.reset == h2.PROTOCOL_ERROR or stream.statuses[0] in refusals, f"{path[:20]} is refused: {stream.statuses} {stream.reset}")
    equal(upstream.connections, 0, "connections upstream")
    stream = client.send(h2.request(999, CHAT)).answer(999)
    equal((stream.statuses, stream.body), ([200], words.PLAIN), "a good request on the same connection")
    equal(client.goaway, None, "GOAWAY")


def flooded(scene, flood, within, code=h2.CALM, **hello):
    """A client with a running stream floods; the connection ends within the count, and the stream's provider with it."""
    gateway, upstream = scene.pair(endless)
    bystander = scene.client(gateway).send(words.chat_request(stream=True))
    bystander.read_head()
    client = H2Wire(scene, gateway, **hello)
    client.send(h2.request(1, words.chat(stream=True)))
    client.until(lambda: client.of(1).body, "the stream begins")
    before = memory(gateway)
    sent = 0
    for piece, count in flood(client):
        client.send(piece)
        sent += count
        if client.gone:
            break
    equal(client.wait_goaway(), code, "the code of GOAWAY")
    require(sent >= within, f"{sent} were sent")
    upstream_gone = lambda: gateway.metrics().value("headrace_upstream_cancels_total") == 1
    until(upstream_gone, "the running attempt is cancelled")
    require(memory(gateway) - before < 4 * MIB, f"{memory(gateway) - before} bytes more are held")
    client.wire.close()
    gateway.wait_metric("headrace_client_http2_connections", 0)
    bystander.read_events(2)
    return gateway, upstream


@case("row 27: rapid resets end the connection within 1100 of them", every_backend=True)
def rapid_reset(scene):
    def flood(client):
        for number in range(60):
            yield b"".join(h2.headers(3 + 2 * (number * 50 + i), h2.head()) + h2.reset(3 + 2 * (number * 50 + i)) for i in range(50)), 50

    flooded(scene, flood, 1000)


@case("row 27: resets that our side is made to send end the connection within 200 of them", every_backend=True)
def made_you_reset(scene):
    def flood(client):
        for number in range(40):
            streams = [3 + 2 * (number * 20 + i) for i in range(20)]
            yield b"".join(h2.headers(stream, h2.head()) + h2.window(stream, 0x7fffffff) for stream in streams), 20
            client.until(lambda: client.goaway is not None or all(client.of(stream).reset is not None for stream in streams), "they are reset")
            if client.goaway is not None:
                require(number < 10, f"it took {20 * number} of them")
                return

    flooded(scene, flood, 120)


@case("row 27: pieces of a head without end are refused at the ninth")
def continuations(scene):
    def flood(client):
        yield h2.frame(h2.HEADERS, 0, 3, h2.block(h2.head())), 1
        for _ in range(3):
            yield h2.frame(h2.CONTINUATION, 0, 3, h2.block([("x-a", "b")])) * 5, 5

    flooded(scene, flood, 9)


@case("row 27: floods of settings, pings, acks, windows, empty frames and unknown ones are refused", every_backend=True)
def idle_frames(scene):
    for what, piece in (("settings", h2.frame(h2.SETTINGS, 0, 0)), ("pings", h2.frame(h2.PING, 0, 0, b"12345678")),
                        ("pongs", h2.frame(h2.PING, h2.ACK, 0, b"12345678")), ("windows", h2.window(1, 1)),
                        ("priorities", h2.frame(h2.PRIORITY, 0, 1, bytes(5))), ("unknown ones", h2.frame(0xfa, 0, 0, b"")),
                        ("empty data", h2.data(3, b""))):
        def flood(client, piece=piece):
            if piece == h2.data(3, b""):
                yield h2.headers(3, h2.head()), 0
            for _ in range(30):
                yield piece * 100, 100

        flooded(scene, flood, 900)


@case("row 27: 20,000 frames of an attacker that comes again and again cost little", alone=True)
def price(scene):
    gateway, _ = scene.pair(endless)
    until(lambda: gateway.get("/readyz").status == 200, "it is ready")
    begun, held = cpu_seconds(gateway), memory(gateway)
    sent = 0
    while sent < 20_000:
        client = H2Wire(scene, gateway)
        client.send(b"".join(h2.headers(1 + 2 * i, h2.head()) + h2.reset(1 + 2 * i) for i in range(1200)))
        sent += 2400
        equal(client.wait_goaway(), h2.CALM, "the code of GOAWAY")
        client.wire.close()
    spent = cpu_seconds(gateway) - begun
    require(spent < 0.6, f"{spent:.2f} s of CPU for {sent} frames")
    require(memory(gateway) - held < 8 * MIB, f"{memory(gateway) - held} bytes more are held")


@case("row 28: a head that is too large is answered 431, one that is much too large ends the connection", every_backend=True)
def header_bombs(scene):
    gateway, upstream = scene.pair()
    rows = (("fields", [(f"x-{i}", "a") for i in range(120)], 431), ("bytes", [("x-a", "b" * 15_000)] * 5, 431),
            ("cookie crumbs", [("cookie", "a=b")] * 150, 431))
    client = H2Wire(scene, gateway)
    for number, (what, more, status) in enumerate(rows):
        raw = h2.block(h2.head(more=more))
        first, rest = raw[:16_000], [raw[at:at + 16_000] for at in range(16_000, len(raw), 16_000)]
        client.send(h2.frame(h2.HEADERS, h2.END_STREAM | (0 if rest else h2.END_HEADERS), 1 + 2 * number, first))
        for at, piece in enumerate(rest):
            client.send(h2.frame(h2.CONTINUATION, h2.END_HEADERS if at + 1 == len(rest) else 0, 1 + 2 * number, piece))
        equal((what, client.answer(1 + 2 * number).statuses), (what, [status]), "the status")
    before = memory(gateway)
    # One entry of the table, then a byte for each time it is told again: 4 KB become 16 MB.
    entry = b"\x40" + h2.text("x-bomb") + h2.text("b" * 4000)
    for _ in range(4):
        bomb = H2Wire(scene, gateway)
        bomb.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, h2.block(h2.head()) + entry + b"\xbe" * 4000))
        equal(bomb.wait_goaway(), h2.CALM, "the code of GOAWAY for a bomb")
        crumbs = H2Wire(scene, gateway)
        crumbs.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, h2.block(h2.head()) + b"\x40" + h2.text("cookie") + h2.text("a") + b"\xbe" * 15_000))
        equal(crumbs.wait_goaway(), h2.CALM, "the code of GOAWAY for crumbs")
    require(memory(gateway) - before < 4 * MIB, f"{memory(gateway) - before} bytes more are held")
    equal(upstream.connections, 0, "connections upstream")
    equal(client.send(h2.request(99, CHAT)).answer(99).statuses, [200], "the first connection lives")


@case("row 29: a client that gives no window costs a bounded buffer, then its stream", every_backend=True)
def zero_window(scene):
    went = threading.Event()

    def script(call):
        if b"other" in call.request.body:
            return call.send(words.plain_answer())
        call.send(words.stream_head())
        try:
            while True:
                call.send(words.chunk(words.WORDS[0]) * 500)
        except OSError:
            went.set()

    gateway, _ = scene.pair(script, limits={"write_stall_timeout": "700ms"})
    client = H2Wire(scene, gateway, hello=h2.settings(table=0, window=0))
    before = memory(gateway)
    client.send(h2.request(1, words.chat(stream=True)))
    threading.Event().wait(0.3)
    require(memory(gateway) - before < 4 * MIB, f"{memory(gateway) - before} bytes more are held")
    client.send(h2.request(3, words.chat(model="other")) + h2.window(3, 10_000))
    equal(client.answer(3).body, words.PLAIN, "another stream meanwhile")
    equal(client.answer(1).reset, h2.CANCEL, "what becomes of the stream")
    require(went.wait(WAIT_S), "the provider's connection is closed")
    until(lambda: gateway.requests_by_outcome() == {"client_cancel": 1, "ok": 1}, "the records")


@case("row 29: a client that takes no bytes at all is cut", every_backend=True)
def full_socket(scene):
    def script(call):
        call.send(words.stream_head())
        try:
            while True:
                call.send(words.chunk(words.WORDS[0]) * 500)
        except OSError:
            pass

    gateway, _ = scene.pair(script, limits={"write_stall_timeout": "500ms"})
    client = H2Wire(scene, gateway, hello=h2.settings(table=0, window=1 << 30), receive_buffer=4096)
    client.send(h2.window(0, 1 << 30) + b"".join(h2.request(stream, words.chat(stream=True)) for stream in (1, 3, 5)))
    until(lambda: gateway.requests_by_outcome() == {"client_cancel": 3}, "the records")
    require(memory(gateway) < 200 * MIB, f"{memory(gateway)} bytes are held")


@case("row 10: a head and a body that stall have their time over HTTP/2 too", every_backend=True)
def slow(scene):
    gateway, upstream = scene.pair(limits={"head_timeout": "300ms", "body_grace": "300ms"})
    client = H2Wire(scene, gateway)
    begun = time.monotonic()
    client.send(h2.headers(1, h2.head()) + h2.data(1, b"{"))
    equal(client.answer(1).statuses, [408], "the status of a body that stalls")
    require(time.monotonic() - begun >= 0.25, "it has its time")
    client.send(h2.headers(3, h2.head())[:-5])
    equal(client.wait_goaway(), h2.CALM, "the code of GOAWAY")
    equal(upstream.connections, 0, "connections upstream")


@case("a body above the limit is answered 413, declared or not, and the connection lives", every_backend=True)
def large_body(scene):
    gateway, upstream = scene.pair(limits={"body": "100KiB"})
    client = H2Wire(scene, gateway)
    client.send(h2.headers(1, h2.head(more=[("content-length", "200000")])))
    equal(client.answer(1).statuses, [413], "the status of a declared one")
    client.send(h2.headers(3, h2.head()) + b"".join(h2.data(3, b" " * 16_000) for _ in range(7)))
    equal(client.answer(3).statuses, [413], "the status of one that is not")
    client.until(lambda: client.of(3).reset is not None, "the rest is not wanted")
    equal((client.of(1).reset, client.of(3).reset), (h2.NO_ERROR, h2.NO_ERROR), "how that is said")
    equal(client.send(h2.request(5, CHAT)).answer(5).body, words.PLAIN, "the next answer")
    equal(len(upstream.requests), 1, "requests upstream")


@case("random bytes behind the preface never do more than end their connection")
def noise(scene):
    gateway, _ = scene.pair()
    import random
    draw = random.Random(7)
    for _ in range(60):
        client = H2Wire(scene, gateway)
        client.send(draw.randbytes(draw.randrange(1, 3000)))
        try:
            client.wire.finish_sending()
        except OSError:
            pass
        client.drain()
        client.wire.close()
    equal(scene.ask(gateway).status, 200, "the status of the next")
