"""The demo's guide: starts three origins and a sidecar, sends requests, kills an origin under load.

    tour.py SIDECAR_BINARY
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("one", "two", "three")
LOAD_SECONDS = 4.0
COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(text, code):
    return "\033[%sm%s\033[0m" % (code, text) if COLOURS else text


def heading(number, text):
    print("\n" + paint("%d. %s" % (number, text), "1;36"))


def note(text):
    print("   " + text)


def free_ports(count):
    """Ports no one uses now; the probes are open together, so that all differ."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def bar(label, count, total):
    width = round(40 * count / total) if total else 0
    print("   %-8s %s %5d  %3d %%" % (label, paint("█" * width, "32") + "·" * (40 - width), count, round(100 * count / max(total, 1))))


class Demo:
    """All processes of the demo, and where they listen."""

    def __init__(self, sidecar):
        self.folder = Path(tempfile.mkdtemp(prefix="pillion-demo-"))
        self.processes = []
        self.origins = {}
        self.sidecar = sidecar
        self.gateway, self.admin, *self.origin_ports = free_ports(5)

    def spawn(self, name, *command):
        # Sessions of their own: Ctrl-C reaches this program only, which then stops them in order.
        with open(self.folder / (name + ".log"), "wb") as log:
            process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def wait_for(self, port, name, process):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            threading.Event().wait(0.01)
        raise SystemExit("%s did not start:\n%s" % (name, (self.folder / (name + ".log")).read_text()))

    def start(self):
        for name, port in zip(NAMES, self.origin_ports):
            self.origins[name] = self.spawn(name, sys.executable, str(HERE / "origin.py"), name, str(port))
        for name, port in zip(NAMES, self.origin_ports):
            self.wait_for(port, name, self.origins[name])
            note("origin %-6s 127.0.0.1:%d" % (name, port))
        text = (HERE / "gateway.yaml.in").read_text()
        values = {"GATEWAY": self.gateway, "ADMIN": self.admin, **{n.upper(): p for n, p in zip(NAMES, self.origin_ports)}}
        for key, value in values.items():
            text = text.replace("@%s@" % key, str(value))
        config = self.folder / "gateway.yaml"
        config.write_text(text)
        begun = time.monotonic()
        process = self.spawn("sidecar", self.sidecar, "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning")
        self.wait_for(self.gateway, "sidecar", process)
        note("sidecar       127.0.0.1:%d, ready after %d ms, admin page on 127.0.0.1:%d" % (
            self.gateway, (time.monotonic() - begun) * 1e3, self.admin))

    def stop(self):
        # An impatient second Ctrl-C must not leave processes behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()

    def ask(self, path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.gateway, path), timeout=10) as answer:
            return answer.headers["x-instance"]

    def metrics(self):
        with urllib.request.urlopen("http://127.0.0.1:%d/stats/prometheus" % self.admin, timeout=10) as answer:
            return answer.read().decode()


class Load:
    """Clients that send GET /user without a pause, and note each answer that is not a 200."""

    def __init__(self, port, clients=8):
        self.port = port
        self.seen = Counter()
        self.failed = Counter()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _client(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.ended.is_set():
            try:
                connection.request("GET", "/user/1")
                answer = connection.getresponse()
                answer.read()
                good, who = answer.status == 200, answer.headers.get("x-instance") or "status %d" % answer.status
            except (OSError, http.client.HTTPException) as error:
                good, who = False, type(error).__name__
                connection.close()
            with self.lock:
                (self.seen if good else self.failed)[who] += 1

    def totals(self):
        with self.lock:
            return sum(self.seen.values()), sum(self.failed.values())

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(15)


def show_spread(demo):
    heading(2, "300 requests for /user: three instances take turns")
    seen = Counter(demo.ask("/user/%d" % i) for i in range(300))
    for name in NAMES:
        bar(name, seen[name], 300)
    heading(3, "500 requests for /order: 80 % to v1 (one, two), 20 % to v2 (three)")
    seen = Counter(demo.ask("/order/%d" % i) for i in range(500))
    bar("v1", seen["one"] + seen["two"], 500)
    bar("v2", seen["three"], 500)


def show_failover(demo):
    """Returns how many requests failed."""
    heading(4, "8 clients ask for /user without a pause; instance 'two' is killed half-way")
    load = Load(demo.gateway)
    begun, killed = time.monotonic(), False
    while (passed := time.monotonic() - begun) < LOAD_SECONDS:
        threading.Event().wait(0.5)
        if not killed and passed >= LOAD_SECONDS / 2 - 0.5:
            before = dict(load.seen)
            os.kill(demo.origins["two"].pid, signal.SIGKILL)
            killed = True
            note(paint("kill -9 two", "1;31"))
        good, bad = load.totals()
        note("%4.1f s  %7d answered  %s" % (time.monotonic() - begun, good, paint("%d failed" % bad, "1;31" if bad else "32")))
    load.stop()
    after = {name: load.seen[name] - before.get(name, 0) for name in NAMES}
    note("after the kill:")
    for name in NAMES:
        bar(name, after[name], sum(after.values()))
    good, bad = load.totals()
    verdict = "%d requests, %d failed" % (good + bad, bad)
    note(paint(verdict, "1;31" if bad else "1;32") + ("" if not bad else "  " + str(dict(load.failed))))
    return bad


WANTED = re.compile(
    r"^envoy_(cluster_upstream_(rq_total|rq_retry|rq_retry_success|cx_connect_fail|rq_xx|cx_active)"
    r"|http_downstream_rq_xx|http_downstream_cx_total)\{"
)


def show_metrics(demo):
    heading(5, "What the hop counted (http://127.0.0.1:%d/stats/prometheus)" % demo.admin)
    for line in sorted(demo.metrics().splitlines()):
        if WANTED.match(line) and not line.endswith(" 0") and "admin" not in line:
            note(line)


def main():
    demo = Demo(sys.argv[1])
    try:
        print(paint("Pillion: one sidecar, three instances, two routes", "1"))
        heading(1, "Starting")
        demo.start()
        show_spread(demo)
        failed = show_failover(demo)
        show_metrics(demo)
    finally:
        demo.stop()
    print("\nThe sidecar's configuration is demo/gateway.yaml.in; all processes are stopped.")
    return 1 if failed else 0


def interrupted(_number, _frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped; nothing is left running")
        sys.exit(130)
