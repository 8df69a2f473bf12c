"""Row 38 and slow clients: what runs goes on when descriptors or connections are used up, and nothing spins."""

import json
import os
import resource
import threading
import time

from harness import words
from harness.checks import WAIT_S, Skipped, equal, require, until
from harness.gateway import Gateway, configuration
from harness.scene import case
from harness.sockets import Gone, connect
from harness.upstream import wants_stream


def gated_streams(gate):
    """Streams begin at once and end when the gate opens; plain requests are answered at once."""

    def script(call):
        if not wants_stream(call.request):
            return call.send(words.plain_answer())
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        gate.wait(WAIT_S)
        call.send(*(words.chunk(e) for e in words.STREAM[2:]), words.LAST_CHUNK)

    return script


def begin_streams(scene, gateway, count):
    clients = [scene.client(gateway).send(words.chat_request(stream=True)) for _ in range(count)]
    for client in clients:
        equal(client.read_head().status, 200, "the status of a stream")
        equal(client.read_events(2), b"".join(words.STREAM[:2]), "its first events")
    return clients


def finish_streams(clients):
    for client in clients:
        equal(client.read_rest_of_stream(), b"".join(words.STREAM[2:]), "the rest of a stream")


def does_not_spin(gateway, share=0.05, seconds=1.0):
    """Some second passes in which it takes hardly any CPU time to starve: a loop that spins has none."""

    def rests():
        before = gateway.cpu_seconds()
        time.sleep(seconds)
        return gateway.cpu_seconds() - before <= share * seconds

    until(rests, "it rests")


@case("row 38: above the cap of connections a client gets 503 and Retry-After, and running streams finish", every_backend=True)
def over_the_cap(scene):
    gate = threading.Event()
    scene.at_end(gate.set)
    gateway, _ = scene.pair(gated_streams(gate), limits={"client_connections": 8})
    streams = begin_streams(scene, gateway, 8)
    for _ in range(20):
        client = connect(gateway.address)
        begun = time.monotonic()
        answer = client.send(words.chat_request()).read_answer()
        equal((answer.status, answer.field("retry-after"), answer.field("connection")), (503, "1", "close"), "the refusal")
        equal(json.loads(answer.body)["error"]["code"], "overloaded", "its code")
        require(time.monotonic() - begun < 5, "the refusal comes at once")
        client.close()
    gate.set()
    finish_streams(streams)
    gateway.wait_metric("headrace_client_connections_refused_total", 20)
    for client in streams:
        client.close()
    gateway.wait_metric("headrace_client_connections", 0)
    equal(scene.ask(gateway).status, 200, "a request when there is room again")


@case("row 38: a small limit of open files lowers the cap: 503 above it, and no spin", every_backend=True)
def few_files(scene):
    gate = threading.Event()
    scene.at_end(gate.set)
    upstream = scene.upstream(gated_streams(gate))
    gateway = Gateway(scene, configuration(upstream), wrapper=["prlimit", "--nofile=96:96"], starved=True)
    streams, refused = [], 0
    clients = [scene.client(gateway).send(words.chat_request(stream=True)) for _ in range(60)]
    for client in clients:
        head = client.read_head()
        if head.status == 200:
            streams.append(client)
            client.read_events(2)
            continue
        equal((head.status, head.field("retry-after")), (503, "1"), "the refusal")
        client.read_body(head)
        client.close()
        refused += 1
    require(len(streams) >= 10 and refused >= 10, f"{len(streams)} were served, {refused} refused")
    does_not_spin(gateway)
    equal(gateway.get("/livez").status, 200, "the admin listener meanwhile")
    gate.set()
    finish_streams(streams)


def starve(gateway):
    """Lowers the limit of open files of a running process to its first free descriptor: it gets no other."""
    used = {int(name) for name in os.listdir(f"/proc/{gateway.pid}/fd")}
    limit = next(fd for fd in range(len(used) + 1) if fd not in used)
    _, hard = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (limit, hard))


def feed(gateway):
    _, hard = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (hard, hard))


