"""Names on the wire: what passes the gateway in each direction, and that nothing else does."""

import re

from harness import words
from harness.checks import equal, lacks, require
from harness.scene import case

PASSED_UP = [("openai-organization", "org-1"), ("openai-project", "proj_1"), ("OpenAI-Beta", "assistants=v2"),
             ("Idempotency-Key", "key-77")]
KEPT_FROM_UP = [("authorization", "Bearer sk-client-secret"), ("x-api-key", "client-secret"), ("cookie", "a=client-secret"),
                ("proxy-authorization", "Basic client-secret"), ("x-forwarded-for", "192.0.2.1"), ("accept-encoding", "gzip, br"),
                ("user-agent", "SomeClient/9"), ("x-stainless-lang", "python"), ("x-headrace-session", "s-1"),
                ("x-headrace-tag-team", "voice"), ("te", "trailers"), ("x-custom", "custom"), ("referer", "http://elsewhere/")]
UPSTREAM_NAMES = {"host", "content-type", "accept", "accept-encoding", "user-agent", "content-length", "authorization",
                  "openai-organization", "openai-project", "openai-beta", "idempotency-key"}

PASSED_DOWN = [("retry-after", "3"), ("retry-after-ms", "2500"), ("x-should-retry", "true"), ("x-request-id", "req_1"),
               ("request-id", "req_2"), ("openai-processing-ms", "12"), ("OpenAI-Version", "2020-10-01"),
               ("anthropic-organization-id", "org"), ("x-ratelimit-remaining-tokens", "99")]
KEPT_FROM_DOWN = [("set-cookie", "session=provider-secret"), ("server", "provider-server"), ("location", "http://elsewhere/"),
                  ("x-internal", "provider-secret"), ("alt-svc", "h3=:443"), ("strict-transport-security", "max-age=1"),
                  ("via", "1.1 provider"), ("cf-ray", "1"), ("access-control-allow-origin", "*"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")]
OUR_NAMES = {"x-headrace-request-id", "x-headrace-target", "x-headrace-attempts", "x-headrace-overhead-us", "server-timing"}
ANSWER_NAMES = {"content-type", "content-length", "transfer-encoding", "date", "keep-alive"} | OUR_NAMES


@case("towards the provider only the listed fields pass, and our key, never the client's", every_backend=True)
def towards_the_provider(scene):
    upstream = scene.upstream()
    gateway = scene.gateway(upstream, providers={"up": {"base_url": upstream.base_url, "api_key": "sk-ours"}})
    for streamed in (False, True):
        equal(scene.ask(gateway, stream=streamed, fields=PASSED_UP + KEPT_FROM_UP).status, 200, "the status")
        request = upstream.requests[-1]
        equal(set(request.names()), UPSTREAM_NAMES, "the fields that reach the provider")
        equal(len(request.names()), len(UPSTREAM_NAMES), "fields given once")
        for name, value in PASSED_UP:
            equal(request.field(name.lower()), value, name)
        equal(request.field("authorization"), "Bearer sk-ours", "the key")
        equal(request.field("host"), f"127.0.0.1:{upstream.port}", "the host")
        equal(request.field("accept-encoding"), "identity", "the codings asked for")
        equal(request.field("accept"), "text/event-stream" if streamed else "application/json", "the type asked for")
        lacks(request.raw_head.decode(), "secret", "the head that reaches the provider")


@case("without a configured key no credential of the client's goes on")
def no_key(scene):
    gateway, upstream = scene.pair()
    scene.ask(gateway, fields=KEPT_FROM_UP)
    require("authorization" not in upstream.requests[0].names(), "no authorization is sent")
    lacks(upstream.requests[0].raw_head.decode(), "secret", "the head that reaches the provider")


@case("towards the client only the listed fields pass, and our own", every_backend=True)
def towards_the_client(scene):
    def script(call):
        make = words.stream_answer if b'"stream": true' in call.request.body else words.plain_answer
        call.send(make(fields=PASSED_DOWN + KEPT_FROM_DOWN))

    gateway, _ = scene.pair(script)
    for streamed in (False, True):
        answer = scene.ask(gateway, stream=streamed)
        framing = {"content-length"} if streamed else {"transfer-encoding"}
        expected = (ANSWER_NAMES - framing) | {name.lower() for name, _ in PASSED_DOWN}
        equal(set(answer.names()), expected, "the fields that reach the client")
        for name, value in PASSED_DOWN:
            equal(answer.field(name.lower()), value, name)
        lacks(answer.raw_head.decode(), "provider-", "the head that reaches the client")
        require(answer.field("date") != dict(KEPT_FROM_DOWN)["date"], "the date is the gateway's own")
        require(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                             answer.field("x-headrace-request-id")), "the request id is a UUID of version 7")
        equal((answer.field("x-headrace-target"), answer.field("x-headrace-attempts")), ("up", "1"), "target, attempts")
        require(answer.field("x-headrace-overhead-us").isdigit(), "the overhead is a number")
        require(answer.field("server-timing").startswith("headrace;dur="), "server-timing")


@case("a refused request carries our fields and none of a target")
def on_errors(scene):
    gateway, _ = scene.pair()
    answer = scene.client(gateway).send(words.request("GET", "/nowhere")).read_answer()
    equal(answer.status, 404, "the status")
    require(answer.field("x-headrace-request-id"), "it has a request id")
    require("x-headrace-target" not in answer.names(), "it names no target")


@case("another model name for the target is sent in place of the client's")
def renamed_model(scene):
    upstream = scene.upstream()
    gateway = scene.gateway(upstream, routes=[
        {"model": "mine", "targets": [{"provider": "up", "model": "theirs"}]}, {"model": "*", "targets": ["up"]}])
    equal(scene.ask(gateway, model="mine").status, 200, "the status")
    equal(scene.ask(gateway, model="other").status, 200, "the status")
    equal(upstream.requests[0].body, words.chat(model="theirs"), "the body with another model")
    equal(upstream.requests[1].body, words.chat(model="other"), "the body of another route")
