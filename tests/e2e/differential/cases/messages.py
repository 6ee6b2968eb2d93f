"""HTTP/1.1 framing both ways: bodies, trailers, 1xx, HTTP/1.0, pipelining."""

from harness.client import Abort, Pause, Recv, RecvInterim, Send, ShutWrite, chunked, request
from harness.config import route, to, vhost
from harness.origin import close, delay, read_body, reply, reset, respond, send, skip_body

from ..case import Case, Group, get, raw
from .common import simple, variants

CHUNKED = [("transfer-encoding", "chunked")]
BIG = bytes(range(256)) * 4096


def config(env):
    return variants(env, {
        "main": {"http_protocol_options": {"enable_trailers": True}},
        "no-trailers": {},
        "http10": {"http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "default.example"}},
        "proxy-100": {"proxy_100_continue": True},
        "no-absolute": {"http_protocol_options": {"allow_absolute_url": False}},
    }, vhosts=[vhost("all", ["*"], [
        route("/slow-upload", to("a", timeout="0s")),
        route({"connect_matcher": {}}, {"direct_response": {"status": 200}}),
        route("/", "a"),
    ])])


def post(name, body, headers=(), target="/", **fields):
    return Case(name, [request("POST", target, headers, body), Recv("POST")], **fields)


def origin_raw(name, *pieces, method="GET", **fields):
    """The origin answers with exact bytes, then closes."""
    acts = [send(piece) if isinstance(piece, bytes) else piece for piece in pieces]
    return Case(name, [request(method), Recv(method, timeout=0.8)], origin={"a": [acts + [close()]]}, **fields)


REQUEST_BODIES = [
    post("content-length", b"hello"),
    post("content-length zero", b"", [("content-length", "0")]),
    post("no length at all", b""),
    post("1 MiB", BIG),
    post("chunked", chunked(b"hello", b" ", b"world"), CHUNKED),
    post("chunked empty", chunked(), CHUNKED),
    post("chunked 1 MiB", chunked(*[BIG[:65536]] * 16), CHUNKED),
    post("chunked with trailers", chunked(b"abc", trailers=[("x-t", "1"), ("x-u", "2")]), CHUNKED),
    post("chunked with trailers, trailers off", chunked(b"abc", trailers=[("x-t", "1")]), CHUNKED, listener="no-trailers"),
    post("chunk extension", b"3;ext=1\r\nabc\r\n0\r\n\r\n", CHUNKED),
    post("chunk extension quoted", b'3;a="b c"\r\nabc\r\n0\r\n\r\n', CHUNKED),
    post("chunk size upper case", b"A\r\n0123456789\r\n0\r\n\r\n", CHUNKED),
    post("chunk size leading zeros", b"0003\r\nabc\r\n000\r\n\r\n", CHUNKED),
    post("chunked spelled Chunked", chunked(b"abc"), [("Transfer-Encoding", "Chunked")]),
    get("get with body", "/", [("content-length", "3")], body=b"abc"),
    get("delete with body", "/", method="DELETE", body=b"abc"),
    Case("body in pieces", [request("POST", "/", [("content-length", "6")]), Pause(0.05), b"abc", Pause(0.05), b"def", Recv()]),
    Case("head in pieces", [b"GET / HT", Pause(0.03), b"TP/1.1\r\nho", Pause(0.03), b"st: test.local\r\n\r", Pause(0.03), b"\n", Recv()]),
    Case("chunked in pieces", [request("POST", "/", CHUNKED), b"3\r", Pause(0.03), b"\nab", Pause(0.03), b"c\r\n0", Pause(0.03), b"\r\n\r\n", Recv()]),
    # The request has surely reached the origin, and the origin has surely not answered yet.
    Case("client half-closes after the request", [request(), Pause(0.3), ShutWrite(), Recv()],
         origin={"a": [[delay(1.5), send(respond())]]}, log_lines=1),
    Case("client half-closes inside the body", [request("POST", "/", [("content-length", "9")]) + b"abc", Pause(0.05), ShutWrite()],
         log_lines=1),
    Case("client resets inside the body", [request("POST", "/", [("content-length", "9")]) + b"abc", Pause(0.05), Abort()],
         log_lines=1),
    Case("client resets while waiting", [request(), Pause(0.3), Abort()],
         origin={"a": [[delay(1.5), send(respond())]]}, log_lines=1),
    Case("client resets inside the head", [b"GET / HTTP/1.1\r\nhost: x", Pause(0.03), Abort()], log_lines=0),
]

RESPONSE_BODIES = [
    get("1 MiB response", "/", origin={"a": [reply(200, body=BIG)]}),
    get("chunked response", "/", origin={"a": [reply(200, chunks=[b"ab", b"cde"])]}),
    get("chunked empty response", "/", origin={"a": [reply(200, chunks=[])]}),
    get("chunked 1 MiB response", "/", origin={"a": [reply(200, chunks=[BIG[:65536]] * 16)]}),
    get("response trailers", "/", origin={"a": [reply(200, chunks=[b"x"], trailers=[("x-t", "1")])]}),
    get("response trailers with te", "/", [("te", "trailers")], origin={"a": [reply(200, chunks=[b"x"], trailers=[("x-t", "1")])]}),
    get("response trailers, trailers off", "/", origin={"a": [reply(200, chunks=[b"x"], trailers=[("x-t", "1")])]}, listener="no-trailers"),
    get("until close", "/", origin={"a": [[send(respond(200, body=b"to the end", length=False)), close()]]}),
    get("until close, empty", "/", origin={"a": [[send(respond(200, body=b"", length=False)), close()]]}),
    get("content-length zero", "/", origin={"a": [reply(200, body=b"")]}),
    get("204", "/", origin={"a": [reply(204, body=b"")]}),
    get("204 with content-length", "/", origin={"a": [[send(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")]]}),
    get("304", "/", origin={"a": [reply(304, [("etag", '"x"')], b"")]}),
    get("304 with content-length", "/", origin={"a": [[send(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n")]]}),
    get("head with content-length", "/", method="HEAD", origin={"a": [[send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")]]}),
    get("head with chunked", "/", method="HEAD", origin={"a": [[send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")]]}),
    get("head without length", "/", method="HEAD", origin={"a": [[send(b"HTTP/1.1 200 OK\r\n\r\n")]]}),
    get("reason phrase", "/", origin={"a": [reply(200, reason="Fine by me")]}),
    get("no reason phrase", "/", origin={"a": [[send(b"HTTP/1.1 200 \r\ncontent-length: 1\r\n\r\nx")]]}),
    get("no reason and no space", "/", origin={"a": [[send(b"HTTP/1.1 200\r\ncontent-length: 1\r\n\r\nx")]]}),
    get("status 299", "/", origin={"a": [reply(299)]}),
    get("status 599", "/", origin={"a": [reply(599)]}),
    get("status 600", "/", origin={"a": [reply(600)]}),
    get("status 999", "/", origin={"a": [reply(999)]}),
    get("repeated set-cookie", "/", origin={"a": [reply(200, [("set-cookie", "a=1"), ("set-cookie", "b=2")])]}),
    get("repeated header", "/", origin={"a": [reply(200, [("x-r", "1"), ("x-r", "2")])]}),
    get("empty header value", "/", origin={"a": [reply(200, [("x-empty", "")])]}),
    get("header spaces trimmed", "/", origin={"a": [reply(200, [("x-sp", "  v  ")])]}),
    get("mixed-case header", "/", origin={"a": [reply(200, [("X-Mixed-Case", "V")])]}),
    get("http/1.0 origin", "/", origin={"a": [[send(b"HTTP/1.0 200 OK\r\n\r\nold"), close()]]}),
    get("http/1.0 origin with length", "/", origin={"a": [[send(b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nold"), close()]]}),
    get("http/1.0 origin keep-alive", "/", origin={"a": [[send(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nold")]]}),
    get("origin says close", "/", origin={"a": [reply(200, [("connection", "close")]) + [close()]]}),
    get("origin hop-by-hop", "/", origin={"a": [reply(200, [
        ("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"), ("te", "trailers")])]}),
    get("origin date", "/", origin={"a": [reply(200, [("date", "Mon, 01 Jan 2024 00:00:00 GMT")])]}),
    get("early response to an upload", "/slow-upload", method="POST", headers=[("content-length", "5")], body=b"12345",
        origin={"a": [[skip_body(), send(respond(413)), delay(0.05), close()]]}),
]

BROKEN_ORIGIN = [
    origin_raw("origin closes at once"),
    origin_raw("origin resets", reset()),
    origin_raw("origin closes inside the head", b"HTTP/1.1 200 OK\r\ncont"),
    origin_raw("origin closes inside the body", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
    origin_raw("origin closes inside a chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"),
    origin_raw("origin closes before the last chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"),
    origin_raw("origin speaks garbage", b"\x16\x03\x01 garbage\r\n\r\n"),
    origin_raw("origin speaks HTTP/0.9", b"<html>hi</html>"),
    origin_raw("origin speaks HTTP/2", b"HTTP/2 200 OK\r\n\r\n"),
    origin_raw("origin bad status", b"HTTP/1.1 2x0 OK\r\n\r\n"),
    origin_raw("origin status 99", b"HTTP/1.1 99 OK\r\n\r\n"),
    origin_raw("origin bad chunk size", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n"),
    origin_raw("origin chunk too long", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n"),
    origin_raw("origin both lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    origin_raw("origin two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
    origin_raw("origin two equal lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    origin_raw("origin length is not a number", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nabc"),
    origin_raw("origin negative length", b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nabc"),
    origin_raw("origin space before colon", b"HTTP/1.1 200 OK\r\nx-a : b\r\ncontent-length: 1\r\n\r\nx"),
    origin_raw("origin obs-fold", b"HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\ncontent-length: 1\r\n\r\nx"),
    origin_raw("origin NUL in a value", b"HTTP/1.1 200 OK\r\nx-a: b\x00c\r\ncontent-length: 1\r\n\r\nx"),
    origin_raw("origin bare LF", b"HTTP/1.1 200 OK\nx-a: b\ncontent-length: 1\n\nx"),
    origin_raw("origin sends more than its length", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxtra"),
    origin_raw("origin unknown transfer coding", b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc"),
    origin_raw("origin gzip and chunked", b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    origin_raw("origin slow body", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", delay(0.1), b"ab", delay(0.1), b"cd"),
    origin_raw("origin switches without being asked", b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
]

INTERIM = [
    get("100 then 200 unasked", "/", origin={"a": [[send(b"HTTP/1.1 100 Continue\r\n\r\n"), send(respond())]]}),
    get("103 then 200", "/", origin={"a": [[send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), send(respond())]]}),
    get("102 102 200", "/", origin={"a": [[send(b"HTTP/1.1 102 Processing\r\n\r\n" * 2), send(respond())]]}),
    get("103 then 200, proxied", "/", listener="proxy-100",
        origin={"a": [[send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), send(respond())]]}),
    Case("expect 100", [request("POST", "/", [("expect", "100-continue"), ("content-length", "3")]), RecvInterim(), b"abc", Recv()]),
    Case("expect 100, upper case", [request("POST", "/", [("Expect", "100-Continue"), ("content-length", "3")]), RecvInterim(), b"abc", Recv()]),
    Case("expect 100, body sent at once", [request("POST", "/", [("expect", "100-continue")], b"abc"), Recv()]),
    Case("expect something else", [request("POST", "/", [("expect", "200-maybe")], b"abc"), Recv()]),
    Case("expect 100, proxied", [request("POST", "/", [("expect", "100-continue"), ("content-length", "3")]), RecvInterim(), b"abc", Recv()],
         listener="proxy-100", origin={"a": [[send(b"HTTP/1.1 100 Continue\r\n\r\n"), read_body(), send(respond())]]}),
    Case("expect 100, proxied, refused", [request("POST", "/", [("expect", "100-continue"), ("content-length", "3")]), Recv()],
         listener="proxy-100", origin={"a": [[skip_body(), send(respond(417)), close()]]}),
]

OLD = [
    raw("http/1.0 refused", b"GET / HTTP/1.0\r\n\r\n"),
    raw("http/1.0", b"GET / HTTP/1.0\r\n\r\n", listener="http10"),
    raw("http/1.0 with host", b"GET / HTTP/1.0\r\nhost: x.example\r\n\r\n", listener="http10"),
    raw("http/1.0 keep-alive", b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", listener="http10"),
    raw("http/1.0 keep-alive twice", b"GET /1 HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", 2, listener="http10"),
    raw("http/1.0 chunked response", b"GET / HTTP/1.0\r\n\r\n", listener="http10", origin={"a": [reply(200, chunks=[b"ab", b"c"])]}),
    raw("http/1.0 post", b"POST / HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc", listener="http10"),
    raw("http/1.0 chunked post", b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", listener="http10"),
    raw("http/0.9", b"GET /\r\n\r\n"),
    raw("http/0.9 accepted", b"GET /\r\n\r\n", listener="http10"),
    raw("http/1.2", b"GET / HTTP/1.2\r\nhost: x\r\n\r\n"),
    raw("http/2.0 in text", b"GET / HTTP/2.0\r\nhost: x\r\n\r\n"),
    raw("http/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", responses=0),
]

SHAPES = [
    get("connection close", "/", [("connection", "close")]),
    get("connection Close", "/", [("Connection", "Close")]),
    get("connection keep-alive", "/", [("connection", "keep-alive")]),
    get("proxy-connection close", "/", [("proxy-connection", "close")]),
    get("hop-by-hop removed", "/", [("connection", "x-hop, keep-alive"), ("x-hop", "1"), ("keep-alive", "300"), ("te", "gzip"),
                                     ("trailer", "x"), ("proxy-authorization", "p"), ("proxy-authenticate", "q"), ("upgrade", "h2c")]),
    get("te trailers", "/", [("te", "trailers")]),
    get("te trailers among others", "/", [("te", "gzip, trailers")]),
    get("connection names te", "/", [("connection", "te"), ("te", "trailers")]),
    get("connection names host", "/", [("connection", "host")]),
    get("connection names x-forwarded-proto", "/", [("connection", "x-forwarded-proto")]),
    get("connection close and another", "/", [("connection", "close, x-a"), ("x-a", "1")]),
    get("mixed-case names", "/", [("X-Mixed-Case", "Value"), ("ACCEPT", "a/b")]),
    get("repeated header", "/", [("x-r", "1"), ("x-r", "2"), ("x-r", "1")]),
    get("repeated cookie", "/", [("cookie", "a=1"), ("cookie", "b=2")]),
    get("comma in value", "/", [("accept", "a, b"), ("accept", "c")]),
    get("tab around value", "/", [("x-tab", "\t v \t")]),
    get("bytes above 127 in value", "/", [("x-high", "caf\xe9")]),
    get("absolute form", "http://abs.example/p?q=1", host="other.example"),
    get("absolute form with port", "http://abs.example:81/p", host="other.example"),
    get("absolute form without path", "http://abs.example", host="other.example"),
    get("absolute form, query only", "http://abs.example?x=y", host="other.example"),
    get("absolute form https", "https://abs.example/p"),
    get("absolute form ftp", "ftp://abs.example/p"),
    get("absolute form with user", "http://user:pw@abs.example/p"),
    get("absolute form not allowed", "http://abs.example/p", listener="no-absolute"),
    get("absolute form upper case", "HTTP://ABS.example/P"),
    get("options star", "*", method="OPTIONS"),
    get("get star", "*"),
    get("options path", "/x", method="OPTIONS"),
    get("trace", "/", method="TRACE"),
    get("patch", "/", method="PATCH", body=b"p"),
    get("custom method", "/", method="FOO"),
    get("custom method with dash", "/", method="M-SEARCH"),
    get("lower-case method", "/", method="get"),
    Case("pipelined", [request("GET", "/1") + request("GET", "/2") + request("GET", "/3"), Recv(), Recv(), Recv()]),
    Case("pipelined with bodies", [request("POST", "/1", body=b"one") + request("POST", "/2", CHUNKED, chunked(b"two")) + request("GET", "/3"),
                                    Recv(), Recv(), Recv()]),
    Case("pipelined then closed", [request("GET", "/1") + request("GET", "/2", [("connection", "close")]) + request("GET", "/3"), Recv(), Recv()]),
    Case("keep-alive", [request("GET", "/1"), Recv(), request("GET", "/2"), Recv()]),
    Case("blank lines before the request", [b"\r\n\r\n" + request(), Recv()]),
    Case("blank line between requests", [request() + b"\r\n" + request(), Recv(), Recv()]),
    Case("pipelined, the second is malformed", [request("GET", "/1") + b"BAD\r\n\r\n", Recv(), Recv()]),
    Case("head then get", [request("HEAD", "/1"), Recv("HEAD"), request("GET", "/2"), Recv()]),
]

GROUPS = [
    Group("request-bodies", config, REQUEST_BODIES),
    Group("response-bodies", config, RESPONSE_BODIES),
    Group("broken-origin", config, BROKEN_ORIGIN),
    Group("interim", config, INTERIM),
    Group("old-versions", config, OLD),
    Group("shapes", config, SHAPES),
]
