"""HTTP/2 from clients: what is taken, what is refused and how, what becomes of it at either kind of origin."""

import struct

from harness.client import Recv, play as play1, request
from harness.config import access_log, bootstrap, cluster, hcm, listener, route, to, vhost
from harness.http2_wire import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame,
)
from harness.http2_client import Abort, Ask, Body, Cancel, Done, Frame, GoneAway, Head, More, Pause, Ready, Trailers, ask, fields, play
from harness.hpack import encode
from harness.origin import close, delay, reply, reset, send, skip_body
from harness.http2_origin import data, goaway, head, raw_head, reply2, rst, trailers, wait_reset

from ..case import Case, Group
from .common import LOG_FORMAT

H2_LOG = {**LOG_FORMAT, "upstream_protocol": "%UPSTREAM_PROTOCOL%", "authority": "%REQ(:AUTHORITY)%", "response_trailer": "%TRAILER(x-t)%",
          "downstream_close": "%DOWNSTREAM_DETECTED_CLOSE_TYPE%", "upstream_close": "%UPSTREAM_DETECTED_CLOSE_TYPE%",
          "termination": "%CONNECTION_TERMINATION_DETAILS%"}
HTTP2 = {"explicit_http_config": {"http2_protocol_options": {}}}
RETRY = {"retry_on": "5xx,reset,refused-stream,connect-failure", "num_retries": 2, "retry_back_off": {"base_interval": "0.002s"}}
REFUSED, CANCEL, INTERNAL, PROTOCOL, NO_ERROR, CALM = 7, 8, 2, 1, 0, 11


def managers(env, made, vhosts, clusters):
    """A listener for each entry of `made`: its name and the fields of its connection manager."""
    log = access_log(env.log(), json_format=H2_LOG)
    listeners = [listener(name, hcm(vhosts, log=log, prefix=name.replace("-", "_"), **more)) for name, more in made.items()]
    return bootstrap(listeners, clusters)


def routes():
    return [vhost("all", ["*"], [
        route("/one/", "a"),
        route("/retry1/", to("a", retry_policy=RETRY)),
        route("/retry/", to("h2", retry_policy=RETRY)),
        route("/refused/", to("refusing")),
        route("/refused-stream/", to("h2", retry_policy={"retry_on": "refused-stream"})),
        route("/reset/", to("h2", retry_policy={"retry_on": "reset"})),
        route("/before/", to("h2", retry_policy={"retry_on": "reset-before-request"})),
        route("/timeout/", to("h2", timeout="0.2s")),
        route("/try/", to("h2", retry_policy={"retry_on": "5xx", "per_try_timeout": "0.15s"})),
        route("/limit/", to("h2", max_stream_duration={"max_stream_duration": "0.2s"})),
        route("/idle/", to("h2", idle_timeout="0.2s")),
        route("/direct", {"direct_response": {"status": 200, "body": {"inline_string": "direct"}}}),
        route("/redirect", {"redirect": {"path_redirect": "/there"}}),
        route("/either/", to("either")),
        route("/once/", to("once")),
        route("/narrow/", to("narrow")),
        route("/", "h2"),
    ])]


def clusters(env):
    h2 = env.port("h2")
    return [
        cluster("a", env.port("a")), cluster("h2", h2, http=HTTP2), cluster("refusing", env.refusing, http=HTTP2),
        cluster("either", h2, http={"use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}},
                                    "explicit_http_config": None}),
        cluster("once", h2, http={**HTTP2, "common_http_protocol_options": {"max_requests_per_connection": 1}}),
        cluster("narrow", h2, http={"explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 1}}}),
    ]


def without_none(made):
    """A field that is None is left out of a message."""
    if isinstance(made, dict):
        return {key: without_none(value) for key, value in made.items() if value is not None}
    return [without_none(value) for value in made] if isinstance(made, list) else made


def config(env):
    return without_none(managers(env, {
        "main": {},
        "http2": {"codec_type": "HTTP2"},
        "http1": {"codec_type": "HTTP1"},
        "lenient": {"http2_protocol_options": {"override_stream_error_on_invalid_http_message": True}},
        "reject-underscores": {"common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"}},
        "drop-underscores": {"common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"}},
        "small": {"common_http_protocol_options": {"max_headers_count": 12}, "max_request_headers_kb": 2},
        "twice": {"common_http_protocol_options": {"max_requests_per_connection": 2}, "drain_timeout": "0.1s"},
        "lifetime": {"common_http_protocol_options": {"max_connection_duration": "0.2s"}, "drain_timeout": "0.1s"},
        "idle-connection": {"common_http_protocol_options": {"idle_timeout": "0.2s"}, "drain_timeout": "0.1s"},
        "idle-stream": {"stream_idle_timeout": "0.2s"},
        "request-timeout": {"request_timeout": "0.2s"},
        "headers-timeout": {"request_headers_timeout": "0.2s"},
        "stream-duration": {"common_http_protocol_options": {"max_stream_duration": "0.2s"}},
        "few-streams": {"http2_protocol_options": {"max_concurrent_streams": 2}},
        "normalized": {"normalize_path": True, "merge_slashes": True},
        "remote": {"use_remote_address": True},
    }, routes(), clusters(env)))


