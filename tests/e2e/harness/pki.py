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

    def issue(self, name, sans, days=30, rsa=False, more=""):
        """`sans` as openssl writes them: "DNS:a.test,URI:spiffe://a/b"; `more`: lines of further extensions."""
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        _openssl("req", "-newkey", *kind, "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key",
                 "-out", name + ".csr", cwd=self.folder)
        (self.folder / (name + ".ext")).write_text("subjectAltName=%s\nkeyUsage=digitalSignature\n%s" % (sans, more))
        _openssl("x509", "-req", "-in", name + ".csr", "-CA", self.name + ".pem", "-CAkey", self.name + ".key",
                 "-CAcreateserial", "-days", str(days), "-extfile", name + ".ext", "-out", name + ".pem",
                 cwd=self.folder)
        return Pair(self.folder / (name + ".pem"), self.folder / (name + ".key"))

    def staple(self, pair, folder):
        """An OCSP response about a certificate of this authority, good for a day, as DER in a file."""
        index, request, response = (Path(folder) / name for name in ("index.txt", "request.der", "staple.der"))
        serial = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", pair.certificate],
                                capture_output=True, check=True).stdout.decode().strip().partition("=")[2]
        index.write_text("V\t491231235959Z\t\t%s\tunknown\t/CN=any\n" % serial)
        _openssl("ocsp", "-issuer", self.pem, "-cert", pair.certificate, "-no_nonce", "-reqout", str(request), cwd=folder)
        _openssl("ocsp", "-index", str(index), "-CA", self.pem, "-rsigner", self.pem, "-rkey", self.name + ".key",
                 "-reqin", str(request), "-ndays", "1", "-respout", str(response), cwd=self.folder)
        return str(response)


class Pair:
    """A certificate and its key, as files."""

    def __init__(self, certificate, key):
        self.certificate = str(certificate)
        self.key = str(key)

    def config(self):
        """A TlsCertificate message."""
        return {"certificate_chain": {"filename": self.certificate}, "private_key": {"filename": self.key}}


def mounted(folder, name, pair):
    """A new generation of a Kubernetes mount: the link ..data moves to a new folder in one step."""
    data = folder / (".." + name)
    data.mkdir()
    (data / "tls.crt").write_bytes(open(pair.certificate, "rb").read())
    (data / "tls.key").write_bytes(open(pair.key, "rb").read())
    (folder / "..data_tmp").symlink_to(data.name)
    (folder / "..data_tmp").rename(folder / "..data")
