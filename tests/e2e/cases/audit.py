"""The audit file and the request log: a line for each request, whatever becomes of the process; and prices."""

import json
import os

from harness import words
from harness.audit import Audit, every_record_once, requests_of
from harness.checks import contains, equal, lacks, require, until
from harness.gateway import Gateway, configuration
from harness.kills import Load, kill, kill_over_and_over
from harness.scene import case
from harness.sockets import connect

UPSTREAM_FAILS = words.plain_answer(b'{"error":{"message":"no"}}', "500 Internal Server Error")


@case("each request leaves one line with its attempts, refused ones too", every_backend=True)
def one_line_each(scene):
    audit = Audit(scene)
    gateway, upstream = scene.pair(routes=[{"model": "m", "targets": ["up"]}], **audit.settings())
    requests = {
        "a plain answer": (words.chat_request(model="m"), 200, "ok", 1),
        "a stream": (words.chat_request(model="m", stream=True), 200, "ok", 1),
        "a model that nobody serves": (words.chat_request(model="other"), 404, "rejected", 0),
        "a body that is no JSON": (words.chat_request(body=b"{"), 400, "rejected", 0),
        "a path that nobody serves": (words.request("GET", "/nowhere"), 404, "rejected", 0),
    }
    ids = {}
    for what, (request, status, _, _) in requests.items():
        client = connect(gateway.address)
        answer = client.send(request).read_answer()
        equal(answer.status, status, f"the status of {what}")
        ids[what] = answer.field("x-headrace-request-id")
        client.close()
    upstream.script = lambda call: call.send(UPSTREAM_FAILS)
    equal(scene.ask(gateway).status, 500, "the status of a failed request")
    lines = audit.wait(len(requests) + 1)
    by_id = {line["request_id"]: line for line in lines}
    for what, (_, status, outcome, attempts) in requests.items():
        line = by_id[ids[what]]
        equal((line["kind"], line["status"], line["outcome"], len(line["attempts"])),
              ("request", status, outcome, attempts), f"the line of {what}")
    good = by_id[ids["a stream"]]
    equal((good["route"], good["target"], good["provider"], good["upstream_status"]),
          ("m", "up", "up", 200), "the names in a line")
    equal(lines[-1]["attempts"][0]["upstream_status"], 500, "the failed attempt")
    every_record_once(lines)
    lacks(audit.path.read_text(), "Hello", "what was asked is not in the audit")
    equal(os.stat(audit.path).st_mode & 0o077, 0, "rights of others")
    equal(gateway.metrics().required("headrace_rings_outlive_crash"), 1, "the metric of the rings")


@case("SIGKILL under load: the next start writes what the rings hold, each record once", every_backend=True)
def killed(scene):
    audit = Audit(scene)
    gateway, upstream = scene.pair(workers=2, **audit.settings())
    load = Load(gateway.address, [words.chat_request()])
    load.wait(50)
    kill(gateway)
    load.join()

    second = Gateway(scene, configuration(upstream, workers=1, **audit.settings()))  # one ring less
    contains(second.errors(), "replayed:", "what the next start says")
    lines = audit.lines()
    written = requests_of(lines)
    equal(len(written), len(set(written)), "requests without a second line")
    for ids in load.answered:  # the last one may have been answered in the turn in which the process died
        equal([each for each in ids[:-1] if each not in written], [], "answered requests without a line")
    every_record_once(lines)
    equal(scene.ask(second).status, 200, "a request afterwards")
    until(lambda: len(audit.lines()) == len(lines) + 1, "its line")
    equal(second.end(), 0, "the exit code")
    third = Gateway(scene, configuration(upstream, **audit.settings()))
    lacks(third.errors(), "replayed:", "a start after an orderly end")
    equal(len(audit.lines()), len(lines) + 1, "lines after an orderly end")
    every_record_once(audit.lines())


