"""TLS towards providers: Python's ssl, nginx and Node as servers that we did not write."""

import json
import socket
import ssl
import threading

from cases.peers import content_of, program
from harness import words
from harness.checks import WAIT_S, contains, equal, require, until
from harness.gateway import configuration
from harness.scene import case, free_port


def gateway_of(scene, base_url, certificates, **keys):
    config = configuration(base_url)
    # Without spare connections, whose number is not what these cases are about.
    config["providers"]["up"].update({"ca_file": str(certificates.authority), "warm_min": 0, **keys})
    return scene.gateway(base_url, providers=config["providers"])


def code_of(answer):
    return json.loads(answer.body)["error"]["code"]


@case("answers over TLS, plain and streamed, are those of the provider, byte by byte", every_backend=True)
def answers(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        terms = certificates.server("good")
        terms.minimum_version = terms.maximum_version = version
        upstream = scene.upstream(tls=terms)
        gateway = gateway_of(scene, upstream.base_url, certificates, api_key="sk-secret")
        client = scene.client(gateway)
        for number in range(6):
            streamed = number % 2 == 1
            answer = client.send(words.chat_request(stream=streamed, user="x" * (number * 9_000))).read_answer()
            equal((answer.status, answer.body), (200, words.STREAM_TEXT if streamed else words.PLAIN), f"answer {number}")
        equal(upstream.connections, 1, "connections")
        equal(upstream.requests[0].field("host"), f"localhost:{upstream.port}", "the Host field")
        gateway.wait_metric("headrace_upstream_tls_handshakes_total", 1, result="full")


@case("an event leaves when it arrives, over TLS too", every_backend=True)
def events(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    turn = threading.Semaphore(0)

    def script(call):
        call.send(words.stream_head())
        for event in words.STREAM:
            require(turn.acquire(timeout=WAIT_S), "the client has the event before")
            call.send(words.chunk(event))
        call.send(words.LAST_CHUNK)

    upstream = scene.upstream(script, tls=certificates.server("good"))
    gateway = gateway_of(scene, upstream.base_url, certificates)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    turn.release()  # a role alone commits nothing
    turn.release()
    client.read_head()
    read = client.read_events(2)
    for event in words.STREAM[2:]:
        turn.release()
        read += client.read_events(1)
    equal(read, words.STREAM_TEXT, "the stream")


@case("the second connection resumes the first")
def resumption(scene):
    certificates = scene.certificates()
    certificates.issue("good")

    def script(call):
        call.send(words.plain_answer())
        call.close()

    upstream = scene.upstream(script, tls=certificates.server("good"))
    gateway = gateway_of(scene, upstream.base_url, certificates)
    for number in range(4):
        equal(scene.ask(gateway).status, 200, f"the status of answer {number}")
        upstream.wait_no_connection()
    equal(upstream.resumed, 3, "resumed handshakes at the provider")
    gateway.wait_metric("headrace_upstream_tls_handshakes_total", 3, result="resumed")
    gateway.wait_metric("headrace_upstream_tls_handshakes_total", 1, result="full")


@case("a provider that is not to be trusted gets nothing, and the log says why", every_backend=True)
def refused(scene):
    certificates = scene.certificates()
    certificates.issue("expired", days=-1)
    certificates.issue("other", names="DNS:other.test")
    certificates.issue("client", usage="clientAuth")
    elsewhere = scene.folder / "elsewhere"
    elsewhere.mkdir()
    strangers = type(certificates)(elsewhere)
    strangers.issue("stranger")
    for house, name, reason in ((certificates, "expired", "certificate has expired"),
                                (certificates, "other", "Hostname mismatch"),
                                (certificates, "client", "unsupported certificate purpose"),
                                (strangers, "stranger", "unable to get local issuer certificate")):
        upstream = scene.upstream(tls=house.server(name))
        gateway = gateway_of(scene, upstream.base_url, certificates, api_key="sk-secret")
        answer = scene.ask(gateway)
        equal((answer.status, code_of(answer)), (502, "tls_untrusted"), f"the answer with {name}")
        gateway.wait_line(f"https://localhost:{upstream.port}: tls_untrusted: {reason}")
        require("sk-secret" not in gateway.errors(), "the key is not in the log")
        until(lambda: upstream.refusals, "the provider sees it")
        equal(upstream.requests, [], "requests that reached it")
        gateway.wait_metric("headrace_upstream_tls_handshakes_total", 1, result="failed")


def answer_bytes(scene, answer):
    """A server that answers whatever comes with these bytes and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    scene.at_end(listener.close)

    def serve():
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            with wire:
                wire.recv(65536)
                wire.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"https://localhost:{listener.getsockname()[1]}/v1"


@case("a provider that speaks no TLS, or hangs up, fails the attempt", every_backend=True)
def no_tls(scene):
    certificates = scene.certificates()
    for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x03\xff\xff" + b"x" * 70_000):
        gateway = gateway_of(scene, answer_bytes(scene, said), certificates)
        answer = scene.ask(gateway)
        equal((answer.status, code_of(answer)), (502, "tls_failed"), f"the answer behind {said[:20]}")


@case("a body that ends by the connection's end alone counts only where TLS says so", every_backend=True)
def truncated(scene):
    certificates = scene.certificates()
    certificates.issue("good")

    def script(call):
        call.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n" + words.PLAIN)
        if b"honest" in call.request.body:
            try:
                call.wire.socket.settimeout(0.2)
                call.wire.socket.unwrap()
            except (OSError, ssl.SSLError):
                pass
        call.wire.socket.shutdown(socket.SHUT_RDWR)
        call.close()

    upstream = scene.upstream(script, tls=certificates.server("good"))
    gateway = gateway_of(scene, upstream.base_url, certificates)
    answer = scene.ask(gateway, user="honest")
    equal((answer.status, answer.body), (200, words.PLAIN), "an announced end")
    answer = scene.ask(gateway)
    equal((answer.status, code_of(answer)), (502, "tls_truncated"), "an end that anybody could have made")


@case("a client that leaves cancels the attempt over TLS", every_backend=True)
def cancelled(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    gone = threading.Event()

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        call.wait_gone()
        gone.set()

    upstream = scene.upstream(script, tls=certificates.server("good"))
    gateway = gateway_of(scene, upstream.base_url, certificates)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    client.read_head()
    client.close()
    require(gone.wait(WAIT_S), "the provider's connection is closed")


@case("a provider that asks for our certificate gets the one that is configured")
def mutual(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    certificates.issue("me", names="DNS:headrace.test", usage="clientAuth")
    terms = certificates.server("good")
    terms.verify_mode = ssl.CERT_REQUIRED
    terms.load_verify_locations(certificates.authority)
    upstream = scene.upstream(tls=terms)
    gateway = gateway_of(scene, upstream.base_url, certificates, tls_certificate=str(certificates.path("me")),
                         tls_key=str(certificates.path("me", "key")))
    equal(scene.ask(gateway).status, 200, "the status with a certificate")
    bare = gateway_of(scene, upstream.base_url, certificates)
    answer = scene.ask(bare)
    equal(answer.status, 502, "the status without one")
    equal(len(upstream.requests), 1, "requests that reached the provider")


@case("a slow client of a large answer costs a bounded memory over TLS", every_backend=True)
def slow_reader(scene):
    certificates = scene.certificates()
    certificates.issue("good")

    def script(call):
        call.send(words.head("HTTP/1.1 200 OK", [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]))
        for event in [words.WORDS[0]] * 20_000:
            call.send(words.chunk(event))
        call.send(words.chunk(words.DONE), words.LAST_CHUNK)

    upstream = scene.upstream(script, tls=certificates.server("good"))
    gateway = gateway_of(scene, upstream.base_url, certificates)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    answer = client.read_head()
    threading.Event().wait(0.3)
    held = gateway.metrics().value("process_resident_memory_bytes")
    client.read_body(answer)
    require(answer.body == words.WORDS[0] * 20_000 + words.DONE, "the stream is whole")
    require(held < 400e6, f"{held} bytes are held")


@case("what a configuration says of TLS is checked before anything starts")
def checked(scene):
    certificates = scene.certificates()
    certificates.issue("good")

    def faults(**keys):
        config = configuration("https://localhost:1/v1")
        config["providers"]["up"].update(keys)
        path = scene.folder / "checked.yaml"
        path.write_text(json.dumps(config))
        code, output, errors = scene.headrace("check", "--config", path)
        return code, output + errors

    authority = str(certificates.authority)
    equal(faults(ca_file=authority)[0], 0, "the exit code of a good one")
    for keys, reason in (({"ca_file": "/nowhere"}, "providers.up.ca_file: /nowhere cannot be read"),
                         ({"ca_file": str(certificates.path("good", "key"))}, "holds no certificate"),
                         ({"ca_file": authority, "tls_certificate": str(certificates.path("good"))}, "needs its tls_key"),
                         ({"ca_file": authority, "tls_certificate": str(certificates.path("good")),
                           "tls_key": str(certificates.path("authority", "key"))}, "is not the key of"),
                         ({"base_url": "http://localhost:1/v1", "ca_file": authority}, "means nothing")):
        code, said = faults(**keys)
        require(code != 0, f"{keys} is refused")
        contains(said, reason, "what it says")


# -- servers that we did not write

def nginx(scene, certificate, behind):
    port = free_port()
    text = scene.peer("nginx.conf.in").read_text()
    text = text.replace("listen 127.0.0.1:@PORT@;", f"listen 127.0.0.1:@PORT@ ssl; ssl_certificate {certificate}; "
                        f"ssl_certificate_key {certificate.with_suffix('.key')};")
    for name, value in {"FOLDER": scene.folder, "PORT": port, "BEHIND": behind, "BUFFERING": "off"}.items():
        text = text.replace(f"@{name}@", str(value))
    path = scene.folder / "nginx.conf"
    path.write_text(text)
    server = scene.process([program("nginx"), "-p", scene.folder, "-e", "stderr", "-c", path])

    def listens():
        require(server.running(), f"nginx runs: {server.errors()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    until(listens, "nginx listens")
    return f"https://127.0.0.1:{port}"


@case("nginx upstream over TLS, on connections it closes after five requests", every_backend=True)
def nginx_upstream(scene):
    certificates = scene.certificates()
    upstream = scene.upstream()
    base = nginx(scene, certificates.issue("good"), upstream.port)
    gateway = gateway_of(scene, base + "/v1", certificates)
    client = scene.client(gateway)
    for number in range(12):
        streamed = number % 2 == 1
        answer = client.send(words.chat_request(stream=streamed)).read_answer()
        equal((answer.status, answer.body), (200, words.STREAM_TEXT if streamed else words.PLAIN), f"answer {number}")


@case("a Node server upstream over TLS: plain, streamed, broken off", every_backend=True)
def node_upstream(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    server = scene.process([program("node"), scene.peer("node_server.js"), "0", certificates.path("good"),
                            certificates.path("good", "key")])
    port = int(server.wait_line(r"listening on (\d+)", lines=server.stdout).group(1))
    gateway = gateway_of(scene, f"https://localhost:{port}/v1", certificates)
    client = scene.client(gateway)
    for _ in range(2):
        answer = client.send(words.chat_request()).read_answer()
        equal((answer.status, answer.body), (200, '{"from":"node","text":"\u6c34"}'.encode()), "a plain answer in chunks")
        answer = client.send(words.chat_request(stream=True)).read_answer()
        equal(content_of(answer.body), 'Water runs \u6c34 "down" hill', "the stream")
    answer = client.send(words.chat_request(model="destroy", stream=True)).read_answer()
    equal(content_of(answer.body), "Water runs", "what came before the break")
    equal(json.loads(answer.body.split(b"\n\n")[-2][6:])["error"]["code"], "upstream_disconnected", "the error event")
