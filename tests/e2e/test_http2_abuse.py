"""HTTP/2 clients that mean harm, frame by frame: each is bounded, counted, and harms no one else.

Every test ends with a client that behaves, served by the same worker.
"""

import os
import struct
import time

import pytest
from harness import http2
from harness.client import fetch
from harness.config import HTTP_OPTIONS, bootstrap, hcm, listener, route, vhost
from harness.http2 import (
    CONTINUATION, DATA, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, MAX_WINDOW, PING, PREFACE, PRIORITY, Client, frame,
    window_update,
)
from harness.origin import close, read_body, respond, send
from harness.wait import wait_until

pytestmark = pytest.mark.pillion_only
MIB = 1024 * 1024


@pytest.fixture
def proxy(launch, plain, origin):
    return launch(plain(origin.port))


def others_are_served(proxy, path="/"):
    begun = time.monotonic()
    assert fetch(proxy.port(), path).status == 200
    with Client(proxy.port()) as client:
        client.send(http2.head(1, http2.get(path)))
        assert client.status(1) == 200
    assert time.monotonic() - begun < 2


def is_calmed(proxy, client, metric):
    """The connection ends with ENHANCE_YOUR_CALM, and the metric says why."""
    assert client.goaway_code() == ENHANCE_YOUR_CALM
    assert client.read_to_end()
    assert proxy.admin.wait_for_stat(metric, 1) == 1
    assert proxy.admin.wait_for_stat("http2.streams_active", 0) == 0
    others_are_served(proxy)


def is_cut_off(proxy, client, metric):
    """The client does not read, so that nothing can be said to it: the connection just ends."""
    assert proxy.admin.wait_for_stat(metric, 1) == 1
    assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_active", 0) == 0
    client.close()
    others_are_served(proxy)


# --- floods


def test_rapid_reset_is_bounded_by_too_many_premature_resets(proxy, origin):
    """Envoy: more than half of 500 streams end within a second and without a response."""
    with Client(proxy.port()) as client:
        for at in range(1, 4000, 200):
            if not client.send(b"".join(http2.head(i) + http2.reset(i) for i in range(at, at + 200, 2))):
                break
        is_calmed(proxy, client, "http.ingress.downstream_rq_too_many_premature_resets")
    assert proxy.admin.stat("http2.rx_reset") <= 300
    assert len(origin.requests) <= 300


def test_resets_after_a_response_has_begun_are_bounded_by_inbound_reset_flood(launch, plain, origin):
    """nghttp2's measure: 1000 at once, then 33 a second."""
    routes = [route("/", {"direct_response": {"status": 200, "body": {"inline_string": "x" * 1000}}})]
    proxy = launch(bootstrap([listener("main", hcm([vhost("all", ["*"], routes)]))], []))
    with Client(proxy.port(), initial_window_size=0) as client:
        stream = 1
        while not client.ended and stream < 5000:
            batch = range(stream, stream + 100, 2)
            stream += 100
            if not client.send(b"".join(http2.head(i) for i in batch)):
                break
            client.read_until(lambda: len(client.of(HEADERS)) >= len(batch), 5)
            client.received = [f for f in client.received if f[0] == http2.GOAWAY]
            client.send(b"".join(http2.reset(i) for i in batch))
        is_calmed(proxy, client, "http2.inbound_reset_flood")
    assert 1000 <= proxy.admin.stat("http2.rx_reset") < 1300


def test_resets_that_a_client_provokes_are_bounded_by_too_many_premature_resets(proxy, origin):
    """A window that overflows is an error of the stream, and the request is given up: the client has
    it reset without a RST_STREAM of its own."""
    with Client(proxy.port()) as client:
        for i in range(1, 8000, 2):
            if not client.send(http2.head(i, end=False) + window_update(i, MAX_WINDOW)):
                break
        is_calmed(proxy, client, "http.ingress.downstream_rq_too_many_premature_resets")
    assert proxy.admin.stat("http2.tx_reset") <= 600


def test_a_malformed_request_ends_the_connection(proxy, origin):
    with Client(proxy.port()) as client:
        client.send(http2.head(1, http2.get(more=http2.field("Upper", "case"))))
        assert client.goaway_code() == 1
        assert client.read_to_end()
    assert proxy.admin.wait_for_stat("http2.rx_messaging_error", 1) == 1
    assert len(origin.requests) == 0
    others_are_served(proxy)