@case("killed again and again under load: each answered request has one line, and nothing stands twice")
def killed_again_and_again(scene):
    outcome = kill_over_and_over(scene, 5)
    require(outcome.answered > 20 * outcome.kills, f"{outcome.answered} requests are no load")
    equal(outcome.lost, [], f"lost of {outcome.answered} answered requests")
    equal(outcome.duplicated, [], f"doubled in {outcome.lines} lines")


@case("a response above 64 KiB, which its last event repeats, arrives whole and is metered", every_backend=True)
def long_response(scene):
    audit = Audit(scene)
    gateway, upstream = scene.pair(**audit.settings())
    usage = b'"usage":{"input_tokens":15,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,"total_tokens":20}'
    text = b"w" * 200_000

    def event(kind, data):
        return b'event: %b\ndata: {"type":"%b",%b}\n\n' % (kind, kind, data)
    stream = [event(b"response.output_text.delta", b'"sequence_number":0,"delta":"%b"' % text[:1000]),
              event(b"response.output_text.done", b'"sequence_number":1,"text":"%b"' % text),
              event(b"response.completed", b'"sequence_number":2,"response":{"id":"resp_1","status":"completed","output":['
                    b'{"type":"message","content":[{"type":"output_text","text":"%b"}]}],%b,"metadata":{}}' % (text, usage))]

    def script(call):
        call.send(words.stream_head(), *(words.chunk(piece) for piece in stream), words.LAST_CHUNK)
    upstream.script = script
    request = words.request("POST", "/v1/responses", fields=[("content-type", "application/json")],
                            body=b'{"model":"m","stream":true,"input":"x"}')
    answer = scene.client(gateway).send(request).read_answer()
    require(answer.body == b"".join(stream), f"{len(answer.body)} bytes of the answer are others")
    line, = audit.wait(1)
    equal(line["outcome"], "ok", "the outcome")
    equal({name: line["tokens"].get(name) for name in ("input", "cache_read", "output")},
          {"input": 11, "cache_read": 4, "output": 5}, "the tokens")

    def broken(call):
        call.send(words.stream_head(), *(words.chunk(piece) for piece in stream[:2]))
        call.close()  # without a last chunk
    upstream.script = broken
    answer = scene.client(gateway).send(request).read_answer()
    require(answer.body.startswith(b"".join(stream[:2])), "what came before the break")
    last = json.loads(answer.body.rpartition(b"data: ")[2])
    equal((last["type"], last["sequence_number"]), ("response.failed", 2), "the event that tells of the break")


@case("the audit file is rotated by size, without a line lost or torn")
def rotation(scene):
    audit = Audit(scene)
    gateway, _ = scene.pair(**audit.settings(rotate_bytes="64KiB", keep=3))
    client = scene.client(gateway)
    sent = 0
    while len(audit.files()) < 3:
        for _ in range(25):
            client.send(words.chat_request()).read_answer()
        sent += 25
        audit.wait(sent)
        require(sent < 2000, f"{audit.files()} after {sent} requests")
    every_record_once(audit.lines())
    for path in audit.files():
        require(path.stat().st_size <= 64 * 1024, f"{path} has {path.stat().st_size} bytes")
    equal(gateway.metrics().required("headrace_audit_lines_total"), sent, "lines as told by the metric")


@case("log_requests: a line of JSON on standard output for each request, and none anywhere else")
def request_log(scene):
    gateway, _ = scene.pair(log_requests=True)
    ids = set()
    for request in (words.chat_request(), words.chat_request(stream=True), words.request("GET", "/nowhere")):
        client = connect(gateway.address)
        ids.add(client.send(request).read_answer().field("x-headrace-request-id"))
        client.close()
    until(lambda: len(gateway.stdout) == 3, "three lines")
    equal({json.loads(line)["request_id"] for line in gateway.stdout}, ids, "the requests in them")
    lacks(gateway.errors(), "request_id", "standard error")
    scene.ask(gateway)
    equal(gateway.end(), 0, "the exit code")
    equal(len(gateway.stdout), 4, "lines after an orderly end")


