"""Requests that HTTP forbids, or that pass a bound: the reply, the connection, and nothing upstream."""

import json
import threading

from harness import words
from harness.checks import WAIT_S, contains, equal, lacks, require
from harness.scene import case
from harness.sockets import Gone, connect

LINE = "POST /v1/chat/completions HTTP/1.1\r\n"
HOST = "Host: gateway\r\n"
JSON = "Content-Type: application/json\r\n"
BODY = words.chat().decode()
NEXT = words.chat_request().decode()  # smuggled: must never be served


def refused(scene, rows, **config):
    """Each row (what, request, status, code) is refused on a connection that then closes; the provider sees nothing."""
    gateway, upstream = scene.pair(**config)
    for what, raw, status, code in rows:
        raw = raw if isinstance(raw, bytes) else raw.encode("latin-1")
        client = connect(gateway.address)
        try:
            check_refusal(client, what, raw, status, code)
        finally:
            client.close()
    equal((upstream.connections, upstream.requests), (0, []), "connections and requests upstream")
    equal(gateway.requests_by_outcome(), {"rejected": len(rows)}, "requests recorded")
    equal(scene.ask(gateway).status, 200, "a good request afterwards")


def check_refusal(client, what, raw, status, code):
    try:
        client.send(raw)
        answer = client.read_answer()
    except (Gone, OSError) as fault:
        raise AssertionError(f"{what}: {fault!r}") from fault
    equal((what, answer.status), (what, status), "the status")
    check_error(answer, code, what)
    equal(answer.field("connection"), "close", f"{what}: what is said about the connection")
    client.expect_closed()


def check_error(answer, code, what):
    """Valid JSON in the shape of OpenAI's errors, with that code."""
    equal(answer.field("content-type"), "application/json", f"{what}: the type")
    said = json.loads(answer.body)
    equal(list(said), ["error"], f"{what}: the keys of the body")
    equal(sorted(said["error"]), ["code", "message", "param", "type"], f"{what}: the keys of the error")
    equal(said["error"]["code"], code, f"{what}: the code")
    kind = "server_error" if answer.status >= 500 or answer.status == 408 else "invalid_request_error"
    equal(said["error"]["type"], kind, f"{what}: the type of the error")
    require(said["error"]["message"].endswith("."), f"{what}: the message is a sentence")


def post(fields, body=""):
    return LINE + HOST + JSON + fields + "\r\n" + body


@case("row 1: a length beside a transfer coding is refused", every_backend=True)
def both_framings(scene):
    chunked = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"
    refused(scene, [
        ("length first", post(f"Content-Length: {len(chunked)}\r\nTransfer-Encoding: chunked\r\n", chunked), 400, "bad_request"),
        ("coding first", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunked + NEXT), 400, "bad_request"),
        ("length 0", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", chunked + NEXT), 400, "bad_request"),
    ])


@case("row 2: every malformed or doubled length is refused", every_backend=True)
def lengths(scene):
    bad = ["+5", "-1", "5, 5", "5,5", str(2**64), "99999999999999999999999", "0x5", "1_0", "5 5", "", "5;", "\x0b5", "5\x0b", "five"]
    rows = [(f"length {value!r}", post(f"Content-Length: {value}\r\n", "hello" + NEXT), 400, "bad_request") for value in bad]
    rows.append(("two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello" + NEXT), 400, "bad_request"))
    rows.append(("the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello" + NEXT), 400, "bad_request"))
    refused(scene, rows)


@case("row 3: a transfer coding other than chunked is refused, and a legal unknown one with 501", every_backend=True)
def codings(scene):
    tail = "0\r\n\r\n" + NEXT

    def row(value, status):
        return (f"coding {value!r}", post(f"Transfer-Encoding: {value}\r\n", tail), status,
                "unsupported_coding" if status == 501 else "bad_request")

    rows = [row(value, 400) for value in ("\x0bchunked", "chunked, chunked", "chunked\x00", "", "chun ked", "chunked;", '"chunked"')]
    rows += [row(value, 501) for value in ("xchunked", "gzip", "gzip, chunked")]
    twice = post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", tail)
    refused(scene, rows + [("coding twice", twice, 400, "bad_request")])


