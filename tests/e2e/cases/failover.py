"""Several targets, both dialects: who answers when somebody fails, and what passes on the way."""

import json
import threading
import time
from pathlib import Path

from harness import words
from harness.checks import Skipped, equal, lacks, require
from harness.scene import case

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "jsontestsuite.json"


def two(scene, first, second=None, **route):
    one, other = scene.upstream(first), scene.upstream(second)
    providers = {"one": {"base_url": one.base_url, "api_key": "key-of-one"},
                 "other": {"base_url": other.base_url, "api_key": "key-of-other"}}
    gateway = scene.gateway(one, providers=providers, routes=[{"model": "*", "targets": ["one", "other"], **route}])
    return gateway, one, other


def says(*pieces, close=False):
    def script(call):
        call.send(*pieces)
        if close:
            call.close()
    return script


ERROR_EVENT = b'data: {"error":{"message":"no","type":"server_error","code":null}}\n\n'
FAILURES = {
    "a refusal 500": says(words.plain_answer(b"{}", "500 X")),
    "a refusal 429": says(words.plain_answer(b"{}", "429 X")),
    "a refusal 529": says(words.plain_answer(b"{}", "529 X")),
    "a broken credential": says(words.plain_answer(b'{"error":{"message":"bad key-of-one"}}', "401 X")),
    "no credit": says(words.plain_answer(b'{"error":{"code":"insufficient_quota","message":"m"}}', "429 X")),
    "a model it lacks": says(words.plain_answer(b"{}", "404 X")),
    "a page of a proxy": says(words.plain_answer(b"<html>502</html>")),
    "nothing": says(words.plain_answer(b"")),
    "an error inside a 200": says(words.plain_answer(b'{"error":{"message":"no"}}')),
    "no HTTP": says(b"220 ready\r\n\r\n"),
    "an end": says(close=True),
    "a cut body": says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", close=True),
    "a redirect": says(b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
    "an error event first": says(words.stream_head(), words.chunk(words.ROLE + ERROR_EVENT)),
    "a stream of nothing": says(words.stream_head(), words.chunk(words.ROLE), words.LAST_CHUNK),
    "a stream cut early": says(words.stream_head(), words.chunk(words.ROLE), close=True),
}


def _each(name, fails):
    @case(f"rows 31-35: {name} before anything useful is made good elsewhere, unseen", every_backend=True)
    def run(scene):
        gateway, one, other = two(scene, fails)
        for stream in (False, True):
            answer = scene.ask(gateway, stream=stream)
            equal((answer.status, answer.body), (200, words.STREAM_TEXT if stream else words.PLAIN), "the answer")
            equal(answer.field("x-headrace-target"), "other", "who answered")
        require(one.requests, "the first was asked")
        for request in other.requests:
            equal(request.field("authorization"), "Bearer key-of-other", "the key of the second")
            lacks(str(request.raw_head), "key-of-one", "what the second heard")

    return run


for _name, _fails in FAILURES.items():
    _each(_name, _fails)


@case("row 33: silence before the first token is made good elsewhere within its bound", every_backend=True)
def silence(scene):
    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE))
        call.wait_gone()

    gateway, _, _ = two(scene, script, first_token_timeout="200ms")
    begun = time.monotonic()
    answer = scene.ask(gateway, stream=True)
    equal((answer.status, answer.body), (200, words.STREAM_TEXT), "the answer")
    require(time.monotonic() - begun < 5, "it came soon")


@case("row 35: an error event in the middle of a stream passes on, and nobody else is asked", every_backend=True)
def error_in_the_middle(scene):
    gateway, _, other = two(scene, says(words.stream_head(), words.chunk(words.ROLE + words.WORDS[0]),
                                        words.chunk(ERROR_EVENT), words.LAST_CHUNK))
    answer = scene.ask(gateway, stream=True)
    equal(answer.body, words.ROLE + words.WORDS[0] + ERROR_EVENT, "the stream")
    equal(other.requests, [], "requests to the second")


