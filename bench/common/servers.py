"""The proxies under measurement: starts each from its configuration, pinned to one CPU, and ends it by pid."""

import ctypes
import http.client
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_LIMIT_S = 10
STOP_LIMIT_S = 10
OPEN_FILES = 16384
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A measurement that could not be taken, and why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fill(template, values):
    """`template`: a file here, or a path anywhere."""
    text = (HERE / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    if left := re.search(r"@[A-Z_]+@", text):
        raise Failed(f"{template}: nothing given for {left.group()}")
    return text


def http_get(port, path, timeout=2.0):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Server:
    """One running proxy. Use as a context: `with Headrace(...) as server:`."""

    name = ""
    probe_options = ()  # what the probe must know when it asks this one

    def __init__(self, cpu, upstream_port):
        self.cpu = cpu
        self.upstream_port = upstream_port
        self.port = free_port()
        self.process = None
        self.directory = None
        self.environment = dict(os.environ)

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="headrace-bench-"))
        self.log = open(self.directory / "log", "w+", encoding="utf-8", errors="replace")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        cpu = self.cpu
        libc = ctypes.CDLL(None)

        def in_child():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, {cpu})
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))

        command = self.command()
        self.started_at = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                cwd=self.directory, env=self.environment, preexec_fn=in_child)
        except OSError as error:
            raise Failed(f"{self.name}: {error}") from error
        while True:
            try:
                if self.is_ready():
                    break
            except OSError:
                pass
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.said()}")
            if time.perf_counter() - self.started_at > START_LIMIT_S:
                raise Failed(f"{self.name} was not ready after {START_LIMIT_S} s: {self.said()}")
            time.sleep(0.0003)
        self.start_ms = (time.perf_counter() - self.started_at) * 1e3

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def said(self):
        """The last lines of what it printed."""
        self.log.flush()
        text = (self.directory / "log").read_text(errors="replace").strip()
        return " | ".join(text.splitlines()[-8:]) or "(it printed nothing)"

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} died with {self.process.returncode}: {self.said()}")

    def check_measured(self):
        """Called after each measurement: raises Failed when its figures would say something untrue."""

    def pids(self):
        """The process and its children (nginx does its work in one)."""
        pid = self.process.pid
        found = [pid]
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
        return found

    def rss_bytes(self):
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss:\s+(\d+) kB", rollup, re.M).group(1)) * 1024

    def voluntary_switches(self):
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            status = (task / "status").read_text()
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M).group(1))
        return total


class Nginx(Server):
    name = "nginx"
    template = "nginx.conf.in"

    def command(self):
        path = self.directory / "nginx.conf"
        path.write_text(fill(self.template, self.settings()))
        return [find_program("nginx"), "-p", str(self.directory), "-c", str(path)]

    def settings(self):
        """What the template is filled with."""
        return {"DIR": self.directory, "PORT": self.port, "UPSTREAM": self.upstream_port}

    def is_ready(self):
        # The master listens before it has a worker, and it is the worker that is measured.
        return super().is_ready() and len(self.pids()) > 1


class Haproxy(Server):
    def __init__(self, cpu, upstream_port, busy):
        super().__init__(cpu, upstream_port)
        self.busy = busy
        self.name = "haproxy_busy" if busy else "haproxy"

    def command(self):
        path = self.directory / "haproxy.cfg"
        path.write_text(fill("haproxy.cfg.in", {
            "BUSY": "busy-polling" if self.busy else "", "PORT": self.port,
            "UPSTREAM": self.upstream_port}))
        return [find_program("haproxy"), "-db", "-f", str(path)]


class Headrace(Server):
    """The gateway; `counted` is the same program with every allocation counted."""

    template = "headrace.yaml.in"

    def __init__(self, cpu, upstream_port, build, busy, backend="auto", counted=False):
        super().__init__(cpu, upstream_port)
        self.name = f"headrace({busy}, {backend})"
        self.busy = busy
        self.backend = backend
        self.counted = counted
        self.binary = find_built(build, "headrace-counted" if counted else "headrace")
        self.admin = free_port()

    def command(self):
        path = self.directory / "headrace.yaml"
        path.write_text(fill(self.template, self.settings()))
        if self.counted:
            self.count_file = self.directory / "allocations"
            self.environment["HEADRACE_ALLOC_COUNT_FILE"] = str(self.count_file)
        return [str(self.binary), "--config", str(path)]

    def settings(self):
        """What the template is filled with."""
        return {"PORT": self.port, "ADMIN": self.admin, "UPSTREAM": self.upstream_port,
                "BUSY": self.busy, "BACKEND": self.backend}

    def is_ready(self):
        return http_get(self.admin, "/readyz")[0] == 200

    def metrics(self):
        status, text = http_get(self.admin, "/metrics")
        if status != 200:
            raise Failed(f"{self.name}: /metrics answered {status}")
        return text

    def metric(self, name):
        """The sum of a family's samples, whatever their labels."""
        samples = re.findall(rf"^{name}(?:{{.*}})? (\S+)", self.metrics(), re.M)
        if not samples:
            raise Failed(f"{self.name}: /metrics has no {name}")
        return sum(map(float, samples))

    def running_backend(self):
        found = re.search(r'^headrace_build_info{.*\bio_backend="([^"]*)"', self.metrics(), re.M)
        return found.group(1) if found else "unknown"

    def allocations(self):
        """Of BoringSSL none: it has a count of its own."""
        return self.heap()["allocations"]

    def heap(self):
        """What bench/alloc_count tells."""
        counts = struct.unpack("=4Q", self.count_file.read_bytes()[:32])
        return dict(zip(("allocations", "frees", "bytes", "tls_allocations"), counts))


def find_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Failed(f"{name} is not installed")
    return path


def find_built(build, name):
    for path in sorted(Path(build).glob(f"**/{name}")):
        if path.is_file() and os.access(path, os.X_OK):
            return path.resolve()
    raise Failed(f"{build} has no {name}")
