"""Connections of an application that knows nothing of the proxy: redirected by the kernel, in a network namespace."""

import http.client
import socket
import threading
import time

import pytest
from harness.config import TYPE, access_log, bootstrap, cluster, hcm, listener, route, vhost
from harness.netns import as_application, nft, own_network
from harness.wait import wait_until

ADDRESSES = ("10.1.1.1/32", "10.1.1.2/32", "fd00::1/128")
OUTBOUND = 15001
REDIRECT = """
table inet mesh {
  chain output {
    type nat hook output priority -100; policy accept;
    meta skuid 65534 ip protocol tcp tcp dport != %(port)d redirect to :%(port)d
    meta skuid 65534 ip6 nexthdr tcp tcp dport != %(port)d redirect to :%(port)d
  }
}
""" % {"port": OUTBOUND}


@pytest.fixture
def network():
    with own_network(*ADDRESSES):
        nft(REDIRECT)
        yield


def filter_named(name):
    message = "".join(part.capitalize() for part in name.split("_"))
    return {"name": name, "typed_config": {"@type": TYPE + "envoy.extensions.filters.listener.%s.v3.%s" % (name, message)}}


def tcp_to(name, log=None):
    proxy = {"@type": TYPE + "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": name, "cluster": name}
    if log:
        proxy["access_log"] = [access_log(log, text="%UPSTREAM_HOST% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_ADDRESS% %RESPONSE_FLAGS%\n")]
    return {"filters": [{"name": "tcp", "typed_config": proxy}]}


def passthrough(**fields):
    made = {"name": "passthrough", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "connect_timeout": "1s", "cleanup_interval": "0.2s"}
    made.update(fields)
    return made


def outbound(*chains, filters=("original_dst",), **fields):
    """The listener that all connections of applications arrive at."""
    made = {"name": "outbound", "address": {"socket_address": {"address": "::", "port_value": OUTBOUND, "ipv4_compat": True}},
            "use_original_dst": True, "listener_filters": [filter_named(name) for name in filters],
            "default_filter_chain": chains[0]}
    made.update(fields)
    return made


def virtual(name, host, port, text):
    """A listener that no socket is opened for."""
    routes = [route("/", {"direct_response": {"status": 200, "body": {"inline_string": text}}})]
    made = listener(name, hcm([vhost("all", ["*"], routes)]))
    made["address"] = {"socket_address": {"address": host, "port_value": port}}
    made["bind_to_port"] = False
    return made


