"""Runs headrace-probe against a server and reads what it found."""

import ctypes
import json
import os
import select
import signal
import subprocess
import time

from servers import PR_SET_PDEATHSIG, Failed, find_built

LINE_LIMIT_S = 90


class Probe:
    def __init__(self, build, cpu, upstream_port, realtime):
        self.binary = find_built(build, "headrace-probe")
        self.cpu = cpu
        self.upstream_port = upstream_port
        self.realtime = realtime

    def run(self, server, mode, *options, on_mark=None, realtime=True):
        """The probe's last line as a dictionary. `on_mark(name)` is called at every mark. `realtime`: where that is
        allowed."""
        command = [str(self.binary), mode, "--cpu", str(self.cpu),
                   "--proxy", f"127.0.0.1:{server.port}",
                   "--upstream", f"127.0.0.1:{self.upstream_port}", *server.probe_options, *map(str, options)]
        for pid in server.pids():
            command += ["--pid", str(pid)]
        if self.realtime and realtime:
            command.append("--realtime")
        if on_mark is not None:
            command.append("--marks")
        libc = ctypes.CDLL(None)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        try:
            result = self.read_result(process, on_mark)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        if result is None or "error" in result:
            reason = result["error"] if result else f"ended with {process.returncode} and said nothing"
            server.check_alive()
            raise Failed(f"probe {mode} through {server.name}: {reason}; {server.name} said: {server.said()}")
        return result

    def read_result(self, process, on_mark):
        result = None
        pending = b""
        deadline = time.monotonic() + LINE_LIMIT_S
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                return {"error": f"no word for {LINE_LIMIT_S} s"}
            bytes_read = os.read(process.stdout.fileno(), 65536)
            if not bytes_read:
                return result
            pending += bytes_read
            *lines, pending = pending.split(b"\n")
            for line in lines:
                result = json.loads(line)
                if "mark" in result:
                    on_mark(result["mark"])
                    process.stdin.write(b"\n")
                    process.stdin.flush()
                    deadline = time.monotonic() + LINE_LIMIT_S
