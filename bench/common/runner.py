"""Runs a table of rows: takes the measurements, holds each against its bar, prints the table, writes the JSON.
A row's name and workload never change; a row that could not be measured is a row that fell short."""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from probe import Probe
from servers import Failed, find_program, free_port

ROUNDS_MIN = 7


@dataclass
class Figures:
    values: list
    detail: dict = field(default_factory=dict)
    fault: str = ""  # what makes the row fail whatever its value


@dataclass
class Row:
    name: str
    limit: float
    unit: str
    measure: Callable


def parse_arguments(description, rows):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", default=os.environ.get("HEADRACE_BUILD", "build/release"),
                        help="build directory (build/release)")
    parser.add_argument("--json", metavar="FILE", help="write the result there")
    parser.add_argument("--rounds", type=int, default=9, help=f"rounds, at least {ROUNDS_MIN} (9)")
    parser.add_argument("--rows", help="only these, by comma")
    parser.add_argument("--quick", action="store_true",
                        help="3 short rounds: to try the runner, not to publish")
    parser.add_argument("--realtime", choices=["auto", "on", "off"], default="auto",
                        help="short SCHED_FIFO bursts for probe and proxy; auto: where that is allowed")
    parser.add_argument("--seed", type=int, default=1, help="of the order of proxies in a round (1)")
    arguments = parser.parse_args()
    if arguments.rounds < ROUNDS_MIN and not arguments.quick:
        parser.error(f"--rounds must be at least {ROUNDS_MIN}")
    known = [row.name for row in rows]
    arguments.rows = arguments.rows.split(",") if arguments.rows else known
    if unknown := [name for name in arguments.rows if name not in known]:
        parser.error(f"no such row: {', '.join(unknown)} (there are: {', '.join(known)})")
    return arguments


def first_line(path):
    try:
        return Path(path).read_text().splitlines()[0].strip()
    except (OSError, IndexError):
        return "unknown"


def version_of(program, *options):
    try:
        done = subprocess.run([find_program(program), *options], capture_output=True, text=True, timeout=10)
        return (done.stdout + done.stderr).strip().splitlines()[0]
    except (Failed, OSError, IndexError, subprocess.TimeoutExpired):
        return "missing"


def describe_host(bench):
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True,
                            cwd=Path(__file__).parent)
    return {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "proxy_cpu": bench.proxy_cpu,
        "probe_cpu": bench.probe_cpu,
        "backend": bench.backend(),
        "congestion_control": first_line("/proc/sys/net/ipv4/tcp_congestion_control"),
        "load_before": bench.load_before,
        "nginx": version_of("nginx", "-v"),
        "haproxy": version_of("haproxy", "-v"),
        "commit": commit.stdout.strip() or "unknown",
        "rounds": bench.rounds,
        "quick": bench.quick,
        "realtime": bench.realtime,
    }


def format_value(value):
    if value is None:
        return "missing"
    return f"{value:.3f}" if value < 100 else f"{value:.1f}"


def print_table(bars):
    width = max(len(bar["name"]) for bar in bars)
    print(f"{'row':<{width}}  {'value':>9}  {'bar':>8}  {'unit':<6}  {'':4}  spread (quartiles)")
    for bar in bars:
        low_high = "  ".join(format_value(edge) for edge in bar["spread"]) if bar["spread"] else "-"
        verdict = "ok" if bar["ok"] else "FAIL"
        print(f"{bar['name']:<{width}}  {format_value(bar['value']):>9}  {'<= ' + format(bar['limit'], 'g'):>8}"
              f"  {bar['unit']:<6}  {verdict:<4}  {low_high}")
        if bar.get("note"):
            print(f"{'':<{width}}    {bar['note']}")


class OnProbeCpu:
    """This process beside the mock, and not in the way of the gateway."""

    def __init__(self, bench):
        self.cpu = bench.probe_cpu

    def __enter__(self):
        self.before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.cpu})

    def __exit__(self, *_):
        os.sched_setaffinity(0, self.before)


def may_run_realtime():
    """Tried in a child, so that this process stays what it is."""
    attempt = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))"
    return subprocess.run([sys.executable, "-c", attempt], capture_output=True, timeout=30).returncode == 0


class Bench:
    """What every measurement needs: the probe, the CPUs, the rounds, and what was measured so far."""

    def __init__(self, name, arguments):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise Failed("needs two CPUs: one for the proxy, one for the probe")
        self.name = name
        self.proxy_cpu, self.probe_cpu = cpus[0], cpus[1]
        self.build = arguments.build
        self.quick = arguments.quick
        self.rounds = 3 if arguments.quick else arguments.rounds
        self.realtime = arguments.realtime == "on" or (arguments.realtime == "auto" and may_run_realtime())
        self.random = random.Random(arguments.seed)
        self.upstream_port = free_port()
        self.probe = Probe(arguments.build, self.probe_cpu, self.upstream_port, self.realtime)
        self.load_before = round(os.getloadavg()[0], 2)
        self.backends_seen = set()
        self.measured = {}

    def backend(self):
        return ", ".join(sorted(self.backends_seen)) or "unknown"

    def once(self, measure, *arguments):
        """The outcome of a measurement that several rows share; its failure is shared as well."""
        key = (measure, *arguments)
        if key not in self.measured:
            started = time.monotonic()
            try:
                self.measured[key] = measure(self, *arguments)
            except Failed as failure:
                self.measured[key] = failure
            took = time.monotonic() - started
            print(f"{self.name}: {' '.join([measure.__name__, *map(str, arguments)])}: {took:.0f} s", file=sys.stderr)
        outcome = self.measured[key]
        if isinstance(outcome, Failed):
            raise outcome
        return outcome


def measure_row(bench, row):
    bar = {"name": row.name, "value": None, "limit": row.limit, "unit": row.unit, "ok": False, "spread": None}
    try:
        figures = row.measure(bench)
    except Failed as failure:
        bar["note"] = str(failure)
        return bar
    bar["value"] = statistics.median(figures.values)
    bar["ok"] = bar["value"] <= row.limit and not figures.fault
    bar["rounds"] = figures.values
    if len(figures.values) >= 3:
        quartiles = statistics.quantiles(figures.values, n=4, method="inclusive")
        bar["spread"] = [quartiles[0], quartiles[2]]
    bar["detail"] = figures.detail
    if figures.fault:
        bar["note"] = figures.fault
    return bar


def run(name, description, rows):
    """The exit code: 1 when a bar falls short or a row is missing."""
    arguments = parse_arguments(description, rows)
    try:
        bench = Bench(name, arguments)
    except Failed as failure:
        sys.exit(f"{name}: {failure}")
    bars = [measure_row(bench, row) for row in rows if row.name in arguments.rows]
    print_table(bars)
    result = {"bars": bars, "host": describe_host(bench)}
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=2) + "\n")
    short = [bar["name"] for bar in bars if not bar["ok"]]
    print(f"{len(bars) - len(short)} of {len(bars)} bars reached" + (f"; short: {', '.join(short)}" if short else ""))
    return 1 if short else 0
