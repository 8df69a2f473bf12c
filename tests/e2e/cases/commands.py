"""The command line: check, doctor, health, config print, --version; and faults in the configuration."""

import os
import re
import socket
import sys

from harness import words
from harness.checks import contains, equal, lacks, require
from harness.gateway import Gateway, configuration
from harness.scene import case
from harness.sockets import connect

SECRET = "sk-test-0123456789"
GOOD = """listen: 127.0.0.1:0
admin: off
providers:
  lab:
    base_url: http://127.0.0.1:1/v1
    api_key: "${LAB_KEY}"
routes:
  - model: "*"
    targets: [lab]
"""


def write(scene, text):
    path = scene.folder / "headrace.yaml"
    path.write_text(text)
    return path


@case("--version names the program and its version")
def version(scene):
    code, output, errors = scene.headrace("--version")
    equal((code, errors), (0, ""), "the exit code")
    require(re.fullmatch(r"headrace \d+\.\d+\.\d+\S*", output), output)


@case("check accepts a good file and counts what is in it")
def check(scene):
    path = write(scene, GOOD)
    code, output, errors = scene.headrace("check", "--config", path, env={"LAB_KEY": SECRET})
    equal((code, errors), (0, ""), "the exit code")
    contains(output, "1 routes, 1 providers", "what it says")


FAULTS = {
    "an unknown key, with what was meant": ("base_url:", "base_ur:", 5, 'did you mean "base_url"'),
    "an unknown key of a route": ("targets:", "target:", 9, 'did you mean "targets"'),
    "a provider that does not exist": ("[lab]", "[lap]", 9, 'did you mean "lab"'),
    "a variable that is not set": ("LAB_KEY", "LAB_KEYS", 6, "LAB_KEYS"),
    "a bad address": ("127.0.0.1:0", "127.0.0.1:x", 1, "127.0.0.1:x"),
    "an admin listener for everybody": ("off", "0.0.0.0:9090", 2, "admin"),
    "a time without a unit": ("targets: [lab]", "targets: [lab]\n    idle_timeout: 5", 10, "idle_timeout"),
    "a key over plain http to elsewhere": ("127.0.0.1:1", "192.0.2.1:1", 6, "private"),
    "text that is no YAML": ("  lab:", "  lab: [", 0, ""),
}
for _what, _row in FAULTS.items():
    @case(f"check and serve name {_what} by file and line")
    def _fault(scene, row=_row):
        old, new, line, hint = row
        path = write(scene, GOOD.replace(old, new, 1))
        for command in (["check"], []):
            code, _, errors = scene.headrace(*command, "--config", path, env={"LAB_KEY": SECRET})
            equal(code, 1, "the exit code")
            place = f"{path}:{line}" if line else f"{path}:"
            contains(errors, place, "the complaint")
            contains(errors, hint, "the complaint")
            lacks(errors, SECRET, "the complaint")


@case("all faults of a file are told at once, in its order")
def all_faults(scene):
    path = write(scene, GOOD.replace("base_url", "base_ur").replace("targets", "target").replace("listen", "lisen"))
    code, _, errors = scene.headrace("check", "--config", path, env={"LAB_KEY": SECRET})
    lines = [int(line) for line in re.findall(rf"^{re.escape(str(path))}:(\d+)", errors, re.M)]
    equal((code, sorted(set(lines)) == list(dict.fromkeys(lines)), {1, 5, 9} <= set(lines)), (1, True, True), f"faults in\n{errors}\n")


@case("config print shows what is in force and no secret")
def config_print(scene):
    secret_file = scene.folder / "key"
    secret_file.write_text(SECRET + "\n")
    for text, env in ((GOOD, {"LAB_KEY": SECRET}), (GOOD.replace("${LAB_KEY}", f"${{file:{secret_file}}}"), {}),
                      (GOOD.replace("${LAB_KEY}", "x"), {"HEADRACE_PROVIDERS_LAB_API_KEY": SECRET})):
        code, output, errors = scene.headrace("config", "print", "--config", write(scene, text), env=env)
        equal(code, 0, "the exit code")
        lacks(output + errors, SECRET, "what it prints")
        contains(output, "127.0.0.1:1/v1", "what it prints")


@case("config docs prints the reference")
def config_docs(scene):
    code, output, _ = scene.headrace("config", "docs")
    equal(code, 0, "the exit code")
    contains(output, "`drain_timeout`", "the reference")


@case("doctor says whether this host can serve, and prints no secret")
def doctor(scene):
    upstream = scene.upstream()
    good = write(scene, GOOD.replace("127.0.0.1:1/", f"127.0.0.1:{upstream.port}/"))
    code, output, errors = scene.headrace("doctor", "--config", good, env={"LAB_KEY": SECRET})
    equal(code, 0, f"the exit code, having said\n{output}{errors}\n")
    for word in ("kernel", "backend", "cpu", "open files", "provider lab"):
        contains(output, word, "what doctor says")
    lacks(output + errors, SECRET, "what doctor says")
    code, output, _ = scene.headrace("doctor", "--config", write(scene, GOOD), env={"LAB_KEY": SECRET})
    equal(code, 1, "the exit code where no provider answers")
    contains(output, "!!", "what doctor says")


