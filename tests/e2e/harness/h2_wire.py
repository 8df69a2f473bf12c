"""HTTP/2 by hand: frames made and taken apart without a library, so that a case can say what no library would. Fields
are written as literals, never indexed; of what is heard only the status is decoded, which is enough (peers that
decode everything are in cases/http2_clients.py)."""

import struct

from harness.checks import WAIT_S, Failed, require
from harness.sockets import Gone, connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL, REFUSED_STREAM, CANCEL, CALM = 0, 1, 3, 7, 8, 11
HEADER_TABLE_SIZE, INITIAL_WINDOW = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def integer(value, bits):
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    rest, out = value - most, [most]
    while rest >= 128:
        out.append(rest % 128 + 128)
        rest //= 128
    return bytes(out + [rest])


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return integer(len(raw), 7) + raw


def block(fields):
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


def head(method="POST", path="/v1/chat/completions", more=()):
    return [(":method", method), (":scheme", "http"), (":authority", "gateway"), (":path", path), *more]


def headers(stream, fields, ends=False, flags=END_HEADERS):
    return frame(HEADERS, flags | (END_STREAM if ends else 0), stream, block(fields))


def data(stream, payload, ends=False):
    return frame(DATA, END_STREAM if ends else 0, stream, payload)


def settings(**entries):
    names = {"table": HEADER_TABLE_SIZE, "window": INITIAL_WINDOW}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", names[name], value) for name, value in entries.items()))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def window(stream, more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


def request(stream, body, more=()):
    return headers(stream, head(more=[("content-type", "application/json"), *more])) + data(stream, body, True)


STATIC = {0x88: 200, 0x89: 204, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}


def status_of(payload):
    """Of the block of an answer's head, whose first field it is."""
    at = 0
    while payload[at] & 0xe0 == 0x20:  # a new size of the table
        at += 1
    if payload[at] in STATIC:
        return STATIC[payload[at]]
    size, huffman = payload[at + 1] & 0x7f, payload[at + 1] & 0x80
    raw = payload[at + 2:at + 2 + size]
    if not huffman:
        return int(raw)
    bits, digits = "".join(f"{byte:08b}" for byte in raw), ""
    while len(digits) < 3:  # 0 to 2 have five bits, 3 to 9 six
        short = int(bits[:5], 2)
        digits += str(short if short < 3 else int(bits[:6], 2) - 22)
        bits = bits[5 if short < 3 else 6:]
    return int(digits)


class Stream:
    def __init__(self):
        self.statuses = []
        self.body = b""
        self.ended = False
        self.reset = None


class H2Wire:
    """A client that has said hello. `hello`: what it says of its settings."""

    def __init__(self, scene, gateway, tls=None, hello=None, receive_buffer=0):
        self.wire = connect(gateway.address, tls=tls, receive_buffer=receive_buffer)
        scene.at_end(self.wire.close)
        self.streams = {}
        self.goaway = None
        self.gone = None  # how the connection ended
        self.frames = 0
        self.send(PREFACE + (settings(table=0) if hello is None else hello))

    def send(self, frames):
        try:
            self.wire.send(frames)
        except OSError as fault:  # what it said before is still to be read
            if self.gone is None:
                self.gone = type(fault).__name__
        return self

    def of(self, stream):
        return self.streams.setdefault(stream, Stream())

    def read_frame(self):
        size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + self.wire.read_exactly(9))
        payload = self.wire.read_exactly(size)
        self.frames += 1
        if kind == HEADERS:
            require(flags & END_HEADERS, "a head in one frame")
            self.of(stream).statuses.append(status_of(payload))
        elif kind == DATA:
            self.of(stream).body += payload
        elif kind == RST_STREAM:
            self.of(stream).reset = struct.unpack(">I", payload)[0]
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[4:8])[0]
        elif kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.of(stream).ended = True

    def until(self, condition, what):
        """Reads until it is so; a connection that ends is noted, and may be what was waited for."""
        while not condition():
            if self.gone:
                raise Failed(f"{what}: the connection ended by {self.gone}, having said {self.goaway}")
            try:
                self.read_frame()
            except Gone as gone:
                self.gone = gone.how

    def answer(self, stream):
        self.until(lambda: self.of(stream).ended or self.of(stream).reset is not None, f"stream {stream} ends")
        return self.of(stream)

    def wait_goaway(self, seconds=WAIT_S):
        self.wire.socket.settimeout(seconds)
        self.until(lambda: self.goaway is not None or self.gone, "GOAWAY")
        return self.goaway

    def drain(self):
        """Everything to the end of the connection."""
        try:
            while True:
                self.read_frame()
        except Gone as gone:
            self.gone = gone.how
        return self
