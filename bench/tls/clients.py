"""Clients over TLS that ask and then keep their connection: bare sockets, so that a thousand of them cost little."""

import json
import socket
import ssl
import struct

from harness import h2_wire
from servers import Failed

LIMIT_S = 20


def terms_for(terms, protocol):
    """What a client brings to a handshake, when it wants to speak `protocol`."""
    context = ssl.create_default_context(cafile=str(terms.authority))
    context.set_alpn_protocols([protocol])
    return context


def body_of(stream=False, **words):
    return json.dumps({"model": "mock", "stream": stream, "messages": [{"role": "user", "content": "How long?"}],
                       **words}).encode()


def request_h1(body):
    return (b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(body)) + body


class Client:
    def __init__(self, server, context):
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")

    def close(self):
        self.socket.close()

    def read_until(self, mark):
        seen = b""
        while mark not in seen:
            data = self.socket.recv(65536)
            if not data:
                raise Failed(f"the gateway ended a connection after {seen[:300]!r}")
            seen += data
        return seen


class H1Client(Client):
    protocol = "http/1.1"

    def ask(self):
        """A plain answer, whole."""
        self.socket.sendall(request_h1(body_of()))
        seen = self.read_until(b"\r\n\r\n")
        head, _, body = seen.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Failed(f"answered {seen[:300]!r}")
        left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(body)
        while left > 0:
            left -= len(self.socket.recv(65536))


class H2Client(Client):
    protocol = "h2"

    def __init__(self, server, context):
        super().__init__(server, context)
        self.next_stream = 1
        self.socket.sendall(h2_wire.PREFACE + h2_wire.settings())

    def ask(self):
        self.socket.sendall(h2_wire.request(self.next_stream, body_of()))
        self.next_stream += 2
        while True:
            size, kind, flags, _ = struct.unpack(">IBBI", b"\0" + self.read_exactly(9))
            self.read_exactly(size)
            if kind in (h2_wire.RST_STREAM, h2_wire.GOAWAY):
                raise Failed(f"answered with a frame of kind {kind}")
            if kind == h2_wire.SETTINGS and not flags & h2_wire.ACK:
                self.socket.sendall(h2_wire.frame(h2_wire.SETTINGS, h2_wire.ACK, 0))
            if kind in (h2_wire.HEADERS, h2_wire.DATA) and flags & h2_wire.END_STREAM:
                return

    def read_exactly(self, size):
        seen = b""
        while len(seen) < size:
            data = self.socket.recv(size - len(seen))
            if not data:
                raise Failed("the gateway ended a connection of HTTP/2")
            seen += data
        return seen
