"""What taking a pooled connection costs when one of twenty is dead and nobody said so, and how many connections a
thousand streams take."""

import re
import select
import selectors
import socket
import threading
import time

from clients import body_of, request_h1
from measure import EXPORTER_SETTLES_S
from provider import SecuredMock
from runner import Figures, OnProbeCpu
from secured import SecuredHeadrace
from servers import Failed

POOLED = 20
WAVES = 100
WAVES_QUICK = 20
APART_S = 0.001
STREAMS = 1000
WAIT_S = 20
TCP_REPAIR = 19  # linux/tcp.h


class Relay:
    """Copies bytes between the gateway and the mock, and can let one connection die without a word."""

    def __init__(self, mock):
        self.name = "relay"
        self.mock = mock
        self.authority = mock.authority
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        self.ended = False
        threading.Thread(target=self.run, daemon=True).start()

    def close(self):
        self.ended = True

    def run(self):
        poll = select.epoll()
        poll.register(self.listener, select.EPOLLIN)
        others = {}
        while not self.ended:
            for fd, _ in poll.poll(0.1):
                if fd == self.listener.fileno():
                    client, _ = self.listener.accept()
                    provider = socket.create_connection(("127.0.0.1", self.mock.port))
                    for one, other in ((client, provider), (provider, client)):
                        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        others[one.fileno()] = (one, other)
                        poll.register(one, select.EPOLLIN)
                    self.pairs.append((client, provider))
                elif fd in others:
                    self.copy(poll, others, *others[fd])
        self.listener.close()
        for pair in self.pairs:
            for each in pair:
                each.close()

    @staticmethod
    def copy(poll, others, source, target):
        try:
            data = source.recv(65536)
            if data:
                target.sendall(data)
        except OSError:
            data = b""
        if data:
            return
        for each in (source, target):
            if others.pop(each.fileno(), None):
                poll.unregister(each)
                each.close()

    def kill_one(self):
        """The gateway's peer forgets the connection: no FIN, no RST, until somebody sends to it."""
        client, _ = self.pairs[len(self.pairs) // 2]
        try:
            client.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        except OSError as error:
            raise Failed(f"a connection cannot die without a word here: TCP_REPAIR: {error}") from error
        client.close()  # which ends its place in the epoll set too


def ask_wave(server, clients, request):
    """Requests that run beside each other, so that each takes a connection of its own, and come one by one, so that
    none waits for another's part of a turn."""
    for client in clients:
        client.sendall(request)
        time.sleep(APART_S)
    for client in clients:
        seen = b""
        while b"\r\n\r\n" not in seen:
            data = client.recv(65536)
            if not data:
                raise Failed(f"{server.name} ended a connection")
            seen += data
        head, _, body = seen.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Failed(f"{server.name} answered {seen[:300]!r}")
        left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(body)
        while left > 0:
            left -= len(client.recv(65536))


def percentile_bound_us(server, family, share):
    """The upper bound of the bucket in which that share of a histogram's samples ends, whatever the labels."""
    buckets = {}
    for bound, count in re.findall(rf'^{family}_bucket{{(?:.*,)?le="([^"]+)"}} (\d+)', server.metrics(), re.M):
        buckets[float(bound)] = buckets.get(float(bound), 0) + int(count)
    total = buckets.get(float("inf"), 0)
    if not total:
        raise Failed(f"{server.name}: {family} has no samples")
    return min(bound for bound, count in buckets.items() if count >= share * total) * 1e6, total


def acquire(bench):
    waves = WAVES_QUICK if bench.quick else WAVES
    with OnProbeCpu(bench), SecuredMock(bench, h2=False, ttft="const:50ms") as mock:
        relay = Relay(mock)
        try:
            with SecuredHeadrace(bench, "off", warm_min=POOLED, provider=relay) as server:
                return take_turns(server, relay, waves)
        finally:
            relay.close()


def take_turns(server, relay, waves):
    deadline = time.monotonic() + WAIT_S
    while server.upstream_connections()["idle"] != POOLED or server.upstream_connections()["connecting"]:
        if time.monotonic() > deadline:
            raise Failed(f"not {POOLED} connections but {server.upstream_connections()}")
        time.sleep(0.05)
    time.sleep(0.2)
    relay.kill_one()
    request = request_h1(body_of())
    clients = [socket.create_connection(("127.0.0.1", server.plain_port), timeout=WAIT_S) for _ in range(POOLED)]
    try:
        for _ in range(waves):
            ask_wave(server, clients, request)
    finally:
        for client in clients:
            client.close()
    time.sleep(EXPORTER_SETTLES_S)
    p99, count = percentile_bound_us(server, "headrace_upstream_acquire_seconds", 0.99)
    overhead, _ = percentile_bound_us(server, "headrace_overhead_seconds", 0.99)
    detail = {"attempts": count, "overhead_p99_us_at_most": overhead}
    detail |= server.numbers("upstream_stale_retries", "upstream_waits", "upstream_connects")
    server.check_measured()
    fault = "" if detail["upstream_stale_retries"] else "nobody met the dead connection"
    return p99, detail, fault


def acquire_p99(bench):
    value, detail, fault = bench.once(acquire)
    return Figures([value], detail, fault)


# -- many streams

def hold_streams(bench):
    """Connections to the provider while so many streams run, as the provider counts them."""
    request = request_h1(body_of(stream=True))
    selector = selectors.DefaultSelector()
    clients = []
    with SecuredMock(bench, ttft="const:1ms", itl="const:5s", tokens=1000) as mock, \
            SecuredHeadrace(bench, "auto", warm_min=0, provider=mock) as server:
        try:
            for _ in range(STREAMS):
                client = socket.create_connection(("127.0.0.1", server.plain_port), timeout=WAIT_S)
                client.sendall(request)
                selector.register(client, selectors.EVENT_READ)
                clients.append(client)
            begun = set()
            deadline = time.monotonic() + WAIT_S
            while len(begun) < STREAMS:
                if time.monotonic() > deadline:
                    raise Failed(f"{len(begun)} of {STREAMS} streams began")
                for key, _ in selector.select(0.1):
                    if not key.fileobj.recv(65536).startswith(b"HTTP/1.1 200 ") and key.fileobj not in begun:
                        raise Failed("a stream did not begin with 200")
                    begun.add(key.fileobj)
            stats = mock.stats()
            detail = {"gateway": server.upstream_connections(), "requests": stats["chats"]}
            server.check_measured()
        finally:
            selector.close()
            for client in clients:
                client.close()
    return stats["connections_open"] - 1, detail  # less the one that asked


def connections(bench):
    value, detail = bench.once(hold_streams)
    return Figures([value], detail)
