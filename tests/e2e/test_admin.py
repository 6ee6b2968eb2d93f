"""The admin endpoint."""

import json
import subprocess

import pytest
from harness.client import connect, fetch, request
from harness.wait import wait_until


@pytest.fixture
def proxy(launch, plain, origin):
    running = launch(plain(origin.port))
    fetch(running.port(), "/x")
    return running


def test_ready(proxy):
    status, headers, body = proxy.admin.request("/ready")
    assert (status, body) == (200, b"LIVE\n")
    assert headers["content-type"].startswith("text/plain")


def test_server_info(proxy):
    info = json.loads(proxy.admin.get("/server_info"))
    assert info["state"] == "LIVE"
    assert info["node"]["id"] == "node-1"
    assert info["command_line_options"]["concurrency"] == 1
    assert info["version"]


def test_stats_text(proxy):
    stats = proxy.admin.stats()
    assert stats["cluster.a.upstream_rq_200"] == 1
    assert stats["http.ingress.downstream_rq_2xx"] == 1
    assert stats["server.live"] == 1


def test_stats_filter_and_usedonly(proxy):
    lines = proxy.admin.get("/stats?filter=upstream_rq_2xx").splitlines()
    assert "cluster.a.upstream_rq_2xx: 1" in lines
    assert all("upstream_rq_2xx" in line for line in lines)
    used = proxy.admin.get("/stats?usedonly&filter=cluster.a.upstream_rq").splitlines()
    assert "cluster.a.upstream_rq_total: 1" in used
    assert not any(line.startswith("cluster.a.upstream_rq_timeout:") for line in used)


def test_stats_json(proxy):
    body = json.loads(proxy.admin.get("/stats?format=json&filter=upstream_rq_total"))
    assert {"name": "cluster.a.upstream_rq_total", "value": 1} in body["stats"]


def test_stats_prometheus(proxy):
    for path in ("/stats/prometheus", "/stats?format=prometheus"):
        text = proxy.admin.get(path)
        assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="a"} 1' in text
        assert "# TYPE envoy_cluster_upstream_rq_total counter" in text
        assert 'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="a"} 1' in text
        assert 'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress"} 1' in text


def test_histogram_buckets_are_envoys(proxy):
    def buckets():
        text = proxy.admin.get("/stats/prometheus")
        lines = [line for line in text.splitlines() if line.startswith("envoy_cluster_upstream_rq_time_bucket")]
        return [line.split('le="')[1].split('"')[0] for line in lines if 'envoy_cluster_name="a"' in line]

    # Envoy merges histograms every 5 s.
    found = wait_until(buckets, timeout=8)
    assert found == ["0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "30000", "60000", "300000",
                     "600000", "1800000", "3600000", "+Inf"]


@pytest.mark.pillion_only
def test_metrics_is_the_same_as_stats_prometheus(proxy):
    assert "envoy_cluster_upstream_rq_total" in proxy.admin.get("/metrics")


@pytest.mark.pillion_only
def test_promtool_finds_no_error(proxy):
    fetch(proxy.port(), "/y", method="POST", body=b"abc")
    text = proxy.admin.get("/stats/prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    complaints = (done.stdout + done.stderr).decode().splitlines()
    # Envoy's own names: counters without _total, durations in milliseconds, no help texts are errors to no one.
    allowed = ("counter metrics should have \"_total\" suffix", "use base unit \"seconds\" instead of \"milliseconds\"",
               "metric names should not contain abbreviated units", "non-histogram and non-summary metrics should not have",
               "non-counter metrics should not have \"_total\" suffix", "use base unit \"seconds\" instead of \"days\"")
    assert not [line for line in complaints if not any(words in line for words in allowed)], complaints
    assert done.returncode in (0, 3), "3 is promtool's code for lint complaints, 1 its code for errors"


@pytest.mark.pillion_only
def test_series_exist_once_used_not_once_configured(launch, plain, origin):
    config = plain(origin.port)
    unused = dict(config["static_resources"]["clusters"][0], name="unused")
    config["static_resources"]["clusters"].append(unused)
    proxy = launch(config)
    fetch(proxy.port())
    text = proxy.admin.get("/stats/prometheus")
    assert 'envoy_cluster_name="a"' in text and 'envoy_cluster_name="unused"' not in text


def test_clusters(proxy, origin):
    text = proxy.admin.get("/clusters")
    assert "a::127.0.0.1:%d::rq_total::1" % origin.port in text
    assert "a::127.0.0.1:%d::health_flags::healthy" % origin.port in text
    assert "a::default_priority::max_connections::1024" in text


def test_clusters_json(proxy, origin):
    body = json.loads(proxy.admin.get("/clusters?format=json"))
    status = [entry for entry in body["cluster_statuses"] if entry["name"] == "a"][0]
    assert status["host_statuses"][0]["address"]["socket_address"]["port_value"] == origin.port


def test_listeners(proxy):
    assert proxy.admin.get("/listeners") == "main::127.0.0.1:%d\n" % proxy.port()


def test_config_dump(proxy):
    body = json.loads(proxy.admin.get("/config_dump"))
    kinds = {entry["@type"].rsplit(".", 1)[-1] for entry in body["configs"]}
    assert {"BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump", "RoutesConfigDump"} <= kinds
    boot = [entry for entry in body["configs"] if entry["@type"].endswith("BootstrapConfigDump")][0]
    assert boot["bootstrap"]["node"]["id"] == "node-1"


def test_memory(proxy):
    body = json.loads(proxy.admin.get("/memory"))
    assert int(body["allocated"]) > 0 and int(body["heap_size"]) > 0


def test_logging_level_is_shown_and_changed(proxy):
    status, _, body = proxy.admin.request("/logging?level=debug", "POST")
    assert status == 200 and b"debug" in body
    status, _, _ = proxy.admin.request("/logging?level=shouting", "POST")
    assert status == 400


def test_changing_endpoints_want_post(proxy):
    for path in ("/quitquitquit", "/drain_listeners", "/logging?level=info"):
        status, _, _ = proxy.admin.request(path)
        assert status == 405, path
    assert fetch(proxy.port()).status == 200


def test_index_lists_the_commands(proxy):
    status, headers, body = proxy.admin.request("/")
    assert status == 200 and headers["content-type"].startswith("text/html")
    for path in ("stats", "clusters", "listeners", "config_dump", "server_info", "ready", "logging", "memory", "drain_listeners", "quitquitquit"):
        assert path.encode() in body


def test_unknown_path_is_404(proxy):
    status, _, body = proxy.admin.request("/nothing")
    assert status == 404 and b"stats" in body


def test_drain_listeners_stops_accepting(proxy):
    wire = connect(proxy.port())
    wire.send(request())
    assert wire.read_response().status == 200
    status, _, body = proxy.admin.request("/drain_listeners", "POST")
    assert (status, body) == (200, b"OK\n")

    def refused():
        try:
            connect(proxy.port(), timeout=1).close()
        except OSError:
            return True
        return False

    wait_until(refused, what="the listener to close")


def test_quitquitquit(proxy):
    status, _, body = proxy.admin.request("/quitquitquit", "POST")
    assert (status, body) == (200, b"OK\n")
    assert proxy.wait(10) == 0


def test_a_client_that_sends_rubbish_does_not_hurt(proxy):
    for data in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /stats HTTP/1.1\r\n" + b"x: y\r\n" * 5000 + b"\r\n"):
        wire = connect(proxy.admin.port)
        wire.send(data)
        wire.wait_closed(2)
        wire.close()
    assert proxy.admin.request("/ready")[0] == 200
