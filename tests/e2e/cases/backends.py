"""Which kernel interface is chosen, and what happens where io_uring is refused."""

import errno
import sys

from harness import words
from harness.checks import contains, equal, lacks, require
from harness.gateway import Gateway, configuration
from harness.scene import case

REFUSALS = {"EPERM": "forbidden", "ENOSYS": "unknown here"}


def under_filter(scene, name):
    return [sys.executable, scene.peer("refuse_io_uring.py"), getattr(errno, name)]


def serves(scene, gateway):
    for streamed, expected in ((True, words.STREAM_TEXT), (False, words.PLAIN)):
        equal(scene.ask(gateway, stream=streamed).body, expected, "the answer")


def one_line(gateway):
    said = [line for line in gateway.lines if "io backend:" in line]
    equal(len(said), 1, "lines that name the backend")
    return said[0]


for _name, _reason in REFUSALS.items():
    @case(f"where io_uring_setup answers {_name}, `auto` serves on epoll and says why")
    def _falls_back(scene, name=_name, reason=_reason):
        upstream = scene.upstream()
        gateway = Gateway(scene, configuration(upstream, io={"backend": "auto"}), wrapper=under_filter(scene, name))
        serves(scene, gateway)
        line = one_line(gateway)
        contains(line, "io backend: epoll", "the line")
        contains(line, reason, "the line")
        build = gateway.metrics().labels("headrace_build_info")
        equal((len(build), build[0]["io_backend"]), (1, "epoll"), "the backend exported")
        contains(build[0]["io_backend_reason"], reason, "the reason exported")

    @case(f"where io_uring_setup answers {_name}, `io_uring` refuses to start and names the remedy")
    def _fails_hard(scene, name=_name, reason=_reason):
        upstream = scene.upstream()
        gateway = Gateway(scene, configuration(upstream, io={"backend": "io_uring"}), ready=False,
                          wrapper=under_filter(scene, name))
        gateway.expected_exit = 1
        equal(gateway.exit_code(), 1, "the exit code")
        contains(gateway.errors(), f"io_uring is {reason}", "the complaint")
        contains(gateway.errors(), "io.backend: epoll", "the remedy")
        for untrue in ("ready:", "io backend:"):
            lacks(gateway.errors(), untrue, "what was said")

    @case(f"where io_uring_setup answers {_name}, doctor says so")
    def _doctor(scene, name=_name, reason=_reason):
        config = scene.folder / "doctor.yaml"
        config.write_text('admin: off\nlisten: 127.0.0.1:0\nproviders: {up: {base_url: "%s"}}\n'
                          'routes: [{model: "*", targets: [up]}]\n' % scene.upstream().base_url)
        code, text, errors = scene.run([*under_filter(scene, name), scene.binary("src/headrace"), "doctor", "--config", config])
        equal((code, errors), (0, ""), "the exit code of doctor")
        contains(text, f"epoll: io_uring is {reason}", "what doctor says")
        code, text, _ = scene.run([*under_filter(scene, name), scene.binary("src/headrace"), "doctor", "--config", config],
                                  env=scene.environment({"HEADRACE_IO_BACKEND": "io_uring"}))
        equal(code, 1, "the exit code of doctor where io_uring is insisted on")
        contains(text, f"io_uring is {reason}", "what doctor says then")


@case("a backend that was asked for is the one that runs, and is named once", every_backend=True)
def asked_for(scene):
    gateway, _ = scene.pair()
    wanted = "epoll" if scene.backend == "epoll" else "io_uring"
    contains(one_line(gateway), f"io backend: {wanted} (", "the line")
    equal(gateway.metrics().labels("headrace_build_info")[0]["io_backend"], wanted, "the backend exported")


@case("both backends serve while they poll all the time", every_backend=True)
def busy(scene):
    gateway, _ = scene.pair(busy="always")
    serves(scene, gateway)


@case("a configured backend may come from the environment", every_backend=False)
def from_environment(scene):
    upstream = scene.upstream()
    gateway = Gateway(scene, configuration(upstream), env={"HEADRACE_IO_BACKEND": "epoll"})
    require(scene.backend != "auto" or "io backend: epoll (configured)" in one_line(gateway), one_line(gateway))
    serves(scene, gateway)