def test_malformed_requests_are_bounded_by_too_many_premature_resets(launch, plain, origin):
    """Where each is reset alone: an answer that costs the proxy more than the question costs the client."""
    proxy = launch(plain(origin.port, manager={"http2_protocol_options": {"override_stream_error_on_invalid_http_message": True}}))
    bad = http2.get(more=http2.field("Upper", "case"))
    with Client(proxy.port()) as client:
        for i in range(1, 8000, 2):
            if not client.send(http2.head(i, bad)):
                break
        is_calmed(proxy, client, "http.ingress.downstream_rq_too_many_premature_resets")
    assert {seen.header("upper") for seen in origin.requests} == {None}
    assert proxy.admin.stat("http2.rx_messaging_error") <= 600


def test_continuations_are_bounded_by_inbound_continuation_flood(proxy):
    with Client(proxy.port()) as client:
        client.send(frame(HEADERS, END_STREAM, 1, http2.get()))
        for i in range(1000):
            if not client.send(frame(CONTINUATION, 0, 1, http2.field("x%d" % i, "y"))):
                break
        is_calmed(proxy, client, "http2.inbound_continuation_flood")


def test_empty_continuations_are_bounded_by_inbound_empty_frames_flood(proxy):
    with Client(proxy.port()) as client:
        client.send(frame(HEADERS, END_STREAM, 1, http2.get()) + frame(CONTINUATION, 0, 1) * 10)
        is_calmed(proxy, client, "http2.inbound_empty_frames_flood")


def test_empty_data_is_bounded_by_inbound_empty_frames_flood(proxy):
    with Client(proxy.port()) as client:
        client.send(http2.head(1, http2.get(method="POST"), end=False) + frame(DATA, 0, 1) * 10)
        is_calmed(proxy, client, "http2.inbound_empty_frames_flood")


def test_settings_are_bounded_by_outbound_control_flood(proxy):
    with Client(proxy.port(), receive_buffer=4096) as client:
        client.send_until_refused(http2.settings() * 500)
        is_cut_off(proxy, client, "http2.outbound_control_flood")


def test_pings_are_bounded_by_outbound_control_flood(proxy):
    with Client(proxy.port(), receive_buffer=4096) as client:
        client.send_until_refused(frame(PING, 0, 0, b"12345678") * 500)
        is_cut_off(proxy, client, "http2.outbound_control_flood")


def test_pings_whose_answers_are_read_are_served(proxy):
    """The limit is of what waits, not of what was asked."""
    with Client(proxy.port()) as client:
        for _ in range(50):
            client.send(frame(PING, 0, 0, b"12345678") * 100)
            client.received.clear()
            assert client.read_until(lambda: len(client.of(PING)) == 100)
        client.send(http2.head(1))
        assert client.status(1) == 200


def test_priorities_are_bounded_by_inbound_priority_frames_flood(proxy):
    """Envoy: 100 a stream and 100 more."""
    with Client(proxy.port()) as client:
        client.send(http2.head(1) + frame(PRIORITY, 0, 3, struct.pack(">IB", 0, 16)) * 400)
        is_calmed(proxy, client, "http2.inbound_priority_frames_flood")


def test_window_updates_are_bounded_by_inbound_window_update_frames_flood(proxy):
    """Envoy: 5, two a stream, and 20 for each DATA frame that was sent."""
    with Client(proxy.port()) as client:
        client.send(http2.head(1) + window_update(0, 1) * 400)
        is_calmed(proxy, client, "http2.inbound_window_update_frames_flood")


def test_streams_beyond_the_limit_are_bounded_by_outbound_control_flood(launch):
    """Responses that nobody reads keep their streams open; all others are refused, each with a frame
    that nobody reads either."""
    routes = [route("/", {"direct_response": {"status": 200}}, response_headers_to_add=[
        {"header": {"key": "x-large", "value": "%REQ(x)%"}}])]
    proxy = launch(bootstrap([listener("main", hcm([vhost("all", ["*"], routes)]))], []))
    before, most = proxy.resident_kb(), 0
    with Client(proxy.port(), receive_buffer=4096) as client:
        for at in range(1, 40_000, 20):
            # No two alike, or the table of fields would make them small.
            heads = b"".join(http2.head(i, http2.get(more=http2.field("x", os.urandom(1000).hex()))) for i in range(at, at + 20, 2))
            if not client.send(heads):
                break
            most = max(most, proxy.resident_kb())
        assert most - before < 16 * 1024
        is_cut_off(proxy, client, "http2.outbound_control_flood")
    assert proxy.admin.stat("http2.stream_refused_errors") < 5000


