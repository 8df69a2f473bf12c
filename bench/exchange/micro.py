"""Rows that a google-benchmark binary of bench/micro has; each round runs it afresh."""

import json
import os
import subprocess

from runner import Figures
from servers import Failed, find_built

LIMIT_S = 120


def run(bench, name, pattern, *options):
    """The benchmarks of one run by name."""
    command = [str(find_built(bench.build, f"{name}_bench")), f"--benchmark_filter={pattern}",
               "--benchmark_format=json", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S,
                              preexec_fn=lambda: os.sched_setaffinity(0, {bench.probe_cpu}))
        benchmarks = json.loads(done.stdout)["benchmarks"]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{name}_bench: {error}") from error
    if faults := [each["error_message"] for each in benchmarks if each.get("error_occurred")]:
        raise Failed(f"{name}_bench: {faults[0]}")
    return {each["name"]: each for each in benchmarks}


def translations(bench):
    """CPU nanoseconds of each workload, one a round: translation and DOM parse take turns."""
    least = 0.1 if bench.quick else 0.3
    figures = {}
    for _ in range(bench.rounds):
        found = run(bench, "translate", "^(dom_parse|translate)/", f"--benchmark_min_time={least}")
        for name, benchmark in found.items():
            figures.setdefault(name, []).append(benchmark["cpu_time"])
    return figures


def translation_ratio(above, below):
    def measure(bench):
        figures = bench.once(translations)
        if missing := {above, below} - set(figures):
            raise Failed(f"translate_bench has no {', '.join(missing)}")
        return Figures([over / under for over, under in zip(figures[above], figures[below])],
                       {name: figures[name] for name in (above, below)})
    return measure


def ring_append_p99(bench):
    """On a ring in a file on tmpfs, which is where a gateway has it."""
    rounds = [run(bench, "ring", "^push_each/file") for _ in range(bench.rounds)]
    pushes = [benchmark for found in rounds for benchmark in found.values()]
    if len(pushes) != bench.rounds:
        raise Failed("ring_bench has no push_each/file")
    return Figures([push["p99_ns"] for push in pushes],
                   {name: [push[name] for push in pushes] for name in ("p50_ns", "p999_ns")})
