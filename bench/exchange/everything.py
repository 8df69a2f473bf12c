"""The gateway with everything on, and the mock provider for what the probe does not speak."""

import hashlib
import hmac
import http.client
import shutil
import tempfile
import time
from pathlib import Path

from servers import Failed, Headrace, Server, find_built

HERE = Path(__file__).resolve().parent
CLIENT_KEY = "sk-probe-0123456789"  # the probe's, see bench/probe/payload.h
KEY_SECRET = "a-secret-of-the-bench"
UPSTREAM_MODEL = "gpt-4o-mini"  # as long as the clients' `probe-model`, and priced
AUDIT_WAIT_S = 5


class Everything(Headrace):
    """REQUIRES `mock_port` only where models `to-openai` and `to-anthropic` are asked for."""

    template = HERE / "everything.yaml.in"
    probe_options = ("--upstream-model", UPSTREAM_MODEL)

    def __init__(self, bench, busy, counted=False, mock_port=None):
        super().__init__(bench.proxy_cpu, bench.upstream_port, bench.build, busy, "io_uring", counted)
        self.name = f"headrace({busy}, everything)"
        self.bench = bench
        self.mock_port = mock_port or bench.upstream_port
        self.state = None

    def settings(self):
        key_hash = hmac.new(KEY_SECRET.encode(), CLIENT_KEY.encode(), hashlib.sha256).hexdigest()
        return super().settings() | {
            "STATE": self.state, "DIR": self.directory, "MOCK": self.mock_port, "KEY_SECRET": KEY_SECRET,
            "KEY_HASH": key_hash, "UPSTREAM_MODEL": UPSTREAM_MODEL}

    def start(self):
        self.state = tempfile.mkdtemp(prefix="headrace-bench-", dir="/dev/shm")
        super().start()
        self.check_strangers_are_refused()

    def stop(self):
        super().stop()
        if self.state is not None:
            shutil.rmtree(self.state, ignore_errors=True)

    def check_strangers_are_refused(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/v1/chat/completions", body=b'{"model":"probe-model","messages":[]}')
            status = connection.getresponse().status
        except OSError as error:
            raise Failed(f"{self.name}: {error}") from error
        finally:
            connection.close()
        if status != 401:
            raise Failed(f"{self.name} answered {status} to a request without a key")

    def check_measured(self):
        """Everything was on: no record lost, and a line for each request that went out."""
        self.bench.backends_seen.add(self.running_backend())
        for name in ("headrace_events_dropped_total", "headrace_audit_lines_lost_total"):
            if lost := self.metric(name):
                raise Failed(f"{self.name}: {name} is {lost:.0f}")
        deadline = time.monotonic() + AUDIT_WAIT_S
        while (lines := self.metric("headrace_audit_lines_total")) < (sent := self.requests_sent()):
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: {sent:.0f} requests left {lines:.0f} lines of audit")
            time.sleep(0.05)
        if self.metric("headrace_rings_outlive_crash") != 1:
            raise Failed(f"{self.name}: its records would not outlive a crash")


    def requests_sent(self):
        """As the worker counts them; what the audit says comes from the records."""
        return (self.metric("headrace_upstream_connects_total") + self.metric("headrace_upstream_reuses_total") -
                self.metric("headrace_upstream_stale_retries_total"))


class Mock(Server):
    """headrace-mock, which speaks both dialects; runs beside the clients, not beside the gateway."""

    name = "mock"

    def __init__(self, bench, gap_ms, tokens):
        super().__init__(bench.probe_cpu, None)
        self.binary = find_built(bench.build, "headrace-mock")
        self.options = ["--ttft", "1ms", "--itl", f"{gap_ms}ms", "--tokens", str(tokens)]

    def command(self):
        return [str(self.binary), "--listen", f"127.0.0.1:{self.port}", *self.options]
