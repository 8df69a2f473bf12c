"""h2load (nghttp2-client), a client that we did not write: TLS, HTTP/2, on the probe's CPU."""

import ctypes
import os
import re
import signal
import subprocess

from clients import body_of
from servers import PR_SET_PDEATHSIG, Failed, find_program


class Load:
    """Runs beside what the `with` does, and is waited for behind it; then `result` is there."""

    def __init__(self, bench, server, seconds, clients, streams, stream=False):
        self.server = server
        self.seconds = seconds
        body = server.directory / "request.json"
        body.write_bytes(body_of(stream))
        self.command = [find_program("h2load"), "-c", str(clients), "-m", str(streams), "-D", f"{seconds:.0f}",
                        "-d", str(body), "-H", "content-type: application/json", "--connect-to",
                        f"127.0.0.1:{server.port}", f"https://localhost:{server.port}/v1/chat/completions"]
        self.cpu = bench.probe_cpu
        self.result = {}

    def __enter__(self):
        libc = ctypes.CDLL(None)

        def in_child():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, {self.cpu})
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, preexec_fn=in_child)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        try:
            said = self.process.communicate(timeout=self.seconds + 20)[0]
        except subprocess.TimeoutExpired as late:
            self.process.kill()
            self.process.communicate()
            raise Failed("h2load did not end") from late
        if kind is None:
            self.result = self.read(said)

    def read(self, said):
        found = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, "
                          r"(\d+) errored, (\d+) timeout", said)
        statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said)
        if not found or not statuses or "Application protocol: h2" not in said:
            raise Failed(f"h2load through {self.server.name}: {' '.join(said.split())[-300:]}; "
                         f"{self.server.name} said: {self.server.said()}")
        done, ok, failed, errored, late = map(int, found.groups()[1:])
        return {"done": done, "succeeded": ok, "errors": failed + errored + late + sum(map(int, statuses.groups()[1:]))}
