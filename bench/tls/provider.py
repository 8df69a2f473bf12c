"""headrace-mock as a provider over TLS, on the probe's CPU: the same for every contestant."""

import http.client
import json
import ssl

from servers import Failed, Server, find_built


class SecuredMock(Server):
    """`h2`: it speaks HTTP/2 to who offers it."""

    name = "mock_tls"

    def __init__(self, bench, h2=True, ttft="const:0us", itl="const:0us", tokens=8, more=()):
        super().__init__(bench.probe_cpu, None)
        self.binary = find_built(bench.build, "headrace-mock")
        self.asker = None
        self.options = ["--ttft", ttft, "--itl", itl, "--tokens", str(tokens), *(["--h2"] if h2 else []), *more]

    def command(self):
        self.authority = self.directory / "authority.pem"
        return [str(self.binary), "--listen", f"127.0.0.1:{self.port}", "--tls", "self", "--tls-ca",
                str(self.authority), *self.options]

    def is_ready(self):
        return super().is_ready() and self.authority.exists()

    def stats(self):
        """What it has seen; asked over one connection, which is among those it counts."""
        try:
            if self.asker is None:
                terms = ssl.create_default_context(cafile=str(self.authority))
                self.asker = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=terms)
            self.asker.request("GET", "/mock/stats")
            return json.loads(self.asker.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Failed(f"{self.name}: /mock/stats: {error}") from error
