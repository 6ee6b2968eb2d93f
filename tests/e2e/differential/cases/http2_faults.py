"""HTTP/2 when something goes wrong or ends: resets, time-outs, GOAWAY, drains, floods, tunnels."""

import struct

from harness.client import Abort, Pause, Recv, RecvBytes, ShutWrite, request
from harness.config import cluster, route, to, vhost
from harness.hpack import encode
from harness.http2_wire import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    ENABLE_CONNECT_PROTOCOL, MAX_CONCURRENT_STREAMS,
)
from harness.http2_client import Ask, Body, Cancel, Done, Frame, GoneAway, Head, More, ask, fields
from harness.http2_origin import data, echo, goaway, head, raw_frame, raw_head, reply2, rst, skip_body, trailers, wait_reset
from harness.origin import close, delay, reply, reset, send
from harness.origin import skip_body as skip1

from ..case import Case, Group
from .http2 import CALM, CANCEL, HTTP2, INTERNAL, NO_ERROR, PROTOCOL, REFUSED, clusters, config, h2, managers, one, routes, without_none
from .tunnels import ACCEPT, WEBSOCKET


def scripts(*lists):
    return {"origin": {"h2": list(lists)}}


ORIGIN_FAULTS = [
    one("origin resets", h2=[rst(INTERNAL)]),
    one("origin resets a post", "POST", body=b"some body", h2=[rst(INTERNAL)]),
    one("origin cancels", h2=[rst(CANCEL)]),
    one("origin refuses", h2=[rst(REFUSED)]),
    one("origin says no error", h2=[rst(NO_ERROR)]),
    one("origin resets with another code", h2=[rst(99)]),
    one("origin is calmed", h2=[rst(CALM)]),
    one("origin resets after the head", h2=[head(200), rst(INTERNAL)]),
    one("origin resets inside the body", h2=[head(200), data(b"part"), rst(INTERNAL)]),
    one("origin resets after an interim head", h2=[head(103), rst(INTERNAL)]),
    one("origin closes", h2=[close()]),
    one("origin closes after the head", h2=[head(200), delay(0.05), close()]),
    one("origin closes inside the body", h2=[head(200), data(b"part"), delay(0.05), close()]),
    one("origin is lost", h2=[reset()]),
    one("http/1.1 origin closes", path="/one/x", a=[close()]),
    one("http/1.1 origin closes inside the body", path="/one/x", a=[send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"), delay(0.05), close()]),
    one("http/1.1 origin is malformed", path="/one/x", a=[send(b"nonsense\r\n\r\n")]),
    one("retry: reset, then good", path="/retry/x", **scripts([rst(INTERNAL)], reply2())),
    one("retry: refused, then good", path="/retry/x", **scripts([rst(REFUSED)], reply2())),
    one("retry: 503, then good", path="/retry/x", **scripts(reply2(503), reply2())),
    one("retry: always reset", path="/retry/x", **scripts(*[[rst(INTERNAL)]] * 4)),
    one("retry of a post: refused, then good", "POST", "/retry/x", body=b"some body", **scripts([rst(REFUSED)], reply2())),
    one("retry of a post: reset, then good", "POST", "/retry/x", body=b"some body", **scripts([rst(INTERNAL)], reply2())),
    one("retry refused streams: refused", path="/refused-stream/x", **scripts([rst(REFUSED)], reply2())),
    one("retry refused streams: reset", path="/refused-stream/x", **scripts([rst(INTERNAL)], reply2())),
    one("retry refused streams: not answered at goaway", path="/refused-stream/x", **scripts([goaway(0, 0), delay(0.05), close()], reply2())),
    one("retry resets: closed", path="/reset/x", **scripts([close()], reply2())),
    one("retry resets: refused", path="/reset/x", **scripts([rst(REFUSED)], reply2())),
    one("retry before the request: refused", path="/before/x", **scripts([rst(REFUSED)], reply2())),
    one("retry before the request: reset", path="/before/x", **scripts([rst(INTERNAL)], reply2())),
    one("retry: http/1.1 origin closes", path="/retry1/x", origin={"a": [[close()], reply()]}),
    one("no retry after the head", path="/retry/x", **scripts([head(200), data(b"part"), rst(INTERNAL)], reply2())),
    one("goaway after the answer", h2=[head(200), data(b"ok", True), goaway()]),
    h2("goaway, then another request", ask(), Done(1), Pause(0.05), ask(path="/b"), Done(3), **scripts([head(200), data(b"ok", True), goaway()], reply2())),
    one("goaway before the answer", h2=[goaway(), delay(0.05), head(200), data(b"ok", True)]),
    one("goaway that leaves the stream out", h2=[goaway(0, 0)]),
    one("goaway with an error", h2=[goaway(INTERNAL, 0), delay(0.05), close()]),
    one("timeout", path="/timeout/x", h2=[wait_reset()], settle=0.3),
    one("timeout inside the body", path="/timeout/x", h2=[head(200), data(b"part"), wait_reset()], settle=0.3),
    one("timeout of each try", path="/try/x", settle=0.5, **scripts([wait_reset()], reply2())),
    one("timeout of each try, always", path="/try/x", settle=0.5, **scripts([wait_reset()], [wait_reset()])),
    one("longest stream", path="/limit/x", h2=[head(200), data(b"part"), wait_reset()], settle=0.4),
    one("longest stream without a head", path="/limit/x", h2=[wait_reset()], settle=0.4),
    one("route's idle timeout", path="/idle/x", h2=[head(200), data(b"part"), wait_reset()], settle=0.4),
    one("answer before the request's end", "POST", body=b"some body", h2=[skip_body(), *reply2()]),
    h2("answer, then the request is not wanted", ask("POST", end=False), Done(1), h2=[skip_body(), head(200), data(b"ok", True), rst(NO_ERROR)], linger=0.3,
       settle=0.4),
    h2("http/1.1 answer before the request's end", ask("POST", "/one/x", end=False), Done(1), a=[skip1(), *reply()], linger=0.3, settle=0.4),
]

BAD_ANSWERS = [
    one("bad answer: " + name, h2=script) for name, script in {
        "no status": [raw_head([("x-a", "1")], True)],
        "status abc": [raw_head([(":status", "abc")], True)],
        "status 99": [raw_head([(":status", "99")], True)],
        "status 1000": [raw_head([(":status", "1000")], True)],
        "status 101": [raw_head([(":status", "101")])],
        "status 600": [raw_head([(":status", "600")], True)],
        "two statuses": [raw_head([(":status", "200"), (":status", "200")], True)],
        "path": [raw_head([(":status", "200"), (":path", "/")], True)],
        "connection": [raw_head([(":status", "200"), ("connection", "close")], True)],
        "transfer-encoding": [raw_head([(":status", "200"), ("transfer-encoding", "chunked")], True)],
        "upper-case name": [raw_head([(":status", "200"), ("X-Upper", "1")], True)],
        "name with a space": [raw_head([(":status", "200"), ("x a", "1")], True)],
        "value with NUL": [raw_head([(":status", "200"), ("x-a", "a\0b")], True)],
        "body too long": [head(200, [("content-length", "2")]), data(b"more than that", True)],
        "body too short": [head(200, [("content-length", "20")]), data(b"less", True)],
        "two lengths": [raw_head([(":status", "200"), ("content-length", "0"), ("content-length", "1")], True)],
        "data first": [data(b"body", True)],
        "interim that ends": [head(103, [], True)],
        "too many fields": [raw_head([(":status", "200")] + [("x-%d" % i, "1") for i in range(120)], True)],
        "too large fields": [raw_head([(":status", "200")] + [("x-%d" % i, "v" * 7000) for i in range(10)], True)],
        "trailers with a status": [head(200), data(b"ok"), trailers([(":status", "200")])],
        "settings on a stream": [raw_frame(SETTINGS)],
        "push": [raw_frame(PUSH_PROMISE, END_HEADERS, struct.pack(">I", 2) + encode([(":method", "GET")]))],
    }.items()
]

CLIENT_FAULTS = [
    h2("client cancels", ask(), Pause(0.05), Cancel(1), Pause(0.05), h2=[wait_reset()], log_lines=1),
    h2("client cancels with no error", ask(), Pause(0.05), Cancel(1, NO_ERROR), Pause(0.05), h2=[wait_reset()], log_lines=1),
    h2("client cancels with another code", ask(), Pause(0.05), Cancel(1, INTERNAL), Pause(0.05), h2=[wait_reset()], log_lines=1),
    h2("client refuses", ask(), Pause(0.05), Cancel(1, REFUSED), Pause(0.05), h2=[wait_reset()], log_lines=1),
    h2("client cancels inside its body", ask("POST", body=b"part", end=False), Pause(0.05), Cancel(1), Pause(0.05), h2=[skip_body(), wait_reset()], log_lines=1),
    h2("client cancels inside the answer", ask(), Body(1, 4), Cancel(1), Pause(0.05), h2=[head(200), data(b"part"), wait_reset()], log_lines=1),
    h2("client cancels, http/1.1 origin", ask(path="/one/x"), Pause(0.05), Cancel(1), Pause(0.1), a=[delay(0.1), close()], log_lines=1, settle=0.3),
    h2("client cancels after the end", ask(), Done(1), Cancel(1)),
    h2("client leaves", ask(), Pause(0.05), h2=[wait_reset()], linger=0, log_lines=1),
    h2("client resets the connection", ask(), Pause(0.05), Abort(), h2=[wait_reset()], log_lines=1),
    h2("client leaves inside its body", ask("POST", body=b"part", end=False), Pause(0.05), h2=[skip_body(), wait_reset()], linger=0, log_lines=1),
    h2("client leaves inside the answer", ask(), Body(1, 4), h2=[head(200), data(b"part"), wait_reset()], linger=0, log_lines=1),
    h2("client says goaway", ask(), Pause(0.02), Frame(7, 0, 0, struct.pack(">II", 0, 0)), Done(1), linger=0.3, h2=[delay(0.05), *reply2()]),
    h2("ping", Frame(PING, 0, 0, b"12345678"), ask(), Done(1)),
    h2("priority", Frame(PRIORITY, 0, 1, struct.pack(">IB", 0, 5)), ask(), Done(1)),
    h2("unknown frame", Frame(99, 0, 0, b"abc"), ask(), Done(1)),
    h2("padded head", Frame(HEADERS, 0x8 | END_HEADERS | END_STREAM, 1, bytes([2]) + encode(fields()) + bytes(2)), Done(1)),
    h2("head in three frames", Frame(HEADERS, END_STREAM, 1, encode(fields())[:10]), Frame(CONTINUATION, 0, 1, encode(fields())[10:20]),
       Frame(CONTINUATION, END_HEADERS, 1, encode(fields())[20:]), Done(1)),
    *[h2("broken: " + name, *steps, Done(1, timeout=1), linger=0.5, log_lines=lines, **more) for name, steps, lines, more in (
        ("even stream", [Frame(HEADERS, END_HEADERS | END_STREAM, 2, encode(fields()))], 0, {}),
        ("data before a head", [Frame(DATA, END_STREAM, 1, b"abc")], 0, {}),
        ("window update of zero", [Frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0))], 0, {}),
        ("window too large", [Frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF)), Frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF))], 0, {}),
        ("frame too large", [Frame(DATA, 0, 1, bytes(20000))], 0, {}),
        ("ping of seven bytes", [Frame(PING, 0, 0, b"1234567")], 0, {}),
        ("settings with a rest", [Frame(SETTINGS, 0, 0, b"12345")], 0, {}),
        ("push from a client", [Frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + encode(fields()))], 0, {}),
        ("bad header block", [Frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff")], 0, {}),
        ("continuation of nothing", [Frame(CONTINUATION, END_HEADERS, 1, encode(fields()))], 0, {}),
        ("head after the end", [ask(), Pause(0.05), Frame(HEADERS, END_HEADERS | END_STREAM, 1, encode(fields()))], 1, {"h2": [wait_reset()]}),
        ("data after the end", [ask(), Pause(0.05), Frame(DATA, END_STREAM, 1, b"abc")], 1, {"h2": [wait_reset()]}),
        ("reset of no stream", [Frame(RST_STREAM, 0, 1, struct.pack(">I", 8))], 0, {}),
    )],
    h2("few streams", ask(), ask(path="/b"), ask(path="/c"), Done(1), Done(3), Done(5), listener="few-streams", log_lines=2,
       **scripts(*[[skip_body(), delay(0.1 * number), *reply2()] for number in (1, 3, 5)])),
    h2("max requests", ask(), Done(1), ask(path="/b"), Done(3), GoneAway(2), listener="twice", linger=0.5, settle=0.3),
    h2("max requests, one more", ask(), Done(1), ask(path="/b"), Done(3), ask(path="/c"), Done(5), GoneAway(2), listener="twice", linger=0.5, settle=0.3),
    h2("connection lifetime", ask(), Done(1), GoneAway(2), listener="lifetime", linger=0.5, settle=0.4),
    h2("idle connection", ask(), Done(1), GoneAway(1), listener="idle-connection", linger=0.5, settle=0.4),
    h2("idle connection without a stream", GoneAway(1), listener="idle-connection", linger=0.5, settle=0.4, log_lines=0),
    h2("idle stream", ask(), Done(1), listener="idle-stream", h2=[wait_reset()], settle=0.4),
    h2("idle stream inside the request", ask("POST", body=b"part", end=False), Done(1), listener="idle-stream", h2=[skip_body(), wait_reset()], settle=0.4,
       linger=0.3),
    h2("idle stream inside the answer", ask(), Done(1), listener="idle-stream", h2=[head(200), data(b"part"), wait_reset()], settle=0.4),
    h2("request timeout", ask("POST", body=b"part", end=False), Done(1), listener="request-timeout", h2=[skip_body(), wait_reset()], settle=0.4, linger=0.3),
    h2("headers timeout", Frame(HEADERS, END_STREAM, 1, encode(fields())), Done(1, timeout=1), listener="headers-timeout", log_lines=0, settle=0.4, linger=0.3),
    h2("stream duration", ask(), Done(1), listener="stream-duration", h2=[wait_reset()], settle=0.4),
    h2("stream duration inside the answer", ask(), Done(1), listener="stream-duration", h2=[head(200), data(b"part"), wait_reset()], settle=0.4),
]


