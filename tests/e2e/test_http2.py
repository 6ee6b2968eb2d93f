"""HTTP/2 with clients and servers that no one here wrote."""

import hashlib
import re
import subprocess

import pytest
from harness.config import bootstrap, cluster, hcm, listener, route, to, vhost
from harness.origin import reply
from harness.tools import go_tool

HTTP2 = {"explicit_http_config": {"http2_protocol_options": {}}}


def run(*command, data=None, timeout=60):
    done = subprocess.run(command, input=data, capture_output=True, timeout=timeout, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


def curl(*arguments, data=None):
    return run("curl", "-sS", "--http2-prior-knowledge", "--max-time", "20", *arguments, data=data)


@pytest.fixture
def relay(launch, plain, origin):
    """Two proxies in a row that speak HTTP/2 to each other, and to the client."""

    def make(manager=None):
        inner = launch(plain(origin.port, manager=manager))
        return launch(plain(inner.port(), manager=manager, cluster_fields={"http": HTTP2}))

    return make


def test_curl_gets_and_posts(launch, plain, origin):
    proxy = launch(plain(origin.port))
    url = "http://127.0.0.1:%d/x" % proxy.port()
    assert curl(url) == b"origin a\n"
    assert curl("-d", "hello", url) == b"origin a\n"
    assert [seen.body for seen in origin.requests] == [b"", b"hello"]
    assert proxy.admin.stat("http.ingress.downstream_cx_http2_total") == 2


def test_curl_head_and_status(launch, plain, origin):
    proxy = launch(plain(origin.port))
    origin.script(reply(404, body=b"none"))
    output = curl("-i", "http://127.0.0.1:%d/" % proxy.port()).decode()
    assert output.startswith("HTTP/2 404") and output.endswith("none")
    head = curl("-I", "http://127.0.0.1:%d/" % proxy.port()).decode()
    assert head.startswith("HTTP/2 200") and "x-origin: a" in head


def test_large_bodies_pass_through_two_proxies(relay, origin, tmp_path):
    proxy = relay()
    data = bytes(range(256)) * 40000
    origin.script(reply(200, body=data))
    url = "http://127.0.0.1:%d/up" % proxy.port()
    back = curl("--data-binary", "@-", url, data=data)
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
    assert hashlib.sha256(origin.requests[0].body).digest() == hashlib.sha256(data).digest()
    assert proxy.admin.stat("cluster.a.upstream_cx_http2_total") == 1


def test_an_http1_client_reaches_an_http2_upstream(relay, origin):
    proxy = relay()
    url = "http://127.0.0.1:%d/" % proxy.port()
    assert run("curl", "-sS", "--http1.1", url) == b"origin a\n"


def test_an_h2c_upgrade_is_served_as_http1(launch, plain, origin):
    proxy = launch(plain(origin.port))
    output = run("curl", "-sSi", "--http2", "http://127.0.0.1:%d/" % proxy.port())
    assert output.startswith(b"HTTP/1.1 200") and output.endswith(b"origin a\n")


def test_h2load_sees_no_failure(relay):
    proxy = relay()
    output = run("h2load", "-n", "3000", "-c", "8", "-m", "20", "http://127.0.0.1:%d/" % proxy.port()).decode()
    assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in output, output
    assert "status codes: 3000 2xx" in output
    assert proxy.admin.stat("http.ingress.downstream_rq_2xx") == 3000
    assert proxy.admin.wait_for_stat("http2.streams_active", 0) == 0
    assert proxy.admin.stat("cluster.a.upstream_rq_200") == 3000
    assert proxy.admin.stat("cluster.a.upstream_cx_total") < 20


def test_h2load_with_bodies_both_ways(relay, origin, tmp_path):
    proxy = relay()
    body = tmp_path / "body"
    body.write_bytes(b"b" * 100_000)
    output = run("h2load", "-n", "200", "-c", "4", "-m", "10", "-d", str(body), "http://127.0.0.1:%d/" % proxy.port()).decode()
    assert "200 succeeded, 0 failed" in output, output
    assert {len(seen.body) for seen in origin.requests} == {100_000}


def test_nghttp_is_told_the_limits(launch, plain, origin):
    proxy = launch(plain(origin.port))
    output = run("nghttp", "-nv", "http://127.0.0.1:%d/" % proxy.port()).decode()
    assert "[SETTINGS_MAX_CONCURRENT_STREAMS(0x03):1024]" in output
    assert "[SETTINGS_INITIAL_WINDOW_SIZE(0x04):16777216]" in output
    assert ":status: 200" in output


def test_connections_drain_with_goaway(launch, plain, origin):
    proxy = launch(plain(origin.port, manager={"common_http_protocol_options": {"max_requests_per_connection": 1}, "drain_timeout": "0.2s"}))
    output = run("nghttp", "-nv", "http://127.0.0.1:%d/" % proxy.port()).decode()
    assert re.search(r"recv GOAWAY frame.*\n.*\(last_stream_id=2147483647, error_code=NO_ERROR", output), output


def test_h2spec_finds_no_failure(launch, origin):
    routes = [route("/", {"direct_response": {"status": 200, "body": {"inline_string": "hello\n"}}})]
    # With AUTO what is no preface is HTTP/1.1, and is answered as such.
    manager = hcm([vhost("all", ["*"], routes)], codec_type="HTTP2")
    proxy = launch(bootstrap([listener("main", manager)], [cluster("a", origin.port)]))
    done = subprocess.run([go_tool("h2spec"), "-h", "127.0.0.1", "-p", str(proxy.port()), "-o", "5"],
                          capture_output=True, timeout=300, check=False)
    output = done.stdout.decode(errors="replace")
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", output)
    assert summary, output
    tests, passed, _, failed = map(int, summary.groups())
    assert (failed, passed) == (0, tests), output
    assert tests >= 140


def test_routes_see_the_same_request_in_either_version(launch, origins):
    a, b = origins("a"), origins("b")
    routes = [route({"path": "/b"}, to("b")), route("/", to("a"))]
    proxy = launch(bootstrap([listener("main", hcm([vhost("all", ["one.example"], routes)]))], [cluster("a", a.port), cluster("b", b.port)]))
    url = "http://127.0.0.1:%d" % proxy.port()
    for version in ("--http1.1", "--http2-prior-knowledge"):
        assert run("curl", "-sS", version, "-H", "host: one.example", url + "/b") == b"origin b\n"
        assert run("curl", "-sS", version, "-H", "host: one.example", url + "/x") == b"origin a\n"
        assert b"404" in run("curl", "-sSi", version, "-H", "host: two.example", url + "/x")
