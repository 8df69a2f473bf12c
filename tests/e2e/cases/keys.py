"""Who may ask, how often, and what they are told: keys, limits, keys that clients bring."""

import hashlib
import hmac
import json
import re
import threading

from harness import words
from harness.checks import equal, lacks, require
from harness.scene import case

SECRET = "the-secret-under-which-the-keys-of-these-cases-are-hashed"
KEY = "hr-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
OTHER = "hr-another-key-of-the-same-kind-0123456789"


def key(text=KEY, **more):
    return {"hash": hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest(), **more}


def with_keys(keys, **more):
    return {"key_secret": SECRET, "keys": keys, **more}


def bearer(text=KEY):
    return [("authorization", f"Bearer {text}")]


def error_of(answer):
    return json.loads(answer.body)["error"]


@case("row 14: whatever is wrong with a key is refused in the same words, and the connection is kept", every_backend=True)
def refused(scene):
    keys = {"good": key(), "off": key(OTHER, disabled=True), "old": key("hr-old-" + "0" * 30, expires="2020-01-01")}
    gateway, upstream = scene.pair(**with_keys(keys))
    client = scene.client(gateway)
    bodies = set()
    attempts = [[], bearer("short"), bearer("hr-" + "x" * 40), bearer(OTHER), bearer("hr-old-" + "0" * 30),
                bearer("x" * 300), [("authorization", "Basic abc")], bearer() + [("x-api-key", OTHER)],
                [("x-api-key", "' OR 1=1 --")]]
    for fields in attempts:
        answer = client.send(words.chat_request(fields=fields)).read_answer()
        equal((fields, answer.status, answer.closes()), (fields, 401, False), "the refusal")
        bodies.add(answer.body)
    equal(len(bodies), 1, "different bodies")
    equal(json.loads(bodies.pop())["error"]["code"], "invalid_api_key", "the code")
    for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key"):
        value = f"Bearer {KEY}" if name == "authorization" else KEY
        equal(client.send(words.chat_request(fields=[(name, value)])).read_answer().status, 200, name)
    equal(len(upstream.requests), 4, "requests upstream")
    for request in upstream.requests:
        lacks(str(request.raw_head), KEY, "what the provider heard")
    equal(gateway.metrics().required("headrace_refused_total", reason="invalid_api_key"), len(attempts), "refusals told")


@case("row 12: a stranger who waits for leave to send a body is refused before it")
def expects(scene):
    gateway, upstream = scene.pair(**with_keys({"good": key()}))
    client = scene.client(gateway)
    client.send(words.head("POST /v1/chat/completions HTTP/1.1",
                           [("host", "h"), ("expect", "100-continue"), ("content-length", 50)]))
    answer = client.read_answer()
    equal((answer.status, answer.closes()), (401, True), "the refusal")
    large = scene.client(gateway)
    large.send(words.head("POST /v1/chat/completions HTTP/1.1", [("host", "h"), ("content-length", 1 << 20)]))
    equal(large.read_answer().status, 401, "the refusal of a large body, before it comes")
    equal(upstream.requests, [], "requests upstream")


@case("row 15: a model that the key may not have is forbidden, an unknown one is not found", every_backend=True)
def models(scene):
    routes = [{"model": "small-1", "targets": ["up"]}, {"model": "large", "targets": ["up"]}]
    gateway, upstream = scene.pair(**with_keys({"good": key(models=["small-*"])}, routes=routes))
    client = scene.client(gateway)
    for model, status, code in (("large", 403, "model_not_allowed"), ("none", 404, "model_not_found")):
        answer = client.send(words.chat_request(model=model, fields=bearer())).read_answer()
        equal((answer.status, error_of(answer)["code"], answer.closes()), (status, code, False), model)
    equal(client.send(words.chat_request(model="small-1", fields=bearer())).read_answer().status, 200, "its own")
    listed = client.send(words.request("GET", "/v1/models", fields=bearer())).read_answer()
    equal([model["id"] for model in json.loads(listed.body)["data"]], ["small-1"], "the models that are listed")
    equal(client.send(words.request("GET", "/v1/models")).read_answer().status, 401, "the list without a key")
    equal(len(upstream.requests), 1, "requests upstream")


