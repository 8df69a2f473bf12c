"""Certificates of a case's own, made by the openssl command: an authority, and what it issues."""

import hashlib
import shutil
import ssl
import subprocess

from harness.checks import Failed, Skipped


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        self.program = shutil.which("openssl")
        if self.program is None:
            raise Skipped("there is no openssl")
        self.authority = self._make("authority", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"])

    def path(self, name, kind="pem"):
        return self.folder / f"{name}.{kind}"

    def issue(self, name, names="DNS:localhost,IP:127.0.0.1", usage="serverAuth", days=1):
        """`days` below 0: it has expired. Returns the certificate's path; its key is beside it."""
        return self._make(name, [f"subjectAltName={names}", f"extendedKeyUsage={usage}", "basicConstraints=CA:FALSE"],
                          issuer="authority", days=days)

    def server(self, name, protocols=("http/1.1",)):
        """Terms of TLS for a server with that certificate."""
        terms = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        terms.load_cert_chain(self.path(name), self.path(name, "key"))
        terms.set_alpn_protocols(list(protocols))
        return terms

    def client(self, name=None, protocols=("http/1.1",)):
        """Terms of TLS for a client that believes this authority, with that certificate or none."""
        terms = ssl.create_default_context(cafile=self.authority)
        terms.set_alpn_protocols(list(protocols))
        if name:
            terms.load_cert_chain(self.path(name), self.path(name, "key"))
        return terms

    def fingerprint(self, name):
        """SHA-256 of the certificate, in hex."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.path(name).read_text())).hexdigest()

    def listener(self, *names, **more):
        """A place to listen with these certificates."""
        pairs = [{"certificate": str(self.path(name)), "key": str(self.path(name, "key"))} for name in names]
        return {"address": "127.0.0.1:0", "tls_certificates": pairs, **more}

    def _make(self, name, extensions, issuer=None, days=1):
        request, key, certificate = self.path(name, "csr"), self.path(name, "key"), self.path(name)
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        more = self.path(name, "ext")
        more.write_text("\n".join(extensions) + "\n")
        signer = ["-CA", self.path(issuer), "-CAkey", self.path(issuer, "key"), "-CAcreateserial"] if issuer else ["-signkey", key]
        self._openssl("x509", "-req", "-in", request, "-days", days, "-extfile", more, "-out", certificate, *signer)
        return certificate

    def _openssl(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise Failed(f"openssl {arguments[0]}: {done.stderr}")
