"""Warm connections: dialled before anybody asks, replaced before anybody notices."""

import json
import re
import threading
import time

from cases.alpn import node
from cases.mock_wire import mock
from cases.tls import gateway_of
from harness import words
from harness.checks import contains, equal, require, until
from harness.gateway import configuration
from harness.scene import case


@case("the first request of all finds a connection over TLS, of either protocol", every_backend=True)
def first(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    upstream = scene.upstream(tls=certificates.server("good"))
    for base in (upstream.base_url, node(scene, certificates)):
        gateway = gateway_of(scene, base, certificates, warm_min=1)
        gateway.wait_metric("headrace_upstream_connections", 1, state="idle")
        for _ in range(3):
            equal(scene.ask(gateway).status, 200, "the status")
        metrics = gateway.metrics()
        equal(metrics.required("headrace_upstream_waits_total"), 0, "requests that waited for a connection")
        equal(metrics.required("headrace_upstream_acquire_seconds_count", reused="true"), 3, "connections that were there")
        took = metrics.required("headrace_upstream_acquire_seconds_sum", reused="true")
        require(0 < took < 1, f"taking them took {took} s, which is something and little")


@case("the targets that only stand in are warm too")
def fallbacks(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    terms = certificates.server("good")
    ups = [scene.upstream(tls=terms) for _ in range(3)]
    authority = str(certificates.authority)
    providers = {f"p{i}": {"base_url": up.base_url, "ca_file": authority} for i, up in enumerate(ups)}
    scene.gateway(ups[0], providers=providers, routes=[{"model": "*", "targets": list(providers)}])
    until(lambda: all(up.connections == 1 for up in ups), "each provider has a connection")
    require(all(not up.requests for up in ups), "nobody was asked anything")


@case("clients that go again and again cost no handshake that anybody waits for")
def cancels(scene):
    certificates = scene.certificates()
    certificates.issue("good")

    def script(call):
        call.send(words.stream_head())
        for event in words.STREAM[:3]:
            call.send(words.chunk(event))
        call.wait_gone()

    upstream = scene.upstream(script, tls=certificates.server("good"))
    for base in (upstream.base_url, node(scene, certificates)):
        gateway = gateway_of(scene, base, certificates, warm_min=1)
        gateway.wait_metric("headrace_upstream_connections", 1, state="idle")
        for _ in range(20):
            leaving = scene.client(gateway).send(words.chat_request(model="endless", stream=True))
            leaving.read_head()
            time.sleep(0.1)  # the spare is dialled while the answer runs
            leaving.close()
        gateway.wait_metric("headrace_upstream_cancels_total", 20)
        equal(gateway.metrics().required("headrace_upstream_waits_total"), 0, "requests that waited for a connection")


@case("a spare connection that the server ends is replaced, and a server that is gone is not stormed")
def replaced(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    upstream = scene.upstream(tls=certificates.server("good"))
    gateway = gateway_of(scene, upstream.base_url, certificates, warm_min=2)
    gateway.wait_metric("headrace_upstream_connections", 2, state="idle")
    threading.Event().wait(0.3)
    equal(gateway.metrics().required("headrace_upstream_connects_total"), 2, "dials")
    upstream.end()
    gateway.wait_metric("headrace_upstream_connections", 0, state="idle")
    threading.Event().wait(2.0)
    connects = gateway.metrics().required("headrace_upstream_connects_total")
    require(3 <= connects <= 20, f"dials in two seconds: {connects}")


@case("prewarm makes sure of a connection where none is kept, and says how targets stand", every_backend=True)
def prewarm(scene):
    upstream = scene.upstream()
    gateway = scene.gateway(upstream)
    client = scene.client(gateway)
    ask = b"POST /v1/prewarm HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"
    answer = client.send(ask).read_answer()
    equal((answer.status, json.loads(answer.body)["data"]), (200, [{"target": "up", "provider": "up", "state": "connecting"}]), "the first")
    gateway.wait_metric("headrace_upstream_connections", 1, state="idle")
    equal(json.loads(client.send(ask).read_answer().body)["data"][0]["state"], "warm", "the state of the second")
    answer = client.send(words.chat_request()).read_answer()
    contains(answer.field("server-timing"), "conn;desc=reused", "what the turn ran on")
    equal(upstream.connections, 1, "connections")


@case("a provider behind a Unix socket", every_backend=True)
def unix_socket(scene):
    path = scene.folder / "up.sock"
    mock = scene.process([scene.binary("tools/mock/headrace-mock"), "--listen", f"unix:{path}", "--ttft", "const:1ms", "--itl", "const:1ms"])
    mock.wait_line("listening", lines=mock.stdout)
    base = "http+unix://" + str(path).replace("/", "%2F") + "/v1"
    gateway = scene.gateway(base, providers={"up": {"base_url": base, "api_key": "sk-x"}})
    for _ in range(3):
        equal(scene.ask(gateway).status, 200, "the status")
    gateway.wait_metric("headrace_upstream_connects_total", 1)


@case("the doctor times two handshakes with each provider")
def doctor(scene):
    base, authority = mock(scene, "--h2")
    config = configuration(base + "/v1")
    config["providers"]["up"]["ca_file"] = str(authority)
    path = scene.folder / "doctor.yaml"
    path.write_text(json.dumps(config))
    code, output, errors = scene.headrace("doctor", "--config", path)
    equal(code, 0, f"the exit code: {output}{errors}")
    require(re.search(r"connected in [\d.]+ ms, TLSv1.3 in [\d.]+ ms, speaks h2", output), f"the first: {output}")
    # The mock's library hands out tickets with its first answer.
    require(re.search(r"the second time: connected in [\d.]+ ms, TLSv1.3 in [\d.]+ ms, speaks h2; not resumed", output), f"the second: {output}")
