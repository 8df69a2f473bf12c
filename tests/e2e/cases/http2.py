"""HTTP/2 without TLS towards providers that we did not write: Node's http2 server, and nghttpd."""

import json

from cases.peers import content_of, program
from harness import words
from harness.checks import WAIT_S, equal, require, until
from harness.scene import case, free_port


def node(scene, *arguments):
    server = scene.process([program("node"), scene.peer("node_h2_server.js"), *arguments])
    port = int(server.wait_line(r"listening on (\d+)", lines=server.stdout).group(1))
    return f"http://127.0.0.1:{port}/v1"


def gateway_over_h2(scene, base_url, **more):
    providers = {"up": {"base_url": base_url, "http": "h2c", "api_key": "sk-secret", "warm_min": 0}}
    return scene.gateway(base_url, providers=providers, **more)


def seen_by(scene, gateway):
    return json.loads(scene.ask(gateway, model="seen").body)


@case("a Node HTTP/2 server upstream: plain, streamed, refused, broken off, all on one connection", every_backend=True)
def node_upstream(scene):
    once = [{"model": "*", "targets": ["up"], "attempts": 1}]
    gateway = gateway_over_h2(scene, node(scene), routes=once)
    client = scene.client(gateway)
    for _ in range(3):
        answer = client.send(words.chat_request()).read_answer()
        equal((answer.status, answer.body), (200, '{"from":"node","text":"\u6c34"}'.encode()), "a plain answer")
        answer = client.send(words.chat_request(stream=True)).read_answer()
        require(answer.body.endswith(words.DONE), "the stream ends with [DONE]")
        equal((content_of(answer.body), answer.field("x-request-id")), ('Water runs \u6c34 "down" hill', "req_node"), "the stream")
        answer = client.send(words.chat_request(model="teapot")).read_answer()
        equal((answer.status, answer.field("retry-after")), (429, "9"), "a refusal")
    answer = client.send(words.chat_request(model="reset", stream=True)).read_answer()
    equal(content_of(answer.body), "Water runs", "what came before the reset")
    equal(json.loads(answer.body.split(b"\n\n")[-2][6:])["error"]["code"], "upstream_disconnected", "the error event")
    body = words.chat(model="seen", user="x" * 300_000)
    seen = json.loads(client.send(words.chat_request(model="seen", user="x" * 300_000)).read_answer().body)
    equal(seen["bytes"], len(body), "the bytes that Node saw")
    equal((seen["fields"][":path"], seen["fields"]["authorization"]), ("/v1/chat/completions", "Bearer sk-secret"), "its fields")
    require("connection" not in seen["fields"] and "host" not in seen["fields"], "no field of HTTP/1.1 passes")
    equal((seen["sessions"], seen["streams"]), (1, 11), "connections and streams")
    gateway.wait_metric("headrace_upstream_connects_total", 1)


@case("clients that go are resets of their streams; the connection and the other streams live on", every_backend=True)
def node_cancels(scene):
    gateway = gateway_over_h2(scene, node(scene))
    staying = scene.client(gateway).send(words.chat_request(model="endless", stream=True))
    staying.read_head()
    staying.read_events(2)
    for phase in range(12):
        model = ("endless", "silent")[phase % 2]
        leaving = scene.client(gateway).send(words.chat_request(model=model, stream=True))
        if model == "endless":
            leaving.read_head()
            leaving.read_events(1 + phase)
        else:
            until(lambda: seen_by(scene, gateway)["silent"] == phase // 2 + 1, "the request arrives")
        leaving.close()
        until(lambda: seen_by(scene, gateway)["cancelled"] == phase + 1, "the provider learns of it", 5.0)
    staying.read_events(3)
    equal(seen_by(scene, gateway)["sessions"], 1, "connections")
    gateway.wait_metric("headrace_upstream_cancels_total", 12)
    equal(gateway.metrics().required("headrace_upstream_connects_total"), 1, "connects")


@case("what an HTTP/2 server did not process is asked again elsewhere, and nobody notices", every_backend=True)
def node_unprocessed(scene):
    gateway = gateway_over_h2(scene, node(scene))
    client = scene.client(gateway)
    # The first connection refuses, so a second is dialled; when the first one goes, the second has just spoken and
    # is as good as a new one.
    for retries, model in ((1, "refuse-once"), (2, "goaway")):
        answer = client.send(words.chat_request(model=model)).read_answer()
        equal((answer.status, answer.body), (200, '{"from":"node","text":"\u6c34"}'.encode()), f"the answer {model}")
        gateway.wait_metric("headrace_upstream_stale_retries_total", retries)
        gateway.wait_metric("headrace_upstream_connects_total", 2)


@case("a server's bound on streams makes more connections, not refusals")
def node_stream_bound(scene):
    gateway = gateway_over_h2(scene, node(scene, "3"))
    scene.ask(gateway)
    clients = [scene.client(gateway).send(words.chat_request(model="endless", stream=True)) for _ in range(10)]
    for client in clients:
        equal(client.read_head().status, 200, "the status")
        client.read_events(2)
    connects = gateway.metrics().required("headrace_upstream_connects_total")
    require(4 <= connects <= 8, f"connections: {connects}")


@case("many cancels rotate the connection before a server would mind")
def node_rotation(scene):
    gateway = gateway_over_h2(scene, node(scene))
    client = scene.client(gateway)
    for _ in range(230):
        leaving = scene.client(gateway).send(words.chat_request(model="endless", stream=True))
        leaving.read_head()
        leaving.close()
    gateway.wait_metric("headrace_upstream_cancels_total", 230)
    equal(client.send(words.chat_request()).read_answer().status, 200, "the status of the next")
    connects = gateway.metrics().required("headrace_upstream_connects_total")
    require(2 <= connects <= 4, f"connections: {connects}")


@case("nghttpd upstream: an answer's body arrives whole over its windows", every_backend=True)
def nghttpd_upstream(scene):
    port = free_port()
    folder = scene.folder / "docs" / "v1" / "chat"
    folder.mkdir(parents=True)
    text = json.dumps({"choices": [], "padding": "y" * 700_000}).encode()
    (folder / "completions").write_bytes(text)
    server = scene.process([program("nghttpd"), "--no-tls", "-a", "127.0.0.1", "-d", scene.folder / "docs", "-v", str(port)])
    gateway = gateway_over_h2(scene, f"http://127.0.0.1:{port}/v1")
    until(lambda: scene.ask(gateway).status == 200, "nghttpd answers", WAIT_S)
    require(server.running(), "nghttpd runs")
    for _ in range(3):
        answer = scene.ask(gateway)
        equal((answer.status, answer.body == text), (200, True), "the answer")


@case("an HTTP/2 provider that cannot be reached costs a request, not the gateway", every_backend=True)
def nobody_upstream(scene):
    gateway = gateway_over_h2(scene, f"http://127.0.0.1:{free_port()}/v1")
    for _ in range(5):
        equal(scene.ask(gateway).status, 502, "the status")
