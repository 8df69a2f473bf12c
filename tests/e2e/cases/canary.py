"""Secrets stay where they belong: client keys, provider keys and prompts that all hold one word, and a whole run of
good, refused and broken requests. Afterwards that word is in no byte of what the gateway said or wrote."""

import base64
import hashlib
import hmac
import json
import shutil
import tempfile
from pathlib import Path

from harness import words
from harness.checks import equal, require, until
from harness.dialects import Anthropic, Answer, OpenAI
from harness.gateway import Gateway
from harness.scene import case
from harness.sockets import Gone, connect

WORD = b"canarybird"
CLIENT = "hr-canarybird-client-0123456789abcdef"
STRANGER = "hr-canarybird-stranger-0123456789abcdef"
PROVIDER = "sk-canarybird-provider-0123456789abcdef"
SECRET = "canarybird-secret-0123456789abcdef"
PROMPT = "The canarybird sings at dawn."


def codings(word):
    """The word as it stands, and within base64 at each of its three places."""
    yield word
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + word)
        yield coded[(shift * 8 + 5) // 6:len(word) * 8 // 6 - 1].lower()


FORBIDDEN = tuple(codings(WORD))


def clean(data, what):
    data = data.encode() if isinstance(data, str) else data
    for form in FORBIDDEN:
        at = data.lower().find(form)
        require(at < 0, f"{what} holds a secret: {data[max(0, at - 200):at + 200]!r}")


def provider(call):
    """Each way to answer that could carry a secret somewhere; both dialects."""
    dialect = Anthropic() if call.request.target.endswith("/messages") else OpenAI()
    body = json.loads(call.request.body)
    shown = f"{call.request.field('authorization')} {call.request.field('x-api-key')}"
    require(PROVIDER in shown and CLIENT not in shown, f"the provider was shown {shown}")
    kind = body["model"].partition(":")[2]
    answer = Answer("It said: ", PROMPT)
    if kind == "unauthorized":
        call.send(words.plain_answer(dialect.error(401, f"Incorrect API key provided: {PROVIDER}."), "401 Unauthorized"))
    elif kind == "redirect":
        call.send(words.plain_answer(b"{}", "307 Moved", [("location", f"http://127.0.0.1:1/?key={PROVIDER}")]))
    elif kind == "no-http":
        call.send(f"{PROVIDER} {PROMPT}\r\n\r\n".encode())
        call.close()
    elif kind == "no-json":
        call.send(words.plain_answer(b"<html>Oops</html>", "500 Oops"))
    elif kind == "silent":
        call.wire.wait_gone()
    elif body.get("stream"):
        events = list(dialect.events(answer, body))
        cut = len(events) // 2 if kind in ("cut", "endless") else len(events)
        call.send(words.stream_head(), *(words.chunk(event) for event in events[:cut]))
        if kind == "endless":
            call.wire.wait_gone()
        elif kind == "cut":
            call.close()
        else:
            call.send(words.LAST_CHUNK)
    else:
        call.send(words.plain_answer(dialect.plain(answer, body)))


class Run:
    def __init__(self, scene):
        self.folder = Path(tempfile.mkdtemp(prefix="headrace-e2e-", dir="/dev/shm"))
        scene.at_end(lambda: shutil.rmtree(self.folder, ignore_errors=True))
        self.upstream = scene.upstream(provider)
        self.config = self.settings()
        self.gateway = Gateway(scene, self.config)
        self.said = []  # heads of every answer, bodies of those that are errors

    def settings(self):
        base = {"base_url": self.upstream.base_url, "api_keys": [PROVIDER, f"{PROVIDER}-2"]}
        routes = [{"model": f"{name}:*", "targets": [f"{name}-1", f"{name}-2"], "idle_timeout": "2s", "total_timeout": "5s"}
                  for name in ("openai", "anthropic")]
        digest = hmac.new(SECRET.encode(), CLIENT.encode(), hashlib.sha256).hexdigest()
        return {
            "listen": ["127.0.0.1:0"], "admin": "127.0.0.1:0", "workers": 1, "busy": "off",
            "state_dir": str(self.folder / "rings"), "log_requests": True, "audit": {"path": str(self.folder / "audit.jsonl")},
            "access": "keys", "key_secret": SECRET, "keys": {"mine": {"hash": digest}},
            "providers": {f"{name}-{number}": {**base, "dialect": name} for name in ("openai", "anthropic") for number in (1, 2)},
            "routes": routes,
        }

    def send(self, data, reads=True):
        """One connection for each, because some of them end it."""
        wire = connect(self.gateway.address)
        try:
            wire.send(data)
            if not reads:
                wire.read_until(b"\n\n")
                return None
            answer = wire.read_answer()
        except Gone as gone:
            self.said.append(gone.rest)
            return None
        finally:
            wire.close()
        self.said.append(answer.raw_head)
        if answer.status >= 400:
            self.said.append(answer.body)
        return answer.status

    def ask(self, path, model, key=CLIENT, fields=(), reads=True, **more):
        body = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT}], **more}
        fields = [("x-api-key" if path == "/v1/messages" else "authorization", key if path == "/v1/messages" else f"Bearer {key}"), *fields]
        return self.send(words.request(target=path, body=json.dumps(body).encode(), fields=fields), reads)

    def listen_everywhere(self):
        for path in ("/metrics", "/livez", "/readyz", f"/{PROMPT.split()[1]}"):
            self.said.append(self.gateway.get(path).body)