@case("row 3: a coding behind chunked is refused")
def coding_behind_chunked(scene):
    gateway, upstream = scene.pair()
    client = scene.client(gateway).send(post("Transfer-Encoding: chunked, cow\r\n", "0\r\n\r\n").encode())
    answer = client.read_answer()
    require(answer.status in (400, 501), f"the status is 400 or 501, not {answer.status}")
    client.expect_closed()
    equal(upstream.connections, 0, "connections upstream")


@case("row 4: a transfer coding in HTTP/1.0 is refused", every_backend=True)
def coding_in_http10(scene):
    refused(scene, [("HTTP/1.0", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n" + NEXT).replace("1.1", "1.0", 1),
                     400, "bad_request")])


@case("row 5: bare line ends, control bytes, folded lines and odd names are refused", every_backend=True)
def characters(scene):
    length = f"Content-Length: {len(BODY)}\r\n"
    fields = {
        "bare LF after a field": "X-A: 1\n", "bare CR in a value": "X-A: 1\r2\r\n", "NUL in a value": "X-A: 1\x002\r\n",
        "control byte in a value": "X-A: \x01\r\n", "DEL in a value": "X-A: \x7f\r\n", "a folded line": "X-A: 1\r\n 2\r\n",
        "a folded line by tab": "X-A: 1\r\n\t2\r\n", "space before the colon": "X-A : 1\r\n", "tab before the colon": "X-A\t: 1\r\n",
        "an empty name": ": 1\r\n", "a name with a slash": "X/A: 1\r\n", "a name with a high byte": "X-\xe4: 1\r\n",
        "no colon": "X-A\r\n", "a name with NUL": "X\x00A: 1\r\n", "space before a name": " X-A: 1\r\n",
    }
    rows = [(what, LINE + HOST + JSON + line + length + "\r\n" + BODY, 400, "bad_request") for what, line in fields.items()]
    lines = {
        "bare LF after the request line": LINE.replace("\r\n", "\n"), "two spaces": LINE.replace(" /", "  /"),
        "a tab": LINE.replace(" HTTP", "\tHTTP"), "space at the end": LINE.replace("1.1\r", "1.1 \r"),
        "no version": "POST /v1/chat/completions\r\n", "version 2": LINE.replace("1.1", "2.0"), "version 1.10": LINE.replace("1.1", "1.10"),
        "version 0.9": LINE.replace("1.1", "0.9"), "small http": LINE.replace("HTTP", "http"), "NUL in the target": LINE.replace("/v1", "/\x00v1"),
        "a bad method": LINE.replace("POST", "PO(ST"), "not HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", "a fragment": LINE.replace("completions", "completions#x"),
    }
    rows += [(what, line + HOST + JSON + length + "\r\n" + BODY, 400, "bad_request") for what, line in lines.items()]
    refused(scene, rows)


@case("row 6: every malformed chunk is refused before anything goes upstream", every_backend=True)
def chunks(scene):
    bad = {
        "a size with 0x": "0x5\r\nhello\r\n", "a size with _": "5_0\r\nhello\r\n", "17 digits": "00000000000000005\r\nhello\r\n",
        "a size ended by LF": "5\nhello\r\n", "no CRLF behind the data": "5\r\nhelloX\r\n", "LF behind the data": "5\r\nhello\n0\r\n\r\n",
        "an empty size": "\r\nhello\r\n", "a sign": "+5\r\nhello\r\n", "space before the size": " 5\r\nhello\r\n",
        "space behind the size": "5 \r\nhello\r\n", "an extension above 4 kB": "5;" + "x" * 5000 + "\r\nhello\r\n", "a size of 2^64": "10000000000000000\r\nhello\r\n",
        "bare CR": "5\r\rhello\r\n", "a control byte in an extension": "5;a=\x00\r\nhello\r\n", "a bad trailer": "0\r\nX A: 1\r\n\r\n",
        "a bare LF trailer": "0\r\nX-A: 1\n\r\n",
    }
    head = LINE + HOST + JSON + "Transfer-Encoding: chunked\r\n\r\n"
    refused(scene, [(what, head + raw + NEXT, 400, "bad_request") for what, raw in bad.items()])