@case("health asks a running gateway whether it is ready")
def health(scene):
    gateway, _ = scene.pair(drain_delay="1m")
    address = gateway.admin_place
    code, output, errors = scene.headrace("health", "--address", address)
    equal((code, output, errors), (0, "", ""), "health of a ready gateway")
    gateway.terminate()
    gateway.wait_line("draining")
    code, _, errors = scene.headrace("health", "--address", address)
    equal(code, 1, "health of a draining gateway")
    contains(errors, "draining", "its reason")
    gateway.terminate()
    gateway.exit_code()
    equal(scene.headrace("health", "--address", address)[0], 1, "health of nobody")


@case("health over a Unix socket, with the address from the configuration")
def health_unix(scene):
    gateway, _ = scene.pair(admin=f"unix:{scene.folder}/admin.sock")
    equal(scene.headrace("health", "--config", gateway.file)[0], 0, "the exit code")
    equal(scene.headrace("health", "--socket", f"unix:{scene.folder}/admin.sock")[0], 0, "the exit code")


@case("environment variables win over the file")
def environment(scene):
    upstream = scene.upstream()
    config = configuration("http://127.0.0.1:1/v1")
    gateway = Gateway(scene, config, env={"HEADRACE_PROVIDERS_UP_BASE_URL": upstream.base_url,
                                          "HEADRACE_LISTEN": f"127.0.0.1:0,unix:{scene.folder}/more.sock"})
    equal(len(gateway.addresses), 2, "addresses")
    client = connect(gateway.addresses[1])
    equal(client.send(words.chat_request()).read_answer().body, words.PLAIN, "the answer")
    client.close()


@case("a file in the working directory is found without being named")
def found_file(scene):
    write(scene, GOOD)
    code, output, _ = scene.headrace("check", env={"LAB_KEY": SECRET})
    equal(code, 0, "the exit code")
    contains(output, "headrace.yaml", "what it says")


@case("an unknown command or option is refused")
def unknown(scene):
    for arguments in (["serv"], ["--confg", "x"], ["config"], ["config", "prnt"]):
        code, _, errors = scene.headrace(*arguments)
        require(code not in (0, None) and errors, f"{arguments}: exit code {code}, {errors!r}")


@case("sockets that a service manager passes are served, and survive a restart of the gateway", every_backend=True)
def activation(scene):
    listener = socket.create_server(("127.0.0.1", 0))
    scene.at_end(listener.close)
    port = listener.getsockname()[1]
    upstream = scene.upstream()
    config = configuration(upstream, listen=[f"127.0.0.1:{port}"], workers=2)
    early = connect(("127.0.0.1", port)).send(words.chat_request())  # before anybody serves
    scene.at_end(early.close)
    pass_it = [sys.executable, scene.peer("pass_socket.py"), listener.fileno()]
    for turn in range(2):
        gateway = Gateway(scene, config, wrapper=pass_it, pass_fds=[listener.fileno()])
        equal(gateway.port, port, "the port")
        if turn == 0:
            equal(early.read_answer().body, words.PLAIN, "the answer to a client that came first")
            early.close()
        equal(scene.ask(gateway).body, words.PLAIN, "the answer")
        equal(gateway.end(), 0, "the exit code")
    late = connect(("127.0.0.1", port))  # the socket still listens
    late.close()


@case("a passed descriptor that cannot be served is refused in words")
def bad_activation(scene):
    upstream = scene.upstream()
    reading, writing = os.pipe()
    scene.at_end(lambda: (os.close(reading), os.close(writing)))
    pass_it = [sys.executable, scene.peer("pass_socket.py"), reading]
    gateway = Gateway(scene, configuration(upstream), ready=False, wrapper=pass_it, pass_fds=[reading])
    gateway.expected_exit = 1
    equal(gateway.exit_code(), 1, "the exit code")
    contains(gateway.errors(), "LISTEN_FDS: descriptor 3 (clients)", "the complaint")


@case("without a file the provider whose key is in the environment is served, and the key shows nowhere")
def zero_configuration(scene):
    upstream = scene.upstream()
    env = scene.environment({"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": upstream.base_url,
                             "HEADRACE_LISTEN": "127.0.0.1:0", "HEADRACE_ADMIN": "off",
                             "HEADRACE_STATE_DIR": scene.state_dir()})
    gateway = scene.process([scene.binary("src/headrace")], env=env, cwd=scene.folder)
    gateway.wait_line(r"ready: 1 worker|ready: \d+ workers")
    place = gateway.wait_line(r"listening on 127\.0\.0\.1:(\d+)").group(1)
    gateway.wait_line(r"configuration: the environment, with openai \(OPENAI_API_KEY\)")
    for model in ("gpt-4o", "whatever/else"):
        client = connect(("127.0.0.1", int(place)))
        equal(client.send(words.chat_request(model=model)).read_answer().body, words.PLAIN, "the answer")
        client.close()
    equal(upstream.requests[0].field("authorization"), f"Bearer {SECRET}", "what the provider got")
    equal(gateway.end(), 0, "the exit code")
    code, output, errors = scene.headrace("config", "print", env={"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": upstream.base_url})
    equal(code, 0, "the exit code of config print")
    contains(output, '"gpt-*"', "what it prints")
    lacks(gateway.errors() + gateway.output() + output + errors, SECRET, "what is said")