@case("row 32: retries are at most a fifth of the requests, when nobody answers")
def budget(scene):
    gateway, one, other = two(scene, says(words.plain_answer(b"{}", "500 X", [("x-should-retry", "false")])),
                              says(words.plain_answer(b"{}", "500 X", [("x-should-retry", "false")])))
    client = scene.client(gateway)
    asked = 300
    for _ in range(asked):
        answer = client.send(words.chat_request()).read_answer()
        equal((answer.status, answer.field("x-should-retry")), (500, "false"), "the answer")
    arrived = len(one.requests) + len(other.requests)
    require(asked <= arrived <= asked + asked // 5 + 10, f"{arrived} attempts of {asked} requests")


@case("equal targets share by weight, and a heavier one has more")
def shares(scene):
    one, other = scene.upstream(), scene.upstream()
    providers = {"one": {"base_url": one.base_url}, "other": {"base_url": other.base_url}}
    targets = [{"provider": "one", "priority": 1, "weight": 3}, {"provider": "other", "priority": 1, "weight": 1}]
    gateway = scene.gateway(one, providers=providers, routes=[{"model": "*", "targets": targets}])
    client = scene.client(gateway)
    for _ in range(400):
        client.send(words.chat_request()).read_answer()
    share = len(one.requests) / 400
    require(0.62 < share < 0.88, f"the heavier one has {share:.2f}, of 0.75")


@case("a client that leaves while the gateway waits for a provider's patience leaves nothing behind")
def leaves_in_wait(scene):
    gateway, upstream = scene.pair(says(words.plain_answer(b"{}", "429 X", [("retry-after", "20")])))
    client = scene.client(gateway).send(words.chat_request())
    upstream.wait_requests(1)
    client.close()
    gateway.wait_metric("headrace_inflight", 0)
    equal(len(upstream.requests), 1, "requests upstream")


@case("a path that no target serves is 404 and names the models that have one", every_backend=True)
def unsupported(scene):
    one, other = scene.upstream(), scene.upstream()
    providers = {"claude": {"base_url": one.base_url, "dialect": "anthropic"}, "gpt": {"base_url": other.base_url}}
    routes = [{"model": "c", "targets": ["claude"]}, {"model": "g", "targets": ["gpt"]}]
    gateway = scene.gateway(one, providers=providers, routes=routes)
    client = scene.client(gateway)
    for path, model, names in (("/v1/embeddings", "c", "g"), ("/v1/responses", "c", "g"),
                               ("/v1/messages/count_tokens", "g", "c")):
        body = json.dumps({"model": model, "input": "x", "messages": []}).encode()
        answer = client.send(words.request(target=path, body=body)).read_answer()
        said = json.loads(answer.body)["error"]
        equal((path, answer.status), (path, 404), "the status")
        require(f": {names}." in said["message"], f"{path}: {said['message']}")


@case("what has no other way: an upgrade is 426, a compressed body 415")
def other_ways(scene):
    gateway, upstream = scene.pair()
    upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"),
               ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]
    answer = scene.client(gateway).send(words.request("GET", "/v1/responses", fields=upgrade)).read_answer()
    equal(answer.status, 426, "the upgrade")
    require("POST" in json.loads(answer.body)["error"]["message"], "it says what to do instead")
    answer = scene.ask(gateway, fields=[("content-encoding", "gzip")])
    equal(answer.status, 415, "the compressed body")
    equal(upstream.requests, [], "requests upstream")


@case("every vector of the JSON suite inside an untouched field is refused with its offset, or passes byte for byte")
def json_suite(scene):
    if not SHARED.exists():
        raise Skipped("no vectors/jsontestsuite.json beside the checkout")
    gateway, upstream = scene.pair()
    client = scene.client(gateway)
    passed = refused = 0
    for vector in json.loads(SHARED.read_text()):
        text = bytes.fromhex(vector["hex"])
        body = b'{"model":"m","x":' + text + b',"stream":false}'
        if vector["name"][0] == "i":
            continue
        answer = client.send(words.chat_request(body=body)).read_answer()
        if vector["name"][0] == "y":
            passed += 1
            equal((vector["name"], answer.status), (vector["name"], 200), "a valid one")
            equal(upstream.requests[-1].body, body, "the bytes that the provider gets")
        else:
            refused += 1
            equal((vector["name"], answer.status, answer.closes()), (vector["name"], 400, False), "an invalid one")
            require(" byte " in json.loads(answer.body)["error"]["message"], f"{vector['name']}: the offset is told")
    equal((passed, refused, len(upstream.requests)), (95, 188, 95), "valid, invalid, requests upstream")


@case("row 23: odd escapes and numbers in untouched fields go out byte for byte", every_backend=True)
def odd_values(scene):
    gateway, upstream = scene.pair()
    client = scene.client(gateway)
    for text in (b'"\\ud800"', b"1" * 400, b"1e99999", b"-0.0e-0", b'"\\u0000"', b'{"\\u006dodel":1}'):
        body = b'{ "model":"m", "x" : ' + text + b" }"
        equal(client.send(words.chat_request(body=body)).read_answer().status, 200, "the answer")
        equal(upstream.requests[-1].body, body, "the bytes that the provider gets")


@case("row 25: members and fields that name another host change nothing")
def other_hosts(scene):
    gateway, upstream = scene.pair()
    body = b'{"model":"m","api_base":"http://127.0.0.1:1","base_url":"http://127.0.0.1:1","custom_host":"http://127.0.0.1:1"}'
    fields = [("x-forwarded-host", "127.0.0.1:1"), ("x-portkey-custom-host", "http://127.0.0.1:1"), ("forwarded", "host=a")]
    equal(scene.ask(gateway, body=body, fields=fields).status, 200, "the answer")
    equal(upstream.requests[0].body, body, "the body, forwarded as data")
    for name in ("x-forwarded-host", "x-portkey-custom-host", "forwarded"):
        require(name not in upstream.requests[0].names(), f"{name} is not passed on")


@case("many clients at once over a first target that fails now and then: every answer is whole", every_backend=True)
def storm(scene):
    lock = threading.Lock()
    count = [0]

    def script(call):
        with lock:
            count[0] += 1
            turn = count[0] % 7
        if turn == 0:
            call.send(words.plain_answer(b"{}", "503 X"))
        elif turn == 3:
            call.close()
        else:
            call.send(words.stream_answer())

    gateway, _, _ = two(scene, script)
    faults = []

    def ask():
        for _ in range(10):
            answer = scene.ask(gateway, stream=True)
            if (answer.status, answer.body) != (200, words.STREAM_TEXT):
                faults.append((answer.status, answer.body[:100]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(faults, [], "answers that are not whole")