@case("row 6: many small extensions together pass the same bound")
def chunk_extensions(scene):
    pieces = "".join(f"1;{'x' * 100}\r\na\r\n" for _ in range(60))
    refused(scene, [("60 extensions", LINE + HOST + JSON + "Transfer-Encoding: chunked\r\n\r\n" + pieces, 400, "bad_request")])


@case("row 7: nothing is smuggled behind an upgrade or a refused request", every_backend=True)
def smuggled(scene):
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    refused(scene, [
        ("upgrade with a body", post(f"{upgrade}Content-Length: {len(NEXT)}\r\n", NEXT), 426, "upgrade_refused"),
        ("upgrade without a body", "GET /v1/realtime HTTP/1.1\r\n" + HOST + upgrade + "\r\n" + NEXT, 426, "upgrade_refused"),
        ("an unknown path", f"POST /nowhere HTTP/1.1\r\n{HOST}Content-Length: {len(NEXT)}\r\n\r\n{NEXT}{NEXT}", 404, "unsupported_endpoint"),
        ("a wrong method", f"PUT /v1/chat/completions HTTP/1.1\r\n{HOST}Content-Length: {len(NEXT)}\r\n\r\n{NEXT}{NEXT}", 405, "method_not_allowed"),
        ("a compressed body", post(f"Content-Encoding: gzip\r\nContent-Length: {len(NEXT)}\r\n", NEXT + NEXT), 415, "unsupported_media"),
        ("a body too large", post("Content-Length: 99999999999\r\n", NEXT), 413, "body_too_large"),
    ])


@case("row 8: a head above its bounds is refused", every_backend=True)
def large_heads(scene):
    length = f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
    refused(scene, [
        ("a head above 32 kB", LINE + HOST + JSON + f"X-A: {'a' * 33000}\r\n" + length, 431, "head_too_large"),
        ("a head without end", LINE + HOST + "X-A: " + "a" * 40000, 431, "head_too_large"),
        ("101 fields", LINE + HOST + JSON + "".join(f"X-{i}: 1\r\n" for i in range(101)) + length, 431, "head_too_large"),
        ("a target above 8 kB", LINE.replace("completions", "c" * 8300) + HOST + JSON + length, 414, "uri_too_long"),
        ("a target without end", "POST /" + "c" * 40000, 414, "uri_too_long"),
    ])


@case("row 9: hosts and targets that are not ours are refused", every_backend=True)
def targets(scene):
    length = f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
    rest = JSON + length
    refused(scene, [
        ("no Host", LINE + rest, 400, "bad_request"),
        ("two Hosts", LINE + HOST + HOST + rest, 400, "bad_request"),
        ("a Host with a space", LINE + "Host: a b\r\n" + rest, 400, "bad_request"),
        ("absolute-form to another host", LINE.replace("/v1", "http://elsewhere/v1") + HOST + rest, 421, "misdirected"),
        ("an asterisk", "OPTIONS * HTTP/1.1\r\n" + HOST + "\r\n", 400, "bad_request"),
        ("an asterisk to POST", "POST * HTTP/1.1\r\n" + HOST + "\r\n", 400, "bad_request"),
        ("CONNECT", "CONNECT provider:443 HTTP/1.1\r\nHost: provider:443\r\n\r\n", 405, "method_not_allowed"),
        ("no leading slash", LINE.replace("/v1", "v1") + HOST + rest, 400, "bad_request"),
    ])


@case("row 9: absolute-form to our own host is served")
def absolute_form(scene):
    gateway, _ = scene.pair()
    raw = words.chat_request().replace(b"POST /v1", b"POST http://gateway/v1")
    equal(scene.client(gateway).send(raw).read_answer().body, words.PLAIN, "the answer")


