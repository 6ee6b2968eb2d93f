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
# The preface, SETTINGS and its acknowledgement, and HEADERS: GET http, literal :path and :authority.
HTTP2_FIELDS = b"\x82\x86\x04\x02/x\x01\x0bbench.local"
HTTP2_REQUEST = (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]) + bytes([0, 0, 0, 4, 1, 0, 0, 0, 0])
                 + bytes([0, 0, len(HTTP2_FIELDS), 1, 5, 0, 0, 0, 1]) + HTTP2_FIELDS)


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


def answered(answer):
    return answer.endswith(b"\n") and b"\r\n\r\n" in answer


def answered_http2(answer):
    """Whether a frame with END_STREAM is among the frames (RFC 9113 section 4.1)."""
    while len(answer) >= 9:
        size, kind, flags = int.from_bytes(answer[:3], "big"), answer[3], answer[4]
        if kind in (0, 1) and flags & 1 and len(answer) >= 9 + size:
            return True
        answer = answer[9 + size:]
    return False


def hold_connections(port, count, request=REQUEST, done=answered):
    """Keep-alive connections that have each done one request."""
    held = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        sock.sendall(request)
        answer = b""
        while not done(answer):
            part = sock.recv(4096)
            if not part:
                raise RuntimeError("connection %d was closed" % len(held))
            answer += part
        held.append(sock)
    return held


def connection_memory(peer, count, request=REQUEST, done=answered):
    """Idle resident KB, and bytes for each of `count` idle keep-alive connections."""
    idle = peer.resident_kb()
    first = hold_connections(peer.port, 100, request, done)
    before = peer.resident_kb()
    rest = hold_connections(peer.port, count, request, done)
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
    report = json.loads(output)
    if "sum_received" not in report.get("end", {}):
        raise RuntimeError("iperf3 on port %d: %s" % (peer.port, report.get("error", output[:500])))
    moved = report["end"]["sum_received"]["bytes"]
    return {"per_cpu": moved / (peer.cpu_seconds() - before), "per_second": moved / seconds}


def full_handshakes(peer, seconds, files, core="1"):
    """CPU microseconds of the server for a full handshake and no request, by openssl s_time."""
    before = peer.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", core, "openssl", "s_time", "-connect", "127.0.0.1:%d" % peer.port, "-CAfile", files["ca.crt"],
         "-cert", files["client.crt"], "-key", files["client.key"], "-time", str(seconds), "-new"],
        capture_output=True, text=True, check=False,
    ).stdout
    done = re.search(r"(\d+) connections in \d+ real seconds", output)
    if not done:
        raise RuntimeError("openssl s_time on port %d:\n%s" % (peer.port, output))
    return (peer.cpu_seconds() - before) * 1e6 / int(done.group(1))


def tls_client(files):
    context = ssl.create_default_context(cafile=files["ca.crt"])
    context.check_hostname = False
    context.load_cert_chain(files["client.crt"], files["client.key"])
    return context


def ask_over_tls(context, port, session=None):
    """A new connection after one request on it."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=10)
    # Without it Envoy makes each connection wait 40 ms for an acknowledgement.
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock = context.wrap_socket(raw, session=session)
    sock.sendall(REQUEST)
    if not sock.recv(4096).startswith(b"HTTP/1.1 200"):
        raise RuntimeError("port %d did not answer over TLS" % port)
    return sock


def handshakes(peer, seconds, files, resume):
    """CPU microseconds of the server for a connection with one request, full or resumed."""
    context = tls_client(files)
    first = ask_over_tls(context, peer.port)
    session, done = first.session, 0
    first.close()
    before, end = peer.cpu_seconds(), time.monotonic() + seconds
    while time.monotonic() < end:
        sock = ask_over_tls(context, peer.port, session if resume else None)
        if sock.session_reused != resume:
            raise RuntimeError("%s: session reused: %s" % (peer.name, sock.session_reused))
        session = sock.session
        sock.close()
        done += 1
    return (peer.cpu_seconds() - before) * 1e6 / done


def tls_connection_memory(peer, count, files):
    """Bytes for each of `count` idle TLS connections that have each done one request."""
    context = tls_client(files)
    first = [ask_over_tls(context, peer.port) for _ in range(100)]
    before = peer.resident_kb()
    rest = [ask_over_tls(context, peer.port) for _ in range(count)]
    pause(0.5)
    grown = (peer.resident_kb() - before) * 1024 / count
    for sock in first + rest:
        sock.close()
    return grown
