"""Drain, reload, kill, restart: what happens to those who are being served."""

import json
import signal
import threading

from harness import words
from harness.checks import WAIT_S, contains, equal, lacks, require, until
from harness.gateway import Gateway, configuration
from harness.scene import case
from harness.sockets import connect
from harness.upstream import wants_stream


class Streams:
    """Streams in flight over a gateway, each held open by a gate."""

    def __init__(self, scene, count=8, **config):
        self.gate = threading.Event()
        scene.at_end(self.gate.set)
        self.gateway, self.upstream = scene.pair(self._script, workers=2, **config)
        self.clients = [scene.client(self.gateway).send(words.chat_request(stream=True)) for _ in range(count)]
        for client in self.clients:
            equal(client.read_head().status, 200, "the status of a stream")
            client.read_events(2)

    def _script(self, call):
        if not wants_stream(call.request):
            return call.send(words.plain_answer())
        call.send(words.stream_head(), words.chunk(words.ROLE), words.chunk(words.WORDS[0]))
        self.gate.wait(WAIT_S)
        call.send(*(words.chunk(e) for e in words.STREAM[2:]), words.LAST_CHUNK)

    def finish(self):
        self.gate.set()
        for client in self.clients:
            equal(client.read_rest_of_stream(), b"".join(words.STREAM[2:]), "the rest of a stream")


def refuses_connections(gateway):
    try:
        connect(gateway.address).close()
        return False
    except ConnectionError:  # reset: it was in the queue of a listener that closed
        return True


@case("SIGTERM: streams in flight finish, new connections are refused, readiness says 503, exit 0", every_backend=True)
def drain(scene):
    streams = Streams(scene)
    gateway = streams.gateway
    idle = scene.client(gateway)
    idle.send(words.chat_request()).read_answer()
    equal(gateway.get("/readyz").status, 200, "readiness before")
    gateway.terminate()
    until(lambda: gateway.get("/readyz").status == 503, "readiness says 503")
    equal(gateway.get("/readyz").body, b"draining\n", "its reason")
    until(lambda: refuses_connections(gateway), "new connections are refused")
    idle.expect_closed()
    equal(gateway.get("/livez").status, 200, "liveness meanwhile")
    require(gateway.running(), "it runs while streams do")
    streams.finish()
    for client in streams.clients:
        client.expect_closed()
    equal(gateway.exit_code(), 0, "the exit code")
    lacks(gateway.errors(), "error", "the log")


@case("SIGTERM: an answer that begins while draining says that its connection closes", every_backend=True)
def closing_answers(scene):
    gate = threading.Event()
    scene.at_end(gate.set)

    def script(call):
        gate.wait(WAIT_S)
        call.send(words.stream_answer() if wants_stream(call.request) else words.plain_answer())

    gateway, upstream = scene.pair(script)
    clients = [scene.client(gateway).send(words.chat_request(stream=streamed)) for streamed in (True, False)]
    upstream.wait_requests(2)
    gateway.terminate()
    until(lambda: gateway.get("/readyz").status == 503, "it drains")
    until(lambda: refuses_connections(gateway), "it stopped listening")
    gate.set()
    for client, expected in zip(clients, (words.STREAM_TEXT, words.PLAIN)):
        answer = client.read_answer()
        equal((answer.status, answer.body), (200, expected), "the answer")
        require(answer.closes(), "the answer says that its connection closes")
        client.expect_closed()
    equal(gateway.exit_code(), 0, "the exit code")


@case("SIGTERM: a request that is still being sent gets its answer or a clear refusal", every_backend=True)
def half_sent(scene):
    gateway, upstream = scene.pair()
    whole = words.chat_request()
    clients = [(at, scene.client(gateway).send(whole[:at])) for at in (5, len(whole) - 3)]
    gateway.wait_metric("headrace_client_connections", 2)
    until(lambda: gateway.metrics().value("headrace_io_received_bytes_total") >= len(whole) + 2, "the parts have come")
    gateway.terminate()
    until(lambda: refuses_connections(gateway), "it stopped listening")
    for at, client in clients:
        answer = client.send(whole[at:]).read_answer()
        require(answer.status in (200, 503), f"the status is {answer.status}")
        require(answer.closes(), "the answer says that its connection closes")
        client.expect_closed()
    equal(gateway.exit_code(), 0, "the exit code")


