"""A forward proxy: connect_proxy.py [--user NAME:PASSWORD] [--mode MODE] [--status N] [--delay SECONDS]

Listens on a port of its own of 127.0.0.1, tunnels what CONNECT asks for and passes on what is asked in absolute form.
Names below .test lead to 127.0.0.1. Prints `listening on PORT`, then a line for each request: what was asked, and who
showed which credentials.

Modes: `normal`; `status` answers --status to everything; `garbage` is no HTTP; `cut` hangs up in its answer; `early`
says more than its answer; `silent` says nothing; `severed` ends a tunnel once 3000 bytes have come from the server.
--delay: before it answers."""

import argparse
import base64
import socket
import threading
import time
from urllib.parse import urlsplit


def place(authority, usual):
    host, _, port = authority.rpartition(":")
    host, port = (host, int(port)) if host else (authority, usual)
    return ("127.0.0.1" if host.endswith(".test") else host.strip("[]"), port)


def pump(source, sink, most=None):
    passed = 0
    try:
        while True:
            data = source.recv(65536)
            if most is not None:
                data = data[:most - passed]
            if not data:
                break
            passed += len(data)
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR if most is not None else socket.SHUT_WR if end is sink else socket.SHUT_RD)
        except OSError:
            pass


def read_head(client):
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65536)
        if not data:
            return None, b""
        head += data
    head, _, behind = head.partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), behind


def shown(lines):
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "proxy-authorization":
            kind, _, words = value.strip().partition(" ")
            return base64.b64decode(words).decode() if kind == "Basic" else value
    return "nobody"


def forward(client, lines, behind):
    """One request in absolute form; the connection lasts as long as the server's."""
    method, target, version = lines[0].split(" ")
    url = urlsplit(target)
    server = socket.create_connection(place(url.netloc, 80), 10)
    path = url.path + ("?" + url.query if url.query else "")
    fields = [line for line in lines[1:] if not line.lower().startswith("proxy-authorization:")]
    server.sendall("\r\n".join([f"{method} {path} {version}", *fields, "", ""]).encode("latin-1") + behind)
    return server


def serve(client, options):
    lines, behind = read_head(client)
    if lines is None:
        return
    print(f"{lines[0]} by {shown(lines)}", flush=True)
    time.sleep(options.delay)
    if options.mode == "silent":
        client.recv(1)
        return
    said = {"garbage": b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "cut": b"HTTP/1.1 200 Conn",
            "early": b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03"}.get(options.mode)
    if options.mode == "status":
        said = f"HTTP/1.1 {options.status} Because\r\ncontent-length: 3\r\n\r\nno\n".encode()
    if options.user and shown(lines) != options.user:
        said = b"HTTP/1.1 407 Who\r\nproxy-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n"
    if said is not None:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(1)
        client.recv(65536)  # what is unread would make the end a reset
        return
    if lines[0].startswith("CONNECT "):
        server = socket.create_connection(place(lines[0].split(" ")[1], 443), 10)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        server = forward(client, lines, behind)
    with server:
        other = threading.Thread(target=pump, args=(client, server), daemon=True)
        other.start()
        pump(server, client, 3000 if options.mode == "severed" else None)
        other.join()


def safely(client, options):
    with client:
        try:
            serve(client, options)
        except OSError:
            pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--user")
    parser.add_argument("--mode", default="normal")
    parser.add_argument("--status", type=int, default=403)
    parser.add_argument("--delay", type=float, default=0)
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=safely, args=(client, options), daemon=True).start()


main()
