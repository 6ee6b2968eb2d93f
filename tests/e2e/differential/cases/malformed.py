"""Requests that must be refused, and those that look wrong but must not be."""

from harness.client import Recv

from ..case import Case, Group
from .common import variants

HEAD = b"GET / HTTP/1.1\r\nhost: test.local\r\n"
POST = b"POST / HTTP/1.1\r\nhost: test.local\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
# What a smuggled request would look like to a proxy that lost its place.
HIDDEN = b"GET /smuggled HTTP/1.1\r\nhost: test.local\r\n\r\n"


def config(env):
    return variants(env, {"main": {}})


def bad(name, data):
    # Some of these are an unfinished request to a lenient parser, which then waits for the rest.
    return Case(name, [data, Recv(timeout=0.8)])


LENGTHS = [
    bad("length and chunked", POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    bad("chunked and length", POST + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n" + HIDDEN),
    bad("two lengths", POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
    bad("two equal lengths", POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    bad("length list", POST + b"content-length: 3, 4\r\n\r\nabcd"),
    bad("equal length list", POST + b"content-length: 3, 3\r\n\r\nabc"),
    bad("negative length", POST + b"content-length: -1\r\n\r\n"),
    bad("signed length", POST + b"content-length: +3\r\n\r\nabc"),
    bad("hex length", POST + b"content-length: 0x3\r\n\r\nabc"),
    bad("empty length", POST + b"content-length:\r\n\r\n"),
    bad("length with space", POST + b"content-length: 1 2\r\n\r\nab"),
    bad("length letters", POST + b"content-length: 3a\r\n\r\nabc"),
    bad("length overflow", POST + b"content-length: 99999999999999999999999\r\n\r\n"),
    bad("transfer-encoding identity", POST + b"transfer-encoding: identity\r\n\r\n"),
    bad("transfer-encoding gzip", POST + b"transfer-encoding: gzip\r\n\r\n"),
    bad("transfer-encoding gzip, chunked", POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    bad("transfer-encoding chunked, gzip", POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    bad("transfer-encoding chunked twice", POST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    bad("transfer-encoding on two lines", POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    bad("transfer-encoding xchunked", POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
    bad("transfer-encoding with vertical tab", POST + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    bad("transfer-encoding with trailing space", POST + b"transfer-encoding: chunked \r\n\r\n0\r\n\r\n"),
    bad("transfer-encoding quoted", POST + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    bad("transfer-encoding space before colon", POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n"),
    bad("length and identity", POST + b"content-length: 3\r\ntransfer-encoding: identity\r\n\r\nabc"),
]

CHUNKS = [
    bad("size not hex", CHUNKED + b"zz\r\nab\r\n0\r\n\r\n"),
    bad("size empty", CHUNKED + b"\r\nab\r\n0\r\n\r\n"),
    bad("size negative", CHUNKED + b"-2\r\nab\r\n0\r\n\r\n"),
    bad("size signed", CHUNKED + b"+2\r\nab\r\n0\r\n\r\n"),
    bad("size 0x", CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n"),
    bad("size with space before", CHUNKED + b" 2\r\nab\r\n0\r\n\r\n"),
    bad("size with space after", CHUNKED + b"2 \r\nab\r\n0\r\n\r\n"),
    bad("size overflow", CHUNKED + b"fffffffffffffffff\r\nab\r\n0\r\n\r\n"),
    bad("size ends with LF", CHUNKED + b"2\nab\r\n0\r\n\r\n"),
    bad("data ends with LF", CHUNKED + b"2\r\nab\n0\r\n\r\n"),
    bad("data too long", CHUNKED + b"2\r\nabc\r\n0\r\n\r\n"),
    bad("data too short", CHUNKED + b"3\r\nab\r\n0\r\n\r\n"),
    bad("bare CR after size", CHUNKED + b"2\rab\r\n0\r\n\r\n"),
    bad("extension with bare LF", CHUNKED + b"2;a\nab\r\n0\r\n\r\n"),
    bad("extension with NUL", CHUNKED + b"2;a\x00\r\nab\r\n0\r\n\r\n"),
    bad("trailer without colon", CHUNKED + b"0\r\nbad\r\n\r\n"),
    bad("trailer with bare LF", CHUNKED + b"0\r\nx: y\n\r\n"),
    bad("trailer obs-fold", CHUNKED + b"0\r\nx: y\r\n z\r\n\r\n"),
    bad("trailer content-length", CHUNKED + b"0\r\ncontent-length: 5\r\n\r\n"),
    bad("last chunk ends with LF", CHUNKED + b"0\n\n"),
]

LINES = [
    bad("bare LF everywhere", b"GET / HTTP/1.1\nhost: test.local\n\n"),
    bad("bare LF after a header", b"GET / HTTP/1.1\r\nhost: test.local\nx: y\r\n\r\n"),
    bad("bare LF after the request line", b"GET / HTTP/1.1\nhost: test.local\r\n\r\n"),
    bad("bare LF at the end", HEAD + b"\n"),
    bad("bare CR in value", HEAD + b"x: a\rb\r\n\r\n"),
    bad("bare CR in name", HEAD + b"x\ry: a\r\n\r\n"),
    bad("bare CR ends the line", b"GET / HTTP/1.1\rhost: test.local\r\r"),
    bad("CR CR LF", HEAD + b"x: a\r\r\n\r\n"),
    bad("obs-fold space", HEAD + b"x: a\r\n b\r\n\r\n"),
    bad("obs-fold tab", HEAD + b"x: a\r\n\tb\r\n\r\n"),
    bad("first header folded", b"GET / HTTP/1.1\r\n host: test.local\r\n\r\n"),
    bad("space before colon", HEAD + b"x : a\r\n\r\n"),
    bad("tab before colon", HEAD + b"x\t: a\r\n\r\n"),
    bad("space before host colon", b"GET / HTTP/1.1\r\nhost : test.local\r\n\r\n"),
    bad("no colon", HEAD + b"nocolon\r\n\r\n"),
    bad("empty name", HEAD + b": value\r\n\r\n"),
    bad("NUL in value", HEAD + b"x: a\x00b\r\n\r\n"),
    bad("NUL in name", HEAD + b"x\x00y: a\r\n\r\n"),
    bad("NUL in target", b"GET /\x00 HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("control in value", HEAD + b"x: a\x01b\r\n\r\n"),
    bad("DEL in value", HEAD + b"x: a\x7fb\r\n\r\n"),
    bad("space in name", HEAD + b"x y: a\r\n\r\n"),
    bad("parenthesis in name", HEAD + b"x(y): a\r\n\r\n"),
    bad("high byte in name", HEAD + b"x\xe9: a\r\n\r\n"),
    bad("all token characters in name", HEAD + b"!#$%&'*+-.^_`|~09az: ok\r\n\r\n"),
]

REQUEST_LINES = [
    bad("no target", b"GET HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("two spaces", b"GET  / HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("space in target", b"GET /a b HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("tab separators", b"GET\t/\tHTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("space after the version", b"GET / HTTP/1.1 \r\nhost: test.local\r\n\r\n"),
    bad("leading space", b" GET / HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("no version", b"GET /\r\nhost: test.local\r\n\r\n"),
    bad("lower-case version", b"GET / http/1.1\r\nhost: test.local\r\n\r\n"),
    bad("version 1.10", b"GET / HTTP/1.10\r\nhost: test.local\r\n\r\n"),
    bad("version 01.1", b"GET / HTTP/01.1\r\nhost: test.local\r\n\r\n"),
    bad("version with comma", b"GET / HTTP/1,1\r\nhost: test.local\r\n\r\n"),
    bad("other protocol", b"GET / ICY/1.1\r\nhost: test.local\r\n\r\n"),
    bad("method with bad character", b"GE(T / HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("empty method", b" / HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("target without slash", b"GET abc HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("target with high byte", b"GET /caf\xe9 HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("target with DEL", b"GET /\x7f HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("target with quotes and brackets", b"GET /\"<>[]{}|^` HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("tls hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n"),
    bad("nonsense", b"hello there\r\n\r\n"),
    bad("empty line then nonsense", b"\r\nhello\r\n\r\n"),
    bad("connect with path", b"CONNECT /x HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("connect without port", b"CONNECT test.local HTTP/1.1\r\nhost: test.local\r\n\r\n"),
    bad("connect bad port", b"CONNECT test.local:x HTTP/1.1\r\nhost: test.local\r\n\r\n"),
]


def host(value):
    return bad("host %s" % value.decode("latin-1"), b"GET / HTTP/1.1\r\nhost: " + value + b"\r\n\r\n")


HOST_CASES = [
    bad("no host", b"GET / HTTP/1.1\r\n\r\n"),
    bad("empty host", b"GET / HTTP/1.1\r\nhost:\r\n\r\n"),
    bad("two hosts", b"GET / HTTP/1.1\r\nhost: a.example\r\nhost: b.example\r\n\r\n"),
    bad("two equal hosts", b"GET / HTTP/1.1\r\nhost: a.example\r\nhost: a.example\r\n\r\n"),
] + [host(value) for value in (
    b"a b", b"a/b", b"a?b", b"a#b", b"a@b", b"user@a:80", b"a\\b", b"a,b", b"a<b", b"a:b", b"a:", b"a:99999", b"[::1", b"::1", b"[zz]",
    b"a_b", b"a%20b", b"a\xe9", b"a\x00b", b"*", b"A.Example", b"a..b", b"-a", b"(a)", b"a;b", b"a=b", b"a&b", b"a'b", b"a!b", b"a~b", b"a$b",
    b"a|b", b"a^b", b"a`b", b"{a}", b'"a"',
)]

GROUPS = [
    Group("bad-lengths", config, LENGTHS),
    Group("bad-chunks", config, CHUNKS),
    Group("bad-lines", config, LINES),
    Group("bad-request-lines", config, REQUEST_LINES),
    Group("bad-hosts", config, HOST_CASES),
]