def extended(path="/", headers=(), protocol="websocket", method="CONNECT", **pseudo):
    return Ask(fields(method, path, [("sec-websocket-version", "13"), *headers], protocol=protocol, **pseudo), end=False)


def tunnels(env):
    websocket = [{"upgrade_type": "websocket"}]
    vhosts = [vhost("all", ["*"], [
        route({"connect_matcher": {}}, to("h2", upgrade_configs=[{"upgrade_type": "CONNECT"}])),
        route("/one/", "a"), route("/deaf/", "deaf"), route("/", "h2"),
    ])]
    connect = {"http2_protocol_options": {"allow_connect": True}}
    return managers(env, {
        "main": {"upgrade_configs": websocket, **connect},
        "connect": {"upgrade_configs": [{"upgrade_type": "CONNECT"}], **connect},
        "not-announced": {"upgrade_configs": websocket},
        "no-upgrade": connect,
    }, vhosts, [
        cluster("a", env.port("a")), cluster("h2", env.port("h2"), http={"explicit_http_config": connect}),
        cluster("deaf", env.port("h2"), http=HTTP2),
    ])


def announce(side):
    """The origin's next connections say that they take extended CONNECT."""
    side.origins["h2"].settings = {ENABLE_CONNECT_PROTOCOL: 1}


