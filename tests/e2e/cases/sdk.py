"""The SDKs that people really use, on Node 22, through the gateway: each script of tests/e2e/sdk against providers of
both dialects, with keys, two targets of two credentials, an audit file and a request log. Every check of a script
counts as a case."""

import hashlib
import hmac
import json
import os

from harness.checks import Failed, Skipped, equal, lacks, require, until
from harness.gateway import Gateway
from harness.provider import TEXT, Provider
from harness.scene import HERE, case

DEBIAN_PYTHON = "/usr/bin/python3"
SDK = HERE / "sdk"
NODE = SDK / "node_modules/.bin/node"
SECRET = "the-secret-of-the-suite-0123456789"
KEYS = {name: f"hr-{name}-0123456789abcdefghijklmn" for name in ("good", "expired", "narrow", "limited", "unknown")}
SHOWN = {"first": ("sk-first-one-0123456789", "sk-first-two-0123456789"), "second": ("sk-second-one-0123456789",)}
MODELS = {"openai": "gpt-5.1", "anthropic": "claude-sonnet-4-5"}
WHOLE = "".join(TEXT)


def installed():
    if all(path.exists() for path in (NODE, SDK / "node_modules/openai", SDK / "node_modules/@anthropic-ai/sdk")):
        return
    if os.environ.get("HEADRACE_NO_INSTALL"):
        raise Skipped("the SDKs are not installed, and HEADRACE_NO_INSTALL is set")
    raise Failed("the SDKs are not installed: `./dev test e2e` installs them, or `npm ci` in tests/e2e/sdk")


def key(name, **more):
    return {"hash": hmac.new(SECRET.encode(), KEYS[name].encode(), hashlib.sha256).hexdigest(), **more}


def settings(scene, upstream):
    """Of a gateway that has everything: keys, several targets and credentials, audit and log."""
    providers = {f"{dialect}-{place}": {"base_url": f"http://127.0.0.1:{upstream.port}/{place}/v1", "dialect": dialect,
                                        "api_keys": [{"name": f"{place}{number}", "api_key": text} for number, text in enumerate(shown)]}
                 for dialect in MODELS for place, shown in SHOWN.items()}
    routes = [{"model": model, "targets": [f"{dialect}-{place}" for place in SHOWN]}
              for model, dialect in (("gpt-exact", "openai"), ("claude-exact", "anthropic"), ("gpt-*", "openai"), ("claude-*", "anthropic"))]
    return {
        "listen": ["127.0.0.1:0"], "admin": "127.0.0.1:0", "workers": 1, "busy": "off", "drain_timeout": "10s",
        "access": "keys", "key_secret": SECRET,
        "keys": {"good": key("good", labels={"team": "sdk"}), "expired": key("expired", expires="2020-01-01"),
                 "narrow": key("narrow", models=["gpt-exact"]), "limited": key("limited", rpm=1)},
        "audit": {"path": str(scene.folder / "audit.jsonl")}, "log_requests": True,
        "providers": providers, "routes": routes,
    }


def run_script(scene, script, options, env=None):
    """Runs a script of checks and puts what became of each into the scene."""
    environment = {name: value for name, value in scene.environment().items() if not name.startswith(("OPENAI_", "ANTHROPIC_", "NODE_"))}
    code, output, errors = scene.run([NODE, SDK / script, json.dumps(options)], seconds=120, env={**environment, **(env or {})})
    lines = [json.loads(line) for line in output.splitlines()]
    require(lines and "plan" in lines[0], f"{script} began with {output[:500]!r}, and said\n{errors}")
    require(lines[0]["node"].startswith("v22."), f"the SDKs run on Node 22, not {lines[0]['node']}")
    scene.checks += [(line["check"], line["seconds"], line["story"]) for line in lines[1:]]
    equal((code, len(lines) - 1, errors), (0, lines[0]["plan"], ""), "exit code, checks and complaints of the script")