@case("a state directory that cannot be used is a warning and a metric, or no start where the audit is required")
def no_state_dir(scene):
    audit = Audit(scene)
    settings = {**audit.settings(), "state_dir": str(scene.folder / "no/such/place")}
    gateway, upstream = scene.pair(**settings, workers=1)
    gateway.wait_line(r"warning: records will not outlive a crash: .*no/such/place")
    equal(gateway.metrics().required("headrace_rings_outlive_crash"), 0, "the metric of the rings")
    equal(scene.ask(gateway).status, 200, "a request")
    audit.wait(1)
    equal(gateway.end(), 0, "the exit code")
    settings["audit"]["required"] = True
    refused = Gateway(scene, configuration(upstream, **settings), ready=False)
    refused.expected_exit = 1
    equal(refused.exit_code(), 1, "the exit code")
    faults = [line for line in refused.lines if "error:" in line]
    equal(len(faults), 1, f"faults in\n{refused.errors()}\n")
    contains(faults[0], "audit.required: records would not outlive a crash", "the fault")


@case("two gateways of one user run side by side; the second one's rings are private")
def two_at_one_place(scene):
    audit = Audit(scene)
    first, upstream = scene.pair(**audit.settings())
    other = {"state_dir": audit.state_dir, "audit": {"path": str(scene.folder / "other.jsonl")}}
    second = Gateway(scene, configuration(upstream, **other))
    second.wait_line("in use by another process; give each one a state_dir of its own")
    for gateway, outlive in ((first, 1), (second, 0)):
        equal(scene.ask(gateway).status, 200, "a request")
        equal(gateway.metrics().required("headrace_rings_outlive_crash"), outlive, "the metric of the rings")
    audit.wait(1)
    third = Gateway(scene, configuration(upstream, audit={"path": str(audit.path)}), ready=False)
    third.expected_exit = 1
    equal(third.exit_code(), 1, "the exit code of a third with the audit file of the first")
    contains(third.errors(), "is being written by another process", "its complaint")


@case("two gateways of one user at the usual place: nobody is warned who asked for nothing")
def two_at_the_usual_place(scene):
    upstream = scene.upstream()
    env = {"HEADRACE_STATE_DIR": ""}
    for gateway in [Gateway(scene, configuration(upstream), env=env) for _ in range(2)]:
        equal(scene.ask(gateway).status, 200, "a request")
        lacks(gateway.errors(), "warning", "what it says")


@case("a price table that is faulty, or lacks who is asked for, refuses the start and the reload in one line")
def faulty_prices(scene):
    table = scene.folder / "prices.json"
    row = {"provider": "lab", "model": "m", "input": 1, "output": 2}
    table.write_text(json.dumps({"format": "headrace-prices/1", "as_of": "2026-01-01", "models": [row]}))
    gateway, upstream = scene.pair(prices=str(table))
    good = gateway.file.read_text()
    table.write_text(json.dumps({"format": "headrace-prices/1", "models": [{**row, "input": "dear"}]}))
    gateway.hang_up()
    gateway.wait_line(r"^prices: .*prices\.json: models\[0\]: `input`")
    equal(gateway.metrics().required("headrace_config_last_reload_successful"), 0, "the last reload, as told")
    equal(scene.ask(gateway).status, 200, "a request on the old configuration")
    for text, hint in ((good, "models[0]"), (good.replace(str(table), "/no/such.json"), "/no/such.json: cannot be read")):
        refused = Gateway(scene, text, ready=False)
        refused.expected_exit = 1
        equal(refused.exit_code(), 1, "the exit code")
        contains(refused.errors(), hint, "the fault")
        code, _, errors = scene.headrace("check", "--config", refused.file)
        equal(code, 1, "the exit code of check")
        contains(errors, hint, "what check says")
    gateway.write(configuration(upstream, providers={"up": {"base_url": upstream.base_url, "price_as": "opnai"}}))
    gateway.hang_up()
    gateway.wait_line('providers.up.price_as: the price table has no provider "opnai"')