def h2(name, *steps, listener="main", linger=0.03, **more):
    """Steps of an HTTP/2 client; `a` and `h2` are the scripts of one request each."""
    origin = {key: [more.pop(key)] for key in ("a", "h2") if key in more}
    origin.update(more.pop("origin", {}))
    return Case(name, list(steps), origin=origin, listener=listener, play=play, linger=linger, **more)


def one(name, method="GET", path="/", headers=(), body=b"", end_trailers=(), listener="main", linger=0.03, pseudo=None, **more):
    return h2(name, ask(method, path, headers, body, end_trailers, **(pseudo or {})), Done(1), listener=listener, linger=linger, **more)


def exact(name, *pairs, **more):
    """A head of exactly these fields; a refusal by closing is waited for."""
    more.setdefault("linger", 0.3)
    return h2(name, Ask(list(pairs)), Done(1, timeout=2), **more)


M, S, A, P = (":method", "GET"), (":scheme", "http"), (":authority", "test.local"), (":path", "/")

PLAIN = [
    one("get"),
    one("get, http/1.1 origin", path="/one/x"),
    one("get, only h2 is spoken", listener="http2"),
    one("post", "POST", body=b"some body"),
    one("post, http/1.1 origin", "POST", "/one/x", body=b"some body"),
    one("post with a length", "POST", headers=[("content-length", "9")], body=b"some body"),
    one("post with a length, http/1.1 origin", "POST", "/one/x", [("content-length", "9")], b"some body"),
    one("post, empty", "POST"),
    one("post, empty, http/1.1 origin", "POST", "/one/x"),
    one("put, empty, http/1.1 origin", "PUT", "/one/x"),
    one("delete, http/1.1 origin", "DELETE", "/one/x"),
    h2("empty data ends it", ask("POST", "/", end=False), More(1, b"", True), Done(1)),
    h2("empty data ends it, http/1.1 origin", ask("POST", "/one/x", end=False), More(1, b"", True), Done(1)),
    h2("body in pieces", ask("POST", "/one/x", end=False), More(1, b"one "), Pause(0.02), More(1, b"two", True), Done(1)),
    one("trailers", "POST", body=b"body", end_trailers=[("x-t", "request")]),
    one("trailers, http/1.1 origin", "POST", "/one/x", body=b"body", end_trailers=[("x-t", "request")]),
    one("trailers without a body", "POST", end_trailers=[("x-t", "request")]),
    one("trailers without a body, http/1.1 origin", "POST", "/one/x", end_trailers=[("x-t", "request")]),
    one("response trailers", h2=reply2(200, [("x-h", "1")], b"body", [("x-t", "response")])),
    one("response trailers without a body", h2=reply2(200, [("x-h", "1")], b"", [("x-t", "response")])),
    one("response trailers, http/1.1 origin", path="/one/x", a=reply(200, chunks=[b"body"], trailers=[("x-t", "response")])),
    one("chunked response", path="/one/x", a=reply(200, chunks=[b"one", b"two"])),
    one("response to the close", path="/one/x", a=[*reply(200, length=False, body=b"until the end"), close()]),
    one("204", h2=reply2(204, body=b"")),
    one("304", h2=reply2(304, [("etag", '"x"')], b"")),
    one("204, http/1.1 origin", path="/one/x", a=reply(204, body=b"")),
    one("304, http/1.1 origin", path="/one/x", a=reply(304, [("etag", '"x"'), ("content-length", "5")], b"")),
    one("204 with a body", h2=reply2(204, body=b"body")),
    one("304 with a body", h2=reply2(304, body=b"body")),
    one("empty 200", h2=reply2(200, body=b"")),
    one("500", h2=reply2(500, body=b"oops")),
    one("response with a length", h2=reply2(200, [("content-length", "2")], b"ok")),
    one("head", "HEAD", h2=[head(200, [("content-length", "7")], True)]),
    one("head, http/1.1 origin", "HEAD", "/one/x", a=reply(200, body=b"seven77")),
    one("head answered with a body", "HEAD", h2=reply2(200, body=b"body")),
    one("options star", "OPTIONS", "*"),
    one("options star, http/1.1 origin", "OPTIONS", "*"),
    one("trace", "TRACE", "/one/x"),
    one("own method", "M-SEARCH", "/one/x"),
    one("own method without a dash", "PURGE", "/one/x"),
    h2("large bodies", Ready(), ask("POST", body=b"q" * 200000), Done(1), h2=reply2(200, body=b"r" * 200000)),
    h2("large bodies, http/1.1 origin", Ready(), ask("POST", "/one/x", body=b"q" * 200000), Done(1), a=reply(200, body=b"r" * 200000)),
    one("direct response", path="/direct"),
    one("direct response to a post", "POST", "/direct", body=b"some body"),
    one("direct response to head", "HEAD", "/direct"),
    one("redirect", path="/redirect"),
    one("103", h2=[head(103, [("link", "</x>")]), *reply2()]),
    one("103, http/1.1 origin", path="/one/x", a=[send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), *reply()]),
    one("100 unasked", h2=[head(100), *reply2()]),
    one("expect", "POST", headers=[("expect", "100-continue")], body=b"body"),
    one("expect, http/1.1 origin", "POST", "/one/x", [("expect", "100-continue")], b"body"),
    h2("two in turn", ask(), Done(1), ask(path="/one/x"), Done(3)),
    h2("two at once", ask(), ask(path="/one/x"), Done(1), Done(3), log_lines=2, h2=[skip_body(), delay(0.1), *reply2()],
       a=[delay(0.02), *reply()]),
    h2("three to one origin", ask(), Done(1), ask(path="/a"), ask(path="/a"), ask(path="/a"), Done(3), Done(5), Done(7)),
    h2("three to an origin that takes one at a time", ask(path="/narrow/a"), ask(path="/narrow/a"), ask(path="/narrow/a"), Done(1), Done(3), Done(5),
       origin={"h2": [[skip_body(), delay(0.05), *reply2()]] * 3}),
    one("once a connection", path="/once/a"),
    h2("once a connection, twice", ask(path="/once/a"), Done(1), ask(path="/once/a"), Done(3)),
    one("either version", path="/either/a"),
    one("refused", path="/refused/a"),
    one("refused, post", "POST", "/refused/a", body=b"body"),
    one("x-forwarded-proto", headers=[("x-forwarded-proto", "https")]),
    one("scheme https", pseudo={"scheme": "https"}),
    one("scheme https, http/1.1 origin", path="/one/x", pseudo={"scheme": "https"}),
    one("scheme ftp", pseudo={"scheme": "ftp"}),
    one("remote address", listener="remote"),
    one("normalized path", path="//one/../one//x?a=b", listener="normalized"),
    one("fragment", path="/one/x#frag"),
    one("query", path="/one/x?a=b&c"),
]

