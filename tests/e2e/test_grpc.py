"""gRPC with the interop client and server of grpc-go, through two proxies in a row."""

import contextlib
import socket
import subprocess
import time

import pytest
from harness.tools import go_tool

HTTP2 = {"explicit_http_config": {"http2_protocol_options": {}}}

CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture
def server():
    """The server takes no port 0, so another process may be faster to the port that was free."""
    for _ in range(5):
        port = free_port()
        process = subprocess.Popen([go_tool("grpc_interop_server"), "-port=%d" % port], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            if answers(port):
                yield port
                process.kill()
                process.wait()
                return
            time.sleep(0.02)
        process.kill()
        process.wait()
    pytest.fail("the interop server does not start")


@pytest.fixture
def pair(launch, plain, server):
    inner = launch(plain(server, cluster_fields={"http": HTTP2}))
    outer = launch(plain(inner.port(), cluster_fields={"http": HTTP2}))
    return outer, inner


def call(port, case):
    return subprocess.run(
        [go_tool("grpc_interop_client"), "-use_tls=false", "-server_host=127.0.0.1", "-server_port=%d" % port, "-test_case=%s" % case],
        capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("case", CASES)
def test_interop_case_passes(pair, case):
    outer, inner = pair
    done = call(outer.port(), case)
    assert done.returncode == 0, done.stderr.decode()
    assert outer.admin.wait_for_stat("http.ingress.downstream_rq_active", 0) == 0
    assert inner.admin.wait_for_stat("cluster.a.upstream_rq_active", 0) == 0
    # A call that ends at once may not get as far as a proxy, nor its connection.
    if case not in ("cancel_after_begin", "timeout_on_sleeping_server"):
        assert outer.admin.stat("http.ingress.downstream_cx_http2_total") >= 1


def test_a_missing_upstream_is_unavailable(launch, plain):
    proxy = launch(plain(free_port(), cluster_fields={"http": HTTP2}))
    done = call(proxy.port(), "empty_unary")
    assert done.returncode != 0
    assert b"code = Unavailable" in done.stderr, done.stderr.decode()