@case("row 10: a head or a body that stalls ends with 408", every_backend=True)
def stalls(scene):
    gateway, upstream = scene.pair(limits={"head_timeout": "300ms", "body_grace": "300ms"})
    whole = words.chat_request()
    body = whole.index(b"\r\n\r\n") + 4
    cuts = {"in the method": 2, "in the target": 10, "in a field": 45, "before the last LF": body - 1, "behind the head": body, "in the body": body + 9}
    clients = {what: scene.client(gateway).send(whole[:at]) for what, at in cuts.items()}
    clients["in a chunk"] = scene.client(gateway).send(words.chunked_request([words.chat()])[:-30])
    clients["behind empty lines"] = scene.client(gateway).send(b"\r\n\r\nPO")
    kept = scene.client(gateway).send(whole)
    equal(kept.read_answer().status, 200, "the first request of a kept connection")
    clients["in a second request"] = kept.send(whole[:20])
    for what, client in clients.items():
        answer = client.read_answer()
        equal((what, answer.status, answer.field("connection")), (what, 408, "close"), "the answer")
        check_error(answer, "request_timeout", what)
        client.expect_closed()
    equal(len(upstream.requests), 1, "requests upstream")


@case("row 10: an idle connection without a byte of a request is closed without an answer")
def idle(scene):
    gateway, upstream = scene.pair(limits={"keep_alive_timeout": "300ms"})
    scene.client(gateway).expect_closed()
    client = scene.client(gateway).send(words.chat_request())
    client.read_answer()
    client.expect_closed()
    equal(len(upstream.requests), 1, "requests upstream")


