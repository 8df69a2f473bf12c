"""Many streams in one dialect or translated, drained by a client that does little else: what the gateway spends on an
event, and whether it allocates. The mock paces them; streams begin spread over its gap, so that events come one by
one. Client and mock share the CPU that the gateway does not have."""

import json
import selectors
import signal
import socket
import time
from pathlib import Path

from everything import CLIENT_KEY, Everything, Mock
from measure import EXPORTER_SETTLES_S, worst
from runner import Figures, OnProbeCpu
from servers import Failed

STREAMS = 50
GAP_MS = 10  # of a stream: 5,000 events a second in all
TOKENS = 20000  # of a stream: more than anybody waits for
WARM_EVENTS = 10  # of each stream, before anything is measured
OPEN_LIMIT_S = 30
END_LIMIT_S = 10
SURGES = 3
SURGE_S = 0.2

# What is asked, and the mark of an event that has come as it must: client's dialect, provider's.
CALLS = {
    "openai": ("/v1/chat/completions", b'"object":"chat.completion.chunk"'),
    "anthropic": ("/v1/messages", b"event: content_block_delta"),
}
ROUTES = {"openai": "to-openai", "anthropic": "to-anthropic"}
TRANSLATIONS = [("openai", "anthropic"), ("anthropic", "openai")]


def request_of(client, provider):
    path, _ = CALLS[client]
    body = json.dumps({"model": ROUTES[provider], "stream": True, "max_tokens": 60000,
                       "messages": [{"role": "user", "content": "How long did the water take?"}]}).encode()
    version = "anthropic-version: 2023-06-01\r\n" if client == "anthropic" else ""
    head = (f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{version}"
            f"authorization: Bearer {CLIENT_KEY}\r\ncontent-length: {len(body)}\r\n\r\n")
    return head.encode() + body


class Stream:
    def __init__(self, port, request):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=OPEN_LIMIT_S)
        self.socket.sendall(request)
        self.socket.setblocking(False)
        self.start = b""  # the first bytes, to see that it is what was asked for
        self.events = 0
        self.last = b""

    def drain(self):
        data = self.socket.recv(65536)
        if not data:
            raise Failed(f"a stream ended; it began with {self.start[:300]!r}")
        if len(self.start) < 4096:
            self.start += data
        self.events += data.count(b"\n\n") + (self.last == b"\n" and data[:1] == b"\n")
        self.last = data[-1:]

    def check(self, mark):
        if not self.start.startswith(b"HTTP/1.1 200 ") or mark not in self.start:
            raise Failed(f"a stream began with {self.start[:600]!r}")


class Streams:
    """So many streams of one kind; use as a context."""

    def __init__(self, port, client, provider):
        self.port = port
        self.request = request_of(client, provider)
        self.mark = CALLS[client][1]
        self.selector = selectors.DefaultSelector()
        self.streams = []

    def __enter__(self):
        try:
            for _ in range(STREAMS):
                stream = Stream(self.port, self.request)
                self.streams.append(stream)
                self.selector.register(stream.socket, selectors.EVENT_READ, stream)
                self.drain(GAP_MS / 1e3 / STREAMS)
            deadline = time.monotonic() + OPEN_LIMIT_S
            while any(stream.events < WARM_EVENTS for stream in self.streams):
                self.drain(0.05)
                if time.monotonic() > deadline:
                    raise Failed("the streams do not come: " + repr(self.streams[0].start[:300]))
            for stream in self.streams:
                stream.check(self.mark)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.selector.close()
        for stream in self.streams:
            stream.socket.close()

    def drain(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                key.data.drain()

    def events(self):
        return sum(stream.events for stream in self.streams)


def cpu_ns(server):
    """Of all its threads so far."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in Path(f"/proc/{server.process.pid}/task").iterdir())


def surge(streams, server):
    """Several events a stream at once, as after a pause of the host: what a gateway keeps for its worst moments
    (buffers, queues) is grown here and not while it is measured."""
    server.process.send_signal(signal.SIGSTOP)
    streams.drain(SURGE_S)
    server.process.send_signal(signal.SIGCONT)
    streams.drain(SURGE_S)


def wait_empty(server):
    deadline = time.monotonic() + END_LIMIT_S
    while server.metric("headrace_inflight"):
        if time.monotonic() > deadline:
            raise Failed(f"{server.name} still holds streams that are gone")
        time.sleep(0.02)


def spend(server, client, provider, seconds):
    """Nanoseconds of the gateway's CPU an event."""
    with Streams(server.port, client, provider) as streams:
        events, cpu = streams.events(), cpu_ns(server)
        streams.drain(seconds)
        cpu, events = cpu_ns(server) - cpu, streams.events() - events
    if events < STREAMS:
        raise Failed(f"{events} events of {STREAMS} streams in {seconds} s")
    wait_empty(server)
    return cpu / events


def event_costs(bench):
    """{(client, provider): [nanoseconds an event, one a round]} of all four kinds of stream."""
    seconds = 0.5 if bench.quick else 1.5
    kinds = [(client, provider) for client in CALLS for provider in ROUTES]
    costs = {kind: [] for kind in kinds}
    with OnProbeCpu(bench), Mock(bench, GAP_MS, TOKENS) as mock:
        for _ in range(bench.rounds):
            with Everything(bench, "off", mock_port=mock.port) as server:
                with Streams(server.port, *kinds[0]) as streams:  # what is done once is done
                    streams.drain(seconds / 5)
                bench.random.shuffle(kinds)
                for kind in kinds:
                    costs[kind].append(spend(server, *kind, seconds))
                server.check_measured()
    return costs


def extra_cpu(bench):
    """Microseconds that a translated event costs above one of the same client in its own dialect."""
    costs = bench.once(event_costs)
    both = []
    for client, provider in TRANSLATIONS:
        translated, own = costs[client, provider], costs[client, client]
        both.append(Figures([(above - below) / 1e3 for above, below in zip(translated, own)],
                            {f"{client}_to_{provider}_ns": translated, f"{client}_own_ns": own}))
    return worst(*both)


def count_translated(bench, client, provider):
    """While streams run, after streams of the kind have come and gone."""
    seconds = 1 if bench.quick else 3
    with OnProbeCpu(bench), Mock(bench, GAP_MS, TOKENS) as mock, \
            Everything(bench, "off", counted=True, mock_port=mock.port) as server:
        with Streams(server.port, client, provider) as streams:
            streams.drain(0.2)
        with Streams(server.port, client, provider) as streams:
            for server_that_rests in [mock, server] * SURGES:
                surge(streams, server_that_rests)
            streams.drain(EXPORTER_SETTLES_S)
            events, allocations = streams.events(), server.allocations()
            streams.drain(seconds)
            events, allocations = streams.events() - events, server.allocations() - allocations
        server.check_measured()
    if events < STREAMS:
        raise Failed(f"{events} events of {STREAMS} streams in {seconds} s")
    return {"allocations": allocations, "n": events}


def translated_allocations(bench):
    """Either way; the row is the worse."""
    counts = {pair: bench.once(count_translated, *pair) for pair in TRANSLATIONS}
    return Figures([max(count["allocations"] / count["n"] for count in counts.values())],
                   {f"{client}_to_{provider}": count for (client, provider), count in counts.items()})