@case("SIGTERM: drain_delay goes on accepting while readiness already says 503")
def drain_delay(scene):
    gateway, _ = scene.pair(drain_delay="2s")
    gateway.terminate()
    until(lambda: gateway.get("/readyz").status == 503, "readiness says 503", 1.5)
    equal(scene.ask(gateway).body, words.PLAIN, "a request in the delay")
    until(lambda: not gateway.running(), "it ends after the delay")
    equal(gateway.exit_code(), 0, "the exit code")


def ends_with_error(client, code):
    rest = client.read_rest_of_stream()
    lacks(rest.decode(), "[DONE]", "the end of the stream")
    error = json.loads(rest[len(b"data: "):])["error"]
    equal((error["code"], error["status"]), (code, 503), "the error event")
    client.expect_closed()


@case("SIGTERM: at drain_timeout what still runs ends in an error event, exit 0", every_backend=True)
def drain_timeout(scene):
    streams = Streams(scene, drain_timeout="300ms")
    streams.gateway.terminate()
    for client in streams.clients:
        ends_with_error(client, "draining")
    equal(streams.gateway.exit_code(), 0, "the exit code")
    contains(streams.gateway.errors(), "draining", "the log")


@case("a second signal ends at once what the first one let finish", every_backend=True)
def second_signal(scene):
    streams = Streams(scene, drain_timeout="10m")
    gateway = streams.gateway
    gateway.terminate()
    until(lambda: gateway.get("/readyz").status == 503, "it drains")
    gateway.signal(signal.SIGINT)
    for client in streams.clients:
        ends_with_error(client, "draining")
    equal(gateway.exit_code(), 0, "the exit code")


@case("draining ends for clients that stopped reading, too", every_backend=True)
def drain_of_the_stuck(scene):
    event = words.event({"content": "x" * 1000})

    def script(call):
        try:
            call.send(words.stream_head(), words.chunk(words.ROLE))
            while True:
                call.send(words.chunk(event))
        except OSError:
            pass

    gateway, _ = scene.pair(script, drain_timeout="200ms")
    for _ in range(3):
        client = scene.client(gateway, receive_buffer=4096).send(words.chat_request(stream=True))
        client.read_head()
    gateway.terminate()
    equal(gateway.exit_code(15), 0, "the exit code")


@case("SIGHUP: a new route serves, and streams in flight do not notice", every_backend=True)
def reload(scene):
    streams = Streams(scene, routes=[{"model": "m", "targets": ["up"]}])
    gateway = streams.gateway
    kept = scene.client(gateway)
    equal(kept.send(words.chat_request(model="new")).read_answer().status, 404, "the new model before")
    other = scene.upstream(lambda call: call.send(words.plain_answer(b'{"from":"other"}')))
    config = configuration(streams.upstream, workers=2)
    config["providers"]["other"] = {"base_url": other.base_url}
    config["routes"] = [{"model": "m", "targets": ["up"]}, {"model": "new", "targets": ["other"]}]
    gateway.write(config)
    gateway.hang_up()
    gateway.wait_line("reloaded")
    until(lambda: kept.send(words.chat_request(model="new")).read_answer().status == 200, "the new route serves")
    equal(kept.send(words.chat_request(model="new")).read_answer().body, b'{"from":"other"}', "its answer, on a connection of before")
    equal(gateway.metrics().required("headrace_config_last_reload_successful"), 1, "the last reload, as told")
    streams.finish()
    for client in streams.clients:
        equal(client.send(words.chat_request()).read_answer().body, words.PLAIN, "the next request of a stream's client")


@case("SIGHUP: a route that is gone lets its streams finish", every_backend=True)
def reload_without_route(scene):
    streams = Streams(scene)
    gateway = streams.gateway
    config = configuration("http://127.0.0.1:9/v1", workers=2, routes=[{"model": "other", "targets": ["up2"]}],
                           providers={"up2": {"base_url": "http://127.0.0.1:9/v1"}})
    gateway.write(config)
    gateway.hang_up()
    gateway.wait_line("reloaded")
    until(lambda: scene.ask(gateway).status == 404, "the old route is gone")
    streams.finish()


