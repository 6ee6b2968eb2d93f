"""perf/compare: runs the peers side by side and prints the tables, with ratios, as Markdown.

The proxy has core 0 for itself; the load generator and the origin share core 1. CPU a request is
(utime + stime of all the proxy's processes) / requests: on a shared machine it holds within a few
percent where throughput does not.
"""

import argparse
import functools
import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile

import configs
import measure
from peers import (
    ALL,
    LABELS,
    BulkOrigin,
    Http2Origin,
    Origin,
    Pair,
    Peer,
    certificates,
    compile_tools,
    most_connections,
    program,
)

CASES = ("http1", "two-workers", "http2", "mtls-h2", "mtls-h1", "handshake", "tcp", "memory", "tls-memory", "many", "stream")


def say(text):
    print("   " + text, file=sys.stderr, flush=True)


def options():
    parser = argparse.ArgumentParser(prog="perf/compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES), help="some of " + ",".join(CASES))
    parser.add_argument("--peers", default=",".join(ALL), help="some of " + ",".join(ALL))
    parser.add_argument("--rounds", type=int, default=5, help="interleaved windows of load for each peer")
    parser.add_argument("--seconds", type=int, default=3, help="length of one window")
    parser.add_argument("--connections", type=int, default=10000, help="idle keep-alive connections held")
    parser.add_argument("--clusters", type=int, default=10000, help="clusters and virtual hosts in one file")
    parser.add_argument("--body-gb", type=float, default=10, help="size of the streamed body")
    return parser.parse_args()


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head] + rows) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(cells, widths)) + " |"

    print(line(head))
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in rows:
        print(line(row))
    print(flush=True)


