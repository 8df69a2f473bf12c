"""A socket with a buffer, and HTTP/1.1 messages read from it by a strict reader of the suite's own."""

import re
import socket
import ssl
import struct
import time

from harness.checks import WAIT_S, Failed, equal, require, shorten


class Gone(Exception):
    """The peer ended the connection; `how` is `fin` or `reset`, or `cut`: an end that TLS did not announce."""

    def __init__(self, how, rest):
        super().__init__(f"{how} after {shorten(rest)}")
        self.how = how
        self.rest = rest


class Message:
    """A head, and a body once it was read."""

    def __init__(self, raw):
        self.raw_head = raw
        lines = raw[:-4].split(b"\r\n")
        self.first_line = lines[0].decode("latin-1")
        self.fields = []
        for line in lines[1:]:
            name, colon, value = line.decode("latin-1").partition(":")
            require(colon and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), f"a field line is {line!r}")
            self.fields.append((name.lower(), value.strip(" \t")))
        self.body = b""
        self.chunks = []

    def names(self):
        return [name for name, _ in self.fields]

    def field(self, name):
        values = [value for known, value in self.fields if known == name]
        require(len(values) <= 1, f"{name} stands {len(values)} times in {self.raw_head!r}")
        return values[0] if values else None

    # -- of an answer
    @property
    def version(self):
        return self.first_line.split(" ", 1)[0]

    @property
    def status(self):
        return int(self.first_line.split(" ", 2)[1])

    # -- of a request
    @property
    def method(self):
        return self.first_line.split(" ")[0]

    @property
    def target(self):
        return self.first_line.split(" ")[1]

    def closes(self):
        return self.field("connection") == "close"


class Wire:
    def __init__(self, sock, seconds=WAIT_S):
        self.socket = sock
        self.socket.settimeout(seconds)
        self.buffer = b""

    # -- writing
    def send(self, data):
        self.socket.sendall(data)
        return self

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # -- reading
    def _more(self):
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            raise Failed(f"silence; so far {shorten(self.buffer)}") from None
        except ConnectionError:
            raise Gone("reset", self.buffer) from None
        except ssl.SSLEOFError:
            raise Gone("cut", self.buffer) from None
        if not data:
            raise Gone("fin", self.buffer)
        self.buffer += data

    def read_until(self, mark):
        while mark not in self.buffer:
            self._more()
        end = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def read_exactly(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_head(self):
        return Message(self.read_until(b"\r\n\r\n"))

    def read_chunk(self):
        """The next chunk; nothing when it was the last."""
        line = self.read_until(b"\r\n")
        require(re.fullmatch(rb"[0-9A-Fa-f]{1,16}\r\n", line), f"a chunk begins with {line!r}")
        data = self.read_exactly(int(line, 16))
        equal(self.read_exactly(2), b"\r\n", "what stands behind a chunk")
        return data

    def read_body(self, message):
        coding, length = message.field("transfer-encoding"), message.field("content-length")
        require(coding is None or length is None, f"both framings in {message.raw_head!r}")
        if coding is not None:
            equal(coding, "chunked", "the transfer coding")
            while data := self.read_chunk():
                message.chunks.append(data)
            message.body = b"".join(message.chunks)
        elif length is not None:
            message.body = self.read_exactly(int(length))
        elif message.first_line.startswith("HTTP/"):
            message.body = self.read_to_end()
        return message

    def read_answer(self):
        return self.read_body(self.read_head())

    def read_events(self, count):
        """So many SSE events of a chunked answer whose head was read."""
        text = b""
        while text.count(b"\n\n") < count:
            data = self.read_chunk()
            if not data:
                raise Failed(f"the stream ended after {shorten(text)}")
            text += data
        return text

    def read_rest_of_stream(self):
        text = b""
        while data := self.read_chunk():
            text += data
        return text

    def read_to_end(self):
        """Everything up to the peer's FIN."""
        try:
            while True:
                self._more()
        except Gone as gone:
            equal(gone.how, "fin", "how the connection ended")
            data, self.buffer = self.buffer, b""
            return data

    def wait_gone(self, seconds=WAIT_S):
        """How the peer ends the connection, and after how long; what it still sends is dropped."""
        self.socket.settimeout(seconds)
        begun = time.monotonic()
        try:
            while True:
                self._more()
        except Gone as gone:
            return gone.how, time.monotonic() - begun

    def expect_closed(self):
        """The peer sends nothing more and ends the connection in good order."""
        equal(self.read_to_end(), b"", "what came before the connection was closed")

    def expect_silence(self, seconds):
        """A check that can only miss something, never fail by chance: nothing may come for a while."""
        require(not self.buffer, f"unexpected: {shorten(self.buffer)}")
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return
        except ConnectionError:
            data = b"(reset)"
        finally:
            self.socket.settimeout(WAIT_S)
        raise Failed(f"unexpected: {shorten(data)}")


def connect(address, seconds=WAIT_S, receive_buffer=0, tls=None, name="localhost", session=None):
    """`("127.0.0.1", 80)` or `unix:/path`; with `tls`, on these terms, asking for `name`."""
    unix = isinstance(address, str)
    sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(seconds)
    try:
        sock.connect(address[len("unix:"):] if unix else address)
        if not unix:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False, session=session)
    except OSError:
        sock.close()
        raise
    return Wire(sock, seconds)