@case("row 11: a body above the limit is refused before it is read, or at its byte", every_backend=True)
def large_bodies(scene):
    limit = 2048
    head = LINE + HOST + JSON
    exact = words.chat(padding="")
    exact = words.chat(padding="x" * (limit - len(exact)))
    chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
    refused(scene, [
        ("declared", head + f"Content-Length: {limit + 1}\r\n\r\n", 413, "body_too_large"),
        ("declared and sent", head + f"Content-Length: {limit + 1}\r\n\r\n" + "x" * (limit + 1), 413, "body_too_large"),
        ("in one chunk", chunked + f"{limit + 1:x}\r\n" + "x" * (limit + 1), 413, "body_too_large"),
        ("in small chunks", chunked + "10\r\n0123456789abcdef\r\n" * (limit // 16) + "1\r\nx", 413, "body_too_large"),
    ], limits={"body": "2KiB"})
    gateway, _ = scene.pair(limits={"body": "2KiB"})
    equal(scene.ask(gateway, body=exact).status, 200, "a body of exactly the limit")
    equal(scene.client(gateway).send(words.chunked_request([exact])).read_answer().status, 200, "the same in a chunk")


@case("row 12: a refused request that expects 100-continue gets no 100, and its body stays unread", every_backend=True)
def refused_expectation(scene):
    gateway, upstream = scene.pair(limits={"body": "2KiB"})
    rows = [("/nowhere", 10, 404), ("/v1/chat/completions", 5000, 413)]
    for target, length, status in rows:
        client = scene.client(gateway).send(words.head(f"POST {target} HTTP/1.1", [
            ("host", "gateway"), ("content-length", length), ("expect", "100-continue")]))
        answer = client.read_answer()
        equal((answer.status, answer.field("connection")), (status, "close"), f"the first answer to {target}")
        client.expect_closed()
    equal(upstream.connections, 0, "connections upstream")


@case("row 12: an accepted request that expects 100-continue gets it once, before its answer", every_backend=True)
def accepted_expectation(scene):
    gateway, upstream = scene.pair()
    body = words.chat()
    client = scene.client(gateway)
    for _ in range(2):
        client.send(words.head("POST /v1/chat/completions HTTP/1.1", [
            ("host", "gateway"), ("content-type", "application/json"), ("content-length", len(body)), ("expect", "100-continue")]))
        equal(client.read_until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n", "the interim answer")
        equal(client.send(body).read_answer().body, words.PLAIN, "the answer")
    equal(upstream.requests[0].field("expect"), None, "what is expected upstream")


@case("row 13: what is sent ahead is held within a bound, and answered in order", every_backend=True)
def sent_ahead(scene):
    gate = threading.Event()
    scene.at_end(gate.set)

    def script(call):
        gate.wait(WAIT_S)
        call.send(words.plain_answer(b'{"number":%d}' % call.number))

    gateway, upstream = scene.pair(script)
    client = scene.client(gateway)
    client.socket.setsockopt(1, 7, 65536)  # SO_SNDBUF: what the gateway does not take stays visible here
    one = words.chat_request(padding="p" * 4000)
    sent, count = 0, 400
    client.socket.settimeout(0.5)
    whole = one * count
    try:
        while sent < len(whole):
            sent += client.socket.send(whole[sent:sent + 65536])
    except TimeoutError:
        pass
    require(sent < len(whole), "a client that sends ahead without end is made to wait")
    held = gateway.metrics()
    require(held.required("headrace_io_received_bytes_total") < 400_000, "the gateway takes in no more than its bound")
    equal(len(upstream.requests), 1, "requests started")
    gate.set()
    client.socket.settimeout(WAIT_S)
    rest = threading.Thread(target=lambda: client.socket.sendall(whole[sent:]), daemon=True)
    rest.start()
    for number in range(1, count + 1):
        equal(client.read_answer().body, b'{"number":%d}' % number, "the answer")
    rest.join(WAIT_S)


@case("a bad body is refused by the byte at fault, without an echo of it, and the connection is kept", every_backend=True)
def bodies(scene):
    gateway, upstream = scene.pair()
    client = scene.client(gateway)
    rows = [(b"{", "bad_json"), (b'{"model":"m"} x', "bad_json"), (b'{"model":"m"}{"model":"m"}', "bad_json"), (b"[]", "bad_json"),
            (b'\xff\xfe{\x00}\x00', "bad_json"), (b"[" * 100_000, "bad_json"), (b'{"model":"m","model":"secret"}', "bad_json"),
            (b'{"model":"m","mod\\u0065l":"secret"}', "bad_json"), (b'{"model":"m","x":"\xff secret"}', "bad_json"),
            (b'{"stream":true}', "bad_field"), (b'{"model":5}', "bad_field")]
    for body, code in rows:
        answer = client.send(words.chat_request(body=body)).read_answer()
        equal((body[:40], answer.status), (body[:40], 400), "the status")
        said = json.loads(answer.body)["error"]
        require(said["code"] in ("bad_json", "bad_field"), f"{body[:40]}: the code is {said['code']}")
        lacks(answer.body.decode(), "secret", "the answer")
        require(not answer.closes(), f"{body[:40]}: the connection is kept")
    answer = client.send(words.chat_request(model="m\r\nx: y\x00../")).read_answer()
    equal(answer.status, 200, "a model of odd characters on a route for all")
    gateway.wait_metric("headrace_client_connections_accepted_total", 1)
    equal(len(upstream.requests), 1, "requests upstream")


@case("an unknown model is named in a 404, escaped and cut, and the connection is kept")
def unknown_model(scene):
    gateway, upstream = scene.pair(routes=[{"model": "known", "targets": ["up"]}])
    client = scene.client(gateway)
    for model in ("other", 'quote" and \\', "line\r\nbreak\x00", "x" * 100_000, "../../etc"):
        answer = client.send(words.chat_request(model=model)).read_answer()
        equal(answer.status, 404, "the status")
        check_error(answer, "model_not_found", model[:20])
        contains(json.loads(answer.body)["error"]["message"], model[:60], "the message")
        require(len(answer.body) < 2000, "the name is cut")
    equal(client.send(words.chat_request(model="known")).read_answer().status, 200, "the next request")
    equal(len(upstream.requests), 1, "requests upstream")
