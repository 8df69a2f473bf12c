"""HTTP/2 over TLS towards providers, agreed upon by ALPN: Node's secure HTTP/2 server, nginx, and servers that speak
HTTP/1.1 alone."""

import json
import socket

from cases.peers import content_of, program
from cases.tls import code_of, gateway_of
from harness import words
from harness.checks import WAIT_S, equal, require, until
from harness.scene import case, free_port


def node(scene, certificates, *arguments):
    server = scene.process([program("node"), scene.peer("node_h2_server.js"), *(arguments or ("100",)),
                            certificates.path("good"), certificates.path("good", "key")])
    port = int(server.wait_line(r"listening on (\d+)", lines=server.stdout).group(1))
    return f"https://localhost:{port}/v1"


def seen_by(scene, gateway):
    return json.loads(scene.ask(gateway, model="seen").body)


@case("Node's secure HTTP/2 server: plain, streamed, refused, all on one connection", every_backend=True)
def node_upstream(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    for http in ("auto", "2"):
        gateway = gateway_of(scene, node(scene, certificates), certificates, http=http, api_key="sk-secret")
        client = scene.client(gateway)
        for _ in range(3):
            answer = client.send(words.chat_request()).read_answer()
            equal((answer.status, answer.body), (200, '{"from":"node","text":"\u6c34"}'.encode()), "a plain answer")
            answer = client.send(words.chat_request(stream=True)).read_answer()
            equal(content_of(answer.body), 'Water runs \u6c34 "down" hill', "the stream")
        seen = json.loads(client.send(words.chat_request(model="seen", user="x" * 300_000)).read_answer().body)
        equal((seen["fields"][":scheme"], seen["fields"]["authorization"]), ("https", "Bearer sk-secret"), "its fields")
        equal((seen["sessions"], seen["streams"]), (1, 7), "connections and streams")
        gateway.wait_metric("headrace_upstream_tls_handshakes_total", 1, result="full")


@case("the calls of many clients who come first share one connection, over TLS too")
def crowd(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    gateway = gateway_of(scene, node(scene, certificates), certificates)
    clients = [scene.client(gateway).send(words.chat_request(stream=True)) for _ in range(30)]
    for client in clients:
        equal(content_of(client.read_answer().body), 'Water runs \u6c34 "down" hill', "the stream")
    equal(seen_by(scene, gateway)["sessions"], 1, "connections")


@case("a client that goes resets its stream over TLS, and the connection lives on", every_backend=True)
def node_cancels(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    gateway = gateway_of(scene, node(scene, certificates), certificates)
    for number in range(6):
        leaving = scene.client(gateway).send(words.chat_request(model="endless", stream=True))
        leaving.read_head()
        leaving.read_events(1 + number)
        leaving.close()
        until(lambda: seen_by(scene, gateway)["cancelled"] == number + 1, "the provider learns of it", 5.0)
    equal(seen_by(scene, gateway)["sessions"], 1, "connections")


@case("a server that speaks HTTP/1.1 alone is served over it, whether it says so or says nothing", every_backend=True)
def http1_only(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    for protocols in (("http/1.1",), ()):
        terms = certificates.server("good")
        if protocols:
            terms = certificates.server("good", protocols)
        else:
            import ssl
            terms = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            terms.load_cert_chain(certificates.path("good"), certificates.path("good", "key"))
        upstream = scene.upstream(tls=terms)
        gateway = gateway_of(scene, upstream.base_url, certificates)
        client = scene.client(gateway)
        for number in range(4):
            streamed = number % 2 == 1
            answer = client.send(words.chat_request(stream=streamed)).read_answer()
            equal((answer.status, answer.body), (200, words.STREAM_TEXT if streamed else words.PLAIN), f"answer {number}")
        demanding = gateway_of(scene, upstream.base_url, certificates, http="2")
        answer = scene.ask(demanding)
        equal((answer.status, code_of(answer)), (502, "tls_failed"), "who demands HTTP/2")


def nginx(scene, certificate, behind):
    port = free_port()
    text = scene.peer("nginx.conf.in").read_text()
    text = text.replace("listen 127.0.0.1:@PORT@;", f"listen 127.0.0.1:@PORT@ ssl http2; ssl_certificate {certificate}; "
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

    until(listens, "nginx listens", WAIT_S)
    return f"https://127.0.0.1:{port}"


@case("nginx upstream over TLS and HTTP/2, on connections it ends after five requests", every_backend=True)
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
    # Workers tell their counters now and then: the last connection's may be on its way.
    until(lambda: gateway.metrics().required("headrace_upstream_connects_total") >= 2, "a second connection")
    connects = gateway.metrics().required("headrace_upstream_connects_total")
    require(connects <= 4, f"connections: {connects}")
