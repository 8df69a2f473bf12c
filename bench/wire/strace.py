"""Counts from outside the calls by which a server submits, waits and sends, so that the gateway's own counter is not believed blindly."""

import re
import signal
import subprocess
import time

from servers import Failed, find_program

CALLS = ("io_uring_enter", "sendto", "sendmsg")
ROUNDS = 2000
TOLERANCE = 0.02
SLACK = 20  # ticks of an idle loop, and what runs while strace attaches


def cross_check(bench, server):
    """(fault or "", detail) of one run that strace and the counter both watch."""
    try:
        program = find_program("strace")
    except Failed as failure:
        return "", f"not checked: {failure}"
    counted, traced = {}, {}
    with server:
        def on_mark(mark):
            if mark == "begin":
                attach(program, server, traced)
                counted["begin"] = server.metric("headrace_io_enters_total")
            else:
                counted["end"] = server.metric("headrace_io_enters_total")
                detach(traced)
        bench.probe.run(server, "rtt", "--rounds", ROUNDS, "--no-direct", on_mark=on_mark)
    if "calls" not in traced:
        return "", f"not checked: {traced['error']}"
    own = counted["end"] - counted["begin"]
    detail = {"counter": own, "strace": traced["calls"], "requests": ROUNDS}
    if abs(own - traced["calls"]) > TOLERANCE * own + SLACK:
        return f"the counter says {own:.0f} enters, strace {traced['calls']}", detail
    return "", detail


def attach(program, server, traced):
    traced["process"] = process = subprocess.Popen(
        [program, "-f", "-c", "-e", "trace=" + ",".join(CALLS), "-p", str(server.process.pid)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(1)  # every thread must be under its eyes before the requests come
    if process.poll() is not None:
        traced["error"] = "strace: " + process.stderr.read().strip()


def detach(traced):
    process = traced["process"]
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        said = process.communicate(timeout=10)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[1]
    line = r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(?:" + "|".join(CALLS) + ")"
    if counts := re.findall(line, said, re.M):
        traced["calls"] = sum(map(int, counts))
    else:
        traced.setdefault("error", "strace: " + " ".join(said.split())[:200])
