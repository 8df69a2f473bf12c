"""Plain and streamed answers through the gateway, on every backend."""

import grp
import json
import os
import stat
import threading

from harness import words
from harness.checks import WAIT_S, equal, require
from harness.scene import case
from harness.sockets import connect

BIG = 300_000


@case("a plain answer and the request behind it arrive byte for byte", every_backend=True)
def plain(scene):
    gateway, upstream = scene.pair()
    body = b'{ "model" : "m", "stream":false, "messages":[{"role":"user","content":"\\ud800 \xe6\xb0\xb4"}], "x": 1e99999 }'
    answer = scene.ask(gateway, body=body)
    equal((answer.status, answer.body), (200, words.PLAIN), "the answer")
    equal(answer.field("content-length"), str(len(words.PLAIN)), "its length")
    request = upstream.requests[0]
    equal(request.first_line, "POST /v1/chat/completions HTTP/1.1", "the request line upstream")
    equal(request.body, body, "the body upstream")


@case("a stream arrives byte for byte, in chunks of the gateway's own", every_backend=True)
def stream(scene):
    gateway, _ = scene.pair()
    answer = scene.ask(gateway, stream=True)
    equal((answer.status, answer.body), (200, words.STREAM_TEXT), "the stream")
    equal(answer.field("content-type"), "text/event-stream", "its type")
    equal(answer.field("transfer-encoding"), "chunked", "its framing")


@case("nothing of a stream is sent before its first useful event", every_backend=True)
def commit(scene):
    gate = threading.Event()
    scene.at_end(gate.set)

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(b": ping\n\n"))
        gate.wait(WAIT_S)
        call.send(*(words.chunk(e) for e in words.STREAM[1:]), words.LAST_CHUNK)

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    upstream.wait_requests(1)
    client.expect_silence(0.3)
    gate.set()
    answer = client.read_answer()
    equal(answer.body, words.ROLE + b": ping\n\n" + b"".join(words.STREAM[1:]), "the stream")


@case("each event leaves when its last byte has come, not before and not later", every_backend=True)
def events_one_by_one(scene):
    steps = threading.Semaphore(0)

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE))
        for event in words.WORDS:
            call.send(words.chunk(event[:-1]))  # all but the line feed that ends it
            require(steps.acquire(timeout=WAIT_S), "the case goes on")
            call.send(words.chunk(event[-1:]))
        call.send(words.chunk(words.FINISH), words.chunk(words.DONE), words.LAST_CHUNK)

    gateway, _ = scene.pair(script)
    client = scene.client(gateway).send(words.chat_request(stream=True))
    steps.release()
    client.read_head()
    equal(client.read_events(2), words.ROLE + words.WORDS[0], "the first events")
    for event in words.WORDS[1:]:
        client.expect_silence(0.03)
        steps.release()
        equal(client.read_events(1), event, "the next event")
    equal(client.read_rest_of_stream(), words.FINISH + words.DONE, "the end")


@case("connections are kept on both sides and used again", every_backend=True)
def keep_alive(scene):
    gateway, upstream = scene.pair()
    client = scene.client(gateway)
    for turn in range(20):
        streamed = turn % 2 == 1
        answer = client.send(words.chat_request(stream=streamed)).read_answer()
        equal(answer.body, words.STREAM_TEXT if streamed else words.PLAIN, f"answer {turn}")
        equal(answer.field("keep-alive"), "timeout=600", "what is said about keeping the connection")
    equal((len(upstream.requests), upstream.connections), (20, 1), "requests and connections upstream")
    gateway.wait_metric("headrace_client_connections_accepted_total", 1)


@case("pipelined requests are answered in order, one at a time", every_backend=True)
def pipelined(scene):
    gate = threading.Event()
    scene.at_end(gate.set)

    def script(call):
        if call.number == 1:
            gate.wait(WAIT_S)
        call.send(words.plain_answer(b'{"number":%d}' % call.number))

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway).send(words.chat_request() * 5)
    upstream.wait_requests(1)
    client.expect_silence(0.2)
    equal(len(upstream.requests), 1, "requests started before the first was answered")
    gate.set()
    for number in range(1, 6):
        answer = client.read_answer()
        equal((answer.status, json.loads(answer.body)), (200, {"number": number}), "the answer")
    client.send(words.chat_request())
    equal(client.read_answer().status, 200, "the connection afterwards")


