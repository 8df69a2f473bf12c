#!/usr/bin/env python3
"""Goal: the probe does not measure a proxy that damages messages. Method: a relay of our own between its two ends,
honest or with one kind of damage; the honest one must pass in every mode, each damage must be called by its name. With
TLS the relay sees records, and the ends speak to each other through it."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path


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


CHUNK = b"c8\r\n"
CHUNK_BYTES = 4 + 200 + 2


def lose_event(data):
    """The first of those that came together."""
    at = data.index(CHUNK)
    return data[:at] + data[at + CHUNK_BYTES:]


class SwapEvents:
    """Two that came together, or it holds one event back until its successor has passed."""

    def __init__(self):
        self.held, self.seen = None, 0

    def __call__(self, data):
        if b'"content":"' not in data or b"HTTP/1.1" in data:
            return data
        self.seen += 1
        if self.held is not None:
            data, self.held = data + self.held, None
        elif self.seen == 3 and data.count(CHUNK) > 1:
            at = data.index(CHUNK)
            first, second = data[at:at + CHUNK_BYTES], data[at + CHUNK_BYTES:at + 2 * CHUNK_BYTES]
            data = data[:at] + second + first + data[at + 2 * CHUNK_BYTES:]
        elif self.seen == 3:
            self.held = data
            return b""
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

TLS_HONEST = [HONEST[0], HONEST[1], HONEST[2]]


def flip_last(data):
    return data[:-1] + bytes([data[-1] ^ 1])


# Behind the handshakes, of which a client has one flight more than a server.
TLS_DAMAGED = [
    ("a changed record of an answer", RTT, "BAD_DECRYPT", dict(damage=Once(b"\x17\x03\x03", flip_last, skip=6))),
    ("a cut answer over TLS", RTT, "closed", dict(damage=Once(b"\x17\x03\x03", lambda data: None, skip=6))),
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
     dict(damage=Once(CHUNK, lose_event))),
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


def make_certificate(folder):
    """The options that name it, or none where there is no openssl."""
    if shutil.which("openssl") is None:
        return []
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=probe", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return ["--tls-certificate", str(certificate), "--tls-key", str(key)]


def main(probe):
    with tempfile.TemporaryDirectory() as folder:
        return check(probe, make_certificate(Path(folder)))


def check(probe, tls):
    faults = []
    HONEST.extend(([*mode, *tls], changes) for mode, changes in TLS_HONEST if tls)
    DAMAGED.extend((what, [*mode, *tls], reason, changes) for what, mode, reason, changes in TLS_DAMAGED if tls)
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