FROM_ONE = [
    Case("http/1.1 to h2", [request(), Recv()]),
    Case("http/1.1 post to h2", [request("POST", "/", body=b"some body"), Recv()]),
    Case("http/1.1 chunked to h2", [request("POST", "/", [("transfer-encoding", "chunked")], b"3\r\nabc\r\n0\r\n\r\n"), Recv()]),
    Case("http/1.1 trailers to h2", [request("POST", "/", [("transfer-encoding", "chunked")], b"3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"), Recv()]),
    Case("http/1.1 head to h2", [request("HEAD"), Recv("HEAD")], origin={"h2": [[head(200, [("content-length", "7")], True)]]}),
    Case("http/1.1, response trailers", [request("GET"), Recv()], origin={"h2": [reply2(200, body=b"body", end_trailers=[("x-t", "1")])]}),
    Case("http/1.1, 204", [request("GET"), Recv()], origin={"h2": [reply2(204, body=b"")]}),
    Case("http/1.1, 103", [request("GET"), Recv()], origin={"h2": [[head(103, [("link", "</x>")]), *reply2()]]}),
    Case("http/1.1, hop-by-hop fields", [request("GET", "/", [("connection", "x-hop, keep-alive"), ("x-hop", "1"), ("keep-alive", "5"), ("te", "trailers, gzip"),
                                                             ("proxy-connection", "x")]), Recv()]),
    Case("http/1.1, te", [request("GET", "/", [("te", "trailers")]), Recv()]),
    Case("http/1.1, host with a port", [request("GET", "/", host="test.local:80"), Recv()]),
    Case("http/1.1, cookies", [request("GET", "/", [("cookie", "a=b; c=d")]), Recv()]),
    Case("http/1.1, either version", [request("GET", "/either/x"), Recv()]),
    Case("http/1.1 where only h2 is spoken", [request(), Recv(timeout=1)], listener="http2", log_lines=0),
    Case("h2 preface where only http/1.1 is spoken", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Recv()], listener="http1"),
    Case("half a preface", [b"PRI * HTTP/2.0\r\n\r\nSM", Recv(timeout=0.3)], log_lines=0),
    Case("a preface that turns", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Recv(timeout=1)], log_lines=0),
    Case("http/1.1, origin resets the stream", [request(), Recv()], origin={"h2": [[rst(INTERNAL)]]}),
    Case("http/1.1, origin resets after the head", [request(), Recv()], origin={"h2": [[head(200, [("content-length", "10")]), data(b"abc"), rst(INTERNAL)]]}),
    Case("http/1.1, origin is cut after the head", [request(), Recv()], origin={"h2": [[head(200), data(b"abc"), delay(0.05), close()]]}),
    Case("http/1.1 client leaves", [request(), Recv(timeout=0.1)], origin={"h2": [[wait_reset()]]}, settle=0.5, log_lines=1),
]

