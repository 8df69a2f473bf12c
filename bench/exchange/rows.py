"""The rows of the exchange benchmark: names, bars, and how each is measured. A row's name and workload never change;
what several rows have in common is measured once (Bench.once)."""

import kills
import micro
import streams
from everything import Everything
from measure import count_allocations, event_transits, ratios, round_trips, saturation, worse_of_modes
from runner import Row
from servers import Headrace, Nginx

RIVALS = {
    "nginx": lambda bench: Nginx(bench.proxy_cpu, bench.upstream_port),
    "bare": lambda bench: Headrace(bench.proxy_cpu, bench.upstream_port, bench.build, "off", "io_uring"),
    "busy": lambda bench: Everything(bench, "always"),
    "blocked": lambda bench: Everything(bench, "off"),
}


# -- the probe's workloads: one measurement of all serves several rows

def all_round_trips(bench):
    return round_trips(bench, RIVALS, ["nginx", "busy", "blocked"])


def all_event_transits(bench):
    return event_transits(bench, RIVALS, ["nginx", "busy"])


def all_saturations(bench):
    return saturation(bench, RIVALS, ["nginx", "bare", "blocked"])


def ratio(measurement, over, under, key):
    return lambda bench: ratios(bench.once(measurement), over, under, key)


def allocations(bench, mode, busy):
    """Without real-time bursts: a worker that polls would keep the exporter, on the same CPU, from its records for as
    long as a burst lasts, and a count does not need them."""
    return count_allocations(bench, mode, Everything(bench, busy, counted=True), realtime=False)


ROWS = [
    Row("rtt_busy_vs_nginx", 0.32, "ratio", ratio(all_round_trips, "busy", "nginx", "added_p50_ns")),
    Row("rtt_blocked_vs_nginx", 1.12, "ratio", ratio(all_round_trips, "blocked", "nginx", "added_p50_ns")),
    Row("event_busy_vs_nginx", 0.25, "ratio", ratio(all_event_transits, "busy", "nginx", "added_p50_ns")),
    Row("cpu_per_request_vs_nginx", 1.05, "ratio",
        ratio(all_saturations, "blocked", "nginx", "cpu_ns_per_request")),
    Row("cost_of_stages", 1.25, "ratio", ratio(all_saturations, "blocked", "bare", "cpu_ns_per_request")),
    Row("allocs_per_request", 0, "calls", worse_of_modes(allocations, "rtt", "allocations")),
    Row("allocs_per_event", 0, "calls", worse_of_modes(allocations, "events", "allocations")),
    Row("allocs_per_event_translated", 0, "calls", streams.translated_allocations),
    Row("cpu_per_event_translated_us", 2.0, "us", streams.extra_cpu),
    Row("translate_100kb_vs_dom_parse", 3.0, "ratio", micro.translation_ratio("translate/100000", "dom_parse/100000")),
    Row("translate_growth_1mb", 12, "ratio", micro.translation_ratio("translate/1000000", "translate/100000")),
    Row("audit_lost", 0, "lines", kills.lost),
    Row("audit_duplicated", 0, "lines", kills.duplicated),
    Row("ring_append_p99_ns", 100, "ns", micro.ring_append_p99),
]
