"""Protocol detection: no timer stands in the way of the first byte, whoever speaks it.

One row for each protocol, by its own first bytes, through listeners without inspectors, with one, and
with both. With -s each test prints its row of the table in perf/README.md: milliseconds to the first
byte of the answer, straight to the server and added by each listener, the best of some rounds.
"""

import socket
import ssl
import struct
import time

import pytest
from harness import http2
from harness.config import TYPE, bootstrap, cluster, hcm, route, vhost
from harness.tcp import echo, greeting, inspector, tcp_listener

# Far longer than any test may take: a timer in the way would show.
TIMEOUT = "30s"
ROUNDS = 15
LISTENERS = {"none": [], "tls": ["tls"], "http": ["http"], "both": ["tls", "http"]}

SERVER_FIRST = {
    "MySQL": b"\x4a\x00\x00\x00\x0a8.0.36\x00" + bytes(60),
    "SMTP": b"220 mail.test ESMTP\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "FTP": b"220 ready\r\n",
    "IMAP": b"* OK ready\r\n",
}


def client_hello():
    """What a real client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="tls.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


# Protocols that the inspectors do not know, and TLS, which passes through.
CLIENT_FIRST = {
    "PostgreSQL": struct.pack(">II", 8, 80877103),
    "Redis": b"*1\r\n$4\r\nPING\r\n",
    "Redis inline": b"GET key\r\n",
    "MongoDB": struct.pack("<IIII", 58, 1, 0, 2013) + bytes(42),
    "memcached": b"get key\r\n",
    "Kafka": struct.pack(">IHHI", 30, 18, 3, 1) + bytes(20),
    "DNS over TCP": b"\x00\x1d\x12\x34\x01\x00\x00\x01" + bytes(21),
    "TLS": client_hello(),
    "raw bytes": bytes(range(128, 256)),
    "raw bytes like TLS": b"\x16\x03\x01\xff\xff\xff",
}

GRPC = http2.get("/service/Method", method="POST",
                 more=http2.field("content-type", "application/grpc") + http2.field("te", "trailers"))
WEB = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "HTTP/2": http2.PREFACE + http2.settings() + http2.head(1),
    "gRPC": http2.PREFACE + http2.settings() + http2.head(1, GRPC, end=False) + http2.frame(http2.DATA, 1, 1, bytes(5)),
}


def tcp(target):
    typed = {"@type": TYPE + "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "t", "cluster": target}
    return {"name": "tcp", "typed_config": typed}


@pytest.fixture
def ports(launch, origin):
    """A proxy whose listeners differ in their inspectors alone. HTTP goes to a server for HTTP, all
    else to `other`."""

    def start(other, **fields):
        made = []
        for name, kinds in LISTENERS.items():
            chains = [({}, tcp("other"))]
            if "tls" in kinds:
                chains.append(({"transport_protocol": "tls"}, tcp("other")))
            if "http" in kinds:
                routes = [route("/", {"direct_response": {"status": 200}})]
                web = hcm([vhost("all", ["*"], routes)])
                chains.append(({"application_protocols": ["http/1.0", "http/1.1", "h2c"]}, web))
            made.append({**tcp_listener(chains, [inspector(kind) for kind in kinds],
                                        listener_filters_timeout=TIMEOUT, **fields), "name": name})
        proxy = launch(bootstrap(made, [cluster("other", other)]))
        start.proxy = proxy
        return {name: proxy.port(name) for name in LISTENERS}

    return start


def first_byte(port, said, expected):
    """Seconds from connect to the first byte of the server's."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if said:
            sock.sendall(said)
        heard = sock.recv(1000)
        elapsed = time.monotonic() - begun
    assert heard.startswith(expected)
    return elapsed


def compare(name, first, direct, ports, said, expected, record_property):
    """Interleaved, so that all see the same machine."""
    targets = {"direct": direct, **ports}
    times = {target: [] for target in targets}
    for _ in range(ROUNDS):
        for target, port in targets.items():
            times[target].append(first_byte(port, said, expected))
    base = min(times["direct"])
    added = {target: (min(times[target]) - base) * 1000 for target in ports}
    for target, value in added.items():
        record_property("added_ms_" + target, value)
    cells = ["%.2f" % added[target] if target in added else "" for target in LISTENERS]
    print("\n| %s | %s | %.2f | %s |" % (name, first, base * 1000, " | ".join(cells)))
    for target in ports:
        assert added[target] < 100, "%s through %s" % (name, target)


