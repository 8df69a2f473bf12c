"""HTTP/2 towards clients: curl, nghttp, h2load, Node and httpx as clients that we did not write, over TLS and without;
and what only frames by hand can tell."""

import json
import ssl
import threading
import time

from cases.peers import DEBIAN_PYTHON, Provider, curl, program
from harness import h2_wire as h2
from harness import words
from harness.checks import WAIT_S, Skipped, contains, equal, lacks, require, until
from harness.h2_wire import H2Wire
from harness.scene import case

PLAIN_TEXT = words.PLAIN.decode()
STREAM = words.STREAM_TEXT.decode()


def both(scene, script=None, **config):
    """A gateway that listens without TLS and with it."""
    certificates = scene.certificates()
    certificates.issue("good")
    upstream = scene.upstream(script)
    gateway = scene.gateway(upstream, listen=["127.0.0.1:0", certificates.listener("good")], **config)
    gateway.tls_url = f"https://localhost:{gateway.addresses[1][1]}"
    return certificates, gateway, upstream


@case("curl: HTTP/2 by ALPN and by prior knowledge, plain and streamed, several on one connection", every_backend=True)
def curl_client(scene):
    certificates, gateway, _ = both(scene)
    kind = ["-H", "content-type: application/json"]
    plain, streamed = words.chat().decode(), words.chat(stream=True).decode()
    tls = ["--http2", "--cacert", certificates.authority]
    for options, url in ((tls, gateway.tls_url), (["--http2-prior-knowledge"], gateway.url), ([*tls, "--tls-max", "1.2"], gateway.tls_url)):
        url += "/v1/chat/completions"
        equal(curl(scene, *options, *kind, "-d", plain, "-w", "%{http_version}", url), PLAIN_TEXT + "2", "a plain answer")
        equal(curl(scene, *options, *kind, "-N", "-d", streamed, url), STREAM.rstrip("\n") + "\n", "a stream")
        if "--http2-prior-knowledge" in options:
            continue  # this curl cannot use such a connection twice, whoever serves it
        output = curl(scene, *options, *kind, "-d", plain, "-w", "%{http_code} %{num_connects} ", "-o", "/dev/null", url,
                      "--next", "-sS", *options, *kind, "-d", streamed, "-w", "%{http_code} %{num_connects}", "-o", "/dev/null", url)
        equal(output, "200 1 200 0", "status and new connections of two requests")
    # Who asks to be upgraded is content without it.
    equal(curl(scene, "--http2", *kind, "-d", plain, "-w", "%{http_version}", f"{gateway.url}/v1/chat/completions"), PLAIN_TEXT + "1.1", "an upgrade")


@case("curl: a big body behind Expect: 100-continue, and a refused upload that ends with its reason, over HTTP/2", every_backend=True)
def curl_bodies(scene):
    certificates, gateway, upstream = both(scene, limits={"body": "3MiB"})
    body = scene.folder / "body.json"
    body.write_bytes(words.chat(padding="x" * 2_000_000))
    large = scene.folder / "large.json"
    large.write_bytes(words.chat(padding="x" * 4_000_000))
    for options, url in ((["--http2", "--cacert", certificates.authority], gateway.tls_url), (["--http2-prior-knowledge"], gateway.url)):
        url += "/v1/chat/completions"
        output = curl(scene, *options, "-H", "expect: 100-continue", "-H", "content-type: application/json",
                      "--data-binary", f"@{body}", url)
        equal(output + "\n", PLAIN_TEXT, "the answer")
        equal(upstream.requests[-1].body, body.read_bytes(), "the body upstream")
        output = curl(scene, *options, "-w", "\n%{http_code}", "-H", "content-type: application/json", "--data-binary", f"@{large}", url)
        equal((output.splitlines()[-1], json.loads(output.splitlines()[0])["error"]["code"]), ("413", "body_too_large"), "the answer to too much")


def check_node(seen):
    equal((seen["plain"]["status"], seen["plain"]["text"], seen["plain"]["code"]), (200, PLAIN_TEXT, 0), "the plain answer")
    lacks(seen["plain"]["names"], "connection", "the fields of an answer")
    lacks(seen["plain"]["names"], "keep-alive", "the fields of an answer")
    require({"x-headrace-request-id", "server-timing", "date", "content-length"} <= set(seen["plain"]["names"]), "our fields are there")
    equal([answer["text"] for answer in seen["streams"]], [STREAM] * 50, "fifty streams at once")
    equal((seen["large"]["status"], seen["large"]["text"]), (200, PLAIN_TEXT), "the answer to a large body")
    equal((seen["staying"]["text"], seen["staying"]["code"]), (STREAM, 0), "a stream beside one that was aborted")
    equal((seen["aborted"]["status"], seen["aborted"]["code"]), (200, 8), "the aborted stream")
    equal((seen["nowhere"]["status"], seen["after"]["text"]), (404, PLAIN_TEXT), "a refusal, and the answer after it")
    equal(seen["events"], [], "what became of the connection")