def serve(host, port, function):
    """A server in this network namespace, until the test ends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)

    def run():
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with sock:
                function(sock)

    threading.Thread(target=run, daemon=True).start()
    return listening


def stop(server):
    """Wakes the thread that waits for connections, which holds the port as long as it does."""
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def answer_http(text):
    def function(sock):
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(text), text))
    return function


def get(host, port, headers=None):
    with as_application():
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.connect()
    connection.request("GET", "/", headers=headers or {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def test_connections_go_where_they_were_going(launch, network, tmp_path):
    log = tmp_path / "tcp.log"
    proxy = launch(bootstrap([outbound(tcp_to("passthrough", log))], [passthrough()]))
    for host in ("10.1.1.1", "10.1.1.2", "fd00::1", "127.0.0.1"):
        server = serve(host, 7001, answer_http(host.encode()))
        assert get(host, 7001) == (200, host.encode())
        stop(server)
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 4)
    lines = log.read_text().splitlines()
    assert lines[0].startswith("10.1.1.1:7001 10.1.1.1:7001 ")
    assert lines[2].startswith("[fd00::1]:7001 [fd00::1]:7001 ")
    stats = proxy.admin.stats()
    assert stats["cluster.passthrough.upstream_cx_total"] == 4
    # Nobody asks for them any more.
    assert proxy.admin.wait_for_stat("cluster.passthrough.membership_total", 0) == 0


def test_http_requests_go_where_their_connection_was_going(launch, network):
    chain = listener("unused", hcm([vhost("all", ["*"], [route("/", "passthrough")])]))["filter_chains"][0]
    proxy = launch(bootstrap([outbound(chain)], [passthrough()]))
    server = serve("10.1.1.1", 7001, answer_http(b"one"))
    assert get("10.1.1.1", 7001) == (200, b"one")
    stop(server)
    # The destination that refuses is named by its failure, not mistaken for another.
    assert get("10.1.1.2", 7001)[0] == 503
    assert proxy.admin.stat("cluster.passthrough.upstream_cx_connect_fail") == 1


def test_listeners_without_a_socket_are_chosen_by_destination(launch, network):
    listeners = [outbound(tcp_to("passthrough")), virtual("port", "0.0.0.0", 7002, "by port\n"),
                 virtual("address", "10.1.1.1", 7003, "by address\n")]
    proxy = launch(bootstrap(listeners, [passthrough()]))
    server = serve("10.1.1.2", 7003, answer_http(b"passed through"))
    assert get("10.1.1.1", 7002) == (200, b"by port\n")
    assert get("10.1.1.2", 7002) == (200, b"by port\n")
    assert get("10.1.1.1", 7003) == (200, b"by address\n")
    assert get("10.1.1.2", 7003) == (200, b"passed through")
    stop(server)
    assert proxy.admin.stat("listener.0.0.0.0_7002.downstream_cx_total") == 2


def test_chains_match_the_destination_port(launch, network):
    special = listener("unused", hcm([vhost("all", ["*"], [route("/", {"direct_response": {"status": 200, "body": {"inline_string": "special\n"}}})])]))["filter_chains"][0]
    special["filter_chain_match"] = {"destination_port": 7005}
    made = outbound(tcp_to("passthrough"))
    made["filter_chains"] = [special]
    launch(bootstrap([made], [passthrough()]))
    server = serve("10.1.1.1", 7006, answer_http(b"passed through"))
    assert get("10.1.1.1", 7005) == (200, b"special\n")
    assert get("10.1.1.1", 7006) == (200, b"passed through")
    stop(server)


@pytest.mark.pillion_only
def test_a_server_that_speaks_first_does_not_wait_for_the_inspectors(launch, network):
    filters = ("original_dst", "tls_inspector", "http_inspector")
    http_chain = listener("unused", hcm([vhost("all", ["*"], [route("/", "passthrough")])]))["filter_chains"][0]
    http_chain["filter_chain_match"] = {"application_protocols": ["http/1.1"]}
    made = outbound(tcp_to("passthrough"), filters=filters, listener_filters_timeout="5s")
    made["filter_chains"] = [http_chain]
    launch(bootstrap([made], [passthrough()]))
    server = serve("10.1.1.1", 3306, lambda sock: sock.sendall(b"5.5.5-greeting"))
    begun = time.monotonic()
    with as_application():
        sock = socket.create_connection(("10.1.1.1", 3306), timeout=5)
    assert sock.recv(100) == b"5.5.5-greeting"
    assert time.monotonic() - begun < 2
    stop(server)


@pytest.mark.pillion_only
def test_who_connects_to_the_listener_itself_is_not_sent_round(launch, network):
    proxy = launch(bootstrap([outbound(tcp_to("passthrough"))], [passthrough()]))
    with as_application():
        sock = socket.create_connection(("127.0.0.1", OUTBOUND), timeout=5)
    sock.sendall(b"x")
    try:
        assert sock.recv(10) == b""
    except ConnectionResetError:
        pass
    stats = proxy.admin.stats()
    assert stats["cluster.passthrough.original_dst_host_invalid"] == 1
    assert stats["cluster.passthrough.upstream_cx_total"] == 0
    assert stats["listener.[__]_15001.original_dst_loop"] == 1


def test_a_header_names_the_destination(launch, network):
    original = passthrough(original_dst_lb_config={"use_http_header": True})
    made = listener("main", hcm([vhost("all", ["*"], [route("/", "passthrough")])]))
    made["address"] = {"socket_address": {"address": "127.0.0.1", "port_value": OUTBOUND}}
    launch(bootstrap([made], [original]))
    server = serve("10.1.1.1", 7001, answer_http(b"named"))
    assert get("127.0.0.1", OUTBOUND, {"x-envoy-original-dst-host": "10.1.1.1:7001"}) == (200, b"named")
    stop(server)
    assert get("127.0.0.1", OUTBOUND)[0] == 503
    assert get("127.0.0.1", OUTBOUND, {"x-envoy-original-dst-host": "no address"})[0] == 503


def test_another_port_can_be_asked_for(launch, network):
    launch(bootstrap([outbound(tcp_to("passthrough"))], [passthrough(original_dst_lb_config={"upstream_port_override": 7009})]))
    server = serve("10.1.1.1", 7009, answer_http(b"other port"))
    assert get("10.1.1.1", 80) == (200, b"other port")
    stop(server)