@case("an HTTP/1.0 client gets a body that ends with the connection, or a length", every_backend=True)
def http10(scene):
    gateway, _ = scene.pair()
    for streamed, expected in ((False, words.PLAIN), (True, words.STREAM_TEXT)):
        client = scene.client(gateway).send(words.chat_request(stream=streamed, version="1.0"))
        answer = client.read_answer()
        equal((answer.status, answer.body), (200, expected), "the answer")
        equal(answer.field("transfer-encoding"), None, "the transfer coding")
        require(answer.closes(), "the answer says that it closes")
        client.expect_closed()
    client = scene.client(gateway)
    for _ in range(2):
        client.send(words.chat_request(version="1.0", fields=[("connection", "keep-alive")]))
        answer = client.read_answer()
        equal((answer.body, answer.field("connection")), (words.PLAIN, "keep-alive"), "a kept 1.0 connection")


@case("a chunked request goes upstream with its length", every_backend=True)
def chunked_request(scene):
    gateway, upstream = scene.pair()
    body = words.chat(stream=True)
    client = scene.client(gateway)
    client.send(words.chunked_request([body[i:i + 1] for i in range(len(body))]))
    equal(client.read_answer().body, words.STREAM_TEXT, "the answer")
    client.send(words.chunked_request([body]).replace(words.LAST_CHUNK, b"0\r\nx-trailer: 1\r\n\r\n"))
    equal(client.read_answer().body, words.STREAM_TEXT, "the answer to one with a trailer")
    for request in upstream.requests:
        equal(request.body, words.upstream_chat(stream=True), "the body upstream")
        equal(request.field("content-length"), str(len(request.body)), "its length")
        require("x-trailer" not in request.names(), "a trailer is not passed on")


