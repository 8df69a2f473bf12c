"""A scripted provider on a port of its own: `script(call)` answers each request, on the thread of its
connection, and the case sees what arrived and what became of every connection."""

import socket
import ssl
import threading

from harness.checks import WAIT_S, Failed, until
from harness.sockets import Gone, Message, Wire
from harness import words


class Call:
    """One request, and the connection to answer it on."""

    def __init__(self, wire, message, number):
        self.wire = wire
        self.request = message
        self.number = number  # of all requests, from 1

    def send(self, *pieces):
        for piece in pieces:
            self.wire.send(piece)

    def close(self):
        self.wire.close()

    def reset(self):
        self.wire.reset()

    def wait_gone(self):
        """Until the gateway ends the connection; returns (how, seconds)."""
        return self.wire.wait_gone()


class Upstream:
    def __init__(self, script=None, tls=None):
        self.script = script or answer_normally
        self.tls = tls  # an ssl.SSLContext, or plain
        self.refusals = []  # handshakes that came to nothing, and bytes that came before one did
        self.resumed = 0
        self.requests = []
        self.connections = 0  # accepted so far
        self.open = 0
        self.faults = []
        self._lock = threading.Lock()
        self._wires = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def base_url(self):
        return f"https://localhost:{self.port}/v1" if self.tls else f"http://127.0.0.1:{self.port}/v1"

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(sock, 10 * WAIT_S)
            with self._lock:
                self.connections += 1
                self.open += 1
                self._wires.add(wire)
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _shake_hands(self, wire):
        wire.socket = self.tls.wrap_socket(wire.socket, server_side=True, do_handshake_on_connect=False)
        try:
            wire.socket.do_handshake()
            self.resumed += bool(wire.socket.session_reused)  # None when the case ended meanwhile
            # With TLS 1.3 a client may still refuse after its part, before it sends anything.
            if not wire.buffer:
                wire.buffer = wire.socket.recv(65536)
        except (ssl.SSLError, OSError) as fault:
            self.refusals.append(fault)
            raise Gone("tls", b"") from None

    def _serve(self, wire):
        try:
            if self.tls:
                self._shake_hands(wire)
            while wire.socket.fileno() >= 0:
                message = wire.read_body(wire.read_head())
                with self._lock:
                    self.requests.append(message)
                    number = len(self.requests)
                self.script(Call(wire, message, number))
        except (Gone, OSError):
            pass
        except Exception as fault:  # a script's own check, told by the case
            self.faults.append(fault)
        finally:
            with self._lock:
                self.open -= 1
                self._wires.discard(wire)
            wire.close()

    def wait_requests(self, count):
        until(lambda: len(self.requests) >= count, f"{count} requests reach the upstream")
        return self.requests[count - 1]

    def wait_no_connection(self):
        until(lambda: self.open == 0, "every upstream connection is closed")

    def end(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            try:
                wire.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self.faults:
            raise Failed(f"in the upstream's script: {self.faults[0]!r}") from self.faults[0]


def wants_stream(message):
    return b'"stream": true' in message.body or b'"stream":true' in message.body


def answer_normally(call):
    call.send(words.stream_answer() if wants_stream(call.request) else words.plain_answer())
