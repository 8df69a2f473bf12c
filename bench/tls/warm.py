"""What warm connections promise: after idleness, and through many cancels, no request waits for a handshake. The mock is
the provider; the metrics of the gateway say who waited."""

import gc
import re
import selectors
import socket
import subprocess
import time
from contextlib import ExitStack

from clients import body_of, request_h1
from provider import SecuredMock
from runner import Figures
from secured import SecuredHeadrace
from servers import Failed, find_built

IDLE_S = 60
IDLE_QUICK_S = 5
REQUESTS = 5  # after the idle time, one behind the other
CANCELS = 10000
CANCELS_QUICK = 1000
CANCELS_PER_DIAL = 150
CANCEL_P99_MAX_MS = 2
AT_ONCE = 24
LATEST_CANCEL_S = 0.1
WAIT_S = 20
SIMULATED = "ten idle minutes later a request still finds a connection*"
ID = re.compile(rb'"id":"([^"]+)"')
NUMBERS = ("upstream_waits", "upstream_connects", "upstream_tls_handshakes", "upstream_cancels")


def ask(server):
    """A plain answer over the plain place to listen."""
    with socket.create_connection(("127.0.0.1", server.plain_port), timeout=WAIT_S) as client:
        client.sendall(request_h1(body_of()))
        seen = client.recv(65536)
    if not seen.startswith(b"HTTP/1.1 200 "):
        raise Failed(f"{server.name} answered {seen[:300]!r}")


def wait_ready(server):
    deadline = time.monotonic() + WAIT_S
    while server.upstream_connections()["idle"] == 0 or server.upstream_connections()["connecting"] != 0:
        if time.monotonic() > deadline:
            raise Failed(f"{server.name} has no connection that is ready: {server.upstream_connections()}")
        time.sleep(0.02)


def grown(before, after):
    return {name: after[name] - before[name] for name in before}


# -- idleness

def simulate(bench):
    """Ten minutes on the clock of a simulated world: a test that fails where a request would wait."""
    done = subprocess.run([find_built(bench.build, "unit_upstream"), f"--test-case={SIMULATED}"], capture_output=True,
                          text=True, timeout=120)
    passed = re.search(r"test cases: *(\d+) \| *(\d+) passed \| *(\d+) failed", done.stdout)
    if not passed or passed.group(1) == "0":
        raise Failed(f"unit_upstream has no test `{SIMULATED}`")
    return int(passed.group(3))


def idle(bench):
    """Requests that waited after a minute without any, over both versions of HTTP beside each other."""
    waited = {}
    with ExitStack() as stack:
        servers = {}
        for kind in ("h1", "h2"):
            mock = stack.enter_context(SecuredMock(bench, h2=kind == "h2"))
            servers[kind] = stack.enter_context(SecuredHeadrace(bench, "auto", provider=mock))
        for server in servers.values():
            wait_ready(server)
            ask(server)
        time.sleep(IDLE_QUICK_S if bench.quick else IDLE_S)
        for kind, server in servers.items():
            before = server.numbers(*NUMBERS)
            for _ in range(REQUESTS):
                ask(server)
            waited[kind] = server.numbers(*NUMBERS)["upstream_waits"] - before["upstream_waits"]
            server.check_measured()
    return waited


# -- cancels

class Turn:
    """A stream of which its client grows tired."""

    def __init__(self, server, request, patience_s):
        self.socket = socket.create_connection(("127.0.0.1", server.plain_port), timeout=WAIT_S)
        self.socket.sendall(request)
        self.socket.setblocking(False)
        self.due = time.monotonic() + patience_s
        self.id = None

    def read(self):
        data = self.socket.recv(65536)
        if not data:
            raise Failed("a stream ended by itself")
        if self.id is None and (found := ID.search(data)):
            self.id = found.group(1).decode()

    def leave(self):
        """When it left."""
        left = time.monotonic_ns()
        self.socket.close()
        return left


