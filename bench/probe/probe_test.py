#!/usr/bin/env python3
"""Goal: the probe does not measure a proxy that damages messages. Method: a relay of our own between its two ends,
honest or with one kind of damage; the honest one must pass in every mode, each damage must be called by its name."""

import json
import socket
import subprocess
import sys
import threading


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Relay:
    """Copies bytes both ways; `damage(bytes)` changes what the upstream says, `harm(bytes)` what the client says."""

    def __init__(self, upstream_port, damage=None, harm=None):
        self.upstream_port = upstream_port
        self.damage = damage or (lambda data: data)
        self.harm = harm or (lambda data: data)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self.upstream_port))
            for end in (client, upstream):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target, change in ((client, upstream, self.harm), (upstream, client, self.damage)):
                threading.Thread(target=self.copy, args=(source, target, change), daemon=True).start()

    @staticmethod
    def copy(source, target, change):
        try:
            while data := source.recv(65536):
                data = change(data)
                if data is None:
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Once:
    """Applies a change to the first piece that has `mark`, from the `skip`-th on."""

    def __init__(self, mark, change, skip=3):
        self.mark, self.change, self.left = mark, change, skip

    def __call__(self, data):
        if self.mark not in data:
            return data
        self.left -= 1
        return self.change(data) if self.left == 0 else data


class SwapEvents:
    """Holds one event back until its successor has passed."""

    def __init__(self):
        self.held, self.seen = None, 0

    def __call__(self, data):
        if b'"content":"' not in data or b"HTTP/1.1" in data:
            return data
        self.seen += 1
        if self.seen == 3:
            self.held = data
            return b""
        if self.held is not None:
            data, self.held = data + self.held, None
        return data


RTT = ["rtt", "--rounds", "20", "--warmup", "5"]
EVENTS = ["events", "--streams", "1", "--events", "20", "--warmup", "5", "--rate", "500"]

RENAMED = [*RTT, "--upstream-model", "other-model"]


def rename(data):
    return data.replace(b"probe-model", b"other-model")


HONEST = [
    (RTT, {}),
    (["events", "--streams", "4", "--events", "40", "--warmup", "8", "--rate", "500"], {}),
    (["saturate", "--connections", "4", "--seconds", "0.2", "--warmup", "10"], {}),
    (["idle", "--streams", "8"], {}),
    (RENAMED, dict(harm=rename)),
]

DAMAGED = [
    ("a changed byte of an answer", RTT, "arrived changed",
     dict(damage=Once(b"wheel", lambda data: data.replace(b"wheel", b"wheal")))),
    ("a cut answer", RTT, "closed", dict(damage=Once(b"wheel", lambda data: None))),
    ("bytes behind an answer", RTT, "behind the end",
     dict(damage=Once(b"wheel", lambda data: data + b"x"))),
    ("an answer sent twice", RTT, "behind the end", dict(damage=Once(b"wheel", lambda data: data + data))),
    ("an error status", RTT, "answered `HTTP/1.1 502",
     dict(damage=Once(b"200 OK", lambda data: data.replace(b"200 OK", b"502 No")))),
    ("a changed byte of a request", RTT, "arrived changed",
     dict(harm=Once(b"wheel", lambda data: data.replace(b"wheel", b"wheal")))),
    ("a model that was not renamed", RENAMED, "for another model", {}),
    ("a model that was renamed unasked", RTT, "for another model", dict(harm=rename)),
    ("a changed byte of an event", EVENTS, "arrived changed",
     dict(damage=Once(b"delta", lambda data: data.replace(b"delta", b"belta")))),
    ("an event sent twice", EVENTS, "out of order", dict(damage=Once(b'"content":"0', lambda data: data + data))),
    ("two events swapped", EVENTS, "out of order", dict(damage=SwapEvents())),
    ("a chunk size that lies", EVENTS, "bare LF",
     dict(damage=Once(b"c8\r\n", lambda data: data.replace(b"c8\r\n", b"c7\r\n")))),
    ("a lost event", EVENTS, "out of order",
     dict(damage=Once(b'"content":"0', lambda data: b""))),
]


def run(probe, mode, **changes):
    upstream_port = free_port()
    relay = Relay(upstream_port, **changes)
    done = subprocess.run(
        [probe, *mode, "--time-limit", "30", "--proxy", f"127.0.0.1:{relay.port}",
         "--upstream", f"127.0.0.1:{upstream_port}"],
        capture_output=True, text=True, timeout=60)
    relay.listener.close()
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else {}


def main(probe):
    faults = []
    for mode, changes in HONEST:
        code, result = run(probe, mode, **changes)
        if code != 0 or result.get("mode") != mode[0]:
            faults.append(f"an honest relay failed {mode[0]}: {result}")
    for what, mode, reason, changes in DAMAGED:
        code, result = run(probe, mode, **changes)
        if code == 0 or reason not in result.get("error", ""):
            faults.append(f"{what}: expected `{reason}`, got {code} {result}")
    print("\n".join(faults) or f"{len(HONEST)} honest modes, {len(DAMAGED)} kinds of damage")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