@case("Node's http2: fifty streams at once, a large body, an abort beside a stream that goes on", every_backend=True)
def node_client(scene):
    provider = Provider()
    certificates, gateway, _ = both(scene, provider)
    for turn, arguments in enumerate(([gateway.url], [gateway.tls_url, certificates.authority]), 1):
        code, output, errors = scene.run([program("node"), scene.peer("node_h2_client.js"), *arguments])
        equal((code, errors), (0, ""), "the client's exit code")
        check_node(json.loads(output))
        until(lambda: provider.aborted == turn, "the abort reaches the provider")
    equal(gateway.metrics().required("headrace_client_connections_accepted_total"), 2, "connections")


@case("httpx with HTTP/2: thirty streams at once, an abort, a large body, a refusal", every_backend=True)
def httpx_client(scene):
    provider = Provider()
    certificates, gateway, _ = both(scene, provider)
    env = {**scene.environment(), "SSL_CERT_FILE": str(certificates.authority)}
    for turn, url in enumerate((gateway.url, gateway.tls_url), 1):
        code, output, errors = scene.run([DEBIAN_PYTHON, scene.peer("httpx_h2_client.py"), url], env=env)
        if "No module named" in errors or "install httpx[http2]" in errors:
            raise Skipped("there is no httpx with HTTP/2")
        equal((code, errors), (0, ""), "the client's exit code")
        seen = json.loads(output)
        equal(seen["plain"], {"status": 200, "text": PLAIN_TEXT, "version": "HTTP/2"}, "the plain answer")
        equal(seen["streams"], [STREAM] * 30, "the streams")
        equal((seen["large"], seen["bad"]), (200, {"status": 400, "code": "bad_json"}), "the rest")
        until(lambda: provider.aborted == turn, "the abort reaches the provider")


@case("nghttp: several requests on one connection, with priorities", every_backend=True)
def nghttp_client(scene):
    _, gateway, _ = both(scene)
    body = scene.folder / "body"
    body.write_bytes(words.chat())
    url = f"{gateway.url}/v1/chat/completions"
    code, output, errors = scene.run([program("nghttp"), "-s", "-n", "-d", body, "-H", "content-type: application/json", url, url + "?a", url + "?b"])
    equal(code, 0, f"nghttp's exit code, having said {errors}")
    equal(output.count(" 200 "), 3, f"answers in\n{output}")
    code, output, errors = scene.run([program("nghttp"), f"{gateway.url}/v1/models"])
    contains(output, '"object":"list"', "the list of models")


