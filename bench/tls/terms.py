"""One authority and one certificate for a run of the bench, made by openssl in a folder that ends with it."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.certificates import Certificates
from harness.checks import Failed as CaseFailed
from harness.checks import Skipped
from servers import Failed


@dataclass
class Terms:
    authority: Path
    certificate: Path
    key: Path

    def settings(self):
        """What a template of a server is filled with."""
        return {"AUTHORITY": self.authority, "CERTIFICATE": self.certificate, "KEY": self.key}

    def probe_options(self):
        return ("--tls-certificate", str(self.certificate), "--tls-key", str(self.key))


def make_terms(_):
    folder = Path(tempfile.mkdtemp(prefix="headrace-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        certificates = Certificates(folder)
        certificate = certificates.issue("bench")
    except (CaseFailed, Skipped) as failure:
        raise Failed(str(failure)) from failure
    return Terms(certificates.authority, certificate, certificates.path("bench", "key"))


def terms_of(bench):
    return bench.once(make_terms)
