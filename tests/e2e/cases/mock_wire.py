"""The mock over TLS and HTTP/2, alone with curl and behind the gateway, and the faults that only a connection has."""

import json
import subprocess
import time

from cases.peers import program
from harness import words
from harness.checks import equal, require, until
from harness.scene import case, free_port


def mock(scene, *arguments):
    authority = scene.folder / f"mock-{scene.next_number()}.pem"
    port = free_port()
    server = scene.process([scene.binary("tools/mock/headrace-mock"), "--listen", f"127.0.0.1:{port}", "--tls", "self", "--tls-ca", authority,
                            "--ttft", "const:5ms", "--itl", "const:1ms", "--tokens", "const:8", *arguments])
    server.wait_line("listening", lines=server.stdout)
    return f"https://localhost:{port}", authority


def curl(base, authority, path, *arguments):
    done = subprocess.run([program("curl"), "-sS", "--max-time", "10", "--cacert", authority, "-w", "\n%{http_version} %{http_code}", *arguments,
                           base + path], capture_output=True, text=True, timeout=20)
    body, _, end = done.stdout.rpartition("\n")
    return body, end, done


def stats(base, authority):
    return json.loads(curl(base, authority, "/mock/stats")[0])


def gateway(scene, base, authority, **keys):
    return scene.gateway(base + "/v1", providers={"up": {"base_url": base + "/v1", "ca_file": str(authority), "warm_min": 0, **keys}})


CHAT = '{"model":"mock","messages":[{"role":"user","content":"hi"}]%s}'


@case("curl speaks both protocols with the mock over TLS")
def with_curl(scene):
    base, authority = mock(scene, "--h2")
    for version, flag in (("2", "--http2"), ("1.1", "--http1.1")):
        for more in ("", ',"stream":true'):
            body, end, _ = curl(base, authority, "/v1/chat/completions", flag, "-H", "content-type: application/json", "-d", CHAT % more)
            equal(end, f"{version} 200", "version and status")
            require("[DONE]" in body if more else json.loads(body)["choices"], "the answer")
        equal(curl(base, authority, "/v1/models", flag)[1], f"{version} 200", "without a body")
        equal(curl(base, authority, "/nowhere", flag)[1], f"{version} 404", "an error")
    plain, authority = mock(scene)
    equal(curl(plain, authority, "/v1/models", "--http2")[1], "1.1 200", "without --h2")


@case("the gateway and the mock over TLS and HTTP/2: streams, cancels, both protocols", every_backend=True)
def with_gateway(scene):
    base, authority = mock(scene, "--h2")
    for http in ("auto", "1.1"):
        front = gateway(scene, base, authority, http=http)
        client = scene.client(front)
        for number in range(6):
            answer = client.send(words.chat_request(stream=number % 2 == 1)).read_answer()
            equal(answer.status, 200, "the status")
        leaving = scene.client(front).send(words.chat_request(model="mock:tokens=5000", stream=True))
        leaving.read_head()
        leaving.close()
        front.wait_metric("headrace_upstream_cancels_total", 1)
    until(lambda: stats(base, authority)["cancels"] == 2, "the mock sees both cancels")


@case("goaway and refused streams are faults that no client sees")
def faults(scene):
    base, authority = mock(scene, "--h2", "--fault", "30%: goaway", "--fault", "10%: rst", "--seed", "3")
    front = gateway(scene, base, authority)
    client = scene.client(front)
    for _ in range(40):
        answer = client.send(words.chat_request()).read_answer()
        equal(answer.status, 200, "the status")
    require(front.metrics().required("headrace_upstream_goaways_total") >= 3, "connections ended with GOAWAY")


@case("a connection grows no older than it may, and a slow handshake is slow")
def of_connections(scene):
    base, authority = mock(scene, "--h2", "--fault", "max-conn-age=300ms", "--fault", "tls-slow=200ms")
    front = gateway(scene, base, authority)
    began = time.monotonic()
    equal(scene.ask(front).status, 200, "the status of the first")
    require(time.monotonic() - began >= 0.2, "the handshake took its time")
    front.wait_metric("headrace_upstream_goaways_total", 1)
    equal(scene.ask(front).status, 200, "the status of the next")
