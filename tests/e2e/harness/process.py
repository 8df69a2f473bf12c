"""One child process: its output by lines, bounded waits for both, and an end by its own pid."""

import atexit
import re
import signal
import subprocess
import threading
import time

from harness.checks import WAIT_S, Failed, shorten, until

_running = set()


@atexit.register
def _end_all():
    for child in list(_running):
        child.kill()


class Process:
    def __init__(self, command, **options):
        self.command = [str(word) for word in command]
        self.lines = []
        self.stdout = []
        options.setdefault("stdin", subprocess.DEVNULL)
        self._child = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, errors="replace", **options)
        _running.add(self._child)
        self._readers = [threading.Thread(target=self._collect, args=pair, daemon=True)
                         for pair in ((self._child.stderr, self.lines), (self._child.stdout, self.stdout))]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))
        stream.close()

    @property
    def pid(self):
        return self._child.pid

    def say(self, text):
        """To the standard input of one that was made with `stdin=PIPE`."""
        self._child.stdin.write(text)
        self._child.stdin.flush()

    def running(self):
        return self._child.poll() is None

    def errors(self):
        return "\n".join(self.lines)

    def output(self):
        return "\n".join(self.stdout)

    def wait_line(self, pattern, seconds=WAIT_S, lines=None):
        """The first line on standard error (or in `lines`) that matches, as a match."""
        lines = self.lines if lines is None else lines

        def found():
            match = next((m for m in (re.search(pattern, line) for line in list(lines)) if m), None)
            if match is None and not self.running():
                self._join()
                match = next((m for m in (re.search(pattern, line) for line in lines) if m), None)
                if match is None:
                    raise Failed(f"{self.command[0]} ended ({self._child.returncode}) without saying "
                                 f"/{pattern}/:\n{shorten(self.errors() + self.output(), 4000)}")
            return match

        return until(found, f"{self.command[0]} says /{pattern}/", seconds)

    def signal(self, number):
        self._child.send_signal(number)

    def exit_code(self, seconds=WAIT_S):
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.command[0]} (pid {self.pid}) did not end within {seconds:.0f} s:\n"
                         f"{shorten(self.errors(), 4000)}") from None
        self._join()
        return code

    def _join(self):
        for reader in self._readers:
            reader.join(WAIT_S)
        _running.discard(self._child)

    def kill(self):
        if self.running():
            self._child.kill()
        self.exit_code()

    def end(self, seconds=WAIT_S):
        """SIGTERM, then its exit code."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.exit_code(seconds)

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def wake_ups(self):
        """How often any of its threads went to sleep of its own accord."""
        total = 0
        for path in _paths(f"/proc/{self.pid}/task"):
            with open(f"{path}/status") as status:
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read(), re.M).group(1))
        return total

    def open_files(self):
        return len(_paths(f"/proc/{self.pid}/fd"))


def _paths(folder):
    import os
    return [f"{folder}/{name}" for name in os.listdir(folder)]


def run(command, seconds=WAIT_S, **options):
    """Runs a command to its end; returns (exit code, standard output, standard error)."""
    process = Process(command, **options)
    deadline = time.monotonic() + seconds
    try:
        code = process.exit_code(max(0.1, deadline - time.monotonic()))
    finally:
        process.kill()
    return code, process.output(), process.errors()
