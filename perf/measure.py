"""The measurements of perf/compare, each a function of running peers."""

import json
import re
import socket
import statistics
import subprocess
import time
import urllib.request

import yaml
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


def load(peer, seconds):
    """One window of load: CPU microseconds a request, requests a second, latency."""
    before = peer.cpu_seconds()
    done, late = wrk(peer.port, seconds)
    return {"us": (peer.cpu_seconds() - before) * 1e6 / done, "rate": done / seconds, "p50": late["50"], "p99": late["99"]}


def rounds(peers, count, seconds, say):
    """Interleaved windows, so that a slow minute of the machine hits every peer; the median of each."""
    for peer in peers:
        wrk(peer.port, 1)
    seen = {peer.name: [] for peer in peers}
    for number in range(count):
        for peer in peers:
            seen[peer.name].append(load(peer, seconds))
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


def many_clusters(count):
    """A config maker: `count` clusters and as many virtual hosts in one file."""
    def make(values, folder):
        port, admin, origin = values["PORT"], values["ADMIN"], values["ORIGIN"]
        kind = "type.googleapis.com/envoy.extensions.filters."

        def address(number):
            return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

        hosts = [{"name": "vh-%d" % i, "domains": ["host-%d.bench.local" % i], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "cluster-%d" % i}}]} for i in range(count)]
        clusters = [{"name": "cluster-%d" % i, "type": "STATIC", "connect_timeout": "1s", "load_assignment": {
            "cluster_name": "cluster-%d" % i,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(origin)}}]}]}} for i in range(count)]
        manager = {
            "@type": kind + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "ingress",
            "route_config": {"name": "local", "virtual_hosts": hosts},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": kind + "http.router.v3.Router"}}],
        }
        config = {
            "admin": {"address": address(admin)},
            "static_resources": {
                "listeners": [{"name": "main", "address": address(port), "filter_chains": [{"filters": [
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
                "clusters": clusters,
            },
        }
        path = folder / "many.yaml"
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        path.write_text(yaml.dump(config, Dumper=dumper, sort_keys=False, default_flow_style=False))
        return str(path)
    return make


def many(name, origin_port, folder, count, used=20):
    """Time to serve, memory and scrape time with `count` clusters of which `used` have had a request."""
    peer = Peer(name, origin_port, folder, config=many_clusters(count))
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


def tcp_proxy(name):
    """A config maker: every connection goes to the origin as it is."""
    def haproxy(values, folder):
        path = folder / "haproxy.cfg"
        path.write_text(
            "global\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
            "listen l\n bind 127.0.0.1:%(PORT)d\n server s 127.0.0.1:%(ORIGIN)d\n" % values)
        return str(path)

    def sidecar(values, folder):
        def address(number):
            return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

        kind = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
        config = {"admin": {"address": address(values["ADMIN"])}, "static_resources": {
            "listeners": [{"name": "main", "address": address(values["PORT"]), "filter_chains": [{"filters": [
                {"name": "tcp", "typed_config": {"@type": kind, "stat_prefix": "tcp", "cluster": "a"}}]}]}],
            "clusters": [{"name": "a", "connect_timeout": "1s", "load_assignment": {"cluster_name": "a", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address(values["ORIGIN"])}}]}]}}]}}
        path = folder / "tcp.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return str(path)

    return haproxy if name == "haproxy" else sidecar


def bulk(peer, seconds, streams=4, core="1"):
    """One window of iperf3: bytes a CPU second of the proxy, and bytes a second."""
    before = peer.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", core, "iperf3", "-c", "127.0.0.1", "-p", str(peer.port), "-t", str(seconds), "-P", str(streams), "-J"],
        check=True, capture_output=True, text=True,
    ).stdout
    moved = json.loads(output)["end"]["sum_received"]["bytes"]
    return {"per_cpu": moved / (peer.cpu_seconds() - before), "per_second": moved / seconds}