ACCEPTED = [skip_body(), head(200), echo()]
TALK = [More(1, b"hello"), Body(1, 5), More(1, b"again"), Body(1, 10)]
END = [More(1, b"", True), Done(1)]

TUNNELS = [
    h2("websocket to h2", extended(), Head(1), *TALK, *END, h2=ACCEPTED, before=announce, settle=0.4, linger=0.3),
    h2("websocket to http/1.1", extended("/one/x"), Head(1), *TALK, More(1, b"", True), Pause(0.1), a=[ACCEPT, echo()], linger=0.3, settle=0.4),
    h2("websocket to http/1.1, origin refuses", extended("/one/x"), Done(1, timeout=1), a=reply(403, body=b"no"), settle=0.4, linger=0.3),
    h2("websocket to http/1.1, origin closes", extended("/one/x"), Head(1), Done(1, timeout=1), a=[ACCEPT, send(b"bye"), close()], settle=0.4, linger=0.3),
    h2("websocket to h2, origin refuses", extended(), Done(1, timeout=1), h2=[skip_body(), head(403), data(b"no", True)], before=announce, settle=0.4, linger=0.3),
    h2("websocket to h2, origin resets", extended(), Head(1), *TALK[:2], Done(1, timeout=1), h2=[skip_body(), head(200), data(b"hello"), delay(0.05), rst(INTERNAL)],
       before=announce, settle=0.4, linger=0.3),
    h2("websocket to h2, origin ends first", extended(), Head(1), Done(1, timeout=1), *END[:1], Pause(0.1),
       h2=[skip_body(), head(200), data(b"bye", True)], before=announce, settle=0.4, linger=0.3),
    h2("websocket to h2, client cancels", extended(), Head(1), *TALK, Cancel(1), Pause(0.1), h2=ACCEPTED, before=announce, settle=0.4, linger=0.3),
    h2("websocket to an origin that has not announced it", extended(), Done(1, timeout=1), h2=ACCEPTED, settle=0.4, linger=0.3),
    h2("websocket to a cluster that may not", extended("/deaf/x"), Done(1, timeout=1), h2=ACCEPTED, before=announce, settle=0.4, linger=0.3),
    h2("websocket that was not announced", extended(), Done(1, timeout=1), listener="not-announced", h2=ACCEPTED, before=announce, linger=0.3, settle=0.4),
    h2("websocket without upgrade_configs", extended(), Done(1, timeout=1), listener="no-upgrade", h2=ACCEPTED, before=announce, settle=0.4, linger=0.3),
    h2("another protocol", extended(protocol="foo"), Done(1, timeout=1), h2=ACCEPTED, before=announce, settle=0.4, linger=0.3),
    h2("protocol with another method", extended(method="GET"), Done(1, timeout=1), h2=ACCEPTED, before=announce, linger=0.3, settle=0.4),
    h2("protocol without a path", extended(path=None), Done(1, timeout=1), h2=ACCEPTED, before=announce, linger=0.3, settle=0.4),
    h2("connect", Ask([(":method", "CONNECT"), (":authority", "test.local:443")], end=False), Head(1), *TALK, *END, listener="connect", h2=ACCEPTED, settle=0.4, linger=0.3),
    h2("connect refused by the origin", Ask([(":method", "CONNECT"), (":authority", "test.local:443")], end=False), Done(1, timeout=1), listener="connect",
       h2=[skip_body(), head(403), data(b"no", True)], settle=0.4, linger=0.3),
    h2("connect with a path", Ask([(":method", "CONNECT"), (":authority", "test.local:443"), (":scheme", "http"), (":path", "/")], end=False),
       Done(1, timeout=1), listener="connect", h2=ACCEPTED, linger=0.3, settle=0.4),
    h2("connect without a port", Ask([(":method", "CONNECT"), (":authority", "test.local")], end=False), Done(1, timeout=1), listener="connect", h2=ACCEPTED,
       linger=0.3, settle=0.4),
    h2("connect not configured", Ask([(":method", "CONNECT"), (":authority", "test.local:443")], end=False), Done(1, timeout=1), h2=ACCEPTED, settle=0.4, linger=0.3),
    Case("http/1.1 websocket to h2", [request("GET", "/", WEBSOCKET), Recv(), b"hello", RecvBytes(5)], origin={"h2": [ACCEPTED]}, before=announce, settle=0.5),
    Case("http/1.1 websocket to h2, half-close", [request("GET", "/", WEBSOCKET), Recv(), b"hello", RecvBytes(5), ShutWrite(), Pause(0.1)],
         origin={"h2": [ACCEPTED]}, before=announce, settle=0.5),
    Case("http/1.1 websocket to h2, refused", [request("GET", "/", WEBSOCKET), Recv()], origin={"h2": [[skip_body(), head(403), data(b"no", True)]]},
         before=announce, settle=0.5),
    Case("http/1.1 websocket to h2, not announced", [request("GET", "/", WEBSOCKET), Recv()], origin={"h2": [ACCEPTED]}, settle=0.5),
    Case("http/1.1 connect to h2", [request("CONNECT", "test.local:443", host="test.local:443"), Recv("CONNECT"), b"hello", RecvBytes(5)], listener="connect",
         origin={"h2": [ACCEPTED]}, settle=0.5),
    Case("http/1.1 connect to h2, refused", [request("CONNECT", "test.local:443", host="test.local:443"), Recv("CONNECT")], listener="connect",
         origin={"h2": [[skip_body(), head(403), data(b"no", True)]]}, settle=0.5),
]

GROUPS = [
    Group("h2-origin-faults", config, ORIGIN_FAULTS + BAD_ANSWERS, origins=("a", "h2")),
    Group("h2-client-faults", config, CLIENT_FAULTS, origins=("a", "h2")),
    Group("h2-tunnels", tunnels, TUNNELS, origins=("a", "h2")),
]
