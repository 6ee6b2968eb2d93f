"""The measurements of perf/compare, each a function of running peers."""

import json
import re
import socket
import ssl
import statistics
import subprocess
import time
import urllib.request

import configs
from peers import Peer, pause

REQUEST = b"GET /x HTTP/1.1\r\nHost: bench.local\r\n\r\n"


def wrk(port, seconds, connections=64, core="1"):
    """Requests done and latency percentiles, from one wrk thread."""
    output = subprocess.run(
        ["taskset", "-c", core, "wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--latency", "http://127.0.0.1:%d/x" % port],
        check=True, capture_output=True, text=True,
    ).stdout
    done = int(re.search(r"(\d+) requests in", output).group(1))
    if re.search(r"Socket errors|Non-2xx", output):
        raise RuntimeError("wrk saw errors on port %d:\n%s" % (port, output))
    late = {key: re.search(r"%s%%\s+(\S+)" % key, output).group(1) for key in ("50", "99")}
    return done, late


def h2load(port, seconds, connections=16, streams=10, core="1"):
    """The same from one h2load thread, as far as it tells latencies."""
    output = subprocess.run(
        ["taskset", "-c", core, "h2load", "-t1", "-c%d" % connections, "-m%d" % streams, "-D%d" % seconds, "http://127.0.0.1:%d/x" % port],
        check=True, capture_output=True, text=True,
    ).stdout
    succeeded, wrong = re.search(r"(\d+) succeeded", output), re.search(r"status codes: .* (\d+) 4xx, (\d+) 5xx", output)
    # Requests that were under way at the end count as failed with h2load, not as wrong.
    if not succeeded or any(map(int, wrong.groups())):
        raise RuntimeError("h2load saw errors on port %d:\n%s" % (port, output))
    mean = re.search(r"time for request:\s+\S+\s+\S+\s+(\S+)", output).group(1)
    return int(succeeded.group(1)), {"50": mean, "99": "-"}


def load(peer, seconds, drive):
    """One window of load: CPU microseconds a request, requests a second, latency."""
    before = peer.cpu_seconds()
    done, late = drive(peer.port, seconds)
    return {"us": (peer.cpu_seconds() - before) * 1e6 / done, "rate": done / seconds, "p50": late["50"], "p99": late["99"]}