@case("h2load over HTTP/2: thousands of requests and streams, none lost", every_backend=True)
def h2load(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    mock = scene.mock(ttft="0us", itl="0us", tokens=3)
    gateway = scene.gateway(mock.base_url, workers=2, listen=["127.0.0.1:0", certificates.listener("good")])
    for name, chat, count, place in (("plain", words.chat(), 2000, gateway.url), ("stream", words.chat(stream=True), 1000, gateway.url),
                                     ("tls", words.chat(stream=True), 1000, f"https://localhost:{gateway.addresses[1][1]}")):
        body = scene.folder / name
        body.write_bytes(chat)
        code, output, errors = scene.run([program("h2load"), "-n", count, "-c", "10", "-m", "20", "-t", "1", "-d", body,
                                          "-H", "content-type: application/json", f"{place}/v1/chat/completions"], seconds=90)
        equal(code, 0, f"h2load's exit code, having said\n{output}{errors}\n")
        contains(output, f"{count} succeeded, 0 failed, 0 errored, 0 timeout", "what h2load says")
        contains(output, f"status codes: {count} 2xx, 0 3xx, 0 4xx, 0 5xx", "what h2load says")
    equal(gateway.requests_by_outcome(), {"ok": 4000}, "requests recorded")


@case("a listener of HTTP/1.1 alone agrees on nothing else")
def http1_only(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    gateway = scene.gateway(scene.upstream(), listen=[{"address": "127.0.0.1:0", "http": "1.1"}, certificates.listener("good", http="1.1")])
    client = scene.client(gateway).send(h2.PREFACE + h2.settings())
    contains(client.read_to_end(), b"HTTP/1.1 ", "what is said to HTTP/2")
    output = curl(scene, "--http2", "--cacert", certificates.authority, "-w", "%{http_version}", "-o", "/dev/null",
                  f"https://localhost:{gateway.addresses[1][1]}/v1/models")
    equal(output, "1.1", "what curl and the listener agree on")


@case("an event leaves when it arrives, in a frame of its own", every_backend=True)
def events(scene):
    turn = threading.Semaphore(0)

    def script(call):
        call.send(words.stream_head())
        for event in words.STREAM:
            require(turn.acquire(timeout=WAIT_S), "the client has the event before")
            call.send(words.chunk(event))
        call.send(words.LAST_CHUNK)

    certificates, gateway, _ = both(scene, script)
    terms = certificates.client(protocols=("h2",))
    for tls in (None, terms):
        gateway.address = gateway.addresses[1 if tls else 0]
        client = H2Wire(scene, gateway, tls=tls)
        client.send(h2.request(1, words.chat(stream=True)))
        turn.release()
        expected = b""
        for event in words.STREAM[:1]:
            expected += event
        copied = None
        for event in words.STREAM[1:]:
            turn.release()
            expected += event
            client.until(lambda: client.of(1).body == expected, "the event")
            if copied is None:  # what was held until the first useful event may have been moved together
                gateway.address = gateway.addresses[0]
                time.sleep(0.05)  # a worker tells its numbers every 5 ms
                copied = gateway.metrics().required("headrace_bytes_copied_total")
                gateway.address = gateway.addresses[1 if tls else 0]
        equal(client.answer(1).body, words.STREAM_TEXT, "the stream")
        gateway.address = gateway.addresses[0]
        time.sleep(0.05)
        if scene.backend != "tiny":  # its buffers are smaller than an event
            equal(gateway.metrics().required("headrace_bytes_copied_total"), copied, "payload bytes copied once it flows")


@case("a reset cancels its attempt at once, in every phase; the connection and its other streams live on", every_backend=True)
def resets(scene):
    gone = threading.Semaphore(0)

    def script(call):
        if b"plain" in call.request.body:
            return call.send(words.plain_answer())
        if b"silent" not in call.request.body:
            call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        call.wait_gone()
        gone.release()

    gateway, upstream = scene.pair(script)
    client = H2Wire(scene, gateway)
    client.send(h2.request(1, words.chat(model="staying", stream=True)))
    client.until(lambda: client.of(1).body, "the stream that stays")
    for number in range(20):
        stream = 3 + 4 * number
        client.send(h2.request(stream, words.chat(model=("silent", "endless")[number % 2], stream=True)))
        if number % 2:
            client.until(lambda: client.of(stream).body, "the stream begins")
        else:
            until(lambda: len(upstream.requests) == 2 + 2 * number, "the request arrives")
        client.send(h2.reset(stream))
        require(gone.acquire(timeout=WAIT_S), f"the provider's connection is closed, time {number}")
        equal(client.send(h2.request(stream + 2, words.chat(model="plain"))).answer(stream + 2).body, words.PLAIN, "the next answer")
    client.send(h2.headers(201, h2.head()) + h2.data(201, b"{") + h2.reset(201))
    equal((client.of(1).ended, client.goaway), (False, None), "the stream that stays")
    gateway.wait_metric("headrace_upstream_cancels_total", 20)
    until(lambda: gateway.requests_by_outcome() == {"client_cancel": 21, "ok": 20}, "the records")


@case("SIGTERM: what runs finishes, nothing new is taken, and the connection ends in good order", every_backend=True)
def drained(scene):
    turn = threading.Event()

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        require(turn.wait(WAIT_S), "the drain has begun")
        call.send(*[words.chunk(event) for event in words.STREAM[2:]], words.LAST_CHUNK)

    certificates, gateway, _ = both(scene, script)
    terms = certificates.client(protocols=("h2",))
    clients = []
    for place, tls in ((0, None), (1, terms)):
        gateway.address = gateway.addresses[place]
        clients.append(H2Wire(scene, gateway, tls=tls))
        clients[-1].send(h2.request(1, words.chat(stream=True)))
        clients[-1].until(lambda: clients[-1].of(1).body, "the stream begins")
    idle = H2Wire(scene, gateway, tls=terms)
    idle.until(lambda: idle.frames, "it is greeted")
    gateway.terminate()
    for client in (*clients, idle):
        equal(client.wait_goaway(), h2.NO_ERROR, "the code of GOAWAY")
    for client in clients:
        equal(client.send(h2.request(3, words.chat())).answer(3).reset, h2.REFUSED_STREAM, "a request that comes now")
    turn.set()
    for client in clients:
        equal(client.answer(1).body, words.STREAM_TEXT, "the stream")
        equal(client.drain().gone, "fin", "how the connection ends")
    equal(idle.drain().gone, "fin", "how an idle one ends")
    equal(gateway.exit_code(), 0, "the exit code")


@case("the end of a drain is a terminal error in every stream that still runs")
def ended(scene):
    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        call.wait_gone()

    gateway, _ = scene.pair(script, drain_timeout="300ms")
    client = H2Wire(scene, gateway)
    client.send(h2.request(1, words.chat(stream=True)) + h2.request(3, words.chat(stream=True)))
    client.until(lambda: client.of(1).body and client.of(3).body, "the streams begin")
    gateway.terminate()
    for stream in (1, 3):
        contains(client.answer(stream).body, b'"error"', "the last event")
        require(client.of(stream).ended, "the stream ends")
    equal(client.drain().gone, "fin", "how the connection ends")
    equal(gateway.exit_code(), 0, "the exit code")


@case("an answer that breaks off: an error event in a stream, a reset where it was plain", every_backend=True)
def broken(scene):
    def script(call):
        if b"stream\": true" in call.request.body:
            call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        else:
            call.send(words.head("HTTP/1.1 200 OK", [("content-type", "application/json"), ("content-length", 700_000)]), b"{" * 400_000)
        call.close()

    gateway, _ = scene.pair(script)
    client = H2Wire(scene, gateway, hello=h2.settings(table=0, window=1 << 24))
    client.send(h2.window(0, 1 << 24) + h2.request(1, words.chat(stream=True)) + h2.request(3, words.chat()))
    contains(client.answer(1).body, b"upstream_disconnected", "the last event")
    require(client.of(1).ended, "the stream ends")
    stream = client.answer(3)
    equal((stream.ended, stream.reset), (False, 2), "how the plain answer ends")
    equal(client.goaway, None, "GOAWAY")


@case("a certificate of the client stands for its key over HTTP/2 as well")
def certified(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    certificates.issue("me", names="DNS:me.test", usage="clientAuth")
    certificates.issue("you", names="DNS:you.test", usage="clientAuth")
    gateway = scene.gateway(scene.upstream(), keys={"mine": {"certificates": ["dns:me.test"]}},
                            listen=[certificates.listener("good", client_ca_file=str(certificates.authority))])
    for name, status in (("me", 200), ("you", 401)):
        client = H2Wire(scene, gateway, tls=certificates.client(name, protocols=("h2",)))
        for stream in (1, 3):
            equal(client.send(h2.request(stream, words.chat())).answer(stream).statuses, [status], f"the status of {name}")
    gateway.wait_metric("headrace_key_requests_total", 2, key="mine")


@case("idle connections cost little: TLS and HTTP/1.1 below 16 KiB of heap, HTTP/2 below 48 KiB", alone=True)
def idle_memory(scene):
    if not scene.measures_memory():
        raise Skipped("a sanitizer holds memory of its own")
    certificates, gateway, _ = both(scene)
    kinds = (("TLS and HTTP/1.1", certificates.client(), 16), ("HTTP/2", None, 48), ("TLS and HTTP/2", certificates.client(protocols=("h2",)), 48))
    count = 200
    for what, tls, most in kinds:
        gateway.address = gateway.addresses[1 if tls else 0]
        warm = memory_of(scene, gateway, tls, what, 50)
        held = memory_of(scene, gateway, tls, what, count)
        require(held <= most * 1024, f"{what}: {held:.0f} bytes a connection (the first ones {warm:.0f})")


def memory_of(scene, gateway, tls, what, count):
    before = gateway.metrics().required("process_resident_memory_bytes")
    for _ in range(count):
        if "HTTP/2" in what:
            client = H2Wire(scene, gateway, tls=tls)
            client.send(h2.request(1, words.chat())).answer(1)
        else:
            client = scene.client(gateway, tls=tls)
            client.send(words.chat_request()).read_answer()
    return (gateway.metrics().required("process_resident_memory_bytes") - before) / count
