"""What an idle connection keeps, and what a request over HTTP/2 allocates: the gateway with its allocations counted,
the mock as its provider, TLS on both sides."""

import time

import h2load
from clients import H1Client, H2Client, terms_for
from measure import EXPORTER_SETTLES_S
from provider import SecuredMock
from runner import Figures
from secured import SecuredHeadrace
from servers import Failed

KIB = 1024
SPARES = 60  # of the 64 that a provider may have
SPARES_FEW = 4
WAIT_S = 20
CLIENTS = {"h1": H1Client, "h2": H2Client}


def gateway(bench, mock, **options):
    return SecuredHeadrace(bench, "off", counted=True, provider=mock, **options)


def wait_idle(server, connections):
    """Until so many connections to the provider are ready, and none is being made."""
    deadline = time.monotonic() + WAIT_S
    while server.upstream_connections() != {"idle": connections, "busy": 0, "connecting": 0}:
        if time.monotonic() > deadline:
            raise Failed(f"{server.name}: connections {server.upstream_connections()}, not {connections} idle ones")
        time.sleep(0.05)
    time.sleep(0.2)


def weigh_clients(bench, kind):
    """Bytes that each of many idle clients adds: of the heap, and resident."""
    count = 50 if bench.quick else 300
    with SecuredMock(bench) as mock, gateway(bench, mock) as server:
        context = terms_for(server.terms, CLIENTS[kind].protocol)
        clients = []
        try:
            for number in range(10 + count):
                clients.append(CLIENTS[kind](server, context))
                clients[-1].ask()
                if number == 9:
                    time.sleep(EXPORTER_SETTLES_S)
                    before = server.heap()["bytes"], server.rss_bytes()
            time.sleep(0.5)
            after = server.heap()["bytes"], server.rss_bytes()
        finally:
            for client in clients:
                client.close()
        server.check_measured()
    return [(late - early) / count for early, late in zip(before, after)]


def weigh_spares(bench, kind):
    """The same of idle connections to a provider."""
    weights = []
    with SecuredMock(bench, h2=kind == "h2") as mock:
        for spares in (SPARES_FEW, SPARES):
            with gateway(bench, mock, warm_min=spares) as server:
                wait_idle(server, spares)
                time.sleep(EXPORTER_SETTLES_S)
                weights.append((server.heap()["bytes"], server.rss_bytes()))
    return [(more - fewer) / (SPARES - SPARES_FEW) for fewer, more in zip(*weights)]


def idle_heap(kind):
    """Of the two sides, the heavier."""
    def measure(bench):
        sides = {"client": bench.once(weigh_clients, kind), "provider": bench.once(weigh_spares, kind)}
        detail = {}
        for side, (heap, resident) in sides.items():
            detail |= {f"{side}_heap_kib": heap / KIB, f"{side}_resident_kib": resident / KIB}
        return Figures([max(heap for heap, _ in sides.values()) / KIB], detail)
    return measure


def count_mallocs(bench, stream):
    """Allocations over some seconds in the middle of a load, of us and nghttp2, and of BoringSSL. The mock counts the
    requests: /metrics is not read, that allocates."""
    seconds = 1 if bench.quick else 3
    with SecuredMock(bench) as mock, gateway(bench, mock) as server:
        with h2load.Load(bench, server, seconds + EXPORTER_SETTLES_S + 2, clients=2, streams=5, stream=stream):
            time.sleep(EXPORTER_SETTLES_S)
            requests, before = mock.stats()["chats"], server.heap()
            time.sleep(seconds)
            after, requests = server.heap(), mock.stats()["chats"] - requests
        server.check_measured()
    if requests < 100:
        raise Failed(f"{requests} requests in {seconds} s")
    return {"requests": requests} | {key: after[key] - before[key] for key in ("allocations", "tls_allocations")}


def mallocs(bench):
    """Plain and streamed answers; the row is the worse."""
    counts = {kind: bench.once(count_mallocs, kind == "streamed") for kind in ("plain", "streamed")}
    return Figures([max(count["allocations"] / count["requests"] for count in counts.values())], counts)