# --- heads


def test_a_header_bomb_is_bounded_by_header_list_size_too_large(proxy, origin):
    """4000 bytes in the table, then a reference of one byte each: 16 KB that unfold to 64 MB."""
    before = proxy.resident_kb()
    with Client(proxy.port()) as client:
        client.send(http2.head(1, http2.get(more=http2.field("bomb", "b" * 4000, indexed=True))))
        assert client.status(1) == 200
        bomb = http2.get() + b"\xbe" * 15_000
        for i in range(3, 203, 2):
            client.send(http2.head(i, bomb))
            assert client.reset_code(i) is not None
        assert client.of(http2.GOAWAY) == []
        assert proxy.admin.stat("http2.header_list_size_too_large") == 100
        client.send(http2.head(301))
        assert client.status(301) == 200
    assert proxy.resident_kb() - before < 4 * 1024
    assert len(origin.requests) == 2
    others_are_served(proxy)


@pytest.mark.parametrize("more,metric", [
    (b"".join(http2.field("x%d" % i, "y") for i in range(150)), "header_overflow"),
    (http2.field("x", "y" * 12_000) + http2.field("z", "y" * 3000), "header_list_size_too_large"),
], ids=["count", "size"])
def test_headers_beyond_the_limits_are_bounded(launch, plain, origin, more, metric):
    proxy = launch(plain(origin.port, manager={"max_request_headers_kb": 12}))
    with Client(proxy.port()) as client:
        client.send(http2.head(1, http2.get(more=more)))
        assert client.reset_code(1) is not None or client.status(1) == 431
        assert proxy.admin.stat("http2." + metric) == 1
        client.send(http2.head(3))
        assert client.status(3) == 200
    assert len(origin.requests) == 1
    others_are_served(proxy)


# --- silence


def slow_ends(launch, plain, origin, data, **manager):
    """Sends `data` and falls silent; returns how the connection ended and after how long."""
    fields = {"common_http_protocol_options": {"idle_timeout": "1s"}, "stream_idle_timeout": "1s",
              "drain_timeout": "0.1s", **manager}
    proxy = launch(plain(origin.port, manager=fields))
    client = Client(proxy.port(), greet=False)
    client.send(data)
    begun = time.monotonic()
    others_are_served(proxy)
    client.read_to_end(8)
    elapsed = time.monotonic() - begun
    assert client.ended, "it is still open after %.1f s" % elapsed
    assert 0.5 < elapsed < 6
    client.close()
    assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_active", 0) == 0
    return proxy, client


def test_half_a_preface_ends_by_the_idle_timeout(launch, plain, origin):
    proxy, _ = slow_ends(launch, plain, origin, PREFACE[:10])
    assert proxy.admin.stat("http.ingress.downstream_cx_idle_timeout") >= 1


def test_a_preface_and_nothing_else_ends_by_the_idle_timeout(launch, plain, origin):
    proxy, _ = slow_ends(launch, plain, origin, PREFACE)
    assert proxy.admin.stat("http.ingress.downstream_cx_idle_timeout") >= 1


def test_half_a_frame_head_ends_by_the_idle_timeout(launch, plain, origin):
    proxy, _ = slow_ends(launch, plain, origin, PREFACE + http2.settings() + http2.head(1)[:5])
    assert proxy.admin.stat("http.ingress.downstream_cx_idle_timeout") >= 1


def test_half_a_header_block_ends_by_the_stream_idle_timeout(launch, plain, origin):
    half = frame(HEADERS, END_STREAM, 1, http2.get())
    proxy, client = slow_ends(launch, plain, origin, PREFACE + http2.settings() + half)
    assert proxy.admin.stat("http.ingress.downstream_rq_idle_timeout") == 1


