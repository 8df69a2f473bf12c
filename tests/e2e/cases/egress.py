"""Providers behind a forward proxy: one of ours that does whatever a case wants, and tinyproxy, which others wrote."""

import json
import re
import shutil
import socket
import sys
import threading
import time

from cases.alpn import node
from cases.peers import content_of
from cases.tls import code_of
from harness import words
from harness.checks import WAIT_S, Skipped, contains, equal, lacks, require, until
from harness.gateway import configuration
from harness.scene import case, free_port

USER = "joe:pass-canary"


class Proxy:
    """Our own: what was asked of it stands in `asked`."""

    def __init__(self, scene, *arguments):
        self.process = scene.process([sys.executable, scene.peer("connect_proxy.py"), *arguments])
        self.port = int(self.process.wait_line(r"listening on (\d+)", lines=self.process.stdout).group(1))

    @property
    def asked(self):
        return self.process.stdout[1:]

    def url(self, user=None):
        return f"http://{user + '@' if user else ''}127.0.0.1:{self.port}"


def house(scene):
    certificates = scene.certificates()
    certificates.issue("good", names="DNS:localhost,DNS:provider.test,IP:127.0.0.1")
    return certificates


def behind(scene, base_url, certificates=None, env=None, **keys):
    config = configuration(base_url)
    config["providers"]["up"].update({"warm_min": 0, **keys})
    if certificates:
        config["providers"]["up"]["ca_file"] = str(certificates.authority)
    return scene.gateway(base_url, env=env, providers=config["providers"])


