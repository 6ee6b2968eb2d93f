"""A certificate authority of one test run, made with the openssl tool; nothing of it is kept."""

import subprocess
from pathlib import Path


def _openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


class Authority:
    """Issues certificates into its folder: <name>.pem and <name>.key."""

    def __init__(self, folder, name="ca"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem", cwd=self.folder)

    @property
    def pem(self):
        return str(self.folder / (self.name + ".pem"))

    def issue(self, name, sans, days=30, rsa=False):
        """`sans` as openssl writes them: "DNS:a.test,URI:spiffe://a/b"."""
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        _openssl("req", "-newkey", *kind, "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key",
                 "-out", name + ".csr", cwd=self.folder)
        (self.folder / (name + ".ext")).write_text("subjectAltName=%s\nkeyUsage=digitalSignature\n" % sans)
        _openssl("x509", "-req", "-in", name + ".csr", "-CA", self.name + ".pem", "-CAkey", self.name + ".key",
                 "-CAcreateserial", "-days", str(days), "-extfile", name + ".ext", "-out", name + ".pem",
                 cwd=self.folder)
        return Pair(self.folder / (name + ".pem"), self.folder / (name + ".key"))


class Pair:
    """A certificate and its key, as files."""

    def __init__(self, certificate, key):
        self.certificate = str(certificate)
        self.key = str(key)

    def config(self):
        """A TlsCertificate message."""
        return {"certificate_chain": {"filename": self.certificate}, "private_key": {"filename": self.key}}