class Run:
    """One run: the origin, the folder of configs, and which peers take part."""

    def __init__(self, chosen):
        self.options = chosen
        self.names = []
        for name in chosen.peers.split(","):
            if name not in ALL:
                sys.exit("perf/compare: no peer %r" % name)
            if program(name):
                self.names.append(name)
            else:
                say("%s is left out: its program is not there" % LABELS[name])
        self.folder = tempfile.mkdtemp(prefix="pillion-perf-")
        self.origin = Origin("1")
        self.files = None  # certificates, made once

    def start(self, names, **fields):
        peers = []
        for name in names:
            try:
                peers.append(Peer(name, self.origin.port, self.folder, **fields))
            except RuntimeError:
                for peer in peers:
                    peer.stop()
                raise
        return peers

    def load_table(self, title, names, **fields):
        self.print_load(title, names, self.start(names, **fields))

    def print_load(self, title, names, peers, drive=measure.wrk, floor_of="relay"):
        try:
            result = measure.rounds(peers, self.options.rounds, self.options.seconds, say, drive)
        finally:
            for peer in peers:
                peer.stop()
        print("### " + title + "\n")
        floor = result[floor_of]["us"] if floor_of in result else None
        rows = []
        for name in names:
            seen = result[name]
            rows.append([
                LABELS[name], "%.1f" % seen["us"], "%.2f" % (seen["us"] / floor) if floor else "-", "%.1f" % seen["spread"],
                "%.0f" % seen["rate"], seen["p50"], seen["p99"],
            ])
        table(["proxy", "CPU us/request", "x " + LABELS[floor_of].removeprefix("bare "), "spread", "requests/s", "p50", "p99"], rows)

    def http1(self):
        self.load_table("HTTP/1.1, 64 keep-alive connections, 64 B body, one worker", self.names)

    def two_workers(self):
        names = [name for name in self.names if name != "relay"]
        self.load_table("The same with two workers, on both cores", names, workers=2, cores="0,1")

    def http2(self):
        names = [name for name in self.names if name in ("haproxy", "envoy", "pillion")]
        origin = Http2Origin("1", self.folder)
        try:
            peers = [Peer(name, origin.port, self.folder, config=configs.http2(name)) for name in names]
            self.print_load("HTTP/2 on both sides, 16 connections of 10 streams, 64 B body, one worker", names, peers, measure.h2load, "haproxy")
        finally:
            origin.stop()

    def mtls(self, protocol, names, title):
        peers = [Pair(name, self.origin.port, self.folder, protocol, self.certificates()) for name in names]
        self.print_load(title, names, peers, floor_of="haproxy")

    def mtls_h2(self):
        names = [name for name in self.names if name in ("haproxy", "envoy", "pillion")]
        self.mtls("h2", names, "Two in a row with mTLS and HTTP/2 between them, HTTP/1.1 outside (the cost of both)")

    def mtls_h1(self):
        names = [name for name in self.names if name != "relay"]
        self.mtls("h1", names, "Two in a row with mTLS and HTTP/1.1 between them (the cost of both)")

    def certificates(self):
        if self.files is None:
            self.files = certificates(self.folder)
        return self.files

    def tls_peers(self, names):
        return [Peer(name, self.origin.port, self.folder, config=configs.inner(name, "h1", self.certificates())) for name in names]

    def handshake(self):
        names = [name for name in self.names if name != "relay"]
        peers = self.tls_peers(names)
        kinds = {
            "full, no request": measure.full_handshakes,
            "full and a request": functools.partial(measure.handshakes, resume=False),
            "resumed and a request": functools.partial(measure.handshakes, resume=True),
        }
        seen = {(name, kind): [] for name in names for kind in kinds}
        try:
            for number in range(self.options.rounds):
                for peer in peers:
                    for kind, drive in kinds.items():
                        seen[peer.name, kind].append(drive(peer, self.options.seconds, self.certificates()))
                last = {name: "/".join("%.0f" % seen[name, kind][-1] for kind in kinds) for name in names}
                say("round %d: %s us" % (number + 1, ", ".join("%s %s" % pair for pair in last.items())))
        finally:
            for peer in peers:
                peer.stop()
        rows = [[LABELS[name]] + ["%.0f" % statistics.median(seen[name, kind]) for kind in kinds] for name in names]
        print("### TLS 1.3 handshakes with client certificates (P-256), CPU us of the server's side\n")
        table(["proxy", *kinds], rows)

    def tls_memory(self):
        rows = []
        count = min(self.options.connections, 2000)
        for name in [name for name in self.names if name != "relay"]:
            say("%s: %d idle TLS connections" % (name, count))
            peer = self.tls_peers([name])[0]
            try:
                rows.append([LABELS[name], "%.1f" % (measure.tls_connection_memory(peer, count, self.certificates()) / 1024)])
            finally:
                peer.stop()
        print("### Memory for each of %d idle TLS connections with client certificates\n" % count)
        table(["proxy", "KB a connection"], rows)

    def held(self, name, *arguments):
        peer = self.start([name])[0]
        try:
            return measure.connection_memory(peer, *arguments)
        finally:
            peer.stop()

    def memory(self):
        rows = []
        # Where the limit on open files is 20 000 and not ours to raise, a few hundred fewer are held.
        count = min(self.options.connections, most_connections() - 200)
        for name in [name for name in self.names if name != "relay"]:
            say("%s: %d idle connections" % (name, count))
            seen = self.held(name, count)
            # nginx speaks HTTP/2 only where it is told so, and then nothing else.
            http2 = None if name == "nginx" else self.held(name, count, measure.HTTP2_REQUEST, measure.answered_http2)
            rows.append([LABELS[name], "%.1f" % (seen["idle_kb"] / 1024), "%.2f" % (seen["bytes"] / 1024),
                         "%.2f" % (http2["bytes"] / 1024) if http2 else "-"])
        print("### Memory: idle, and for each of %d idle keep-alive connections\n" % count)
        table(["proxy", "idle MB", "KB a connection", "KB an HTTP/2 connection"], rows)

    def many(self):
        rows = []
        for name in [name for name in self.names if name in ("envoy", "pillion")]:
            say("%s: %d clusters and virtual hosts" % (name, self.options.clusters))
            seen = measure.many(name, self.origin.port, self.folder, self.options.clusters)
            rows.append([LABELS[name], "%.2f" % seen["seconds"], "%.0f" % (seen["kb"] / 1024), "%.1f" % seen["scrape_ms"],
                         "%.2f" % (seen["scrape_bytes"] / 1e6)])
        print("### %d clusters and virtual hosts in one YAML file, 20 of them used\n" % self.options.clusters)
        table(["proxy", "seconds to serve", "resident MB", "scrape ms", "scrape MB"], rows)

    def stream(self):
        rows = []
        size = int(self.options.body_gb * 1e9)
        for name in [name for name in self.names if name in ("envoy", "pillion")]:
            say("%s: a body of %.1f GB" % (name, self.options.body_gb))
            peer = self.start([name])[0]
            try:
                seen = measure.stream_memory(peer, size)
            finally:
                peer.stop()
            rows.append([LABELS[name], "%.1f" % (seen["before_kb"] / 1024), "%.1f" % (seen["worst_kb"] / 1024),
                         "%.2f" % (size / 1e9 / seen["seconds"])])
        print("### A body of %.1f GB streamed through\n" % self.options.body_gb)
        table(["proxy", "MB before", "MB at most", "GB/s"], rows)


    def tcp(self):
        names = [name for name in self.names if name in ("haproxy", "envoy", "pillion")]
        seen = {name: [] for name in names}
        origin, peers = BulkOrigin("1"), []
        try:
            for name in names:
                peers.append(Peer(name, origin.port, self.folder, config=configs.tcp_proxy(name)))
            for number in range(self.options.rounds):
                for peer in peers:
                    seen[peer.name].append(measure.bulk(peer, self.options.seconds))
                say("round %d: %s" % (number + 1, ", ".join("%s %.2f" % (p.name, seen[p.name][-1]["per_cpu"] / 1e9) for p in peers)))
        finally:
            for peer in peers:
                peer.stop()
            origin.stop()
        rows = []
        for name in names:
            middle = sorted(seen[name], key=lambda window: window["per_cpu"])[len(seen[name]) // 2]
            rows.append([LABELS[name], "%.2f" % (middle["per_cpu"] / 1e9), "%.2f" % (middle["per_second"] / 1e9)])
        print("### TCP, iperf3 with 4 connections, one worker\n")
        table(["proxy", "GB a CPU second", "GB/s"], rows)


def raise_file_limit(wanted=65536):
    """Ten thousand connections are twice as many descriptors in a proxy; only root may pass the hard limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    chosen = options()
    cases = chosen.cases.split(",")
    for case in cases:
        if case not in CASES:
            sys.exit("perf/compare: no case %r, there are %s" % (case, ", ".join(CASES)))
    if (os.cpu_count() or 1) < 2:
        sys.exit("perf/compare: two cores are needed, one for the proxy and one for the load")
    os.sched_setaffinity(0, {1})  # it is a client itself
    raise_file_limit()
    compile_tools()
    run = Run(chosen)
    print("%d cores, Linux %s\n" % (os.cpu_count(), platform.release()), flush=True)
    try:
        for case in cases:
            say(case)
            getattr(run, case.replace("-", "_"))()
    finally:
        run.origin.stop()
        shutil.rmtree(run.folder)


if __name__ == "__main__":
    main()
