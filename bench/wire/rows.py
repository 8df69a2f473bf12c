"""The rows of the wire benchmark: names, bars, and how each is measured. A row's name and workload never change;
what several rows have in common is measured once (Bench.once)."""

import time

import strace
from measure import count_allocations, event_transits, ratios, round_trips, saturation, worse_of_modes, worst
from measure import WORKLOADS
from runner import Figures, Row
from servers import Failed, Haproxy, Headrace, Nginx

MIB = 1024 * 1024
KIB = 1024


def headrace(bench, busy, backend="io_uring", counted=False):
    return Headrace(bench.proxy_cpu, bench.upstream_port, bench.build, busy, backend, counted)


RIVALS = {
    "nginx": lambda bench: Nginx(bench.proxy_cpu, bench.upstream_port),
    "haproxy_busy": lambda bench: Haproxy(bench.proxy_cpu, bench.upstream_port, busy=True),
    "headrace_busy": lambda bench: headrace(bench, "always"),
    "headrace_blocked": lambda bench: headrace(bench, "off"),
    "epoll_busy": lambda bench: headrace(bench, "always", "epoll"),
    "epoll_blocked": lambda bench: headrace(bench, "off", "epoll"),
}


# -- wall times: one measurement of all proxies serves several rows

def all_round_trips(bench):
    return round_trips(bench, RIVALS, list(RIVALS))


def all_event_transits(bench):
    return event_transits(bench, RIVALS, ["nginx", "headrace_busy"])


def all_saturations(bench):
    return saturation(bench, RIVALS, ["nginx", "headrace_blocked"])


def rtt_ratio(over, under):
    return lambda bench: ratios(bench.once(all_round_trips), over, under, "added_p50_ns")


def epoll_ratio(bench):
    """Busy and blocked; the row is the worse of the two."""
    return worst(rtt_ratio("epoll_busy", "headrace_busy")(bench), rtt_ratio("epoll_blocked", "headrace_blocked")(bench))


# -- counts: exact, so once is enough

COUNTERS = {"enters": "headrace_io_enters_total", "copied": "headrace_bytes_copied_total"}


def count(bench, mode, busy):
    """What the gateway's counters say of a warmed-up run."""
    read = {}
    with headrace(bench, busy) as server:
        def on_mark(mark):
            read[mark] = {key: server.metric(name) for key, name in COUNTERS.items()}
        result = bench.probe.run(server, mode, "--no-direct", *WORKLOADS[mode], on_mark=on_mark)
        bench.backends_seen.add(server.running_backend())
    return {key: read["end"][key] - read["begin"][key] for key in COUNTERS} | {"n": result.get("requests", result["n"])}


def allocations(bench, mode, busy):
    return count_allocations(bench, mode, headrace(bench, busy, counted=True))


def per_unit(mode, busy, key):
    def measure(bench):
        counts = bench.once(count, mode, busy)
        figures = Figures([counts[key] / counts["n"]], dict(counts))
        if (mode, busy, key) == ("rtt", "off", "enters"):
            figures.fault, figures.detail["strace"] = strace.cross_check(bench, headrace(bench, busy))
        return figures
    return measure


# -- footprint

def weigh(bench):
    """Resident bytes of one worker that has served a little, and what each of many silent streams adds."""
    streams = 200 if bench.quick else 1000
    weights = {}
    with headrace(bench, "auto") as server:
        bench.probe.run(server, "rtt", "--rounds", 200, "--warmup", 100, "--no-direct")
        time.sleep(0.5)
        weights["idle"] = server.rss_bytes()

        def on_held(_):
            time.sleep(0.2)
            weights["held"] = server.rss_bytes()
        bench.probe.run(server, "idle", "--streams", streams, on_mark=on_held)
    weights["streams"] = streams
    return weights


def rss_idle(bench):
    weights = bench.once(weigh)
    return Figures([weights["idle"] / MIB], weights)


def rss_per_stream(bench):
    weights = bench.once(weigh)
    return Figures([(weights["held"] - weights["idle"]) / KIB / weights["streams"]], weights)


def start_times(bench):
    figures = []
    for _ in range(bench.rounds):
        with headrace(bench, "auto") as server:
            figures.append(server.start_ms)
    return Figures(figures)


def idle_wakeups(bench):
    seconds = 3 if bench.quick else 10
    with headrace(bench, "auto") as server:
        time.sleep(1)  # start-up work is not idleness
        before = server.voluntary_switches()
        time.sleep(seconds)
        wakeups = server.voluntary_switches() - before
    return Figures([wakeups / seconds])


ROWS = [
    Row("rtt_busy_vs_nginx", 0.28, "ratio", rtt_ratio("headrace_busy", "nginx")),
    Row("rtt_busy_vs_haproxy_busy", 1.0, "ratio", rtt_ratio("headrace_busy", "haproxy_busy")),
    Row("rtt_blocked_vs_nginx", 1.05, "ratio", rtt_ratio("headrace_blocked", "nginx")),
    Row("event_busy_vs_nginx", 0.23, "ratio",
        lambda bench: ratios(bench.once(all_event_transits), "headrace_busy", "nginx", "added_p50_ns")),
    Row("cpu_per_request_vs_nginx", 0.90, "ratio",
        lambda bench: ratios(bench.once(all_saturations), "headrace_blocked", "nginx", "cpu_ns_per_request")),
    Row("enters_per_request_blocked", 2.1, "calls", per_unit("rtt", "off", "enters")),
    Row("enters_per_event_blocked", 1.05, "calls", per_unit("events", "off", "enters")),
    Row("enters_per_request_busy", 4.1, "calls", per_unit("rtt", "always", "enters")),
    Row("enters_per_event_busy", 2.1, "calls", per_unit("events", "always", "enters")),
    Row("allocs_per_request", 0, "calls", worse_of_modes(allocations, "rtt", "allocations")),
    Row("allocs_per_event", 0, "calls", worse_of_modes(allocations, "events", "allocations")),
    Row("bytes_copied_per_event", 0, "bytes", worse_of_modes(count, "events", "copied")),
    Row("epoll_rtt_vs_uring", 1.05, "ratio", epoll_ratio),
    Row("rss_idle_mib", 11, "MiB", rss_idle),
    Row("rss_per_idle_stream_kib", 12, "KiB", rss_per_stream),
    Row("start_ms", 40, "ms", start_times),
    Row("idle_wakeups_per_s", 5, "1/s", idle_wakeups),
]
