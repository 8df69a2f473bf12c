"""A gateway under load that is killed and started again, over and over, and clients that keep a ledger of what they
were answered. Driven by a case of the end-to-end suite and by the exchange benchmark."""

import random
import signal
import threading
import time
from dataclasses import dataclass, field

from harness import words
from harness.audit import Audit, doubled, records_of, requests_of
from harness.checks import WAIT_S, until
from harness.gateway import Gateway, configuration
from harness.sockets import Gone, connect

CLIENTS = 3
LIFE_S = (0.02, 0.4)  # of a life under load, drawn evenly

# What a client asks for in turn.
REQUESTS = (words.chat_request(), words.chat_request(stream=True), words.chat_request(model="nobody"))


class Load:
    """Clients that ask until the gateway is gone; `answered` is their ledger: the ids of whole answers, by client."""

    def __init__(self, address, requests=REQUESTS, clients=CLIENTS):
        self.address = address
        self.requests = requests
        self.answered = [[] for _ in range(clients)]
        self._threads = [threading.Thread(target=self._ask, args=(ids,), daemon=True) for ids in self.answered]
        for thread in self._threads:
            thread.start()

    def _ask(self, ids):
        try:
            client = connect(self.address)
            while True:
                for request in self.requests:
                    ids.append(client.send(request).read_answer().field("x-headrace-request-id"))
        except (Gone, OSError):
            pass

    def wait(self, count):
        until(lambda: all(len(ids) >= count for ids in self.answered), "requests are answered")

    def join(self):
        """REQUIRES that the gateway is gone. All ids."""
        for thread in self._threads:
            thread.join(WAIT_S)
        return [request_id for ids in self.answered for request_id in ids]


def kill(gateway):
    gateway.expected_exit = None
    gateway.signal(signal.SIGKILL)
    gateway.exit_code()


@dataclass
class Outcome:
    kills: int = 0
    answered: int = 0
    lines: int = 0
    lost: list = field(default_factory=list)  # answered requests without a line, records that no line speaks of
    duplicated: list = field(default_factory=list)  # request ids, and (ring, sequence), that stand twice


def kill_over_and_over(scene, kills, draw=random):
    """The outcome of so many lives that ended in SIGKILL, and one that ended in order."""
    audit = Audit(scene)
    mock = scene.mock(ttft="0us", itl="100us", tokens=4)
    routes = [{"model": "m", "targets": [{"provider": "up", "model": "mock"}]}]
    settings = configuration(mock.base_url, workers=2, routes=routes, **audit.settings(required=True))
    outcome, answered = Outcome(kills), []
    for _ in range(kills):
        gateway = Gateway(scene, settings)
        load = Load(gateway.address)
        load.wait(1)
        time.sleep(draw.uniform(*LIFE_S))
        kill(gateway)
        answered += load.join()
    Gateway(scene, settings).end()
    judge(outcome, answered, audit.lines())
    return outcome


def judge(outcome, answered, lines):
    written = requests_of(lines)
    outcome.answered, outcome.lines = len(answered), len(lines)
    outcome.lost = sorted(set(answered) - set(written))
    outcome.duplicated = doubled(written)
    for ring, sequences in records_of(lines).items():
        outcome.lost += [f"{ring}/{sequence}" for sequence in sorted(set(range(max(sequences) + 1)) - set(sequences))]
        outcome.duplicated += [f"{ring}/{sequence}" for sequence in doubled(sequences)]