def test_a_body_that_does_not_come_ends_by_the_stream_idle_timeout(launch, plain, origin):
    half = http2.head(1, http2.get(method="POST"), end=False) + frame(DATA, 0, 1, b"half")
    proxy, client = slow_ends(launch, plain, origin, PREFACE + http2.settings() + half)
    assert proxy.admin.stat("http.ingress.downstream_rq_idle_timeout") == 1


def test_a_preface_in_single_bytes_is_a_preface(proxy):
    with Client(proxy.port(), greet=False) as client:
        for byte in PREFACE + http2.settings() + http2.head(1):
            client.send(bytes([byte]))
        assert client.status(1) == 200


def test_thousands_of_idle_connections_cost_little_each(launch):
    count = 3000
    routes = [route("/", {"direct_response": {"status": 200, "body": {"inline_string": "ok"}}})]
    proxy = launch(bootstrap([listener("main", hcm([vhost("all", ["*"], routes)]))], []))
    others_are_served(proxy)
    before = proxy.resident_kb()
    clients = []
    try:
        for _ in range(count):
            clients.append(Client(proxy.port()))
            clients[-1].send(http2.head(1))
        for client in clients:
            assert client.status(1) == 200
        wait_until(lambda: proxy.admin.stat("http2.streams_active") == 0, what="the streams to end")
        each = (proxy.resident_kb() - before) / count
        print("%.1f KB for each idle connection" % each)
        assert each < 20
        others_are_served(proxy)
    finally:
        for client in clients:
            client.close()
    assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_active", 0) == 0


# --- windows


def test_shut_windows_hold_no_more_than_the_budget_and_end_by_tx_flush_timeout(launch, plain, origin):
    """Slow-read: 400 requests for 1 MB each, and a window of 0."""
    origin.default = [read_body(), send(respond(200, body=bytes(MIB)))]
    proxy = launch(plain(origin.port, manager={"stream_idle_timeout": "4s"}, route_fields={"timeout": "0s"}))
    others_are_served(proxy)
    before = proxy.resident_kb()
    with Client(proxy.port(), initial_window_size=0) as client:
        client.send(b"".join(http2.head(i) for i in range(1, 800, 2)))
        client.read_until(lambda: len(client.of(HEADERS)) >= 400)
        assert len(client.of(HEADERS)) == 400
        grown = proxy.resident_kb() - before
        print("%d KB for 400 responses that nobody reads" % grown)
        assert grown < 16 * 1024
        assert fetch(proxy.port()).status == 200
        assert client.read_until(lambda: len(client.of(http2.RST_STREAM)) == 400, 15)
        assert not client.ended
    assert proxy.admin.wait_for_stat("http2.streams_active", 0) == 0
    stats = proxy.admin.stats()
    assert stats["http2.tx_flush_timeout"] + stats["http.ingress.downstream_rq_idle_timeout"] >= 400
    others_are_served(proxy)


def test_small_responses_behind_a_shut_window_end_by_tx_flush_timeout(launch, plain, origin):
    proxy = launch(plain(origin.port, manager={"stream_idle_timeout": "1s"}))
    with Client(proxy.port(), initial_window_size=0) as client:
        client.send(b"".join(http2.head(i) for i in range(1, 400, 2)))
        assert client.read_until(lambda: len(client.of(http2.RST_STREAM)) == 200, 15)
    assert proxy.admin.stat("http2.tx_flush_timeout") == 200
    others_are_served(proxy)


def wide_client(proxy, count, seen):
    """Asks for `count` responses with the widest windows there are, and never reads one."""
    client = Client(proxy.port(), receive_buffer=16 * 1024, initial_window_size=MAX_WINDOW)
    client.send(window_update(0, MAX_WINDOW - 65535))
    asked, before = 0, seen()
    while asked < count:
        batch = min(50, count - asked)
        client.send(b"".join(http2.head(2 * i + 1) for i in range(asked, asked + batch)))
        asked += batch
        wait_until(lambda: seen() - before >= asked, what="%d requests" % asked, timeout=20)
    return client


def settled_growth(proxy, before, progress):
    """What the process has grown by once nothing moves any more."""
    last, same = None, 0
    while same < 10:
        now = (progress(), proxy.resident_kb())
        same = same + 1 if now == last else 0
        last = now
        time.sleep(0.05)
    return proxy.resident_kb() - before


