"""Starts a proxy, real Envoy or Pillion, from one bootstrap, and stops it again."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT = 20.0


class ProxyError(Exception):
    """The proxy did not start, or did not stop as it should."""


def envoy_path():
    """The reference: $PILLION_ENVOY, else the one installed beside this Python, else on the path."""
    beside = Path(sys.executable).parent / "envoy"
    chosen = os.environ.get("PILLION_ENVOY") or (str(beside) if beside.exists() else None)
    chosen = chosen or shutil.which("envoy")
    if not chosen:
        raise ProxyError("no Envoy found: run scripts/deps, or set PILLION_ENVOY to its binary")
    return chosen


def pillion_path():
    """The subject: $PILLION_PROXY, else the release build."""
    chosen = Path(os.environ.get("PILLION_PROXY") or ROOT / "build/release/bin/pillion-proxy")
    if not chosen.exists():
        raise ProxyError("%s is missing: build it (cmake --preset release), or set PILLION_PROXY" % chosen)
    return str(chosen)


def binary(kind):
    return envoy_path() if kind == "envoy" else pillion_path()


class Dumper(yaml.SafeDumper):
    """YAML 1.1 takes a bare y or n for a truth value; PyYAML leaves them bare."""


def _quoted(dumper, value):
    style = '"' if value in ("y", "n", "Y", "N") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, _quoted)


class Admin:
    """The admin endpoint of one proxy."""

    def __init__(self, port):
        self.port = port

    def request(self, path, method="GET", body=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request(path)
        if status != 200:
            raise ProxyError("GET %s of the admin endpoint: %d %r" % (path, status, body[:200]))
        return body.decode()

    def stats(self, page="/stats"):
        """Counters and gauges by name; histograms and text readouts are left out."""
        values = {}
        for line in self.get(page).splitlines():
            name, _, value = line.rpartition(": ")
            if value.isdigit():
                values[name] = int(value)
        return values

    def used_stats(self):
        """Those that have been counted or set; where none of the others is named, they are as good as 0."""
        return self.stats("/stats?usedonly")

    def stat(self, name):
        return self.stats().get(name, 0)

    def listeners(self):
        """Ports by listener name."""
        found = {}
        for status in json.loads(self.get("/listeners?format=json")).get("listener_statuses", []):
            found[status["name"]] = status["local_address"]["socket_address"]["port_value"]
        return found

    def wait_for_stat(self, name, value, timeout=5.0):
        """Waits until the stat reaches `value`; returns what it last was."""
        deadline = time.monotonic() + timeout
        while True:
            now = self.stat(name)
            if now == value or time.monotonic() > deadline:
                return now
            time.sleep(0.02)


class Proxy:
    """One running proxy process with its admin client and its listeners' ports."""

    def __init__(self, kind, bootstrap, workdir, extra_args=(), concurrency=1, log_level="warning"):
        self.kind = kind
        self.workdir = Path(workdir)
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.config = self.workdir / "bootstrap.yaml"
        text = bootstrap if isinstance(bootstrap, str) else yaml.dump(bootstrap, Dumper=Dumper, sort_keys=False)
        self.config.write_text(text)
        self.extra_args = list(extra_args)
        self.concurrency = concurrency
        self.log_level = log_level
        self.process = None
        self.admin = None
        self.ports = {}

    def arguments(self):
        """The same line starts either program: Pillion takes Envoy's flags."""
        return [
            binary(self.kind), "-c", str(self.config), "--concurrency", str(self.concurrency),
            "--use-dynamic-base-id", "--admin-address-path", str(self.workdir / "admin"),
            "--file-flush-interval-msec", "10", "-l", self.log_level,
        ] + self.extra_args

    def start(self):
        # Its own session, so that neither a dying shell nor Ctrl-C reaches it before we decide.
        with open(self.workdir / "stdout", "wb") as out, open(self.workdir / "stderr", "wb") as err:
            self.process = subprocess.Popen(
                self.arguments(), stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            self._wait_ready()
        except Exception:
            self.kill()
            raise
        return self

    def _wait_ready(self):
        deadline = time.monotonic() + START_TIMEOUT
        address = self.workdir / "admin"
        last = "no admin address"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ProxyError("%s exited with %s:\n%s" % (self.kind, self.process.returncode, self.log()))
            match = re.search(r":(\d+)\s*$", address.read_text()) if address.exists() else None
            if match:
                self.admin = Admin(int(match.group(1)))
                try:
                    status, _, body = self.admin.request("/ready")
                    last = "/ready says %d %r" % (status, body)
                    if status == 200:
                        self.ports = self.admin.listeners()
                        return
                except OSError as error:
                    last = str(error)
            time.sleep(0.01)
        raise ProxyError("%s is not ready after %d s (%s):\n%s" % (self.kind, START_TIMEOUT, last, self.log()))

    def log(self):
        """The end of what the process printed."""
        return "\n".join((self.workdir / name).read_text(errors="replace")[-6000:] for name in ("stderr", "stdout"))

    def port(self, listener="main"):
        return self.ports[listener]

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self, timeout=10):
        return self.process.wait(timeout)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """SIGTERM, then an exit with 0 is required: a crash while shutting down is a failure too."""
        if self.process is None or self.process.poll() is not None:
            return
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise ProxyError("%s did not stop within 10 s of SIGTERM:\n%s" % (self.kind, self.log())) from error
        if code != 0:
            raise ProxyError("%s exited with %d after SIGTERM:\n%s" % (self.kind, code, self.log()))

    def resident_kb(self):
        """VmRSS of the process."""
        with open("/proc/%d/status" % self.process.pid) as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        if exc[0] is None:
            self.stop()
        else:
            self.kill()
