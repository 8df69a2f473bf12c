"""TLS towards clients: Python's ssl, curl, openssl, Node, httpx and h2load as clients that we did not write."""

import hashlib
import hmac
import json
import shutil
import socket
import ssl
import threading

from cases.peers import DEBIAN_PYTHON, Provider, curl, program
from harness import words
from harness.checks import WAIT_S, Skipped, contains, equal, lacks, require, until
from harness.gateway import configuration
from harness.scene import case
from harness.sockets import Gone, connect


def house(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    return certificates


def pair(scene, script=None, certificates=None, listen=None, **config):
    certificates = certificates or house(scene)
    upstream = scene.upstream(script)
    gateway = scene.gateway(upstream, listen=[certificates.listener("good", **(listen or {}))], **config)
    return certificates, gateway, upstream


def client(scene, gateway, tls, **options):
    wire = connect(gateway.address, tls=tls, **options)
    scene.at_end(wire.close)
    return wire


def handshakes(gateway, **wanted):
    for result, count in wanted.items():
        gateway.wait_metric("headrace_client_tls_handshakes_total", count, result=result)


@case("answers over TLS are those over TCP, plain and streamed, in both versions of TLS", every_backend=True)
def answers(scene):
    certificates, gateway, upstream = pair(scene)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        terms = certificates.client()
        terms.minimum_version = terms.maximum_version = version
        wire = client(scene, gateway, terms)
        for number in range(6):
            streamed = number % 2 == 1
            answer = wire.send(words.chat_request(stream=streamed, user="x" * (number * 9_000))).read_answer()
            equal((answer.status, answer.body), (200, words.STREAM_TEXT if streamed else words.PLAIN), f"answer {number}")
        equal(wire.socket.selected_alpn_protocol(), "http/1.1", "the protocol")
    handshakes(gateway, full=2, resumed=0, failed=0)
    equal(len(upstream.requests), 12, "requests upstream")


@case("an event leaves when it arrives, over TLS towards the client too", every_backend=True)
def events(scene):
    turn = threading.Semaphore(0)

    def script(call):
        call.send(words.stream_head())
        for event in words.STREAM:
            require(turn.acquire(timeout=WAIT_S), "the client has the event before")
            call.send(words.chunk(event))
        call.send(words.LAST_CHUNK)

    certificates, gateway, _ = pair(scene, script)
    wire = client(scene, gateway, certificates.client()).send(words.chat_request(stream=True))
    turn.release()
    turn.release()
    wire.read_head()
    read = wire.read_events(2)
    for event in words.STREAM[2:]:
        turn.release()
        read += wire.read_events(1)
    equal(read, words.STREAM_TEXT, "the stream")


def shown(gateway, terms, name):
    wire = connect(gateway.address, tls=terms, name=name)
    try:
        return wire.socket.getpeercert()["subject"][0][0][1]
    finally:
        wire.close()


@case("the certificate that bears the name a client asks for is shown, else the first")
def names(scene):
    certificates = house(scene)
    certificates.issue("a", names="DNS:a.test,DNS:*.a.test")
    certificates.issue("b", names="DNS:b.test")
    gateway = scene.gateway(scene.upstream(), listen=[certificates.listener("good", "a", "b")])
    terms = certificates.client()
    terms.check_hostname = False
    for name, owner in (("a.test", "a"), ("x.a.test", "a"), ("b.test", "b"), ("localhost", "good"), ("c.test", "good"), (None, "good")):
        equal(shown(gateway, terms, name), owner, f"the certificate for {name}")


@case("a reload brings new certificates to new connections; what runs goes on; a broken file changes nothing", every_backend=True)
def reload(scene):
    turn = threading.Semaphore(0)

    def script(call):
        call.send(words.stream_head())
        for event in words.STREAM:
            require(turn.acquire(timeout=WAIT_S), "the client has the event before")
            call.send(words.chunk(event))
        call.send(words.LAST_CHUNK)

    certificates, gateway, _ = pair(scene, script)
    terms = certificates.client()
    running = client(scene, gateway, terms).send(words.chat_request(stream=True))
    for _ in range(3):
        turn.release()
    running.read_head()
    running.read_events(3)
    first = certificates.path("good").read_bytes()
    certificates.issue("good")
    fresh, key = certificates.path("good").read_bytes(), certificates.path("good", "key").read_bytes()

    def now_shown():
        wire = connect(gateway.address, tls=terms)
        try:
            return ssl.DER_cert_to_PEM_cert(wire.socket.getpeercert(True)).encode()
        finally:
            wire.close()

    certificates.path("good", "key").write_bytes(b"-----BEGIN PRIVATE KEY-----\nbroken\n")
    gateway.hang_up()
    gateway.wait_line(r"reload failed, the old configuration stays: .*listen\[0\]: .*good.key holds no key")
    lacks(gateway.errors(), "broken\n", "the log")
    equal(now_shown().split(), first.split(), "the certificate behind a reload that failed")
    certificates.path("good", "key").write_bytes(key)
    gateway.hang_up()
    gateway.wait_line("reloaded ")
    until(lambda: now_shown().split() == fresh.split(), "new connections are shown the new one")
    for _ in words.STREAM:
        turn.release()
    equal(running.read_rest_of_stream(), b"".join(words.STREAM[3:]), "the rest of the stream that ran")


@case("a listener that is to speak TLS from now on waits for the next start, and says so")
def late(scene):
    certificates = house(scene)
    upstream = scene.upstream()
    gateway = scene.gateway(upstream)
    gateway.write(configuration(upstream, listen=[certificates.listener("good")]))
    gateway.hang_up()
    gateway.wait_line("`listen` changed; that takes effect at the next start")
    gateway.wait_line("reloaded ")
    equal(scene.ask(gateway).status, 200, "the status without TLS")


@case("what is no TLS costs its connection only", every_backend=True)
def no_tls(scene):
    certificates, gateway, upstream = pair(scene)
    for said in (words.chat_request(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70_000, b"\x80", bytes(range(256))):
        wire = scene.client(gateway)
        try:
            wire.send(said)
            wire.finish_sending()
        except OSError:
            pass
        how, _ = wire.wait_gone()
        lacks(wire.buffer, b"HTTP/1.1 200", "what is said to that")
    silent = scene.client(gateway)
    handshakes(gateway, failed=5)
    answer = scene.ask(gateway, tls=certificates.client())
    equal((answer.status, answer.body), (200, words.PLAIN), "the next answer")
    equal(silent.wait_gone()[0], "fin", "how one that says nothing ends")
    handshakes(gateway, failed=6)
    equal(len(upstream.requests), 1, "requests upstream")


@case("a client that leaves over TLS cancels the attempt, however it goes", every_backend=True)
def cancelled(scene):
    gone = threading.Semaphore(0)

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        call.wait_gone()
        gone.release()

    certificates, gateway, _ = pair(scene, script)
    for number, leave in enumerate((lambda wire: wire.close(), lambda wire: wire.reset(), lambda wire: wire.socket.unwrap()), 1):
        wire = client(scene, gateway, certificates.client()).send(words.chat_request(stream=True))
        wire.read_head()
        try:
            leave(wire)
        except (OSError, ssl.SSLError):
            pass
        require(gone.acquire(timeout=WAIT_S), f"the provider's connection is closed, time {number}")
    until(lambda: gateway.requests_by_outcome() == {"client_cancel": 3}, "the records")


@case("the end of a last answer is announced by TLS; a cut one is not", every_backend=True)
def ends(scene):
    def script(call):
        if b"cut" not in call.request.body:
            return call.send(words.plain_answer())
        call.send(words.head("HTTP/1.1 200 OK", [("content-type", "application/json"), ("content-length", 700_000)]), b"{" * 400_000)
        call.close()

    certificates, gateway, _ = pair(scene, script)
    wire = client(scene, gateway, certificates.client()).send(words.chat_request(fields=[("connection", "close")]))
    equal(wire.read_answer().status, 200, "the status")
    wire.expect_closed()
    wire = client(scene, gateway, certificates.client()).send(words.chat_request(model="cut"))
    answer = wire.read_head()
    equal(answer.status, 200, "the status of a cut answer")
    try:
        wire.read_body(answer)
        raise AssertionError("a cut answer ended well")
    except Gone as end:
        require(end.how in ("reset", "cut"), f"a cut answer ends by {end.how}")


@case("the second connection of a client resumes the first, until a reload")
def resumption(scene):
    certificates, gateway, _ = pair(scene, workers=2)
    terms = certificates.client()
    wire = client(scene, gateway, terms)
    equal(wire.send(words.chat_request()).read_answer().status, 200, "the status")
    for _ in range(3):
        again = client(scene, gateway, terms, session=wire.socket.session)
        equal(again.send(words.chat_request()).read_answer().status, 200, "the status of the next")
        require(again.socket.session_reused, "the session is resumed")
        wire = again
    handshakes(gateway, full=1, resumed=3)
    gateway.hang_up()
    gateway.wait_line("reloaded ")

    def full():
        """Workers take the new terms a moment after the line; then there is no way back to the old keys."""
        nonlocal wire
        wire = client(scene, gateway, terms, session=wire.socket.session)
        equal(wire.send(words.chat_request()).read_answer().status, 200, "the status behind a reload")
        return not wire.socket.session_reused

    until(full, "a full handshake")
    handshakes(gateway, full=2)


@case("a client with a certificate resumes in both versions of TLS, on a ticket that is good for an hour")
def resumption_with_certificate(scene):
    certificates = house(scene)
    certificates.issue("me", names="DNS:me.test", usage="clientAuth")
    certificates, gateway, _ = pair(scene, certificates=certificates, listen={"client_ca_file": str(certificates.authority)},
                                    keys={"me": {"certificates": ["dns:me.test"]}})
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        terms = certificates.client("me")
        terms.minimum_version = terms.maximum_version = version
        session = None
        for number in range(3):
            wire = client(scene, gateway, terms, session=session)
            equal(wire.send(words.chat_request()).read_answer().status, 200, f"the status of connection {number}")
            equal(wire.socket.session_reused, number > 0, f"connection {number} resumes")
            session = wire.socket.session
            require(3590 <= session.ticket_lifetime_hint <= 3600, f"a ticket for {session.ticket_lifetime_hint} s")
    handshakes(gateway, full=2, resumed=4)


@case("where clients must show a certificate, only who has one of that authority is served", every_backend=True)
def mutual(scene):
    certificates = house(scene)
    certificates.issue("me", names="DNS:me.test", usage="clientAuth")
    certificates.issue("old", names="DNS:me.test", usage="clientAuth", days=-1)
    elsewhere = scene.folder / "elsewhere"
    elsewhere.mkdir()
    strangers = type(certificates)(elsewhere)
    strangers.issue("stranger", usage="clientAuth")
    certificates, gateway, upstream = pair(scene, certificates=certificates, listen={"client_ca_file": str(certificates.authority)})
    equal(scene.ask(gateway, tls=certificates.client("me")).status, 200, "the status with a certificate")
    bare, foreign = certificates.client(), certificates.client()
    foreign.load_cert_chain(strangers.path("stranger"), strangers.path("stranger", "key"))
    for terms in (bare, foreign, certificates.client("old"), certificates.client("good")):
        try:
            scene.ask(gateway, tls=terms)
            raise AssertionError("it was served")
        except (Gone, OSError):
            pass
    handshakes(gateway, full=1, failed=4)
    equal(len(upstream.requests), 1, "requests upstream")


@case("a certificate stands for its key: by fingerprint or name, without a word in the head", every_backend=True)
def certified(scene):
    certificates = house(scene)
    for name, names in (("voice", "URI:spiffe://lab/voice,DNS:x.test"), ("web", "DNS:web.test"), ("pinned", "DNS:y.test"), ("nobody", "DNS:z.test")):
        certificates.issue(name, names=names, usage="clientAuth")
    secret, shown_key = "the-secret-of-the-suite-0123456789", "hr-web-0123456789abcdefghijklmn"
    digest = hmac.new(secret.encode(), shown_key.encode(), hashlib.sha256).hexdigest()
    keys = {"voice": {"certificates": ["uri:spiffe://lab/voice"], "models": ["m"]},
            "web": {"certificates": ["dns:web.test"], "hash": digest},
            "pinned": {"certificates": [f"sha256:{certificates.fingerprint('pinned')}"], "rpm": 1}}
    _, gateway, _ = pair(scene, certificates=certificates, listen={"client_ca_file": str(certificates.authority)}, keys=keys, key_secret=secret)

    def status(name, key=None, **more):
        return scene.ask(gateway, tls=certificates.client(name), fields=[("authorization", key)] if key else (), **more).status

    equal([status("voice"), status("web"), status("pinned"), status("nobody")], [200, 200, 200, 401], "without a word in the head")
    equal((status("voice", model="other"), status("pinned")), (403, 429), "the bounds of the keys")
    equal(status("voice", "Bearer"), 200, "an empty key, as SDKs send it")
    equal([status(name, f"Bearer {shown_key}") for name in ("web", "nobody", "voice")], [200, 200, 401], "with a key in the head")
    equal(status("web", "Bearer hr-unknown-0123456789abcdefghijk"), 401, "with a bad one")
    gateway.wait_metric("headrace_key_requests_total", 3, key="voice")
    gateway.wait_metric("headrace_key_requests_total", 3, key="web")


@case("a slow client over TLS costs a bounded memory and gets every byte", every_backend=True)
def slow_reader(scene):
    def script(call):
        call.send(words.head("HTTP/1.1 200 OK", [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]))
        for event in [words.WORDS[0]] * 20_000:
            call.send(words.chunk(event))
        call.send(words.chunk(words.DONE), words.LAST_CHUNK)

    certificates, gateway, _ = pair(scene, script)
    wire = client(scene, gateway, certificates.client(), receive_buffer=4096).send(words.chat_request(stream=True))
    answer = wire.read_head()
    threading.Event().wait(0.3)
    held = gateway.metrics().value("process_resident_memory_bytes")
    wire.read_body(answer)
    require(answer.body == words.WORDS[0] * 20_000 + words.DONE, "the stream is whole")
    require(held < 400e6, f"{held} bytes are held")


@case("a client that never reads is cut over TLS as well", every_backend=True)
def stalled(scene):
    def script(call):
        call.send(words.stream_head())
        try:
            while True:
                call.send(words.chunk(words.WORDS[0]) * 500)
        except OSError:
            pass

    certificates, gateway, _ = pair(scene, script, limits={"write_stall_timeout": "300ms"})
    client(scene, gateway, certificates.client(), receive_buffer=4096).send(words.chat_request(stream=True))
    until(lambda: gateway.requests_by_outcome() == {"client_cancel": 1}, "the record")


@case("what a configuration says of TLS towards clients is checked before anything starts")
def checked(scene):
    certificates = house(scene)

    def faults(**keys):
        config = configuration("http://127.0.0.1:1/v1", listen=[{**certificates.listener("good"), **keys}])
        path = scene.folder / "checked.yaml"
        path.write_text(json.dumps(config))
        code, output, errors = scene.headrace("check", "--config", path)
        return code, output + errors

    good, key = str(certificates.path("good")), str(certificates.path("good", "key"))
    equal(faults()[0], 0, "the exit code of a good one")
    for keys, reason in (({"tls_certificates": [{"certificate": "/nowhere", "key": key}]}, "listen[0]: /nowhere cannot be read"),
                         ({"tls_certificates": [{"certificate": good, "key": good}]}, "holds no key"),
                         ({"tls_certificates": [{"certificate": good}]}, 'the key "key" is missing'),
                         ({"tls_certificates": good}, "must be a list"),
                         ({"client_ca_file": key}, "holds no certificate"),
                         ({"http": "h2"}, "is not one of auto, 1.1")):
        code, said = faults(**keys)
        require(code != 0, f"{keys} is refused")
        contains(said, reason, "what it says")


# -- clients that we did not write

@case("curl over TLS: both versions, a Unix socket, a certificate of its own", every_backend=True)
def curl_client(scene):
    certificates = house(scene)
    certificates.issue("me", usage="clientAuth")
    path = scene.folder / "gateway.sock"
    mutual_place = certificates.listener("good", client_ca_file=str(certificates.authority))
    gateway = scene.gateway(scene.upstream(), listen=[certificates.listener("good"), mutual_place,
                                                      {**certificates.listener("good"), "address": f"unix:{path}"}])
    kind = ["--cacert", certificates.authority, "-H", "content-type: application/json"]
    me = ["--cert", certificates.path("me"), "--key", certificates.path("me", "key")]
    for options, port in (([], 0), (["--tls-max", "1.2"], 0), (["--http1.0"], 0), (me, 1), (["--unix-socket", path], 0)):
        url = f"https://localhost:{gateway.addresses[port][1]}/v1/chat/completions"
        plain = curl(scene, "--http1.1", *options, *kind, "-d", words.chat().decode(), url)
        equal(plain + "\n", words.PLAIN.decode(), f"a plain answer {options}")
        streamed = curl(scene, "--http1.1", *options, *kind, "-N", "-d", words.chat(stream=True).decode(), url)
        equal(streamed, words.STREAM_TEXT.decode().rstrip("\n") + "\n", f"a stream {options}")


@case("Node's https and httpx over TLS", every_backend=True)
def node_and_httpx(scene):
    provider = Provider()
    certificates, gateway, _ = pair(scene, provider)
    extra = {**scene.environment(), "NODE_EXTRA_CA_CERTS": str(certificates.authority), "SSL_CERT_FILE": str(certificates.authority)}
    code, output, errors = scene.run([program("node"), scene.peer("node_client.js"), gateway.port, "https"], env=extra)
    equal((code, errors), (0, ""), "Node's exit code")
    seen = json.loads(output)
    equal((seen["plain"]["status"], seen["plain"]["text"], seen["plain"]["complete"]), (200, words.PLAIN.decode(), True), "the plain answer")
    equal((seen["stream"]["text"], seen["stream"]["reused"], seen["stream"]["complete"]), (words.STREAM_TEXT.decode(), True, True), "the stream")
    until(lambda: provider.aborted == 1, "the abort reaches the provider")
    code, output, errors = scene.run([DEBIAN_PYTHON, scene.peer("httpx_client.py"), f"https://localhost:{gateway.port}"], env=extra)
    if "No module named" in errors:
        raise Skipped("there is no httpx")
    equal((code, errors), (0, ""), "httpx's exit code")
    seen = json.loads(output)
    equal(seen["plain"], {"status": 200, "text": words.PLAIN.decode()}, "the plain answer")
    equal(seen["stream"], {"status": 200, "text": words.STREAM_TEXT.decode()}, "the stream")
    equal((seen["models"], seen["bad"]), ("list", {"status": 400, "code": "bad_json"}), "the rest")
    until(lambda: provider.aborted == 2, "the abort reaches the provider")


@case("openssl s_client: a renegotiation and early data get nowhere")
def openssl_client(scene):
    certificates, gateway, _ = pair(scene)
    tool = shutil.which("openssl")
    code, output, errors = scene.run([tool, "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-CAfile", certificates.authority,
                                      "-verify_hostname", "localhost", "-verify_return_error", "-alpn", "http/1.1"])
    contains(output, "Verification: OK", "what openssl says")
    contains(output, "ALPN protocol: http/1.1", "what openssl says")
    for version in ("-tls1", "-tls1_1"):
        code, output, errors = scene.run([tool, "s_client", "-connect", f"127.0.0.1:{gateway.port}", version, "-cipher", "ALL:@SECLEVEL=0"])
        require(code != 0, f"{version} is refused")
    code, output, errors = scene.run([tool, "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-tls1_2", "-cipher", "AES128-SHA"])
    require(code != 0, "a cipher without forward secrecy is refused")


@case("h2load in HTTP/1.1 over TLS: thousands of requests and streams, none lost", every_backend=True)
def h2load(scene):
    certificates = house(scene)
    mock = scene.mock(ttft="0us", itl="0us", tokens=3)
    gateway = scene.gateway(mock.base_url, workers=2, listen=[certificates.listener("good")])
    body = scene.folder / "stream"
    body.write_bytes(words.chat(stream=True))
    code, output, errors = scene.run([program("h2load"), "--h1", "-n", 1000, "-c", "20", "-t", "1", "-d", body,
                                      "-H", "content-type: application/json", f"https://localhost:{gateway.port}/v1/chat/completions"], seconds=90)
    equal(code, 0, f"h2load's exit code, having said\n{output}{errors}\n")
    contains(output, "1000 succeeded, 0 failed, 0 errored, 0 timeout", "what h2load says")
    handshakes(gateway, full=20)