def test_wide_windows_that_are_not_read_hold_no_more_than_the_budget(launch, plain, origin):
    """500 streams of 4 MB from HTTP/1.1: with Envoy's defaults, 2 GB would be on their way."""
    count = 500
    origin.default = [read_body(), send(respond(200, body=bytes(4 * MIB))), close()]
    limits = {"circuit_breakers": {"thresholds": [{"max_connections": 2000, "max_pending_requests": 2000, "max_requests": 2000}]}}
    proxy = launch(plain(origin.port, route_fields={"timeout": "0s"}, cluster_fields=limits))
    others_are_served(proxy)
    before = proxy.resident_kb()
    client = wide_client(proxy, count, lambda: len(origin.requests))
    received = "cluster.a.upstream_cx_rx_bytes_total"
    grown = settled_growth(proxy, before, lambda: proxy.admin.stat(received))
    print("%d KB for %d responses over HTTP/1.1" % (grown, count))
    assert grown < 24 * 1024
    assert fetch(proxy.port()).status == 200
    client.close()
    assert proxy.admin.wait_for_stat("http2.streams_active", 0) == 0


@pytest.fixture
def wide_origin():
    made = http2.Origin(2 * MIB)
    yield made
    made.stop()


def to_http2(plain, port, **fields):
    options = {"@type": HTTP_OPTIONS, "explicit_http_config": {"http2_protocol_options": {}}}
    return plain(port, route_fields={"timeout": "0s"}, cluster_fields={"http": options}, **fields)


def test_an_endpoint_that_fills_its_windows_is_held_to_the_budget_of_who_reads(launch, plain, wide_origin):
    """An HTTP/2 endpoint has a window for each stream and one for all. What a client does not read
    must neither pile up here nor use up the endpoint's window for other clients."""
    count = 500
    proxy = launch(to_http2(plain, wide_origin.port))
    others_are_served(proxy)
    before = proxy.resident_kb()
    client = wide_client(proxy, count, lambda: wide_origin.requests)
    grown = settled_growth(proxy, before, lambda: wide_origin.sent)
    print("%d KB for %d responses over HTTP/2" % (grown, count))
    # The limit of the connection (1 MiB) and as much on its way, and a first window for each stream.
    assert grown < 2 * 1024 + count * 16 * 1.5
    for _ in range(5):
        assert len(fetch(proxy.port()).body) == 2 * MIB
    assert proxy.admin.stat("cluster.a.upstream_cx_total") == 1, "the others were served elsewhere"
    client.close()
    assert proxy.admin.wait_for_stat("http2.streams_active", 0) == 0


def test_clients_that_stop_reading_in_the_middle_keep_no_wide_windows(launch, plain, wide_origin):
    """Each reads well at first, so that its responses' windows grow; then it stops."""
    proxy = launch(to_http2(plain, wide_origin.port))
    others_are_served(proxy)
    before = proxy.resident_kb()
    clients = []
    for _ in range(10):
        client = Client(proxy.port(), receive_buffer=16 * 1024, initial_window_size=MAX_WINDOW)
        client.send(window_update(0, MAX_WINDOW - 65535))
        client.send(b"".join(http2.head(i) for i in range(1, 40, 2)))
        clients.append(client)
    for client in clients:
        client.read_until(lambda c=client: sum(len(f[3]) for f in c.of(DATA)) > 2 * MIB)
    grown = settled_growth(proxy, before, lambda: wide_origin.sent)
    print("%d KB for 10 clients that stopped reading" % grown)
    assert grown < 10 * 2.5 * 1024 + 200 * 16
    assert len(fetch(proxy.port()).body) == 2 * MIB
    for client in clients:
        client.close()


def test_a_client_that_reads_gets_all_of_it_over_the_same_connection(launch, plain, wide_origin):
    proxy = launch(to_http2(plain, wide_origin.port))
    stalled = wide_client(proxy, 50, lambda: wide_origin.requests)
    with Client(proxy.port(), initial_window_size=4 * MIB) as client:
        client.send(window_update(0, 64 * MIB))
        client.send(b"".join(http2.head(i) for i in range(1, 20, 2)))
        done = lambda: sum(f[1] & END_STREAM for f in client.of(DATA)) == 10
        assert client.read_until(done, 20)
        assert {len(client.body(i)) for i in range(1, 20, 2)} == {2 * MIB}
    stalled.close()
