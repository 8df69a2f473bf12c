"""The admin listener: probes, metrics, and what it costs to be idle."""

import ctypes
import os
import re
import time

from harness import words
from harness.checks import Skipped, contains, equal, require, until
from harness.scene import case
from harness.sockets import connect


@case("probes answer on the admin listener, and only there", every_backend=True)
def probes(scene):
    gateway, _ = scene.pair()
    for path in ("/livez", "/healthz", "/readyz"):
        answer = gateway.get(path)
        equal((answer.status, answer.body), (200, b"ok\n"), path)
        equal(scene.client(gateway).send(words.request("GET", path)).read_answer().status, 404, f"{path} where clients connect")
    equal(gateway.get("/").status, 404, "the status of /")
    equal(gateway.get("/v1/models").status, 404, "the status of a client's path")


@case("/metrics parses, names every metric of its page, and counts what clients saw", every_backend=True)
def metrics(scene):
    gateway, _ = scene.pair(routes=[{"model": "m", "targets": ["up"]}])
    for number in range(10):
        scene.ask(gateway, stream=number % 2 == 0)
    scene.ask(gateway, model='odd"name\n')
    told = gateway.metrics()
    equal(told.required("headrace_requests_total", route="m", code="200", outcome="ok"), 10, "requests answered")
    equal(told.required("headrace_requests_total", route="none", code="404", outcome="rejected"), 1, "requests refused")
    equal(told.required("headrace_refused_total", code="404", reason="model_not_found"), 1, "refusals")
    equal(told.required("headrace_request_errors_total", route="none", error="model_not_found", blame="client"), 1, "failures")
    equal(told.required("headrace_target_requests_total", target="up", route="m", status="2xx"), 10, "requests of the target")
    equal(told.required("headrace_attempts_total", target="up", reason="primary", result="ok"), 10, "attempts")
    equal(told.required("headrace_upstream_wait_seconds_count", target="up"), 10, "waits measured")
    equal(told.required("headrace_ttft_seconds_count", route="m"), 5, "first tokens measured")
    equal(told.required("headrace_request_duration_seconds_count"), 11, "durations measured")
    equal(told.required("headrace_events_dropped_total"), 0, "records lost")
    equal(told.required("process_max_fds") > 0, True, "the limit of open files")
    page = (scene.peer("..").resolve().parents[1] / "docs/metrics.md").read_text()
    for name, said in re.findall(r"^\| `([a-z_]+)(?:\{[^`]*)?` \|(.*)", page, re.M):
        if name.startswith("headrace_audit_") or "(with `" in said:  # told where that is configured
            continue
        require(name in told.types, f"{name} is told")
    require("odd" not in repr(told.samples), "nothing of a request becomes a label")


@case("histograms are cumulative and agree with their counts")
def histograms(scene):
    gateway, _ = scene.pair()
    for _ in range(20):
        scene.ask(gateway, stream=True)
    told = gateway.metrics()
    families = [name for name, kind in told.types.items() if kind == "histogram"]
    require(len(families) >= 6, f"histograms: {families}")
    series = {}
    for (name, pairs), value in told.samples.items():
        if name.endswith("_bucket"):
            rest = tuple(pair for pair in pairs if pair[0] != "le")
            series.setdefault((name[:-7], rest), []).append((float(dict(pairs)["le"]), value))
    for (name, labels), buckets in series.items():
        counts = [value for _, value in sorted(buckets)]
        equal(counts, sorted(counts), f"{name}: buckets in order")
        equal(counts[-1], told.required(f"{name}_count", **dict(labels)), f"{name}: the last bucket")


@case("OpenMetrics is spoken where it is asked for")
def openmetrics(scene):
    gateway, _ = scene.pair()
    answer = gateway.get("/metrics", [("accept", "application/openmetrics-text; version=1.0.0")])
    contains(answer.field("content-type"), "application/openmetrics-text", "the type")
    require(answer.body.endswith(b"# EOF\n"), "it ends with # EOF")


@case("no payload byte of a plaintext stream is copied behind its commit point", every_backend=True)
def copies(scene):
    if scene.backend == "tiny":
        raise Skipped("buffers of 64 bytes split every event, and a split event is gathered")
    first = words.stream_head() + b"".join(map(words.chunk, words.STREAM[:2]))  # up to the commit point, in one piece
    rest = [*map(words.chunk, words.STREAM[2:]), words.LAST_CHUNK]
    gateway, _ = scene.pair(lambda call: call.send(first, *rest))
    for _ in range(3):
        scene.ask(gateway, stream=True)
    gateway.wait_metric("headrace_events_relayed_total", 3 * len(words.STREAM))
    equal(gateway.metrics().required("headrace_bytes_copied_total"), 0, "bytes copied")


@case("an admin client that stalls or floods does not keep others waiting")
def stalled_admin(scene):
    gateway, _ = scene.pair()
    stuck = [connect(gateway.admin).send(b"GET /live") for _ in range(50)]
    begun = time.monotonic()
    equal(gateway.get("/readyz").status, 200, "readiness meanwhile")
    require(time.monotonic() - begun < 5, "the answer comes at once")
    equal(scene.ask(gateway).status, 200, "a request meanwhile")
    for client in stuck:
        client.close()


PTRACE_ATTACH, PTRACE_DETACH, WAIT_ALL = 16, 17, 0x40000000


def worker_thread(gateway):
    for thread in os.listdir(f"/proc/{gateway.pid}/task"):
        with open(f"/proc/{gateway.pid}/task/{thread}/comm") as name:
            if name.read().strip() == "worker-0":
                return int(thread)
    raise AssertionError("no thread is called worker-0")


@case("a worker whose loop stands still shows in /livez, while the admin listener answers", every_backend=True)
def stuck_worker(scene):
    gateway, _ = scene.pair()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    thread = worker_thread(gateway)
    if libc.ptrace(PTRACE_ATTACH, thread, None, None) != 0:
        raise Skipped(f"no thread can be stopped here: {os.strerror(ctypes.get_errno())}")
    try:
        os.waitpid(thread, WAIT_ALL)
        until(lambda: gateway.get("/livez").status == 503, "liveness says 503")
        contains(gateway.get("/livez").body.decode(), "worker 0: last loop turn", "its reason")
        equal(gateway.get("/metrics").status, 200, "metrics meanwhile")
    finally:
        libc.ptrace(PTRACE_DETACH, thread, None, None)
    until(lambda: gateway.get("/livez").status == 200, "liveness says 200 again")
    equal(scene.ask(gateway).status, 200, "a request afterwards")


@case("an idle gateway wakes up no more than five times a second, and uses no CPU", every_backend=True, alone=True)
def idle(scene):
    gateway, _ = scene.pair(workers=1, busy="auto")
    scene.ask(gateway, stream=True)

    def quiet():
        seconds = 1.5
        wake_ups, cpu = gateway.wake_ups(), gateway.cpu_seconds()
        time.sleep(seconds)
        return (gateway.wake_ups() - wake_ups) / seconds <= 5 and gateway.cpu_seconds() - cpu <= 0.02

    until(quiet, "it is quiet")