@case("bodies far larger than any buffer pass both ways", every_backend=True)
def large_bodies(scene):
    size = BIG if scene.backend != "tiny" else BIG // 10
    answer_body = b'{"text":"' + bytes(97 + i % 26 for i in range(size)) + b'"}'
    events = [words.event({"content": "w%06d" % i}) for i in range(size // 300)]
    script_events = [words.ROLE, *events, words.FINISH, words.DONE]

    def script(call):
        streamed = b'"stream": true' in call.request.body
        call.send(words.stream_answer(script_events) if streamed else words.plain_answer(answer_body))

    gateway, upstream = scene.pair(script)
    body = words.chat(padding="y" * size)
    equal(scene.ask(gateway, body=body).body, answer_body, "a large plain answer")
    equal(upstream.requests[0].body, body, "a large request upstream")
    body = words.chat(stream=True, padding="z" * size)
    equal(scene.ask(gateway, body=body).body, b"".join(script_events), "a long stream")
    equal(upstream.requests[1].body, words.upstream_chat(stream=True, padding="z" * size), "a large request upstream")


@case("a message cut at any byte is the same message", every_backend=True)
def cut_anywhere(scene):
    def script(call):
        raw = words.stream_answer()
        for at in range(0, len(raw), 7):
            call.send(raw[at:at + 7])

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway)
    raw = words.chat_request(stream=True)
    for at in range(len(raw)):
        client.send(raw[at:at + 1])
    equal(client.read_answer().body, words.STREAM_TEXT, "the stream")
    equal(upstream.requests[0].body, words.upstream_chat(stream=True), "the body upstream")


@case("many clients at once each get their own answer", every_backend=True)
def many_at_once(scene):
    def script(call):
        number = json.loads(call.request.body)["number"]
        own = [words.event({"content": f"{number}-{i} "}) for i in range(20)]
        for piece in (words.stream_head(), *map(words.chunk, [words.ROLE, *own, words.FINISH, words.DONE])):
            call.send(piece)
        call.send(words.LAST_CHUNK)

    gateway, _ = scene.pair(script, workers=2)
    clients = [scene.client(gateway) for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(words.chat_request(stream=True, number=number))
    for number, client in enumerate(clients):
        text = b"".join(words.event({"content": f"{number}-{i} "}) for i in range(20))
        equal(client.read_answer().body, words.ROLE + text + words.FINISH + words.DONE, f"answer {number}")
    equal(gateway.requests_by_outcome(), {"ok": 50}, "requests recorded")


@case("a Unix socket listens with the mode and group of the configuration", every_backend=True)
def unix_socket(scene):
    group = grp.getgrgid(os.getgroups()[-1] if os.getgroups() else os.getgid())
    if os.geteuid() == 0:
        group = grp.getgrnam("daemon")
    path = scene.folder / "gateway.sock"
    upstream = scene.upstream()
    gateway = scene.gateway(upstream, listen=[
        "127.0.0.1:0", {"address": f"unix:{path}", "mode": "0620", "group": group.gr_name}])
    facts = path.stat()
    require(stat.S_ISSOCK(facts.st_mode), "the path is a socket")
    equal((oct(stat.S_IMODE(facts.st_mode)), facts.st_gid), (oct(0o620), group.gr_gid), "mode and group")
    for address in (f"unix:{path}", gateway.address):
        client = connect(address)
        scene.at_end(client.close)
        for streamed, expected in ((True, words.STREAM_TEXT), (False, words.PLAIN)):
            client.send(words.chat_request(stream=streamed))
            equal(client.read_answer().body, expected, f"the answer over {address}")


@case("an abstract Unix socket serves, and so does an admin listener on one")
def abstract_socket(scene):
    name = f"@headrace-e2e-{os.getpid()}-{id(scene)}"
    gateway, _ = scene.pair(listen=[f"unix:{name}"], admin=f"unix:{scene.folder}/admin.sock")
    client = connect("unix:\0" + name[1:])
    scene.at_end(client.close)
    equal(client.send(words.chat_request()).read_answer().body, words.PLAIN, "the answer")
    equal(gateway.get("/readyz").status, 200, "readiness over a Unix socket")


@case("GET /v1/models is answered from the configuration, without the provider", every_backend=True)
def models(scene):
    gateway, upstream = scene.pair(routes=[{"model": "large-1", "targets": ["up"]}, {"model": "small-*", "targets": ["up"]}])
    client = scene.client(gateway)
    answer = client.send(words.request("GET", "/v1/models")).read_answer()
    listed = json.loads(answer.body)
    equal((answer.status, listed["object"], [model["id"] for model in listed["data"]]),
          (200, "list", ["large-1"]), "the list")
    answer = client.send(words.request("GET", "/v1/models/small-3")).read_answer()
    equal((answer.status, json.loads(answer.body)["id"]), (200, "small-3"), "one model")
    answer = client.send(words.request("GET", "/v1/models/other")).read_answer()
    equal((answer.status, json.loads(answer.body)["error"]["code"]), (404, "model_not_found"), "an unknown model")
    equal(len(upstream.requests), 0, "requests upstream")


@case("streams of the mock provider pass whole", every_backend=True)
def from_the_mock(scene):
    mock = scene.mock(tokens=40, itl="200us")
    gateway = scene.gateway(mock.base_url)
    clients = [scene.client(gateway).send(words.chat_request(stream=True)) for _ in range(10)]
    for client in clients:
        text = client.read_answer().body
        require(text.endswith(words.DONE), "the stream ends with [DONE]")
        events = [json.loads(event[6:]) for event in text.decode().split("\n\n")[:-2]]
        equal(len(events), 42, "events: a role, 40 tokens and a finish")
        equal(events[-1]["choices"][0]["finish_reason"], "stop", "the finish reason")
        equal(len({event["id"] for event in events}), 1, "answers that one stream carries")