@case("SIGHUP: a fault keeps the old configuration, says where it is, and shows in a metric", every_backend=True)
def bad_reload(scene):
    streams = Streams(scene)
    gateway = streams.gateway
    good = gateway.file.read_text()
    faults = {"providers:\n  up:\n    base_uri: http://127.0.0.1:1\nroutes: []\n": "base_url", "a: [": "", "": ""}
    for number, (text, hint) in enumerate(faults.items(), 1):
        gateway.file.write_text(text)
        gateway.hang_up()
        until(lambda: gateway.errors().count("reload failed") == number, "the fault is told")
        contains(gateway.errors(), hint, "the log")
        equal(gateway.metrics().required("headrace_config_last_reload_successful"), 0, "the last reload, as told")
        equal(scene.ask(gateway).body, words.PLAIN, "a request on the old configuration")
    contains(gateway.errors(), f"{gateway.file}:3", "the place of the fault")
    gateway.file.unlink()
    gateway.hang_up()
    until(lambda: gateway.errors().count("reload failed") == len(faults) + 1, "a missing file is told")
    gateway.file.write_text(good)
    gateway.hang_up()
    gateway.wait_line("reloaded")
    equal(gateway.metrics().required("headrace_config_last_reload_successful"), 1, "the last reload, as told")
    streams.finish()


@case("SIGHUP: fifty reloads under load lose nothing and hold nothing", every_backend=True)
def many_reloads(scene):
    gateway, _ = scene.pair(workers=2)
    stop = threading.Event()
    answers = []

    def load():
        client = connect(gateway.address)
        while not stop.is_set():
            answers.append(client.send(words.chat_request(stream=True)).read_answer().body)
        client.close()

    threads = [threading.Thread(target=load, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 51):
        gateway.hang_up()
        until(lambda: gateway.errors().count("info: reloaded") >= number, "it reloads")
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
    equal(set(answers), {words.STREAM_TEXT}, "the streams")
    equal(gateway.requests_by_outcome(), {"ok": len(answers)}, "requests recorded")


@case("SIGHUP: what needs a restart is said", every_backend=False)
def reload_listen(scene):
    gateway, upstream = scene.pair()
    gateway.write(configuration(upstream, listen=["127.0.0.1:1"], workers=2))
    gateway.hang_up()
    gateway.wait_line("reloaded")
    for what in ("listen", "workers"):
        contains(gateway.errors(), f"`{what}` changed", "the log")
    equal(scene.ask(gateway).status, 200, "a request afterwards")


@case("after kill -9 the next start on the same ports serves at once", every_backend=True)
def killed(scene):
    streams = Streams(scene, listen=["127.0.0.1:0", f"unix:{scene.folder}/gateway.sock"])
    first = streams.gateway
    config = configuration(streams.upstream, listen=[f"127.0.0.1:{first.port}", f"unix:{scene.folder}/gateway.sock"],
                           admin=f"127.0.0.1:{first.admin[1]}", workers=2)
    first.expected_exit = None
    first.signal(signal.SIGKILL)
    first.exit_code()
    second = Gateway(scene, config)
    equal(second.port, first.port, "the port")
    for address in second.addresses:
        client = connect(address)
        equal(client.send(words.chat_request()).read_answer().body, words.PLAIN, f"an answer at {address}")
        client.close()
    for client in streams.clients:
        client.wait_gone()


@case("two starts at the same port: the second says what is wrong, and does not disturb the first")
def port_taken(scene):
    first, upstream = scene.pair()
    taken = f"127.0.0.1:{first.admin[1]}"
    for place in ({"listen": [taken]}, {"admin": taken}):
        second = Gateway(scene, configuration(upstream, **place), ready=False)
        second.expected_exit = 1
        equal(second.exit_code(), 1, "the exit code")
        contains(second.errors(), taken, "the complaint")
        contains(second.errors().lower(), "in use", "the complaint")
    equal(scene.ask(first).status, 200, "a request to the first")


@case("an orderly end removes the files of Unix sockets")
def socket_files(scene):
    places = [scene.folder / "clients.sock", scene.folder / "admin.sock"]
    gateway, _ = scene.pair(listen=[f"unix:{places[0]}"], admin=f"unix:{places[1]}")
    require(all(place.exists() for place in places), "both files exist")
    equal(gateway.end(), 0, "the exit code")
    require(not any(place.exists() for place in places), "no file is left")