def tinyproxy(scene, ports, user=None):
    """As Debian ships it, but for the ports: on one that is free, and tunnelling to those."""
    program = shutil.which("tinyproxy")
    if program is None:
        raise Skipped("there is no tinyproxy")
    port = free_port()
    lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 600", "Allow 127.0.0.1", "LogLevel Connect",
             *(f"ConnectPort {each}" for each in ports)]
    if user:
        lines.append("BasicAuth " + user.replace(":", " "))
    path = scene.folder / f"tinyproxy-{port}.conf"
    path.write_text("\n".join(lines) + "\n")
    process = scene.process([program, "-d", "-c", path])

    def listens():
        require(process.running(), f"tinyproxy runs: {process.errors()}{process.output()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    until(listens, "tinyproxy listens")
    return port, process


def serves(scene, gateway, plain=None):
    """Plain and streamed answers, as they would be without a proxy."""
    client = scene.client(gateway)
    for number in range(4):
        streamed = number % 2 == 1
        answer = client.send(words.chat_request(stream=streamed, user="x" * (number * 30_000))).read_answer()
        equal(answer.status, 200, f"the status of answer {number}")
        if plain is None:
            equal(answer.body, words.STREAM_TEXT if streamed else words.PLAIN, f"answer {number}")
        elif streamed:
            equal(content_of(answer.body), 'Water runs \u6c34 "down" hill', f"answer {number}")


@case("by way of a proxy answers are those of the provider, over either protocol, on one tunnel", every_backend=True)
def served(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    for base, plain in ((upstream.base_url, None), (node(scene, certificates), "node")):
        proxy = Proxy(scene, "--user", USER)
        gateway = behind(scene, base, certificates, proxy=proxy.url(USER), api_key="sk-secret")
        serves(scene, gateway, plain)
        port = base.split(":")[2].split("/")[0]
        equal(proxy.asked, [f"CONNECT localhost:{port} HTTP/1.1 by {USER}"], "what the proxy was asked")
        lacks(gateway.errors(), "canary", "the log")
        gateway.wait_metric("headrace_upstream_connects_total", 1)
    lacks(str([message.fields for message in upstream.requests]).lower(), "proxy-auth", "what the provider was told")


@case("spare connections are made through the proxy, before anybody asks, and resume", every_backend=True)
def warm(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    for base in (upstream.base_url, node(scene, certificates)):
        proxy = Proxy(scene)
        gateway = behind(scene, base, certificates, proxy=proxy.url(), warm_min=1)
        gateway.wait_metric("headrace_upstream_connections", 1, state="idle")
        for _ in range(3):
            equal(scene.ask(gateway).status, 200, "the status")
        equal(gateway.metrics().required("headrace_upstream_waits_total"), 0, "requests that waited for a connection")
        require(proxy.asked and all(line.startswith("CONNECT ") for line in proxy.asked), f"tunnels: {proxy.asked}")


@case("the environment names the proxy, and NO_PROXY who is reached without it")
def environment(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    proxy = Proxy(scene)
    named = f"https://provider.test:{upstream.port}/v1"
    for variables in ({"HTTPS_PROXY": proxy.url()}, {"https_proxy": proxy.url()[7:]}, {"ALL_PROXY": proxy.url()},
                      {"HTTPS_PROXY": proxy.url(), "NO_PROXY": "localhost,other.test"}):
        before = len(proxy.asked)
        gateway = behind(scene, named, certificates, env=variables)
        equal(scene.ask(gateway).status, 200, f"the status with {variables}")
        equal(len(proxy.asked), before + 1, f"tunnels with {variables}")
    count = len(proxy.asked)
    # This host is reached directly, and so is whom NO_PROXY names: a name that only the proxy knows is then unknown.
    gateway = behind(scene, upstream.base_url, certificates, env={"HTTPS_PROXY": proxy.url()})
    equal(scene.ask(gateway).status, 200, "the status on this host")
    for keys, variables in (({}, {"HTTPS_PROXY": proxy.url(), "NO_PROXY": ".test"}),
                            ({"proxy": "none"}, {"HTTPS_PROXY": proxy.url()})):
        gateway = behind(scene, named, certificates, env=variables, **keys)
        answer = scene.ask(gateway)
        equal((answer.status, code_of(answer)), (502, "upstream_resolve_failed"), f"the answer with {variables} {keys}")
    equal(len(proxy.asked), count, "tunnels")


@case("a proxy that does not let us through is named in the log, with its status and without credentials", every_backend=True)
def refused(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    for arguments, reason in ((("--user", "somebody:else"), "answered 407 to CONNECT: it wants a user and a password"),
                              (("--mode", "status", "--status", "403"), "answered 403 to CONNECT"),
                              (("--mode", "status", "--status", "502"), "answered 502 to CONNECT"),
                              (("--mode", "garbage"), "does not answer CONNECT in HTTP"),
                              (("--mode", "cut"), "ended the connection in place of an answer to CONNECT"),
                              (("--mode", "early"), "sent bytes behind its answer to CONNECT")):
        proxy = Proxy(scene, *arguments)
        gateway = behind(scene, upstream.base_url, certificates, proxy=proxy.url(USER))
        answer = scene.ask(gateway)
        equal((answer.status, code_of(answer)), (502, "proxy_failed"), f"the answer with {arguments}")
        gateway.wait_line(re.escape(f"https://localhost:{upstream.port}: proxy_failed: 127.0.0.1:{proxy.port} {reason}"))
        lacks(gateway.errors() + answer.body.decode(), "canary", "what is said")
        gateway.wait_metric("headrace_attempts_total", 1, target="up", reason="primary", result="proxy_failed")
    equal(upstream.connections, 0, "connections at the provider")


@case("a proxy that is away, or silent, costs the connect timeout at most, and the next target stands in")
def failover(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    reached = scene.upstream()
    silent = Proxy(scene, "--mode", "silent")
    refusing = Proxy(scene, "--mode", "status", "--status", "503")
    for url, code, cause in ((f"http://127.0.0.1:{free_port()}", "upstream_connect_failed", "upstream_connect_failed"),
                             (silent.url(), "upstream_connect_timeout", "upstream_connect_timeout"),
                             (refusing.url(), "proxy_failed", "proxy_failed")):
        config = configuration(upstream.base_url)
        config["providers"] = {"up": {"base_url": upstream.base_url, "ca_file": str(certificates.authority), "proxy": url,
                                      "warm_min": 0},
                               "other": {"base_url": reached.base_url}}
        config["routes"] = [{"model": "alone", "targets": ["up"], "connect_timeout": "300ms"},
                            {"model": "*", "targets": ["up", "other"], "connect_timeout": "300ms"}]
        gateway = scene.gateway(upstream, providers=config["providers"], routes=config["routes"])
        begun = time.monotonic()
        answer = scene.ask(gateway)
        took = time.monotonic() - begun
        equal((answer.status, answer.body), (200, words.PLAIN), f"the answer of who stands in for {cause}")
        require(took < 5, f"it took {took:.1f} s")
        gateway.wait_metric("headrace_failovers_total", 1, **{"from": "up", "to": "other", "cause": cause})
        answer = scene.ask(gateway, model="alone")
        equal(code_of(answer), code, "the error alone")
    contains(gateway.errors(), f"127.0.0.1:{refusing.port} answered 503", "the log")


@case("a proxy that takes its time is waited for, and a tunnel that it severs breaks the stream aloud", every_backend=True)
def slow_and_severed(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    gateway = behind(scene, upstream.base_url, certificates, proxy=Proxy(scene, "--delay", "0.4").url())
    serves(scene, gateway)

    gone = threading.Event()

    def script(call):
        try:
            call.send(words.stream_head(), words.chunk(words.ROLE))
            for _ in range(40):
                call.send(words.chunk(words.WORDS[0]))
            call.wait_gone()
        finally:
            gone.set()

    endless = scene.upstream(script, tls=certificates.server("good"))
    gateway = behind(scene, endless.base_url, certificates, proxy=Proxy(scene, "--mode", "severed").url())
    answer = scene.ask(gateway, stream=True)
    last = answer.body.split(b"\n\n")[-2]
    require(b'"error"' in last, f"the stream ends in an error event: {last}")
    require(gone.wait(WAIT_S), "the provider's connection ends")


@case("a client that leaves ends the tunnel", every_backend=True)
def cancelled(scene):
    certificates = house(scene)
    gone = threading.Event()

    def script(call):
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        call.wait_gone()
        gone.set()

    upstream = scene.upstream(script, tls=certificates.server("good"))
    gateway = behind(scene, upstream.base_url, certificates, proxy=Proxy(scene).url())
    client = scene.client(gateway).send(words.chat_request(stream=True))
    client.read_head()
    client.close()
    require(gone.wait(WAIT_S), "the provider's connection is closed")


@case("over plain http the proxy is asked for the answer itself, on a connection that is kept", every_backend=True)
def absolute_form(scene):
    upstream = scene.upstream()
    proxy = Proxy(scene, "--user", USER)
    gateway = behind(scene, upstream.base_url, proxy=proxy.url(USER))
    serves(scene, gateway)
    equal(proxy.asked, [f"POST {upstream.base_url}/chat/completions HTTP/1.1 by {USER}"], "what the proxy was asked")
    equal(upstream.requests[0].field("host"), f"127.0.0.1:{upstream.port}", "the Host field")
    gateway = behind(scene, upstream.base_url, proxy=proxy.url("joe:wrong-canary"))
    answer = scene.ask(gateway)
    equal((answer.status, code_of(answer)), (502, "proxy_failed"), "the answer to bad credentials")
    gateway.wait_line(f"proxy_failed: 127.0.0.1:{proxy.port} answered 407: ")
    lacks(gateway.errors(), "canary", "the log")


@case("tinyproxy lets HTTP/1.1 and HTTP/2 over TLS through, and plain http by absolute form", every_backend=True)
def by_tinyproxy(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    h2 = node(scene, certificates)
    port, _ = tinyproxy(scene, (upstream.port, h2.split(":")[2].split("/")[0]), USER)
    url = f"http://{USER}@127.0.0.1:{port}"
    serves(scene, behind(scene, upstream.base_url, certificates, proxy=url))
    serves(scene, behind(scene, h2, certificates, proxy=url, warm_min=1), "node")
    plain = scene.upstream()  # on a port to which it does not tunnel
    serves(scene, behind(scene, plain.base_url, proxy=url))


@case("tinyproxy's refusals, of bad credentials and of a port, are told by their status")
def refused_by_tinyproxy(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    port, _ = tinyproxy(scene, (443, 563), USER)
    for user, status in (("", 407), ("joe:wrong-canary@", 401), (USER + "@", 403)):
        gateway = behind(scene, upstream.base_url, certificates, proxy=f"http://{user}127.0.0.1:{port}")
        answer = scene.ask(gateway)
        equal((answer.status, code_of(answer)), (502, "proxy_failed"), f"the answer of {status}")
        gateway.wait_line(f"proxy_failed: 127.0.0.1:{port} answered {status} to CONNECT")
        lacks(gateway.errors(), "canary", "the log")
    equal(upstream.connections, 0, "connections at the provider")


@case("check, config print and the doctor know the proxy, and none shows its credentials")
def commands(scene):
    certificates = house(scene)
    upstream = scene.upstream(tls=certificates.server("good"))
    proxy = Proxy(scene, "--user", USER)
    config = configuration(upstream.base_url)
    path = scene.folder / "proxied.yaml"

    def run(command, env=None, **keys):
        config["providers"]["up"] = {"base_url": upstream.base_url, "ca_file": str(certificates.authority), **keys}
        path.write_text(json.dumps(config))
        code, output, errors = scene.headrace(*command, "--config", path, env=env)
        lacks(output + errors, "canary", f"what {command} says")
        return code, output + errors

    code, said = run(("doctor",), proxy=proxy.url(USER))
    equal(code, 0, f"the doctor's exit code: {said}")
    contains(said, f"by way of the proxy 127.0.0.1:{proxy.port}", "the doctor")
    require(re.search(r"connected in [\d.]+ ms, let through in [\d.]+ ms, TLSv1.3 in [\d.]+ ms", said), f"times: {said}")
    code, said = run(("doctor",), proxy=proxy.url("joe:other-canary"))
    equal(code, 1, "the doctor's exit code without a way")
    contains(said, f"127.0.0.1:{proxy.port} answered 407 to CONNECT", "the doctor")

    code, said = run(("config", "print"), proxy=proxy.url(USER))
    contains(said, f'proxy: "http://***:***@127.0.0.1:{proxy.port}"', "config print")
    code, said = run(("config", "print"), base_url="https://a.example/v1", env={"HTTPS_PROXY": "http://x:canary@p.example:1"})
    contains(said, 'proxy: "http://***:***@p.example:1"', "config print")

    for url, reason in (("https://joe:canary@p.example:1", "TLS to the proxy itself (https://) is not supported"),
                        ("socks5://joe:canary@p.example:1", "only proxies that speak HTTP are supported")):
        code, said = run(("check",), proxy=url)
        equal(code, 1, "the exit code of check")
        contains(said, reason, "check")
    code, said = run(("check",), base_url="https://a.example/v1", env={"ALL_PROXY": "socks5://joe:canary@p.example:1"})
    equal(code, 1, "the exit code of check")
    contains(said, "ALL_PROXY of the environment is no proxy", "check")
