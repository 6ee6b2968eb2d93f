"""The proxies that are compared: how each is started on the same work, and what it used."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import configs

PERF = Path(__file__).resolve().parent
ROOT = PERF.parent
TICKS = os.sysconf("SC_CLK_TCK")
ALL = ("relay", "haproxy", "nginx", "envoy", "pillion")
LABELS = {"relay": "bare relay", "haproxy": "HAProxy", "nginx": "nginx", "envoy": "Envoy", "pillion": "Pillion"}


def free_port():
    """A port no one listens on now; taken again at once by the program that is told it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pause(seconds):
    threading.Event().wait(seconds)


def most_connections():
    """What HAProxy and nginx are told; HAProxy insists on two files for each."""
    return min(24000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)


def wait_for_port(port, process, timeout=60):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("%s ended with %d" % (process.args[-1], process.returncode))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause(0.005)
    raise RuntimeError("no one listens on port %d" % port)


def venv_folder():
    script = "source scripts/lib.sh && venv_folder"
    return subprocess.run(["bash", "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def program(name):
    """The binary of a peer, or None when this tree has not been built yet."""
    if name == "envoy":
        found = os.environ.get("PILLION_ENVOY") or str(Path(venv_folder()) / "bin/envoy")
    elif name == "pillion":
        found = os.environ.get("PILLION_PROXY") or str(ROOT / "build/release/bin/pillion-proxy")
    elif name in ("relay", "origin"):
        found = str(ROOT / "build/perf" / name)
    else:
        found = shutil.which(name) or "/usr/sbin/" + name
    return found if Path(found).exists() else None


def compile_tools():
    """The relay and the origin: one file each, no library."""
    folder = ROOT / "build/perf"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("relay", "origin"):
        source, made = PERF / (name + ".cc"), folder / name
        if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["g++", "-O2", "-std=c++20", "-o", str(made), str(source)], check=True)


class Origin:
    def __init__(self, core):
        self.port = free_port()
        self.process = subprocess.Popen(["taskset", "-c", core, program("origin"), str(self.port)], start_new_session=True)
        wait_for_port(self.port, self.process)

    def stop(self):
        self.process.kill()
        self.process.wait()


class BulkOrigin:
    """iperf3's server."""

    def __init__(self, core):
        self.port = free_port()
        self.process = subprocess.Popen(["taskset", "-c", core, "iperf3", "-s", "-p", str(self.port)], start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Http2Origin:
    """nghttpd with one file of 64 bytes."""

    def __init__(self, core, folder):
        self.port = free_port()
        root = Path(folder) / "www"
        root.mkdir(exist_ok=True)
        (root / "x").write_text("x" * 64)
        self.process = subprocess.Popen(["taskset", "-c", core, "nghttpd", "--no-tls", "-m", "1024", "-d", str(root), str(self.port)],
                                        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Peer:
    """One running proxy in front of an origin."""

    def __init__(self, name, origin_port, folder, workers=1, cores="0", config=None):
        self.name = name
        self.workers = workers
        self.port, self.admin = free_port(), free_port()
        self.folder = Path(folder) / ("%s-%d" % (name, self.port))
        self.folder.mkdir(parents=True)
        self.values = {"PORT": self.port, "ADMIN": self.admin, "ORIGIN": origin_port, "WORKERS": workers,
                       "FOLDER": self.folder, "CONNECTIONS": most_connections()}
        self.config = config
        # Before the clock starts: writing a file with 10 000 clusters takes longer than reading it.
        arguments = self.arguments()
        self.started = time.monotonic()
        # Its own session: Envoy takes the end of the shell that started it for its own.
        self.process = subprocess.Popen(
            ["taskset", "-c", cores] + arguments, start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=open(self.folder / "out", "wb"), stderr=subprocess.STDOUT,
        )
        try:
            wait_for_port(self.port, self.process)
        except RuntimeError as error:
            self.stop()
            raise RuntimeError("%s did not start: %s\n%s" % (name, error, (self.folder / "out").read_text()[-2000:])) from error

    def arguments(self):
        binary = program(self.name)
        if self.name == "relay":
            return [binary, str(self.port), str(self.values["ORIGIN"])]
        if self.name == "haproxy":
            return [binary, "-db", "-f", self.config(self.values, self.folder) if self.config else self.written("haproxy.cfg.in")]
        if self.name == "nginx":
            return [binary, "-c", self.config(self.values, self.folder) if self.config else self.written("nginx.conf.in")]
        config = self.config(self.values, self.folder) if self.config else self.written("sidecar.yaml.in", ".yaml")
        return [binary, "-c", config, "--concurrency", str(self.workers), "--use-dynamic-base-id", "-l", "warning"]

    def written(self, template, suffix=""):
        text = (PERF / template).read_text()
        for key, value in self.values.items():
            text = text.replace("@%s@" % key, str(value))
        path = self.folder / (template.removesuffix(".in").split(".")[0] + suffix)
        path.write_text(text)
        return str(path)

    def pids(self):
        """The process and its children (nginx has a master and workers)."""
        found = [self.process.pid]
        for parent in found:
            path = "/proc/%d/task/%d/children" % (parent, parent)
            if os.path.exists(path):
                with open(path) as children:
                    found += [int(pid) for pid in children.read().split()]
        return found

    def cpu_seconds(self):
        """utime + stime of all its processes."""
        total = 0
        for pid in self.pids():
            with open("/proc/%d/stat" % pid) as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident_kb(self):
        total = 0
        for pid in self.pids():
            with open("/proc/%d/status" % pid) as status:
                total += int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
        return total

    def is_ready(self):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/ready" % self.admin, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        pids = self.pids() if self.process.poll() is None else []
        for pid in reversed(pids):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


class Pair:
    """Two proxies of one kind in a row, with mTLS between them; their costs are added up."""

    def __init__(self, name, origin_port, folder, protocol, files):
        self.name = name
        self.inner = Peer(name, origin_port, folder, config=configs.inner(name, protocol, files))
        try:
            self.outer = Peer(name, self.inner.port, folder, config=configs.outer(name, protocol, files))
        except RuntimeError:
            self.inner.stop()
            raise
        self.port = self.outer.port

    def cpu_seconds(self):
        return self.outer.cpu_seconds() + self.inner.cpu_seconds()

    def stop(self):
        self.outer.stop()
        self.inner.stop()


def certificates(folder):
    """A root, and P-256 certificates of it for "server" and "client": paths by name."""
    folder = Path(folder) / "tls"
    folder.mkdir()

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def request(name, *more):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", name + ".key",
                "-out", name + ".crt", "-subj", "/CN=" + name, *more)

    request("ca", "-addext", "basicConstraints=critical,CA:TRUE")
    for name in ("server", "client"):
        request(name, "-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE",
                "-addext", "subjectAltName=DNS:%s.bench,URI:spiffe://bench/%s" % (name, name))
        (folder / (name + ".pem")).write_text((folder / (name + ".crt")).read_text() + (folder / (name + ".key")).read_text())
    return {path.name: str(path) for path in folder.iterdir()}
