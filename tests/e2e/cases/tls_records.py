"""The records of TLS 1.3 and OpenSSL: every suite, new keys in the middle of a connection, tickets, in both roles."""

import subprocess

from cases.peers import program
from cases.tls import gateway_of
from harness import words
from harness.checks import equal, until
from harness.scene import case, free_port

SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
# What openssl takes for a command when a line begins with it: our new keys; ours, and the peer's too.
RENEW, RENEW_BOTH = "k\n", "K\n"


def count(process, text):
    return process.output().count(text)


@case("openssl s_client: every suite, and new keys between requests", every_backend=True)
def new_keys_of_a_client(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    gateway = scene.gateway(scene.upstream(), listen=[certificates.listener("good")])
    for suite in SUITES:
        client = scene.process([program("openssl"), "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-CAfile",
                                certificates.authority, "-ciphersuites", suite, "-tls1_3"], stdin=subprocess.PIPE)
        client.wait_line(f"Cipher is {suite}", lines=client.stdout)
        asked = 0
        for renewal in ("", RENEW, RENEW_BOTH, RENEW_BOTH, RENEW):
            if renewal:
                client.say(renewal)
                until(lambda: client.errors().count("KEYUPDATE") == asked, "openssl has renewed its keys")
            streamed = asked % 2 == 1
            asked += 1
            client.say(words.chat_request(stream=streamed).decode())
            until(lambda: count(client, "HTTP/1.1 200 OK") == asked, f"answer {asked} over {suite}")
        until(lambda: count(client, "data: [DONE]") == 2, "the streams are whole")
        client.say("Q\n")
        until(lambda: not client.running(), "openssl goes")


@case("openssl s_server upstream: every suite, many tickets, new keys between requests", every_backend=True)
def new_keys_of_a_provider(scene):
    certificates = scene.certificates()
    certificates.issue("good")
    for suite in SUITES:
        port = free_port()
        server = scene.process([program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificates.path("good"),
                                "-key", certificates.path("good", "key"), "-ciphersuites", suite, "-tls1_3",
                                "-num_tickets", "8"], stdin=subprocess.PIPE)
        server.wait_line("ACCEPT", lines=server.stdout)
        gateway = gateway_of(scene, f"https://localhost:{port}/v1", certificates)
        client = scene.client(gateway)
        for number, renewal in enumerate(("", RENEW, RENEW_BOTH, RENEW_BOTH, RENEW)):
            server.say(renewal)  # it is looked at before the request that comes behind it
            client.send(words.chat_request())
            until(lambda: count(server, "POST /v1/chat/completions") == number + 1, f"request {number} over {suite}")
            server.say(words.plain_answer().decode())
            equal(client.read_answer().body, words.PLAIN, f"answer {number} over {suite}")
        gateway.wait_metric("headrace_upstream_tls_handshakes_total", 1, result="full")
        server.say("Q\n")
        until(lambda: count(server, "SSL_do_handshake -> 1") == 4, "openssl has renewed its keys")