@case("row 16: a limit is exact over all workers, and its refusal says when to come back", every_backend=True)
def limits(scene):
    gateway, upstream = scene.pair(workers=2, **with_keys({"good": key(rpm=10)}))
    statuses = []

    def ask():
        answer = scene.ask(gateway, fields=bearer())
        statuses.append(answer.status)
        if answer.status == 429:
            equal(error_of(answer)["code"], "rate_limit_exceeded", "the code")
            require(0 < int(answer.field("retry-after")) <= 61, "retry-after")
            require(0 < int(answer.field("retry-after-ms")) <= 61_000, "retry-after-ms")
            equal([answer.field(f"x-ratelimit-{what}") for what in ("scope", "limit-requests", "remaining-requests")],
                  ["requests", "10", "0"], "the fields")

    threads = [threading.Thread(target=lambda: [ask() for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal((statuses.count(200), statuses.count(429)), (10, 30), "admitted and refused")
    equal(len(upstream.requests), 10, "requests upstream")


@case("row 16: tokens are reserved as estimated, and what was not used is given back")
def tokens(scene):
    gateway, _ = scene.pair(**with_keys({"good": key(tpm=1000)}))
    client = scene.client(gateway)
    body = json.dumps({"model": "m", "max_tokens": 800, "messages": []}).encode()
    for i in range(20):  # 5 tokens each, and some 810 reserved
        answer = client.send(words.chat_request(body=body, fields=bearer())).read_answer()
        equal((i, answer.status), (i, 200), "the answer")
    require(int(answer.field("x-ratelimit-remaining-tokens")) < 1000, "the answer says what is left")
    huge = json.dumps({"model": "m", "max_tokens": 5000, "messages": []}).encode()
    answer = client.send(words.chat_request(body=huge, fields=bearer())).read_answer()
    equal((answer.status, answer.field("x-ratelimit-scope"), answer.field("x-should-retry")), (429, "tokens", "false"),
          "a request that no waiting helps")


@case("a place among those that run at the same time comes back, however a request ends", every_backend=True)
def places(scene):
    held = threading.Event()

    def script(call):
        held.wait(10)
        call.send(words.plain_answer())

    gateway, upstream = scene.pair(script, workers=2, **with_keys({"good": key(concurrency=2)}))
    first, second = (scene.client(gateway).send(words.chat_request(fields=bearer())) for _ in range(2))
    upstream.wait_requests(2)
    answer = scene.ask(gateway, fields=bearer())
    equal((answer.status, answer.field("x-ratelimit-scope")), (429, "concurrency"), "the third")
    gateway.wait_metric("headrace_inflight", 2)
    first.close()
    gateway.wait_metric("headrace_inflight", 1)
    third = scene.client(gateway).send(words.chat_request(fields=bearer()))
    upstream.wait_requests(3)
    held.set()
    equal((second.read_answer().status, third.read_answer().status), (200, 200), "the others")


@case("a key that a client brought goes to the provider that takes it, and along no failover", every_backend=True)
def brought(scene):
    ours = "key-of-the-gateway-itself"
    statuses = iter((200, 401, 500))

    def script(call):
        status = next(statuses)
        call.send(words.plain_answer() if status == 200 else
                  words.plain_answer(b'{"error":{"message":"about your key"}}', f"{status} X"))

    taker, other = scene.upstream(script), scene.upstream()
    providers = {"taker": {"base_url": taker.base_url, "api_key": ours, "client_key": True},
                 "other": {"base_url": other.base_url, "api_key": ours}}
    gateway = scene.gateway(taker, access="bring", providers=providers,
                            routes=[{"model": "*", "targets": ["taker", "other"]}])
    client = scene.client(gateway)
    mine = "sk-of-the-client-0123456789"
    said = [client.send(words.chat_request(fields=bearer(mine))).read_answer() for _ in range(3)]
    equal([answer.status for answer in said], [200, 401, 500], "what the client hears")
    require(b"about your key" in said[1].body, "what is said about its own key")
    for request in taker.requests:
        equal(request.field("authorization"), f"Bearer {mine}", "the key that the provider sees")
    equal(other.requests, [], "requests to another provider")
    equal(client.send(words.chat_request()).read_answer().status, 401, "nobody's key")
    equal(client.send(words.chat_request(fields=bearer("hr-" + "y" * 30))).read_answer().status, 401,
          "one that looks like ours and is not")


@case("`headrace key new` makes a key that the configuration it prints admits")
def new_key(scene):
    code, out, err = scene.headrace("key", "new", "team-a")
    equal((code, err), (0, ""), "the command")
    made = re.search(r"hr-[A-Za-z0-9_-]{43}", out).group()
    secret = re.search(r"key_secret: \"?([^\"\s]+)\"?", out).group(1)
    hashed = re.search(r"hash: \"?([0-9a-f]{64})\"?", out).group(1)
    gateway, _ = scene.pair(key_secret=secret, keys={"team-a": {"hash": hashed}})
    equal(scene.ask(gateway, fields=bearer(made)).status, 200, "a request with the key")
    equal(scene.ask(gateway).status, 401, "one without")
