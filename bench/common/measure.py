"""Ways to measure that every table of rows shares: rounds in which proxies take turns, and counts over one long
run. A `rival` is a function that makes a server, from the bench."""

import statistics
import time

from runner import Figures
from servers import Failed


def interleave(bench, rivals, names, measure):
    """One figure a round and proxy, as {name: [figure...]}; a proxy that fails once is out, with its reason."""
    figures = {name: [] for name in names}
    for _ in range(bench.rounds):
        order = list(names)
        bench.random.shuffle(order)
        for name in order:
            if isinstance(figures[name], Failed):
                continue
            try:
                with rivals[name](bench) as server:
                    figures[name].append(measure(server))
                    server.check_measured()
            except Failed as failure:
                figures[name] = failure
    return figures


def ratios(figures, over, under, key):
    for name in (over, under):
        if isinstance(figures[name], Failed):
            raise figures[name]
    pairs = list(zip(figures[over], figures[under]))
    if any(below[key] <= 0 for _, below in pairs):
        raise Failed(f"{under} has a {key} that is not above 0: these figures are not to be trusted")
    detail = {f"{name}_{key}": [each[key] for each in figures[name]] for name in (over, under)}
    return Figures([above[key] / below[key] for above, below in pairs], detail)


def worst(*figures):
    """The figures of which the median is the largest, with the details of all."""
    detail = {}
    for each in figures:
        detail |= each.detail
    return Figures(max(figures, key=lambda each: statistics.median(each.values)).values, detail)


# -- wall times: the workloads of the probe

def round_trips(bench, rivals, names):
    rounds = 1000 if bench.quick else 4000
    return interleave(bench, rivals, names, lambda server: bench.probe.run(server, "rtt", "--rounds", rounds))


def event_transits(bench, rivals, names):
    events = 1000 if bench.quick else 5000
    return interleave(bench, rivals, names,
                      lambda server: bench.probe.run(server, "events", "--streams", 100, "--rate", 5000,
                                                     "--events", events))


def saturation(bench, rivals, names):
    seconds = 0.5 if bench.quick else 1.5
    return interleave(bench, rivals, names,
                      lambda server: bench.probe.run(server, "saturate", "--connections", 64,
                                                     "--seconds", seconds))


# -- counts: exact, so once is enough

WORKLOADS = {
    "rtt": ["--rounds", 10000, "--warmup", 2000],
    "events": ["--streams", 100, "--rate", 5000, "--events", 10000, "--warmup", 2000],
}

# The exporter makes room for a new series when it first drains one: that is warm-up too.
EXPORTER_SETTLES_S = 2.5


def count_allocations(bench, mode, server, realtime=True):
    """Every allocation of the whole process in a warmed-up run. /metrics is not read: that allocates."""
    read = {}
    with server:
        def on_mark(mark):
            if mark == "begin":
                time.sleep(EXPORTER_SETTLES_S)
            read[mark] = server.allocations()
        result = bench.probe.run(server, mode, "--no-direct", *WORKLOADS[mode], on_mark=on_mark, realtime=realtime)
        server.check_measured()
    return {"allocations": read["end"] - read["begin"], "n": result.get("requests", result["n"])}


def worse_of_modes(counting, mode, key):
    """Busy and blocked must both hold; the row is the worse."""
    def measure(bench):
        both = {busy: bench.once(counting, mode, busy) for busy in ("off", "always")}
        return Figures([max(counts[key] / counts["n"] for counts in both.values())],
                       {f"{key}_{busy}": counts[key] for busy, counts in both.items()})
    return measure
