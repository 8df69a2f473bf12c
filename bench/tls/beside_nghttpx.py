"""What a request over HTTP/2 costs, in and out over TLS, beside nghttpx: h2load asks, the mock answers, both on the
probe's CPU."""

import time
from pathlib import Path

import h2load
from measure import interleave, ratios
from provider import SecuredMock
from secured import SecuredHeadrace
from servers import Failed, Server, find_program
from terms import terms_of

CLIENTS = 10
STREAMS = 10  # of a client, at once
WARM_S = 0.7
REQUESTS_MIN = 500


class Nghttpx(Server):
    """One worker, in one thread; no log. `provider`: as of SecuredHeadrace."""

    name = "nghttpx"

    def __init__(self, bench, provider):
        super().__init__(bench.proxy_cpu, provider.port)
        self.authority = provider.authority
        self.terms = terms_of(bench)

    def command(self):
        cipher = "TLS_AES_128_GCM_SHA256"
        return [find_program("nghttpx"), "--conf=/dev/null", "--workers=1", f"--frontend=127.0.0.1,{self.port}",
                f"--backend=127.0.0.1,{self.upstream_port};;proto=h2;tls;sni=localhost", f"--cacert={self.authority}",
                f"--tls13-ciphers={cipher}", f"--tls13-client-ciphers={cipher}", "--tls-min-proto-version=TLSv1.3",
                "--no-ocsp", "--log-level=ERROR", "--accesslog-file=/dev/null",
                str(self.terms.key), str(self.terms.certificate)]

    def is_ready(self):
        return super().is_ready() and len(self.pids()) > 1


def cpu_ns(server):
    """Of all threads of all its processes so far."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for pid in server.pids() for task in Path(f"/proc/{pid}/task").iterdir())


def spend(bench, server, mock):
    """Nanoseconds of CPU a request, in mid-load."""
    seconds = 1 if bench.quick else 1.5
    with h2load.Load(bench, server, 3, CLIENTS, STREAMS) as load:
        time.sleep(WARM_S)
        requests, cpu = mock.stats()["chats"], cpu_ns(server)
        time.sleep(seconds)
        cpu, requests = cpu_ns(server) - cpu, mock.stats()["chats"] - requests
    if requests < REQUESTS_MIN:
        raise Failed(f"{requests} requests through {server.name} in {seconds} s")
    return {"cpu_ns_per_request": cpu / requests, "requests": requests, "errors": load.result["errors"]}


def all_costs(bench):
    with SecuredMock(bench) as mock:
        rivals = {"nghttpx": lambda bench: Nghttpx(bench, mock),
                  "headrace": lambda bench: SecuredHeadrace(bench, "off", provider=mock)}
        return interleave(bench, rivals, list(rivals), lambda server: spend(bench, server, mock))


def cpu_ratio(bench):
    costs = bench.once(all_costs)
    figures = ratios(costs, "headrace", "nghttpx", "cpu_ns_per_request")
    errors = {name: sum(each["errors"] for each in costs[name]) for name in costs}
    figures.detail |= {f"{name}_errors": count for name, count in errors.items()}
    if errors["headrace"]:
        figures.fault = f"{errors['headrace']} requests of h2load failed"
    return figures
