#!/usr/bin/env python3
"""The end-to-end suite: the real binary, real sockets, peers of other people's making.

    python3 tests/e2e/run.py [--build DIR] [-k NAME] [--backend io_uring|epoll|tiny|compat61] [--jobs N]

Without --backend every case runs on the backend that the host chooses, and those of the serving group on each
backend besides. Prints one line a case and `e2e: N passed, N failed` at the end; exits 1 on a failure."""

import argparse
import importlib
import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from harness.checks import Failed, Skipped  # noqa: E402
from harness.gateway import BACKENDS  # noqa: E402
from harness.process import run  # noqa: E402
from harness.scene import CASES, Scene  # noqa: E402

CASE_LIMIT_S = 150


class Suite:
    def __init__(self, build):
        self.build = build
        self.passed = self.failed = self.skipped = 0
        self._lock = threading.Lock()

    def run_case(self, case, backend):
        begun = time.monotonic()
        scene = Scene(self.build, backend)
        word, story = attempt(lambda: case.function(scene))
        end_word, end_story = attempt(scene.end)
        if word == "ok":
            word = end_word
        if end_word == "FAIL":
            story = f"{story}\nand at its end: {end_story}" if story else end_story
        for sentence, seconds, fault in scene.checks:
            self._tell("FAIL" if fault else "ok", f"{case.name(backend)}: {sentence}", seconds, fault)
        self._tell(word, case.name(backend), time.monotonic() - begun, story)

    def _tell(self, word, name, seconds, story):
        with self._lock:
            self.passed += word == "ok"
            self.failed += word == "FAIL"
            self.skipped += word == "skip"
            print(f"{word:5}{name} ({seconds:.1f} s)", flush=True)
            if story:
                print("".join(f"      {line}\n" for line in story.splitlines()), end="", flush=True)

    def run_all(self, work, jobs):
        together = queue.SimpleQueue()
        for case, backend in work:
            if not case.alone:
                together.put((case, backend))
        workers = [threading.Thread(target=self._drain, args=(together,), daemon=True) for _ in range(jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for case, backend in work:
            if case.alone:
                self.run_case(case, backend)

    def _drain(self, work):
        while True:
            try:
                case, backend = work.get_nowait()
            except queue.Empty:
                return
            self.run_case(case, backend)


def attempt(function):
    """(word, story) of what came of it."""
    try:
        function()
        return "ok", ""
    except Skipped as reason:
        return "skip", str(reason)
    except Failed as fault:
        return "FAIL", f"{fault}\n{place_of(fault)}"
    except Exception:
        return "FAIL", traceback.format_exc()


def place_of(fault):
    """The lines of the case that led to a fault."""
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if "/cases/" in frame.filename]
    return "\n".join(f"at {Path(frame.filename).name}:{frame.lineno}: {frame.line}" for frame in frames)


def offers_io_uring(build):
    """Whether this host lets the gateway use io_uring at all."""
    code, output, _ = run([build / "src/headrace", "doctor"],
                          env={**Scene.environment(), "HEADRACE_IO_BACKEND": "io_uring"})
    return code is not None and any("backend" in line and line.strip().startswith("ok")
                                    for line in output.splitlines())


def plan(name, backend, with_uring):
    work = []
    for case in CASES:
        backends = [backend] if backend else ["auto"]
        if case.every_backend and not backend:
            backends = [known for known in BACKENDS if known != "auto"]
        for each in backends:
            if not with_uring and BACKENDS[each].get("backend") == "io_uring":
                continue
            if name.lower() in case.name(each).lower():
                work.append((case, each))
    return work


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--build", default=os.environ.get("HEADRACE_BUILD", "build/release"))
    words.add_argument("-k", dest="name", default="", help="only cases whose name contains this")
    words.add_argument("--backend", choices=list(BACKENDS))
    words.add_argument("--jobs", type=int, default=4)
    arguments = words.parse_args()

    build = (HERE.parents[1] / arguments.build).resolve()
    if not (build / "src/headrace").exists():
        sys.exit(f"{build} has no src/headrace")
    for path in sorted((HERE / "cases").glob("[a-z]*.py")):
        importlib.import_module(f"cases.{path.stem}")

    with_uring = offers_io_uring(build)
    if not with_uring:
        print("note: this host refuses io_uring; its cases are left out")
    suite = Suite(build)
    suite.run_all(plan(arguments.name, arguments.backend, with_uring), arguments.jobs)
    if suite.skipped:
        print(f"skipped: {suite.skipped}")
    print(f"e2e: {suite.passed} passed, {suite.failed} failed", flush=True)
    sys.exit(1 if suite.failed or not suite.passed else 0)


if __name__ == "__main__":
    main()