HEADERS_CASES = [
    exact("usual head", M, S, A, P),
    exact("pseudo-fields in another order", P, A, S, M),
    exact("no method", S, A, P),
    exact("no scheme", M, A, P),
    exact("no path", M, S, A),
    exact("empty path", M, S, A, (":path", "")),
    exact("empty method", (":method", ""), S, A, P),
    exact("empty scheme", M, (":scheme", ""), A, P),
    exact("no authority", M, S, P),
    exact("empty authority", M, S, (":authority", ""), P),
    exact("host for authority", M, S, P, ("host", "test.local")),
    exact("host and authority agree", M, S, A, P, ("host", "test.local")),
    exact("host and authority differ", M, S, A, P, ("host", "other.local")),
    exact("two hosts, no authority", M, S, P, ("host", "test.local"), ("host", "other.local")),
    exact("two methods", M, M, S, A, P),
    exact("two paths", M, S, A, P, P),
    exact("two authorities", M, S, A, A, P),
    exact("two schemes", M, S, S, A, P),
    exact("unknown pseudo-field", M, S, A, P, (":other", "x")),
    exact("status in a request", M, S, A, P, (":status", "200")),
    exact("pseudo-field after a field", M, S, A, ("x-a", "1"), P),
    exact("authority with user", M, S, (":authority", "user@test.local"), P),
    exact("authority with a bad character", M, S, (":authority", "test local"), P),
    exact("authority with a port", M, S, (":authority", "test.local:8080"), P),
    exact("relative path", M, S, A, (":path", "x/y")),
    exact("absolute path", M, S, A, (":path", "http://test.local/x")),
    exact("path with a space", M, S, A, (":path", "/a b")),
    exact("path with a high octet", M, S, A, (":path", b"/a\xe9b")),
    exact("path with a control", M, S, A, (":path", "/a\x01b")),
    exact("star path of get", M, S, A, (":path", "*")),
    exact("method with a space", (":method", "GE T"), S, A, P),
    exact("upper-case name", M, S, A, P, ("X-Upper", "1")),
    exact("empty name", M, S, A, P, ("", "1")),
    exact("name with a space", M, S, A, P, ("x a", "1")),
    exact("name with a colon", M, S, A, P, ("x:a", "1")),
    exact("value with NUL", M, S, A, P, ("x-a", "a\0b")),
    exact("value with LF", M, S, A, P, ("x-a", "a\nb")),
    exact("value with CR", M, S, A, P, ("x-a", "a\rb")),
    exact("value with a tab", M, S, A, P, ("x-a", "a\tb")),
    exact("value with a high octet", M, S, A, P, ("x-a", b"a\xe9b")),
    exact("value with DEL", M, S, A, P, ("x-a", "a\x7fb")),
    exact("value with spaces around", M, S, A, P, ("x-a", "  a  ")),
    exact("empty value", M, S, A, P, ("x-a", "")),
    exact("connection", M, S, A, P, ("connection", "close")),
    exact("connection keep-alive", M, S, A, P, ("connection", "keep-alive")),
    exact("keep-alive", M, S, A, P, ("keep-alive", "5")),
    exact("proxy-connection", M, S, A, P, ("proxy-connection", "close")),
    exact("transfer-encoding", M, S, A, P, ("transfer-encoding", "chunked")),
    exact("upgrade", M, S, A, P, ("upgrade", "websocket")),
    exact("te trailers", M, S, A, P, ("te", "trailers")),
    exact("te gzip", M, S, A, P, ("te", "gzip")),
    exact("te trailers, http/1.1 origin", M, S, A, (":path", "/one/x"), ("te", "trailers")),
    exact("http2-settings", M, S, A, P, ("http2-settings", "AAMAAABk")),
    exact("cookie crumbs", M, S, A, P, ("cookie", "a=b"), ("cookie", "c=d"), ("cookie", "e=f")),
    exact("cookie crumbs, http/1.1 origin", M, S, A, (":path", "/one/x"), ("cookie", "a=b"), ("x-a", "1"), ("cookie", "c=d")),
    exact("repeated fields", M, S, A, P, ("x-a", "1"), ("x-a", "2"), ("accept", "a"), ("accept", "b")),
    exact("underscore", M, S, A, P, ("x_a", "1")),
    exact("underscore rejected", M, S, A, P, ("x_a", "1"), listener="reject-underscores"),
    exact("underscore dropped", M, S, A, P, ("x_a", "1"), ("x-b", "2"), listener="drop-underscores"),
    exact("too many fields", M, S, A, P, *[("x-%d" % i, "1") for i in range(20)], listener="small"),
    exact("fields up to the limit", M, S, A, P, *[("x-%d" % i, "1") for i in range(8)], listener="small"),
    exact("fields that are too large", M, S, A, P, ("x-a", "v" * 3000), listener="small"),
    exact("more than 60 KiB of fields", M, S, A, P, *[("x-%d" % i, "v" * 7000) for i in range(9)]),
    exact("100 fields", M, S, A, P, *[("x-%d" % i, "1") for i in range(96)]),
    exact("101 fields", M, S, A, P, *[("x-%d" % i, "1") for i in range(97)]),
    exact("value of 50 KB", M, S, A, P, ("x-a", "v" * 50000)),
    exact("length without a body", M, S, A, P, ("content-length", "5")),
    exact("length of zero", M, S, A, P, ("content-length", "0")),
    exact("negative length", (":method", "POST"), S, A, P, ("content-length", "-1")),
    exact("length with a sign", (":method", "POST"), S, A, P, ("content-length", "+5")),
    exact("two lengths", (":method", "POST"), S, A, P, ("content-length", "0"), ("content-length", "0")),
    exact("two different lengths", (":method", "POST"), S, A, P, ("content-length", "0"), ("content-length", "1")),
    h2("body longer than its length", Ask([(":method", "POST"), S, A, P, ("content-length", "3")], b"more than that"), Done(1, timeout=2), linger=0.3),
    h2("body shorter than its length", Ask([(":method", "POST"), S, A, P, ("content-length", "30")], b"less"), Done(1, timeout=2), linger=0.3),
    h2("body longer than its length, http/1.1 origin", Ask([(":method", "POST"), S, A, (":path", "/one/x"), ("content-length", "3")], b"more than that"),
       Done(1, timeout=2), linger=0.3),
    h2("trailers with a pseudo-field", Ask([(":method", "POST"), S, A, P], b"body", [(":path", "/x")]), Done(1, timeout=2), linger=0.3),
    h2("trailers with an upper-case name", Ask([(":method", "POST"), S, A, P], b"body", [("X-T", "1")]), Done(1, timeout=2), linger=0.3),
    h2("trailers that do not end", ask("POST", body=b"body", end=False), Pause(0.05), Frame(HEADERS, END_HEADERS, 1, encode([("x-t", "1")])), Done(1, timeout=2), linger=0.3),
    *[exact("lenient: " + name, *pairs, listener="lenient") for name, pairs in (
        ("upper-case name", (M, S, A, P, ("X-Upper", "1"))), ("connection", (M, S, A, P, ("connection", "close"))),
        ("no path", (M, S, A)), ("value with NUL", (M, S, A, P, ("x-a", "a\0b"))), ("unknown pseudo-field", (M, S, A, P, (":other", "x"))),
    )],
]

GROUPS = [
    Group("h2", config, PLAIN + FROM_ONE, origins=("a", "h2")),
    Group("h2-fields", config, HEADERS_CASES, origins=("a", "h2")),
]
