"""What one case works with: a folder, processes, clients and upstreams that all end with it. Cases register
themselves with `@case`; their first line is a sentence about behaviour."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

from harness.certificates import Certificates
from harness.gateway import Gateway, configuration
from harness.process import Process, run
from harness.sockets import connect
from harness.upstream import Upstream
from harness.words import chat_request



def free_port():
    """A port nobody listens on now. Only for peers that cannot tell which one they were given."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


HERE = Path(__file__).resolve().parents[1]
CASES = []


class Case:
    def __init__(self, function, sentence, every_backend, alone):
        self.function = function
        self.sentence = sentence
        self.every_backend = every_backend
        self.alone = alone
        self.theme = function.__module__.rsplit(".", 1)[-1]

    def name(self, backend):
        return f"{self.theme}: {self.sentence}" + ("" if backend == "auto" else f" [{backend}]")


def case(sentence, every_backend=False, alone=False):
    """`every_backend`: run on each of them. `alone`: nothing else may run beside it, because it measures."""

    def register(function):
        CASES.append(Case(function, sentence, every_backend, alone))
        return function

    return register


class Scene:
    def __init__(self, build, backend):
        self.build = build
        self.backend = backend
        self.folder = Path(tempfile.mkdtemp(prefix="headrace-e2e-"))
        self.checks = []  # (sentence, seconds, fault or ""): each is counted as a case beside the one it belongs to
        self._ends = []
        self._number = 0

    def next_number(self):
        self._number += 1
        return self._number

    def state_dir(self):
        """A name for the state directory of one gateway: they run side by side, and only one can have the usual
        place."""
        place = f"/dev/shm/{self.folder.name}-{self.next_number()}"
        self.at_end(lambda: shutil.rmtree(place, ignore_errors=True))
        return place

    def at_end(self, function):
        self._ends.append(function)

    def end(self):
        """Clients leave first, because they came last; the first fault met is the one told."""
        fault = None
        for function in reversed(self._ends):
            try:
                function()
            except Exception as problem:
                fault = fault or problem
        shutil.rmtree(self.folder, ignore_errors=True)
        if fault:
            raise fault

    # -- programs
    def binary(self, path):
        return self.build / path

    def peer(self, name):
        return HERE / "peers" / name

    @staticmethod
    def environment(more=None):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("HEADRACE_", "LISTEN_")) and "proxy" not in name.lower()
                 and not name.endswith(("_API_KEY", "_BASE_URL"))}
        return {**clean, **(more or {})}

    def headrace(self, *arguments, env=None, **options):
        """Runs a command to its end: (exit code, standard output, standard error)."""
        return run([self.binary("src/headrace"), *arguments], env=self.environment(env), cwd=self.folder, **options)

    def process(self, command, **options):
        options.setdefault("env", self.environment())
        process = Process(command, **options)
        self.at_end(process.kill)
        return process

    def run(self, command, **options):
        options.setdefault("env", self.environment())
        return run(command, **options)

    def certificates(self):
        return Certificates(self.folder)

    # -- peers
    def upstream(self, script=None, tls=None):
        upstream = Upstream(script, tls)
        self.at_end(upstream.end)
        return upstream

    def gateway(self, upstream, env=None, starved=False, **config):
        return Gateway(self, configuration(upstream, **config), env=env, starved=starved)

    def pair(self, script=None, **config):
        """A gateway in front of a scripted upstream."""
        upstream = self.upstream(script)
        return self.gateway(upstream, **config), upstream

    def client(self, gateway, **options):
        wire = connect(gateway.address, **options)
        self.at_end(wire.close)
        return wire

    def ask(self, gateway, tls=None, fields=(), **words):
        """One chat request on a connection of its own."""
        wire = connect(gateway.address, tls=tls)
        try:
            return wire.send(chat_request(fields=fields, **words)).read_answer()
        finally:
            wire.close()

    def mock(self, ttft="1ms", itl="1ms", tokens=8, faults=(), more=()):
        """headrace-mock, fast by default; `more` arguments behind the usual ones."""
        place = f"127.0.0.1:{free_port()}"
        process = self.process([self.binary("tools/mock/headrace-mock"), "--listen", place, "--ttft", ttft,
                                "--itl", itl, "--tokens", tokens, *(f"--fault={fault}" for fault in faults), *more])
        process.wait_line("listening on", lines=process.stdout)
        process.base_url = f"http://{place}/v1"
        process.address = ("127.0.0.1", int(place.rsplit(":", 1)[1]))
        return process