def rounds(peers, count, seconds, say, drive=wrk):
    """Interleaved windows, so that a slow minute of the machine hits every peer; the median of each."""
    for peer in peers:
        drive(peer.port, 1)
    seen = {peer.name: [] for peer in peers}
    for number in range(count):
        for peer in peers:
            seen[peer.name].append(load(peer, seconds, drive))
        say("round %d of %d: %s" % (number + 1, count, ", ".join("%s %.1f us" % (p.name, seen[p.name][-1]["us"]) for p in peers)))
    result = {}
    for name, windows in seen.items():
        middle = sorted(windows, key=lambda window: window["us"])[len(windows) // 2]
        result[name] = dict(middle, spread=max(w["us"] for w in windows) - min(w["us"] for w in windows))
    return result


def hold_connections(port, count):
    """Keep-alive connections that have each done one request."""
    held = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        sock.sendall(REQUEST)
        answer = b""
        while not answer.endswith(b"\n") or b"\r\n\r\n" not in answer:
            part = sock.recv(4096)
            if not part:
                raise RuntimeError("connection %d was closed" % len(held))
            answer += part
        held.append(sock)
    return held


def connection_memory(peer, count):
    """Idle resident KB, and bytes for each of `count` idle keep-alive connections."""
    idle = peer.resident_kb()
    first = hold_connections(peer.port, 100)
    before = peer.resident_kb()
    rest = hold_connections(peer.port, count)
    pause(0.5)
    grown = (peer.resident_kb() - before) * 1024 / count
    for sock in first + rest:
        sock.close()
    return {"idle_kb": idle, "bytes": grown}


def stream_memory(peer, size):
    """Resident KB before and at the worst moment of a body of `size` bytes, and the seconds it took."""
    before = worst = peer.resident_kb()
    sock = socket.create_connection(("127.0.0.1", peer.port), timeout=30)
    sock.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: bench.local\r\n\r\n" % size)
    room, got, started, looked = bytearray(1 << 20), 0, time.monotonic(), 0
    while got < size:
        count = sock.recv_into(room)
        if not count:
            raise RuntimeError("the body ended after %d of %d bytes" % (got, size))
        got += count
        if got - looked > 256 << 20:
            looked, worst = got, max(worst, peer.resident_kb())
    sock.close()
    return {"before_kb": before, "worst_kb": worst, "seconds": time.monotonic() - started}


def many(name, origin_port, folder, count, used=20):
    """Time to serve, memory and scrape time with `count` clusters of which `used` have had a request."""
    peer = Peer(name, origin_port, folder, config=configs.many_clusters(count))
    try:
        while not peer.is_ready():
            pause(0.005)
        ask(peer.port, "host-%d.bench.local" % (count - 1))
        seconds = time.monotonic() - peer.started
        for index in range(used - 1):
            ask(peer.port, "host-%d.bench.local" % index)
        resident = peer.resident_kb()
        scrapes, size = [], 0
        for _ in range(5):
            begun = time.monotonic()
            with urllib.request.urlopen("http://127.0.0.1:%d/stats/prometheus" % peer.admin, timeout=60) as answer:
                size = len(answer.read())
            scrapes.append(time.monotonic() - begun)
        return {"seconds": seconds, "kb": resident, "scrape_ms": statistics.median(scrapes) * 1e3, "scrape_bytes": size}
    finally:
        peer.stop()


def ask(port, host):
    request = urllib.request.Request("http://127.0.0.1:%d/" % port, headers={"Host": host})
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.status != 200:
            raise RuntimeError("status %d for %s" % (answer.status, host))


def bulk(peer, seconds, streams=4, core="1"):
    """One window of iperf3: bytes a CPU second of the proxy, and bytes a second."""
    before = peer.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", core, "iperf3", "-c", "127.0.0.1", "-p", str(peer.port), "-t", str(seconds), "-P", str(streams), "-J"],
        check=True, capture_output=True, text=True,
    ).stdout
    moved = json.loads(output)["end"]["sum_received"]["bytes"]
    return {"per_cpu": moved / (peer.cpu_seconds() - before), "per_second": moved / seconds}


def handshakes(peer, seconds, files, reuse, core="1"):
    """One window of openssl s_time: CPU microseconds of the server for a connection with one GET."""
    before = peer.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", core, "openssl", "s_time", "-connect", "127.0.0.1:%d" % peer.port, "-CAfile", files["ca.crt"],
         "-cert", files["client.crt"], "-key", files["client.key"], "-www", "/x", "-time", str(seconds), "-reuse" if reuse else "-new"],
        capture_output=True, text=True, check=False,
    ).stdout
    used = peer.cpu_seconds() - before
    done = re.search(r"(\d+) connections in (\d+) real seconds", output)
    if not done or int(done.group(1)) < 10:
        raise RuntimeError("openssl s_time on port %d:\n%s" % (peer.port, output))
    return used * 1e6 / int(done.group(1))


def tls_connection_memory(peer, count, files):
    """Bytes for each of `count` idle TLS connections that have each done one request."""
    context = ssl.create_default_context(cafile=files["ca.crt"])
    context.check_hostname = False
    context.load_cert_chain(files["client.crt"], files["client.key"])

    def hold(wanted):
        held = []
        for _ in range(wanted):
            sock = context.wrap_socket(socket.create_connection(("127.0.0.1", peer.port), timeout=10))
            sock.sendall(REQUEST)
            if not sock.recv(4096).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("connection %d was not answered" % len(held))
            held.append(sock)
        return held

    first = hold(100)
    before = peer.resident_kb()
    rest = hold(count)
    pause(0.5)
    grown = (peer.resident_kb() - before) * 1024 / count
    for sock in first + rest:
        sock.close()
    return grown