@pytest.mark.pillion_only
@pytest.mark.parametrize("protocol", SERVER_FIRST)
def test_no_timer_stands_before_a_server_that_speaks_first(serve, ports, protocol, record_property):
    """Envoy waits for listener_filters_timeout here, and then closes unless it is told to go on."""
    server = serve(greeting(SERVER_FIRST[protocol]))
    compare(protocol, "server", server.port, ports(server.port), b"", SERVER_FIRST[protocol], record_property)


@pytest.mark.parametrize("protocol", CLIENT_FIRST)
def test_no_timer_stands_before_a_client_that_speaks_first(serve, ports, protocol, record_property):
    said = CLIENT_FIRST[protocol]
    server = serve(echo)
    compare(protocol, "client", server.port, ports(server.port), said, said, record_property)


@pytest.mark.parametrize("protocol", WEB)
def test_no_timer_stands_before_http(serve, ports, origin, protocol, record_property):
    """Through the listeners without http_inspector it is bytes like any other."""
    expected = b"HTTP/1.1 200" if protocol == "HTTP/1.1" else b""
    server = origin if protocol == "HTTP/1.1" else http2.Origin(5)
    compare(protocol, "client", server.port, ports(server.port), WEB[protocol], expected, record_property)
    if server is not origin:
        server.stop()
    assert ports.proxy.admin.stat("http.ingress.downstream_rq_completed") == 2 * ROUNDS


@pytest.mark.pillion_only
def test_a_conversation_goes_on_after_a_servers_greeting(serve, ports):
    server = serve(greeting(b"220 ready\r\n"))
    for port in ports(server.port).values():
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            assert sock.recv(100) == b"220 ready\r\n"
            # What would be HTTP at the beginning is not looked at any more.
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.recv(100) == b"ok\r\n"


def silent(sock):
    while sock.recv(65536):
        pass


@pytest.mark.parametrize("goes_on", [True, False])
def test_silence_ends_with_the_timeout_alone(serve, launch, goes_on):
    """Neither side says anything: as in Envoy the timeout decides, and it hands on or closes."""
    server = serve(silent)
    listener = tcp_listener([({}, tcp("other"))], [inspector("tls"), inspector("http")], listener_filters_timeout="0.5s",
                            continue_on_listener_filters_timeout=goes_on)
    proxy = launch(bootstrap([listener], [cluster("other", server.port)]))
    with socket.create_connection(("127.0.0.1", proxy.port()), timeout=1.5) as sock:
        if goes_on:
            with pytest.raises(socket.timeout):
                sock.recv(10)
        else:
            assert sock.recv(10) == b""
        name = next(name for name in proxy.admin.stats() if name.endswith("downstream_pre_cx_timeout"))
        assert proxy.admin.stat(name) == 1
    assert proxy.admin.stat("tcp.t.downstream_cx_total") == (1 if goes_on else 0)


@pytest.mark.pillion_only
def test_a_server_may_speak_long_after_the_connection(serve, ports):
    """The first byte decides whenever it comes, and what the client says first is not lost to the
    server when the two cross."""
    def late(sock):
        time.sleep(0.7)
        sock.sendall(b"late")
        sock.sendall(b"heard " + sock.recv(100))

    server = serve(late)
    for port in ports(server.port).values():
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            assert sock.recv(4) == b"late"
            sock.sendall(b"hello")
            assert sock.recv(100) == b"heard hello"


@pytest.mark.parametrize("said", [b"\x16", b"\x16\x03\x01\x02", b"GE", b"PRI * HT"])
@pytest.mark.pillion_only
def test_bytes_that_may_become_something_wait_for_the_server_too(serve, ports, said):
    """Too few to tell, and then nothing: what the server says meanwhile reaches the client."""
    server = serve(greeting(b"220 ready\r\n"))
    for port in ports(server.port).values():
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            time.sleep(0.2)
            sock.sendall(said)
            assert sock.recv(100) == b"220 ready\r\n"
