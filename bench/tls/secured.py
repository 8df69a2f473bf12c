"""The proxies with TLS on both sides."""

import re
from pathlib import Path

from servers import Headrace, Nginx, free_port
from terms import terms_of

HERE = Path(__file__).resolve().parent


class SecuredNginx(Nginx):
    """HTTP/1.1 on both sides, connections to the provider pooled."""

    name = "nginx_tls"
    template = HERE / "nginx.conf.in"

    def __init__(self, bench):
        super().__init__(bench.proxy_cpu, bench.upstream_port)
        self.terms = terms_of(bench)
        self.probe_options = self.terms.probe_options()

    def settings(self):
        return super().settings() | self.terms.settings()


class SecuredHeadrace(Headrace):
    """Which HTTP is spoken is settled in the handshakes. `provider`: a server that is its provider, and shows a
    certificate of its own; without it the probe is."""

    template = HERE / "headrace.yaml.in"

    def __init__(self, bench, busy, backend="io_uring", counted=False, warm_min=1, provider=None):
        super().__init__(bench.proxy_cpu, provider.port if provider else bench.upstream_port, bench.build, busy, backend, counted)
        self.name = f"headrace({busy}, tls)"
        self.bench = bench
        self.terms = terms_of(bench)
        self.warm_min = warm_min
        self.plain_port = free_port()
        self.authority = provider.authority if provider else self.terms.authority
        self.probe_options = self.terms.probe_options()

    def settings(self):
        return super().settings() | self.terms.settings() | {"WARM_MIN": self.warm_min, "PLAIN": self.plain_port,
            "AUTHORITY": self.authority}

    def upstream_connections(self):
        """By state."""
        states = re.findall(r'^headrace_upstream_connections{state="(\w+)"} (\d+)', self.metrics(), re.M)
        return {state: int(count) for state, count in states}

    def numbers(self, *names):
        """The sums of some families, by the name without `headrace_` and `_total`."""
        return {name: int(self.metric(f"headrace_{name}_total")) for name in names}

    def check_measured(self):
        self.bench.backends_seen.add(self.running_backend())
