"""Peers that we did not write, on both sides: Node and nginx as providers; curl, Python, httpx, aiohttp, Node and
h2load as clients."""

import http.client
import json
import shutil
import socket
import threading

from harness import words
from harness.checks import WAIT_S, Skipped, contains, equal, require, until
from harness.scene import case, free_port
from harness.upstream import wants_stream

DEBIAN_PYTHON = "/usr/bin/python3"


def program(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin:/bin") or shutil.which(name)
    if path is None:
        raise Skipped(f"there is no {name}")
    return path


# -- providers

def node(scene, *arguments):
    server = scene.process([program("node"), scene.peer("node_server.js"), *arguments])
    port = int(server.wait_line(r"listening on (\d+)", lines=server.stdout).group(1))
    return f"http://127.0.0.1:{port}/v1"


def content_of(text):
    events = [json.loads(event[6:]) for event in text.decode().split("\n\n") if event.startswith("data: {")]
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events if "choices" in event)


@case("a Node server upstream: plain, streamed, refused, broken off, on kept connections", every_backend=True)
def node_upstream(scene):
    gateway = scene.gateway(node(scene))
    client = scene.client(gateway)
    for _ in range(3):
        answer = client.send(words.chat_request()).read_answer()
        equal((answer.status, answer.body), (200, '{"from":"node","text":"\u6c34"}'.encode()), "a plain answer in chunks")
        answer = client.send(words.chat_request(stream=True)).read_answer()
        require(answer.body.endswith(words.DONE), "the stream ends with [DONE]")
        equal((content_of(answer.body), answer.field("x-request-id")), ('Water runs \u6c34 "down" hill', "req_node"), "the stream")
        answer = client.send(words.chat_request(model="teapot")).read_answer()
        equal((answer.status, answer.field("retry-after")), (429, "9"), "a refusal")
    answer = client.send(words.chat_request(model="destroy", stream=True)).read_answer()
    equal(content_of(answer.body), "Water runs", "what came before the break")
    equal(json.loads(answer.body.split(b"\n\n")[-2][6:])["error"]["code"], "upstream_disconnected", "the error event")
    answer = client.send(words.chat_request(model="seen", user="x" * 50_000)).read_answer()
    seen = json.loads(answer.body)
    equal((seen["line"], seen["bytes"]), ("POST /v1/chat/completions 1.1", len(words.chat(model="seen", user="x" * 50_000))), "what Node saw")
    gateway.wait_metric("headrace_upstream_connects_total", 2)  # the broken one was replaced


@case("a Node server that closes idle connections quickly costs no request", every_backend=True)
def node_short_keep_alive(scene):
    gateway = scene.gateway(node(scene, "5"))
    client = scene.client(gateway)
    for number in range(60):
        threading.Event().wait(number % 12 / 1000)  # around the moment at which it closes
        equal(client.send(words.chat_request()).read_answer().status, 200, f"the status of answer {number}")


