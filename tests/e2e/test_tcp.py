"""TCP, and what happens between accept and codec, with programs that nobody here wrote."""

import hashlib
import os
import socket
import ssl
import struct
import subprocess
import threading

import pytest
from harness.client import request
from harness.config import TYPE, access_log, bootstrap, cluster, hcm, route, vhost
from harness.tcp import echo, inspector, tcp_listener
from harness.wait import wait_until
from harness.wire import Wire

TCP_PROXY = TYPE + "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
FACTS = (
    "%ACCESS_LOG_TYPE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% "
    "%UPSTREAM_REQUEST_ATTEMPT_COUNT% %REQUESTED_SERVER_NAME% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% "
    "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:unique)%\n"
)


def tcp(target, log=None, **fields):
    typed = {"@type": TCP_PROXY, "stat_prefix": "t", "cluster": target}
    if log:
        typed["access_log"] = [access_log(log, text=FACTS)]
    typed.update(fields)
    return {"name": "tcp", "typed_config": typed}


def web(target="web"):
    return hcm([vhost("all", ["*"], [route("/", target)])])


def connect(port, timeout=5):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def read_all(sock):
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def log_lines(path, count=1):
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) >= count, what="log lines")
    return path.read_text().splitlines()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=tls.test", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True)
    return folder


