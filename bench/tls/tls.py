#!/usr/bin/env python3
"""The TLS benchmark (`./dev bench tls`): form and rules of the wire benchmark, with TLS on both sides, HTTP/2, and what
warm connections promise. docs/benchmarks.md has the method.
"""

import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(TREE / "bench/common"), str(TREE / "tests/e2e")]

import runner  # noqa: E402
from rows import ROWS  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("tls", "Measures the gateway with TLS on both sides, and HTTP/2.", ROWS))
