#!/usr/bin/env python3
"""The wire benchmark (`./dev bench wire`): what the gateway adds, beside nginx and haproxy on the same host.

Every row has a bar. Wall times are ratios taken in one run: in each round every proxy is started afresh, in an
order of its own, and measured by the same probe against the same upstream; a row is the median of the rounds'
ratios. Prints a table; exits 1 when a bar falls short or a row is missing. docs/benchmarks.md has the method.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import runner  # noqa: E402
from rows import ROWS  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("wire", "Measures the gateway against nginx and haproxy.", ROWS))
