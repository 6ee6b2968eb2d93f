"""Bodies larger than memory, readers slower than senders, connections that do nothing."""

import socket
import threading
import time

import pytest
from harness.client import connect, request
from harness.config import cluster, route
from harness.wait import wait_until

GIB = 1 << 30
BLOCK = b"0123456789abcdef" * 16384
# Kernel socket buffers on four sockets, one watermark each way, and what an allocator rounds up to.
IN_FLIGHT = 40 << 20


class Pump:
    """An origin that streams `size` bytes to whoever asks, or swallows what it is sent, at full speed."""

    def __init__(self, size=0, swallow=False):
        self.size, self.swallow = size, swallow
        self.moved = 0
        self.go = threading.Event()
        self.go.set()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self):
        self.go.set()
        self.socket.close()

    def _serve(self):
        try:
            peer, _ = self.socket.accept()
        except OSError:
            return
        with peer:
            try:
                self._swallow(peer) if self.swallow else self._pour(peer)
            except OSError:
                return

    def _pour(self, peer):
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % self.size)
        while self.moved < self.size:
            part = BLOCK[: min(len(BLOCK), self.size - self.moved)]
            self.moved += peer.send(part)
        peer.recv(1)

    def _swallow(self, peer):
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(1)
        room = bytearray(1 << 20)
        while self.moved < self.size:
            self.go.wait()
            got = peer.recv_into(room)
            if not got:
                return
            self.moved += got
        peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        peer.recv(1)


@pytest.fixture
def pump():
    made = []

    def make(**fields):
        made.append(Pump(**fields))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def untimed(plain, port):
    return plain(port, route_fields={"timeout": "0s"})


def read_head(wire):
    return wire.read_until(b"\r\n\r\n", time.monotonic() + 10)


def settled(value, timeout=10.0):
    """Waits until a number stops growing for 0.3 s, and returns it."""
    last = [value(), 0]

    def still():
        now = value()
        last[:] = [now, last[1] + 1 if now == last[0] else 0]
        return last[1] >= 15

    wait_until(still, timeout, "a standstill")
    return last[0]


def test_a_response_of_2_gib_passes_with_flat_memory(launch, plain, pump):
    source = pump(size=2 * GIB)
    proxy = launch(untimed(plain, source.port))
    before = proxy.resident_kb()
    wire = connect(proxy.port())
    wire.send(request())
    read_head(wire)
    got, room, peak = len(wire.buffer), bytearray(1 << 20), before
    while got < source.size:
        count = wire.sock.recv_into(room)
        assert count, "cut after %d bytes" % got
        got += count
        if got % (64 << 20) < count:
            peak = max(peak, proxy.resident_kb())
    assert got == source.size
    assert peak - before < 24 * 1024, "grew from %d to %d KB" % (before, peak)


def test_a_request_of_1_gib_passes_with_flat_memory(launch, plain, pump):
    sink = pump(size=GIB, swallow=True)
    proxy = launch(untimed(plain, sink.port))
    before = proxy.resident_kb()
    wire = connect(proxy.port())
    wire.send(request("POST", "/", [("content-length", str(sink.size))]))
    peak = before
    for index in range(sink.size // len(BLOCK)):
        wire.send(BLOCK)
        if index % 512 == 0:
            peak = max(peak, proxy.resident_kb())
    assert wire.read_response("POST").status == 200
    assert peak - before < 24 * 1024, "grew from %d to %d KB" % (before, peak)


def test_a_slow_reader_slows_the_origin(launch, plain, pump):
    source = pump(size=256 << 20)
    proxy = launch(untimed(plain, source.port))
    before = proxy.resident_kb()
    wire = connect(proxy.port())
    wire.send(request())
    head = read_head(wire)
    assert b"200 OK" in head
    stalled = settled(lambda: source.moved)
    assert stalled < IN_FLIGHT
    assert proxy.resident_kb() - before < 16 * 1024
    assert len(wire.read_exact(source.size)) == source.size


def test_a_slow_origin_slows_the_sender(launch, plain, pump):
    sink = pump(size=128 << 20, swallow=True)
    sink.go.clear()
    proxy = launch(untimed(plain, sink.port))
    before = proxy.resident_kb()
    wire = connect(proxy.port())
    wire.send(request("POST", "/", [("content-length", str(sink.size))]))
    sent = [0]

    def pour():
        while sent[0] < sink.size:
            wire.send(BLOCK)
            sent[0] += len(BLOCK)

    sender = threading.Thread(target=pour, daemon=True)
    sender.start()
    assert settled(lambda: sent[0]) < IN_FLIGHT
    assert proxy.resident_kb() - before < 16 * 1024
    sink.go.set()
    sender.join(20)
    assert wire.read_response("POST").status == 200


def test_one_slow_reader_does_not_slow_another(launch, plain, pump, origin):
    source = pump(size=64 << 20)
    config = untimed(plain, source.port)
    config["static_resources"]["clusters"].append(cluster("quick", origin.port))
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["route_config"]["virtual_hosts"][0]["routes"].insert(0, route("/quick", "quick"))
    proxy = launch(config)
    slow = connect(proxy.port())
    slow.send(request())
    settled(lambda: source.moved)
    quick = connect(proxy.port())
    for _ in range(100):
        quick.send(request("GET", "/quick"))
        assert quick.read_response(timeout=2).status == 200


@pytest.mark.pillion_only
def test_an_idle_connection_costs_little(launch, plain, origin):
    proxy = launch(plain(origin.port))

    def open_some(count):
        made = []
        for _ in range(count):
            wire = connect(proxy.port())
            wire.send(request())
            assert wire.read_response().status == 200
            made.append(wire)
        return made

    first = open_some(200)
    before = proxy.resident_kb()
    rest = open_some(2000)
    grown = (proxy.resident_kb() - before) * 1024 / 2000
    assert grown < 3000, "%d bytes a connection" % grown
    for wire in first + rest:
        wire.close()


@pytest.mark.pillion_only
def test_an_idle_process_is_small(launch, plain, origin):
    proxy = launch(plain(origin.port))
    assert proxy.resident_kb() < 20 * 1024


@pytest.mark.pillion_only
def test_ten_thousand_pipelined_requests(launch, plain, origin):
    """Envoy calls a client that pipelines faster than it reads a flood, and closes on it."""
    config = plain(origin.port)
    made = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    made["route_config"]["virtual_hosts"][0]["routes"][0] = {
        "match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x"}}}
    proxy = launch(config)
    wire = connect(proxy.port())
    sender = threading.Thread(target=lambda: wire.send(request() * 10000), daemon=True)
    sender.start()
    for _ in range(10000):
        assert wire.read_response().status == 200
    sender.join(10)
