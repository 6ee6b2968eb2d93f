"""Two proxies with the same bootstrap, each with its own origins, driven in step."""

import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.http2_origin import Http2Origin
from harness.origin import Origin, RefusingPort, SilentPort
from harness.proxy import Proxy

from .case import Environment
from .credentials import serve_secure
from .observe import (
    Normalizer, compare, observe_client, observe_log, observe_origin, observe_stats,
)

# Counters and log lines of a finished request may trail it; this is how long they may.
SETTLE = 1.0


def at_rest(observation):
    """Whether no downstream connection is left, so that everything due has been counted."""
    return not any(key.startswith(("stat.http.", "stat.listener.")) and key.endswith(".downstream_cx_active") for key in observation)


def pooled_connections(stats):
    return sum(value for name, value in stats.items() if name.startswith("cluster.") and name.endswith(".upstream_cx_active"))


SECURE = {
    "tls": serve_secure,
    "tls12": lambda: serve_secure(newest=ssl.TLSVersion.TLSv1_2),
    "tls-mutual": lambda: serve_secure(ask=True),
    "tls-alpn": lambda: serve_secure(alpn=["http/1.1"]),
    "h2tls": lambda: serve_secure(alpn=["h2"]),
}


def make_origin(name):
    """What an origin speaks goes by its name."""
    secure = SECURE[name]() if name in SECURE else None
    return Http2Origin(name, secure=secure) if name.startswith("h2") else Origin(name, raw=name.startswith("tcp"), secure=secure)


class Side:
    """One proxy, its origins and what it has logged so far."""

    def __init__(self, kind, group, workdir):
        self.kind = kind
        self.workdir = Path(workdir)
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.origins = {name: make_origin(name) for name in group.origins}
        self.refusing = RefusingPort()
        self.silent = SilentPort()
        self.environment = Environment(self.workdir, self.origins, self.refusing.port, self.silent.port)
        self.proxy = Proxy(kind, group.config(self.environment), self.workdir)
        self.log_offset = 0
        self.result = None
        self.before = {}

    def start(self):
        self.proxy.start()
        ports = {"origin-" + name: origin.port for name, origin in self.origins.items()}
        ports.update({"listener-" + name: port for name, port in self.proxy.ports.items()})
        ports.update({"refusing": self.refusing.port, "silent": self.silent.port})
        self.normalizer = Normalizer(ports)

    def stop(self):
        try:
            self.proxy.stop()
        finally:
            self.proxy.kill()
            for origin in self.origins.values():
                origin.stop()
            self.refusing.stop()
            self.silent.stop()

    def prepare(self, case):
        """A clean start: no pooled connection of an earlier case, so that each case stands alone."""
        if any(origin.open for origin in self.origins.values()):
            for origin in self.origins.values():
                origin.drop_connections()
            deadline = time.monotonic() + SETTLE
            while pooled_connections(self.proxy.admin.used_stats()) and time.monotonic() < deadline:
                time.sleep(0.01)
        for name, origin in self.origins.items():
            origin.clear()
            origin.script(*case.origin.get(name, []))
        self.log_offset = len(self._log_bytes())
        self.before = self.proxy.admin.used_stats()

    def run(self, case):
        if case.before:
            case.before(self)
        self.result = case.play(self.proxy.port(case.listener), case.steps, case.linger, case.secure)

    def _log_bytes(self):
        path = self.environment.log()
        return path.read_bytes() if path.exists() else b""

    def log_lines(self):
        fresh = self._log_bytes()[self.log_offset:]
        return fresh.decode("latin-1").split("\n")[:-1]

    def observation(self):
        out = {}
        observe_client(out, self.result, self.normalizer)
        for origin in self.origins.values():
            observe_origin(out, origin, self.normalizer)
        observe_log(out, self.log_lines(), self.normalizer)
        observe_stats(out, self.before, self.proxy.admin.used_stats())
        return out


class Pair:
    """The reference and the subject. A crash of either is reported with its log."""

    def __init__(self, group, subject, workdir):
        self.reference = Side("envoy", group, Path(workdir) / "reference")
        self.subject = Side(subject, group, Path(workdir) / "subject")
        self.threads = ThreadPoolExecutor(2)

    def both(self, action):
        """Runs `action` on both sides at once: timers in a case then cost their time only once."""
        waiting = [self.threads.submit(action, side) for side in (self.reference, self.subject)]
        return [future.result() for future in waiting]

    def start(self):
        try:
            self.both(Side.start)
        except Exception:
            self.reference.proxy.kill()
            self.subject.proxy.kill()
            raise

    def stop(self):
        try:
            self.reference.stop()
        finally:
            self.subject.stop()
            self.threads.shutdown()

    def difference(self, case, acceptable=lambda different: not different):
        """Plays one case on both sides and returns what still differs once both are at rest.

        `acceptable` says whether differences are all known ones, which are not worth waiting for.
        """
        self.both(lambda side: side.prepare(case))
        self.both(lambda side: side.run(case))
        expected = case.log_lines if case.log_lines >= 0 else len(self.reference.result.responses)
        deadline = time.monotonic() + SETTLE + case.settle
        agreed = expected > 0
        last, since = None, time.monotonic()
        while True:
            reference, subject = self.both(Side.observation)
            different = compare(reference, subject)
            complete = reference["log.lines"] >= expected and at_rest(reference)
            settled = complete and acceptable(different)
            if time.monotonic() > deadline or (settled and agreed):
                break
            # What has not changed for a while will not, unless a timer of the case is still to come.
            if different != last:
                last, since = different, time.monotonic()
            elif complete and time.monotonic() - since > 0.4 + case.settle:
                break
            # A line that no one expects can still be on its way when both sides agree too early.
            agreed = settled
            time.sleep(0.03 if expected == 0 or not agreed else 0)
        if not complete:
            different["log.lines"] = ("%d, the case expects %d" % (reference["log.lines"], expected), subject["log.lines"])
        if self.subject.proxy.process.poll() is not None:
            different["process"] = ("running", self.subject.proxy.log())
        return different
