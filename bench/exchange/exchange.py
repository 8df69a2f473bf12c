#!/usr/bin/env python3
"""The exchange benchmark (`./dev bench exchange`): form, workload and rules of the wire benchmark, with everything on:
keys with limits, two targets, edits, usage, records, an audit file, metrics. docs/benchmarks.md has the method.
"""

import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(TREE / "bench/common"), str(TREE / "tests/e2e")]

import runner  # noqa: E402
from rows import ROWS  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("exchange", "Measures the gateway with everything on.", ROWS))