def tls_server(serve, folder, name):
    """Says its own name to whoever completes a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def function(sock):
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.recv(1000)
            secure.sendall(b"this is " + name)

    return serve(function)


# --- the TCP proxy


def test_bytes_pass_and_each_half_closes_on_its_own(launch, serve):
    def function(sock):
        sock.sendall(b"heard " + read_all(sock))

    server = serve(function)
    proxy = launch(bootstrap([tcp_listener([({}, tcp("a"))])], [cluster("a", server.port)]))
    sock = connect(proxy.port())
    sock.sendall(b"a question")
    sock.shutdown(socket.SHUT_WR)
    assert read_all(sock) == b"heard a question"


def test_bulk_arrives_unchanged_both_ways_at_once(launch, serve):
    """Some megabytes: enough for the system to move the bytes, where it does."""
    server = serve(echo)
    proxy = launch(bootstrap([tcp_listener([({}, tcp("a"))])], [cluster("a", server.port)]))
    data = os.urandom(1 << 20) * 48
    sock = connect(proxy.port(), timeout=30)
    threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)), daemon=True).start()
    received = read_all(sock)
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
    assert proxy.admin.wait_for_stat("tcp.t.downstream_cx_tx_bytes_total", len(data)) == len(data)
    assert proxy.admin.stat("cluster.a.upstream_cx_tx_bytes_total") == len(data)


def test_bulk_then_a_conversation(launch, serve):
    """What was moved in bulk and what follows in small pieces keep their order."""
    server = serve(echo)
    proxy = launch(bootstrap([tcp_listener([({}, tcp("a"))])], [cluster("a", server.port)]))
    sock = connect(proxy.port(), timeout=30)
    for size in (8 << 20, 5, 8 << 20, 1, 3, 100_000) + (7,) * 100:
        data = os.urandom(min(size, 1 << 16)) * (size // (1 << 16) + 1)
        data = data[:size]
        threading.Thread(target=sock.sendall, args=(data,), daemon=True).start()
        received = b""
        while len(received) < size:
            received += sock.recv(min(1 << 16, size - len(received)))
        assert received == data


def test_a_reset_reaches_the_other_side(launch, serve):
    def function(sock):
        sock.recv(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = serve(function)
    proxy = launch(bootstrap([tcp_listener([({}, tcp("a"))])], [cluster("a", server.port)]))
    sock = connect(proxy.port())
    sock.sendall(b"x")
    with pytest.raises(ConnectionResetError):
        sock.recv(10)


def test_log_lines_say_how_connections_went(launch, serve, tmp_path):
    """Compared with Envoy line by line: an exchange, an endpoint that refuses, a cluster that is not there."""
    server = serve(echo)
    refusing = socket.create_server(("127.0.0.1", 0))
    closed = refusing.getsockname()[1]
    refusing.close()
    log = tmp_path / "tcp.log"
    listeners = [
        {**tcp_listener([({}, tcp("a", log))]), "name": "main"},
        {**tcp_listener([({}, tcp("refusing", log, max_connect_attempts=2))]), "name": "refusing"},
        {**tcp_listener([({}, tcp("nowhere", log))]), "name": "nowhere"},
        {**tcp_listener([({}, tcp("empty", log))]), "name": "empty"},
    ]
    proxy = launch(bootstrap(listeners, [cluster("a", server.port), cluster("refusing", closed), cluster("empty")]))
    sock = connect(proxy.port())
    sock.sendall(b"12345")
    assert sock.recv(100) == b"12345"
    sock.close()
    assert log_lines(log, 1)[-1] == "TcpConnectionEnd - 5 5 a 1 - 127.0.0.1 -"
    for name in ("refusing", "nowhere", "empty"):
        try:
            assert connect(proxy.port(name)).recv(10) == b""
        except ConnectionResetError:
            pass
    lines = log_lines(log, 4)[1:]
    assert lines == [
        "TcpConnectionEnd UF,URX 0 0 refusing 2 - 127.0.0.1 -",
        "TcpConnectionEnd NC 0 0 - 0 - 127.0.0.1 -",
        "TcpConnectionEnd UH 0 0 empty 0 - 127.0.0.1 -",
    ]
    stats = proxy.admin.stats()
    assert stats["cluster.refusing.upstream_cx_connect_fail"] == 2
    assert stats["cluster.refusing.upstream_cx_connect_attempts_exceeded"] == 1
    assert stats["cluster.empty.upstream_cx_none_healthy"] == 1
    assert stats["tcp.t.downstream_cx_total"] == 4
    assert stats["tcp.t.downstream_cx_no_route"] == 1


# --- filter chains by what the bytes say


def test_tls_passes_through_to_the_server_that_its_name_chooses(launch, serve, certificate):
    one, two = tls_server(serve, certificate, b"one"), tls_server(serve, certificate, b"two")
    chains = [({"server_names": ["one.test"]}, tcp("one")), ({"server_names": ["*.two.test"]}, tcp("two"))]
    proxy = launch(bootstrap([tcp_listener(chains, [inspector("tls")])], [cluster("one", one.port), cluster("two", two.port)]))

    def ask(name, *options):
        done = subprocess.run(
            ["openssl", "s_client", "-quiet", "-connect", "127.0.0.1:%d" % proxy.port(), "-servername", name, *options],
            input=b"hello\n", capture_output=True, timeout=20)
        return done.stdout

    assert ask("one.test") == b"this is one"
    assert ask("ONE.test", "-tls1_2") == b"this is one"
    assert ask("a.b.two.test", "-alpn", "h2,http/1.1") == b"this is two"
    assert ask("two.test") == b""
    stats = proxy.admin.stats()
    assert stats["tls_inspector.tls_found"] == 4
    assert stats["tls_inspector.sni_found"] == 4
    assert stats["tls_inspector.alpn_found"] == 1


def test_one_port_tells_protocols_apart(launch, serve, origin, certificate):
    tls, other = tls_server(serve, certificate, b"tls"), serve(echo)
    chains = [
        ({"transport_protocol": "tls"}, tcp("tls")),
        ({"application_protocols": ["http/1.0", "http/1.1"]}, web()),
        ({}, tcp("other")),
    ]
    proxy = launch(bootstrap(
        [tcp_listener(chains, [inspector("tls"), inspector("http")])],
        [cluster("tls", tls.port), cluster("web", origin.port), cluster("other", other.port)]))
    done = subprocess.run(["curl", "-s", "http://127.0.0.1:%d/" % proxy.port()], capture_output=True, timeout=20)
    assert done.stdout == b"origin a\n"
    context = ssl._create_unverified_context()
    with context.wrap_socket(connect(proxy.port())) as secure:
        secure.sendall(b"x")
        assert secure.recv(100) == b"this is tls"
    sock = connect(proxy.port())
    sock.sendall(b"*1\r\n$4\r\nPING\r\n")
    assert sock.recv(100) == b"*1\r\n$4\r\nPING\r\n"


# --- the PROXY protocol


def proxied_listener(**fields):
    return tcp_listener([({}, web())], [inspector("proxy", **fields)])


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
def test_haproxy_says_who_its_client_is(launch, origin, tmp_path, version):
    proxy = launch(bootstrap([proxied_listener()], [cluster("web", origin.port)]))
    spare = socket.create_server(("127.0.0.1", 0))
    port = spare.getsockname()[1]
    spare.close()
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
        "listen l\n bind 127.0.0.1:%d\n server s 127.0.0.1:%d %s\n" % (port, proxy.port(), version))
    haproxy = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _listens(port), what="HAProxy")
        sock = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=("127.0.0.77", 0))
        wire = Wire(sock)
        wire.send(request())
        assert wire.read_response().start_line.endswith("200 OK")
        wire.close()
    finally:
        haproxy.kill()
        haproxy.wait()
    stats = proxy.admin.stats()
    number = "v2" if version.endswith("v2") else "v1"
    assert stats["proxy_proto.versions.%s.found" % number] >= 1
    forwarded = dict(origin.requests[-1].headers)
    assert forwarded.get("x-forwarded-for") in (None, "127.0.0.77")


def _listens(port):
    try:
        connect(port).close()
        return True
    except OSError:
        return False


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_a_header_goes_on_to_an_endpoint_that_wants_one(launch, serve, tmp_path, version):
    """Client -> this proxy, which reads a header, -> a server, which is told by a header."""
    heard = []
    server = serve(lambda sock: heard.append(sock.recv(1000)) or sock.sendall(b"."))
    log = tmp_path / "tcp.log"
    socket_config = {"name": "p", "typed_config": {
        "@type": TYPE + "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        "config": {"version": version, **({"pass_through_tlvs": {}} if version == "V2" else {})},
        "transport_socket": {"name": "envoy.transport_sockets.raw_buffer", "typed_config": {
            "@type": TYPE + "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}}}}
    reader = inspector("proxy", rules=[{"tlv_type": 5, "on_tlv_present": {"key": "unique"}}],
                       pass_through_tlvs={"match_type": "INCLUDE", "tlv_type": [5]})
    proxy = launch(bootstrap([tcp_listener([({}, tcp("a", log))], [reader])],
                             [cluster("a", server.port, transport_socket=socket_config)]))
    sock = connect(proxy.port())
    body = bytes([203, 0, 113, 7, 203, 0, 113, 8]) + struct.pack(">HH", 1000, 2000) + b"\x05\x00\x04same" + b"\x06\x00\x01x"
    sock.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body + b"payload")
    assert sock.recv(10) == b"."
    sock.close()
    if version == "V1":
        assert heard == [b"PROXY TCP4 203.0.113.7 203.0.113.8 1000 2000\r\npayload"]
    else:
        told = body[:-4]
        assert heard == [b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(told)) + told + b"payload"]
    assert log_lines(log)[-1].endswith(" 203.0.113.7 same")
