"""The gateway under test: a process, its configuration, its addresses, and what must hold when it ends."""

import json
import os
import signal

from harness.checks import WAIT_S, Failed, equal, require, shorten, until
from harness.metrics import Metrics
from harness.process import Process
from harness.sockets import Gone, connect
from harness import words

# What `--backend` may name, and the settings of `io:` for each.
BACKENDS = {
    "auto": {},
    "io_uring": {"backend": "io_uring"},
    "epoll": {"backend": "epoll"},
    "tiny": {"backend": "io_uring", "tiny": True},
    "compat61": {"backend": "io_uring", "compat": "6.1"},
}

MISUSE = ("Sanitizer", "runtime error:", "assertion", "Assertion", "terminate called")


def configuration(upstream, **more):
    """A map that the gateway's YAML reader takes as it is: one provider, one route for every model."""
    base = upstream if isinstance(upstream, str) else upstream.base_url
    config = {
        "listen": ["127.0.0.1:0"],
        "admin": "127.0.0.1:0",
        "workers": 1,
        "busy": "off",
        "drain_timeout": "10s",
        "providers": {"up": {"base_url": base}},
        "routes": [{"model": "*", "targets": ["up"]}],
    }
    config.update(more)
    return config


class Gateway(Process):
    """REQUIRES of the configuration: `admin` is not off, unless ready=False."""

    def __init__(self, scene, config, ready=True, env=None, wrapper=(), arguments=(), starved=False, **options):
        self.file = scene.folder / f"headrace-{scene.next_number()}.yaml"
        self.io = BACKENDS[scene.backend]
        self.expected_exit = 0
        self.write(config)
        if starved:
            env = {**(env or {}), **without_vptr_checks(scene)}
        if "state_dir" not in config:  # of the map, or of the text
            env = {"HEADRACE_STATE_DIR": scene.state_dir(), **(env or {})}
        super().__init__([*wrapper, scene.binary("src/headrace"), "--config", self.file, *arguments],
                         env=scene.environment(env), **options)
        scene.at_end(self.settle)
        if ready:
            self.wait_ready()

    def write(self, config):
        if isinstance(config, dict):
            config = json.dumps({"io": self.io, **config} if self.io else config, indent=1)
        self.file.write_text(config)

    def wait_ready(self):
        self.wait_line(r"ready: \d+ worker")
        places = [line.split("listening on ", 1)[1].split()[0] for line in list(self.lines) if "listening on " in line]
        self.addresses = [address_of(place) for place in places]
        self.address = self.addresses[0]
        self.admin_place = self.wait_line(r"admin on (\S+)").group(1)
        self.admin = address_of(self.admin_place)

    @property
    def port(self):
        return self.address[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # -- the admin listener
    def get(self, path, fields=()):
        wire = connect(self.admin)
        try:
            wire.send(words.request("GET", path, fields=fields))
            return wire.read_answer()
        finally:
            wire.close()

    def metrics(self):
        answer = self.get("/metrics")
        equal(answer.status, 200, "the status of /metrics")
        return Metrics(answer.body.decode())

    def wait_metric(self, name, wanted, **labels):
        until(lambda: self.metrics().value(name, **labels) == wanted, f"{name}{labels or ''} is {wanted}")

    def requests_by_outcome(self):
        metrics = self.metrics()
        counts = {}
        for labels in metrics.labels("headrace_requests_total"):
            value = metrics.value("headrace_requests_total", **labels)
            counts[labels["outcome"]] = counts.get(labels["outcome"], 0) + int(value)
        return {outcome: count for outcome, count in counts.items() if count}

    # -- the end
    def hang_up(self):
        self.signal(signal.SIGHUP)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def settle(self):
        """Run at the end of every case: nothing leaks, nothing was misused, and it goes when it is told to."""
        if self._serving():
            self._wait_empty()
        code = self.end(WAIT_S)
        errors = self.errors()
        require(not any(word in errors for word in MISUSE), f"the gateway complains:\n{shorten(errors, 6000)}")
        if self.expected_exit is not None:
            equal(code, self.expected_exit, f"the exit code of the gateway, which said\n{shorten(errors, 3000)}\n")

    def _serving(self):
        try:
            return self.running() and getattr(self, "admin", None) and self.get("/readyz").status == 200
        except (Gone, OSError):  # it ended meanwhile
            return False

    def _wait_empty(self):
        def leak():
            metrics = self.metrics()
            held = {"requests": metrics.required("headrace_inflight"),
                    "streams": metrics.required("headrace_streams"),
                    "clients": metrics.required("headrace_client_connections"),
                    "upstreams": metrics.required("headrace_upstream_connections", state="busy") +
                    metrics.required("headrace_upstream_connections", state="connecting")}
            for side in ("client", "upstream"):
                held[f"buffers of the {side} side"] = sum(
                    metrics.required("headrace_receive_buffers", side=side, state=state) * sign
                    for state, sign in (("all", 1), ("free", -1)))
            return {what: count for what, count in held.items() if count}

        try:
            until(lambda: not leak(), "nothing is held")
        except Failed:
            raise Failed(f"still held after everybody left: {leak()}") from None


def without_vptr_checks(scene):
    """For a case that uses up the descriptors: UBSan looks at memory through a pipe, and where it cannot open
    one it takes every object for a broken one."""
    path = scene.folder / "ubsan.suppressions"
    path.write_text("vptr:*\n")
    options = os.environ.get("UBSAN_OPTIONS", "")
    return {"UBSAN_OPTIONS": f"{options}:suppressions={path}".lstrip(":")}


def address_of(place):
    if place.startswith("unix:"):
        return place
    host, port = place.rsplit(":", 1)
    return (host, int(port))