class Cancels:
    """So many turns, each left at a time of its own, before its answer began or after."""

    def __init__(self, bench, server, mock):
        self.bench, self.server, self.mock = bench, server, mock
        self.request = request_h1(body_of(stream=True))
        self.selector = selectors.DefaultSelector()
        self.turns = set()
        self.left = {}  # by the id of the answer
        self.seen = {}

    def run(self, count):
        begun = 0
        next_look = time.monotonic()
        while begun < count or self.turns:
            if begun < count and len(self.turns) < AT_ONCE:
                self.begin()
                begun += 1
            # Nothing to begin: the next to leave is worth waiting for.
            full = begun == count or len(self.turns) == AT_ONCE
            wait = max(0, min(turn.due for turn in self.turns) - time.monotonic()) if full else 0
            for key, _ in self.selector.select(wait):
                key.data.read()
            self.end_due()
            if time.monotonic() > next_look:
                self.look()
                next_look = time.monotonic() + 0.05
        self.settle(count)

    def begin(self):
        turn = Turn(self.server, self.request, self.bench.random.uniform(0.001, LATEST_CANCEL_S))
        self.selector.register(turn.socket, selectors.EVENT_READ, turn)
        self.turns.add(turn)

    def end_due(self):
        now = time.monotonic()
        for turn in [turn for turn in self.turns if turn.due <= now]:
            self.selector.unregister(turn.socket)
            left = turn.leave()
            if turn.id is not None:
                self.left[turn.id] = left
            self.turns.remove(turn)

    def look(self):
        """The mock keeps the last few."""
        stats = self.mock.stats()
        self.seen |= {cancel["id"]: cancel["seen_at_ns"] for cancel in stats["last_cancels"]}
        return stats["cancels"]

    def settle(self, count):
        """Some leave before their request went out; the gateway knows of all that it gave up."""
        deadline = time.monotonic() + WAIT_S
        while self.server.metric("headrace_inflight") or set(self.left) - set(self.seen):
            if time.monotonic() > deadline:
                missing = len(set(self.left) - set(self.seen))
                raise Failed(f"{missing} of {len(self.left)} cancels never reached the provider")
            time.sleep(0.02)
            self.look()

    def delays_ms(self):
        return sorted((self.seen[each] - left) / 1e6 for each, left in self.left.items())


def failed_attempts(server):
    """Attempts that a breaker counts: those that ended neither well nor with their client."""
    results = re.findall(r'^headrace_attempts_total{.*result="([^"]+)"} (\d+)', server.metrics(), re.M)
    return {result: int(count) for result, count in results if int(count) and not is_innocent(result)}


def is_innocent(result):
    return result in ("ok", "client_gone", "client_closed", "cancelled")


def cancel_many(bench):
    count = CANCELS_QUICK if bench.quick else CANCELS
    with SecuredMock(bench, ttft="const:5ms", itl="const:5ms", tokens=10000) as mock, \
            SecuredHeadrace(bench, "auto", provider=mock) as server:
        wait_ready(server)
        before = server.numbers(*NUMBERS)
        cancels = Cancels(bench, server, mock)
        gc.disable()
        try:
            cancels.run(count)
        finally:
            gc.enable()
            for turn in cancels.turns:
                turn.socket.close()
        outcome = grown(before, server.numbers(*NUMBERS))
        time.sleep(0.3)  # the exporter reads what is in the rings
        outcome["failed"] = failed_attempts(server)
        server.check_measured()
    delays = cancels.delays_ms()
    return outcome | {"turns": count, "timed": len(delays), "p50_ms": delays[len(delays) // 2],
                      "p99_ms": delays[int(len(delays) * 0.99)], "max_ms": delays[-1]}


def handshakes_waited_for(bench):
    simulated, waited, cancelled = bench.once(simulate), bench.once(idle), bench.once(cancel_many)
    faults = []
    if simulated:
        faults.append("ten simulated minutes: somebody waited")
    if cancelled["timed"] < cancelled["turns"] / 2:
        faults.append(f"only {cancelled['timed']} of {cancelled['turns']} cancels could be timed")
    if cancelled["upstream_connects"] > cancelled["turns"] / CANCELS_PER_DIAL + 1:
        faults.append(f"{cancelled['upstream_connects']} dials for {cancelled['turns']} cancels")
    if cancelled["p99_ms"] > CANCEL_P99_MAX_MS:
        faults.append(f"the provider saw a cancel after {cancelled['p99_ms']:.2f} ms (p99)")
    if cancelled["failed"]:
        faults.append(f"attempts that a breaker counts: {cancelled['failed']}")
    total = simulated + sum(waited.values()) + cancelled["upstream_waits"]
    return Figures([total], {"simulated": simulated, "idle": waited, "cancels": cancelled}, "; ".join(faults))
