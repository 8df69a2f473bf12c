"""The rows of the TLS benchmark: names, bars, and how each is measured. A row's name and workload never change; what
several rows have in common is measured once (Bench.once)."""

import beside_nghttpx
import memory
import pooled
import warm
from measure import event_transits, ratios, round_trips
from runner import Figures, Row
from secured import SecuredHeadrace, SecuredNginx
from servers import Failed, Headrace

RIVALS = {
    "nginx_tls": SecuredNginx,
    "busy_tls": lambda bench: SecuredHeadrace(bench, "always"),
    "blocked_tls": lambda bench: SecuredHeadrace(bench, "off"),
    "busy_plain": lambda bench: Headrace(bench.proxy_cpu, bench.upstream_port, bench.build, "always", "io_uring"),
}


# -- the probe's workloads: one measurement of all serves several rows

def all_round_trips(bench):
    return round_trips(bench, RIVALS, ["nginx_tls", "busy_tls", "blocked_tls"])


def all_event_transits(bench):
    return event_transits(bench, RIVALS, ["busy_tls", "busy_plain"])


def rtt_ratio(over):
    return lambda bench: ratios(bench.once(all_round_trips), over, "nginx_tls", "added_p50_ns")


def event_extra(bench):
    """Microseconds that an event spends more in the gateway with TLS on both sides than without, in one round."""
    figures = bench.once(all_event_transits)
    for each in figures.values():
        if isinstance(each, Failed):
            raise each
    pairs = list(zip(figures["busy_tls"], figures["busy_plain"]))
    detail = {f"{name}_added_p50_ns": [each["added_p50_ns"] for each in figures[name]] for name in figures}
    # The same two operations, sealing and opening a record, between the probe's own ends.
    detail["direct_extra_us"] = [(secured["direct_p50_ns"] - plain["direct_p50_ns"]) / 1e3 for secured, plain in pairs]
    return Figures([(secured["added_p50_ns"] - plain["added_p50_ns"]) / 1e3 for secured, plain in pairs], detail)


ROWS = [
    Row("handshakes_waited_for", 0, "calls", warm.handshakes_waited_for),
    Row("acquire_p99_us", 50, "us", pooled.acquire_p99),
    Row("rtt_busy_vs_nginx_tls", 0.40, "ratio", rtt_ratio("busy_tls")),
    Row("rtt_blocked_vs_nginx_tls", 1.05, "ratio", rtt_ratio("blocked_tls")),
    Row("event_tls_extra_us", 0.9, "us", event_extra),
    Row("heap_idle_tls_h1_kib", 16, "KiB", memory.idle_heap("h1")),
    Row("heap_idle_h2_kib", 48, "KiB", memory.idle_heap("h2")),
    Row("mallocs_per_request_h2", 0, "calls", memory.mallocs),
    Row("connections_per_1000_streams", 10, "conns", pooled.connections),
    Row("h2load_cpu_vs_nghttpx", 1.1, "ratio", beside_nghttpx.cpu_ratio),
]