@case("row 38: without a free descriptor running streams finish, and nothing spins", every_backend=True, alone=True)
def no_descriptor(scene):
    gate = threading.Event()
    scene.at_end(gate.set)
    gateway, _ = scene.pair(gated_streams(gate), starved=True)
    streams = begin_streams(scene, gateway, 5)
    starve(gateway)
    waiting = [scene.client(gateway).send(words.chat_request()) for _ in range(10)]
    does_not_spin(gateway)
    gate.set()
    finish_streams(streams)
    feed(gateway)
    for client in waiting:
        # An accept that the kernel had begun before the limit fell still succeeds; the provider's socket does not.
        answer = client.read_answer()
        if answer.status == 200:
            equal(answer.body, words.PLAIN, "the answer to a client that waited")
        else:
            equal((answer.status, answer.field("retry-after")), (503, "1"), "the refusal")
    equal(scene.ask(gateway).body, words.PLAIN, "an answer afterwards")


@case("row 38: clients that are refused and stay take no descriptor from those that are served, and nothing spins", every_backend=True, alone=True)
def refused_stay(scene):
    gate = threading.Event()
    scene.at_end(gate.set)
    upstream = scene.upstream(gated_streams(gate))
    gateway = Gateway(scene, configuration(upstream), wrapper=["prlimit", "--nofile=96:96"], starved=True)
    clients = [scene.client(gateway).send(words.chat_request(stream=True)) for _ in range(100)]
    gateway.wait_metric("headrace_client_connections_accepted_total", 100)
    require(gateway.open_files() < 96, "there are descriptors left")
    does_not_spin(gateway)
    gate.set()
    statuses = []
    for client in clients:
        answer = client.read_answer()
        statuses.append(answer.status)
        if answer.status == 200:
            equal(answer.body, words.STREAM_TEXT, "a stream that was served")
        else:
            equal((answer.status, answer.field("retry-after")), (503, "1"), "the refusal")
        client.close()
    require(statuses.count(200) >= 10 and statuses.count(503) >= 10, f"answers: {statuses}")
    until(lambda: scene.ask(gateway).status == 200, "requests are served afterwards")


@case("row 38: without a descriptor for the provider the answer is 503, and the client is kept", every_backend=True)
def no_descriptor_upstream(scene):
    gateway, _ = scene.pair(starved=True)
    client = scene.client(gateway)
    equal(client.send(words.chat_request(body=b"{")).read_answer().status, 400, "a request that needs no provider")
    starve(gateway)
    answer = client.send(words.chat_request()).read_answer()
    equal((answer.status, answer.field("retry-after"), json.loads(answer.body)["error"]["code"]), (503, "1", "out_of_files"), "the answer")
    feed(gateway)
    equal(client.send(words.chat_request()).read_answer().body, words.PLAIN, "the answer on the same connection afterwards")


@case("1,000 clients that send their heads slowly leave the others alone", every_backend=False, alone=True)
def slow_heads(scene):
    count = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        raise Skipped(f"the limit of open files is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 1000)), hard))
    gateway, upstream = scene.pair(limits={"head_timeout": "2m"})
    slow = [scene.client(gateway) for _ in range(count)]
    whole = words.chat_request()
    stop = threading.Event()

    def drip():
        for at in range(len(whole) - 1):
            for client in slow:
                if stop.is_set():
                    return
                client.send(whole[at:at + 1])
            stop.wait(0.05)

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    until(lambda: gateway.metrics().value("headrace_client_connections") == count, f"{count} slow clients are connected")
    times = []
    for number in range(50):
        begun = time.monotonic()
        equal(scene.ask(gateway, stream=number % 2 == 1).status, 200, "a normal request")
        times.append(time.monotonic() - begun)
    stop.set()
    dripping.join(WAIT_S)
    times.sort()
    require(times[25] < 0.25 and times[-1] < 3, f"the median took {times[25]:.3f} s, the slowest {times[-1]:.3f} s")
    equal(len(upstream.requests), 50, "requests upstream")
    for client in slow:
        client.close()


@case("300 clients that stall in the head are all told 408 in time")
def all_time_out(scene):
    count = 300
    gateway, _ = scene.pair(limits={"head_timeout": "500ms"})
    clients = [scene.client(gateway).send(b"POST /v1/chat") for _ in range(count)]
    for client in clients:
        try:
            equal(client.read_answer().status, 408, "the status")
        except Gone as gone:
            raise AssertionError("no answer") from gone
        client.close()
    equal(gateway.requests_by_outcome(), {"rejected": count}, "requests recorded")


@case("200 idle streams wait without work, and end when their provider does", alone=True)
def idle_streams(scene):
    gate = threading.Event()
    scene.at_end(gate.set)
    gateway, _ = scene.pair(gated_streams(gate))
    streams = begin_streams(scene, gateway, 200)
    does_not_spin(gateway)
    gate.set()
    finish_streams(streams)