def converse(run):
    ways = [(path, name, stream) for path in ("/v1/chat/completions", "/v1/messages") for name in ("openai", "anthropic")
            for stream in (False, True)]
    for path, name, stream in ways:
        said = {"system" if path == "/v1/messages" else "user": PROMPT}
        equal(run.ask(path, f"{name}:good", stream=stream, **said), 200, "the status of a good request")
    for path, name, _ in ways[::2]:
        run.ask(path, f"{name}:cut", stream=True)
        run.ask(path, f"{name}:endless", stream=True, reads=False)
    for kind in ("unauthorized", "redirect", "no-http", "no-json"):
        for path, name, stream in ways:
            status = run.ask(path, f"{name}:{kind}", stream=stream)
            require(status and status >= 500, f"the status of {kind} is {status}")


def offend(run):
    bearer = [("authorization", f"Bearer {CLIENT}")]
    for path in ("/v1/chat/completions", "/v1/messages"):
        for fields in ((), [("authorization", f"Basic {CLIENT}")], [("x-goog-api-key", STRANGER)], [("cookie", CLIENT)]):
            equal(run.ask(path, "openai:good", key=STRANGER, fields=fields), 401, "the status of a stranger")
        equal(run.ask(path, "openai:good", fields=[("api-key", STRANGER)]), 401, "the status of two keys")
        run.send(words.request(target=f"{path}?key={CLIENT}", body=words.chat()))
        for body in (f'{{"model":"openai:good","messages":"{PROMPT}",,}}', f'{{"model":{{"{PROMPT}":1}},"messages":[]}}',
                     f'{{"model":"openai:good","{PROMPT}":1,"{PROMPT}":2,"messages":[]}}', f'"{PROMPT}"', PROMPT,
                     f'{{"model":"anthropic:good","messages":[{{"role":"{PROMPT}","content":7}}]}}',
                     f'{{"model":"openai:good","messages":[{{"role":"user","content":[{{"type":"{PROMPT}"}}]}}],"stream":"{PROMPT}"}}'):
            run.send(words.request(target=path, body=body.encode(), fields=bearer))
        run.send(words.request(target=path, body=words.chat(), fields=bearer + [("content-type", f"text/{PROMPT}")]))
        run.send(words.request(target=path, body=words.chat(), fields=bearer + [(f"x {PROMPT}", CLIENT)]))
        run.send(words.request(target=path, body=words.chat(), fields=bearer + [("x-long", CLIENT * 4000)]))
    run.send(f"GET /v1/{CLIENT} {PROMPT}\r\n\r\n".encode())
    run.send(words.request("POST", f"/v1/nowhere/{CLIENT}", fields=bearer))
    run.send(words.request("GET", "/v1/models", fields=[("authorization", f"Bearer {STRANGER}")]))


@case("no key, no prompt and no secret is in any byte that the gateway says or writes")
def canary(scene):
    run = Run(scene)
    converse(run)
    offend(run)
    run.listen_everywhere()
    # A reload with faults, among them the key that would cross a network in plain text.
    broken = json.loads(json.dumps(run.config))
    broken["providers"]["openai-1"]["base_url"] = "http://192.0.2.1/v1"
    broken["keys"]["mine"]["hash"] = CLIENT
    broken["key_secret"] = ["canarybird", SECRET]
    run.gateway.write(broken)
    run.gateway.hang_up()
    run.gateway.wait_line(str(run.gateway.file))
    audit = run.folder / "audit.jsonl"
    recorded = int(run.gateway.metrics().required("headrace_requests_total"))
    until(lambda: audit.read_bytes().count(b"\n") >= recorded, f"{recorded} audit lines")
    files = [path for path in sorted(run.folder.rglob("*")) if path.is_file()]
    require(len(files) > 1, f"the rings are files, too: {files}")
    for path in files:
        clean(path.read_bytes(), path.name)
    equal(run.gateway.end(), 0, "the exit code")
    for number, text in enumerate(run.said):
        clean(text, f"answer {number}")
    clean(run.gateway.errors(), "standard error")
    clean(run.gateway.output(), "standard output")
    clean(audit.read_bytes(), "the audit file")
    require(run.gateway.output().count("\n") + 1 >= recorded > 60, f"the log has a line for each of {recorded} requests")