def against_gateway(scene, script, dialect, tls=False, http2=False):
    installed()
    upstream = scene.upstream(Provider(SHOWN))
    config = settings(scene, upstream)
    env = {}
    if tls:
        certificates = scene.certificates()
        certificates.issue("good")
        config["listen"] = [certificates.listener("good")]
        env = {"NODE_EXTRA_CA_CERTS": str(certificates.authority)}
    gateway = Gateway(scene, config)
    url = f"https://localhost:{gateway.port}" if tls else gateway.url
    run_script(scene, script, {"url": url, "gateway": True, "keys": KEYS, "dialect": dialect, "model": MODELS[dialect],
                               "provider": f"http://127.0.0.1:{upstream.port}", "http2": http2}, env)
    recorded = int(gateway.metrics().required("headrace_requests_total"))
    equal(gateway.end(), 0, "the exit code of the gateway")
    log, audit = gateway.output(), (scene.folder / "audit.jsonl").read_text()
    for text, what in ((log, "the log"), (audit, "the audit file")):
        lines = [json.loads(line) for line in text.splitlines()]
        require(len(lines) >= recorded > 0, f"{what} has {len(lines)} lines of {recorded} requests")
        require(any(line.get("key") == "good" for line in lines), f"{what} names the key")
    for secret in (*KEYS.values(), *SHOWN["first"], *SHOWN["second"], SECRET):
        lacks(log + audit + gateway.errors(), secret, "log, audit file and messages")


THEMES = (("OpenAI's SDK, chat", "openai_chat.mjs", ("openai", "anthropic")),
          ("OpenAI's SDK, what is no chat", "openai_other.mjs", ("openai",)),
          ("OpenAI's SDK, errors", "openai_errors.mjs", ("openai", "anthropic")),
          ("Anthropic's SDK, messages", "anthropic_messages.mjs", ("anthropic", "openai")),
          ("Anthropic's SDK, errors", "anthropic_errors.mjs", ("anthropic", "openai")))
for _theme, _script, _dialects in THEMES:
    for _dialect in _dialects:
        case(f"{_theme}, provider of dialect {_dialect}", every_backend="errors" not in _script)(
            lambda scene, script=_script, dialect=_dialect: against_gateway(scene, script, dialect))


for _theme, _script, _dialects in THEMES:
    for _wire, _http2 in (("TLS", False), ("TLS and HTTP/2", True)):
        case(f"{_theme}, over {_wire}")(
            lambda scene, script=_script, dialect=_dialects[0], http2=_http2: against_gateway(scene, script, dialect, True, http2))


@case("the scripts hold without a gateway, too")
def without_gateway(scene):
    installed()
    for _, script, dialects in THEMES:
        upstream = scene.upstream(Provider())
        root = f"http://127.0.0.1:{upstream.port}"
        run_script(scene, script, {"url": f"{root}/first", "gateway": False, "keys": KEYS, "dialect": dialects[0],
                                   "model": MODELS[dialects[0]], "provider": root})


# -- clients without an SDK

def peer(scene, script, dialect):
    upstream = scene.upstream(provider := Provider(SHOWN))
    gateway = Gateway(scene, settings(scene, upstream))
    code, output, errors = scene.run([DEBIAN_PYTHON, scene.peer(script), gateway.url, KEYS["good"], MODELS[dialect]])
    if "No module named" in errors:
        raise Skipped(f"there is no {script.partition('_')[0]}")
    equal((code, errors), (0, ""), "the client's exit code")
    until(lambda: any(call["gone"] for call in provider.calls), "the abort reaches the provider")
    return json.loads(output)


def httpx_messages(scene, dialect):
    seen = peer(scene, "httpx_messages.py", dialect)
    equal((seen["plain"], seen["stream"], seen["chat"]), ([{"type": "text", "text": WHOLE}], WHOLE, WHOLE), "the answers")
    equal(seen["kinds"], ["message_start", "message_stop"], "how the stream begins and ends")
    for name in ("nobody", "stranger", "two keys"):
        equal(seen[name], {"status": 401, "type": "error", "error": "authentication_error"}, f"the answer to {name}")
    for name in ("refused", "no JSON"):
        equal(seen[name], {"status": 400, "type": "error", "error": "invalid_request_error"}, f"the answer to {name}")
    equal(seen["models"], [200, 401], "the list of models with a key and without")


def aiohttp_messages(scene, dialect):
    seen = peer(scene, "aiohttp_messages.py", dialect)
    equal((seen["streams"], seen["after"]), ([WHOLE] * 20, WHOLE), "the streams")
    equal((seen["refused"], seen["nobody"]), ([404, "not_found_error"], [401, "authentication_error"]), "the refusals")


for _dialect in MODELS:
    case(f"httpx: messages with a key, provider of dialect {_dialect}")(lambda scene, dialect=_dialect: httpx_messages(scene, dialect))
    case(f"aiohttp: messages with a key, provider of dialect {_dialect}")(lambda scene, dialect=_dialect: aiohttp_messages(scene, dialect))