def nginx(scene, behind=1, buffering="off"):
    port = free_port()
    text = scene.peer("nginx.conf.in").read_text()
    for name, value in {"FOLDER": scene.folder, "PORT": port, "BEHIND": behind, "BUFFERING": buffering}.items():
        text = text.replace(f"@{name}@", str(value))
    path = scene.folder / "nginx.conf"
    path.write_text(text)
    server = scene.process([program("nginx"), "-p", scene.folder, "-e", "stderr", "-c", path])

    def answers():
        require(server.running(), f"nginx runs: {server.errors()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    until(answers, "nginx listens")
    return f"http://127.0.0.1:{port}"


@case("nginx upstream, in front of a provider: plain and streamed, on connections it closes after five requests", every_backend=True)
def nginx_upstream(scene):
    for buffering in ("off", "on"):
        upstream = scene.upstream()
        gateway = scene.gateway(nginx(scene, upstream.port, buffering) + "/v1")
        client = scene.client(gateway)
        for number in range(12):
            streamed = number % 2 == 1
            answer = client.send(words.chat_request(stream=streamed)).read_answer()
            equal((answer.status, answer.body), (200, words.STREAM_TEXT if streamed else words.PLAIN), f"answer {number}")


@case("nginx upstream: an abort reaches the provider behind it", every_backend=True)
def nginx_abort(scene):
    gone = threading.Event()

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        call.wait_gone()
        gone.set()

    upstream = scene.upstream(script)
    gateway = scene.gateway(nginx(scene, upstream.port) + "/v1")
    client = scene.client(gateway).send(words.chat_request(stream=True))
    client.read_head()
    client.close()
    require(gone.wait(WAIT_S), "the provider's connection is closed")


@case("nginx upstream: its own errors and redirects", every_backend=True)
def nginx_errors(scene):
    front = nginx(scene, free_port())
    gateway = scene.gateway(front + "/v1")
    answer = scene.ask(gateway)
    equal((answer.status, answer.field("content-type")), (502, "application/json"),
          "the answer of an nginx without a provider: its page has become an error in the client's shape")
    require("502 Bad Gateway" in json.loads(answer.body)["error"]["message"], "its words are the message")
    gateway = scene.gateway(front + "/moved")
    answer = scene.ask(gateway)
    equal((answer.status, json.loads(answer.body)["error"]["code"]), (502, "upstream_redirect"), "the answer to a redirect")


@case("nginx upstream: a file of events is a stream")
def nginx_static(scene):
    path = scene.folder / "chat"
    path.mkdir()
    (path / "completions").write_bytes(words.STREAM_TEXT)
    gateway = scene.gateway(nginx(scene) + "/static")
    answer = scene.ask(gateway, stream=True)
    equal((answer.status, answer.body), (200, words.STREAM_TEXT), "the stream")


# -- clients

class Provider:
    """Answers normally; a stream of the model `endless` goes on until the gateway ends it, which is counted."""

    def __init__(self):
        self.aborted = 0

    def __call__(self, call):
        if b"endless" not in call.request.body:
            call.send(words.stream_answer() if wants_stream(call.request) else words.plain_answer())
            return
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        call.wait_gone()
        self.aborted += 1


def curl(scene, *arguments):
    code, output, errors = scene.run([program("curl"), "-sS", "--max-time", "30", *arguments])
    equal((code, errors), (0, ""), "curl's exit code")
    return output


@case("curl: HTTP/1.1, HTTP/1.0, a Unix socket, and two requests on one connection", every_backend=True)
def curl_client(scene):
    path = scene.folder / "gateway.sock"
    gateway, _ = scene.pair(listen=["127.0.0.1:0", f"unix:{path}"])
    url = f"{gateway.url}/v1/chat/completions"
    plain, streamed = words.chat().decode(), words.chat(stream=True).decode()
    kind = ["-H", "content-type: application/json"]
    for options in ([], ["--http1.0"], ["--unix-socket", path], ["-H", "transfer-encoding: chunked"], ["--http2"]):
        equal(curl(scene, *options, *kind, "-d", plain, url) + "\n", words.PLAIN.decode(), f"a plain answer {options}")
        equal(curl(scene, *options, *kind, "-N", "-d", streamed, url), words.STREAM_TEXT.decode().rstrip("\n") + "\n", f"a stream {options}")
    output = curl(scene, *kind, "-d", plain, "-w", "%{http_code} %{num_connects} ", "-o", "/dev/null", url,
                  "--next", "-sS", *kind, "-d", streamed, "-w", "%{http_code} %{num_connects}", "-o", "/dev/null", url)
    equal(output, "200 1 200 0", "status and new connections of two requests")


@case("curl: a big body behind Expect: 100-continue", every_backend=True)
def curl_expect(scene):
    gateway, upstream = scene.pair()
    body = scene.folder / "body.json"
    body.write_bytes(words.chat(padding="x" * 2_000_000))
    output = curl(scene, "-v", "--stderr", scene.folder / "story", "-H", "expect: 100-continue", "-H", "content-type: application/json",
                  "--expect100-timeout", "20", "--data-binary", f"@{body}", f"{gateway.url}/v1/chat/completions")
    equal(output + "\n", words.PLAIN.decode(), "the answer")
    contains((scene.folder / "story").read_text(), "HTTP/1.1 100 Continue", "what curl saw")
    equal(upstream.requests[0].body, body.read_bytes(), "the body upstream")


@case("curl: a refused upload ends with its reason, not with a broken pipe", every_backend=True)
def curl_refused(scene):
    gateway, _ = scene.pair(limits={"body": "100KiB"})
    body = scene.folder / "body.json"
    body.write_bytes(words.chat(padding="x" * 600_000))
    for options in (["-H", "expect:"], ["-H", "expect:", "-H", "transfer-encoding: chunked"], []):
        output = curl(scene, *options, "-w", "\n%{http_code}", "-H", "content-type: application/json", "--data-binary", f"@{body}",
                      f"{gateway.url}/v1/chat/completions")
        equal((output.splitlines()[-1], json.loads(output.splitlines()[0])["error"]["code"]), ("413", "body_too_large"), f"the answer {options}")


@case("Python's http.client: kept connections, streams read by pieces, an abort", every_backend=True)
def http_client(scene):
    provider = Provider()
    gateway, _ = scene.pair(provider)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=WAIT_S)
    scene.at_end(connection.close)
    for streamed, expected in ((False, words.PLAIN), (True, words.STREAM_TEXT), (False, words.PLAIN)):
        connection.request("POST", "/v1/chat/completions", words.chat(stream=streamed), {"content-type": "application/json"})
        answer = connection.getresponse()
        equal((answer.status, b"".join(iter(lambda: answer.read(7), b""))), (200, expected), "the answer")
    own_socket = connection.sock
    connection.request("POST", "/v1/chat/completions", iter([words.chat()]), {"content-type": "application/json"}, encode_chunked=False)
    equal((connection.getresponse().read(), connection.sock is own_socket), (words.PLAIN, True), "a chunked request on the same connection")
    connection.request("POST", "/v1/chat/completions", words.chat(model="endless", stream=True), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read(10)
    answer.close()
    connection.close()
    until(lambda: provider.aborted == 1, "the abort reaches the provider")


@case("httpx: plain, streamed, aborted, chunked, over TCP and a Unix socket", every_backend=True)
def httpx_client(scene):
    provider = Provider()
    path = scene.folder / "gateway.sock"
    gateway, _ = scene.pair(provider, listen=["127.0.0.1:0", f"unix:{path}"])
    for turn, place in enumerate(([gateway.url], ["http://gateway", path]), 1):
        code, output, errors = scene.run([DEBIAN_PYTHON, scene.peer("httpx_client.py"), *place])
        if "No module named" in errors:
            raise Skipped("there is no httpx")
        equal((code, errors), (0, ""), "the client's exit code")
        seen = json.loads(output)
        equal(seen["plain"], {"status": 200, "text": words.PLAIN.decode()}, "the plain answer")
        equal(seen["stream"], {"status": 200, "text": words.STREAM_TEXT.decode()}, "the stream")
        equal(seen["chunked"], {"status": 200, "text": words.STREAM_TEXT.decode()}, "the answer to a chunked request")
        equal((seen["models"], seen["bad"]), ("list", {"status": 400, "code": "bad_json"}), "the rest")
        until(lambda: provider.aborted == turn, "the abort reaches the provider")


@case("aiohttp: plain, twenty streams at once, an abort and a cancelled task", every_backend=True)
def aiohttp_client(scene):
    provider = Provider()
    gateway, _ = scene.pair(provider, workers=2)
    code, output, errors = scene.run([DEBIAN_PYTHON, scene.peer("aiohttp_client.py"), gateway.url])
    if "No module named" in errors:
        raise Skipped("there is no aiohttp")
    equal((code, errors), (0, ""), "the client's exit code")
    seen = json.loads(output)
    stream = {"status": 200, "text": words.STREAM_TEXT.decode()}
    equal(seen["plain"], {"status": 200, "text": words.PLAIN.decode()}, "the plain answer")
    equal((seen["streams"], seen["after"]), ([stream] * 20, stream), "the streams")
    equal(seen["cancelled"], True, "the cancelled task")
    until(lambda: provider.aborted == 2, "both aborts reach the provider")


@case("Node: a keep-alive agent, a stream, an abort, and on", every_backend=True)
def node_client(scene):
    provider = Provider()
    gateway, _ = scene.pair(provider)
    code, output, errors = scene.run([program("node"), scene.peer("node_client.js"), gateway.port])
    equal((code, errors), (0, ""), "the client's exit code")
    seen = json.loads(output)
    equal((seen["plain"]["status"], seen["plain"]["text"], seen["plain"]["complete"]), (200, words.PLAIN.decode(), True), "the plain answer")
    equal((seen["stream"]["text"], seen["stream"]["reused"], seen["stream"]["complete"]), (words.STREAM_TEXT.decode(), True, True), "the stream")
    equal((seen["after"]["text"], seen["after"]["reused"]), (words.STREAM_TEXT.decode(), False), "the stream after an abort")
    until(lambda: provider.aborted == 1, "the abort reaches the provider")


@case("h2load in HTTP/1.1: thousands of requests and streams, none lost", every_backend=True)
def h2load(scene):
    mock = scene.mock(ttft="0us", itl="0us", tokens=3)
    gateway = scene.gateway(mock.base_url, workers=2)
    for name, chat, count in (("plain", words.chat(), 2000), ("stream", words.chat(stream=True), 1000)):
        body = scene.folder / name
        body.write_bytes(chat)
        code, output, errors = scene.run([program("h2load"), "--h1", "-n", count, "-c", "20", "-t", "1", "-d", body,
                                          "-H", "content-type: application/json", f"{gateway.url}/v1/chat/completions"], seconds=90)
        equal(code, 0, f"h2load's exit code, having said\n{output}{errors}\n")
        contains(output, f"{count} succeeded, 0 failed, 0 errored, 0 timeout", "what h2load says")
        contains(output, f"status codes: {count} 2xx, 0 3xx, 0 4xx, 0 5xx", "what h2load says")
    equal(gateway.requests_by_outcome(), {"ok": 3000}, "requests recorded")
