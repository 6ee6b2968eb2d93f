"""The TCP proxy, and how a listener chooses among filter chains before it."""

import struct

from harness.client import Abort, Pause, Recv, RecvBytes, RecvEnd, ShutWrite, request
from harness.config import TYPE, access_log, address, bootstrap, cluster, hcm, route, vhost
from harness.origin import close, delay, expect, half_close, reset, send, to_end

from ..case import Case, Group
from .client_hello import client_hello

TCP_PROXY = TYPE + "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
INSPECTORS = {
    "tls": "tls_inspector.v3.TlsInspector", "http": "http_inspector.v3.HttpInspector", "proxy": "proxy_protocol.v3.ProxyProtocol",
}
LOG = {
    "type": "%ACCESS_LOG_TYPE%",
    "flags": "%RESPONSE_FLAGS%",
    "flags_long": "%RESPONSE_FLAGS_LONG%",
    "code": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "termination": "%CONNECTION_TERMINATION_DETAILS%",
    "protocol": "%PROTOCOL%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "wire_received": "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
    "wire_sent": "%DOWNSTREAM_WIRE_BYTES_SENT%",
    "upstream_received": "%UPSTREAM_WIRE_BYTES_RECEIVED%",
    "upstream_sent": "%UPSTREAM_WIRE_BYTES_SENT%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "host": "%UPSTREAM_HOST%",
    "remote_host": "%UPSTREAM_REMOTE_ADDRESS%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "hosts": "%UPSTREAM_HOSTS_ATTEMPTED%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "downstream_failure": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
    "sni": "%REQUESTED_SERVER_NAME%",
    "remote": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
    "local": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "direct_local": "%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%",
    "route": "%ROUTE_NAME%",
    "chain": "%FILTER_CHAIN_NAME%",
    "downstream_close": "%DOWNSTREAM_DETECTED_CLOSE_TYPE%",
    "upstream_close": "%UPSTREAM_DETECTED_CLOSE_TYPE%",
    "local_close": "%DOWNSTREAM_LOCAL_CLOSE_REASON%",
    "upstream_local_close": "%UPSTREAM_LOCAL_CLOSE_REASON%",
    "tlvs": "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%",
}


def inspector(kind, **fields):
    return {"name": kind, "typed_config": {"@type": TYPE + "envoy.extensions.filters.listener." + INSPECTORS[kind], **fields}}


def tcp(env, target="tcp", **fields):
    typed = {"@type": TCP_PROXY, "stat_prefix": "t", "access_log": [access_log(env.log(), json_format=LOG)], **fields}
    if "weighted_clusters" not in fields:
        typed["cluster"] = target
    return {"name": "tcp", "typed_config": typed}


def web(env):
    # How much is sent depends on how long an answer took: a header says so.
    log = {name: value for name, value in LOG.items() if not name.startswith(("wire_", "upstream_"))}
    return hcm([vhost("all", ["*"], [route("/", "a")])], log=access_log(env.log(), json_format=log))


def chain(last, name=None, **match):
    made = {"filters": [last]}
    if name:
        made["name"] = name
    if match:
        made["filter_chain_match"] = match
    return made


def port(env, name, chains, filters=(), **fields):
    """A listener over whole chains, or over the last filter of its only one."""
    chains = chains if isinstance(chains, list) else [chain(chains)]
    access = [access_log(env.log(), json_format=LOG)] if fields.pop("log", False) else []
    return {"name": name, "address": address(0), "listener_filters": list(filters), "filter_chains": chains, "access_log": access, **fields}


def proxying(env):
    short = {"base_interval": "0.01s", "max_interval": "0.02s"}
    weighted = {"clusters": [{"name": "nowhere", "weight": 1}, {"name": "tcp", "weight": 1000000000}]}
    return bootstrap([
        port(env, "main", tcp(env)),
        port(env, "second", tcp(env, "tcp2")),
        port(env, "nowhere", tcp(env, "nowhere")),
        port(env, "empty", tcp(env, "empty")),
        port(env, "refusing", tcp(env, "refusing")),
        port(env, "refusing3", tcp(env, "refusing", max_connect_attempts=3)),
        port(env, "refusing-backoff", tcp(env, "refusing", max_connect_attempts=2, backoff_options=short)),
        port(env, "silent", tcp(env, "silent")),
        port(env, "full", tcp(env, "full")),
        port(env, "no-pending", tcp(env, "no-pending")),
        port(env, "idle", tcp(env, idle_timeout="0.2s")),
        port(env, "lifetime", tcp(env, max_downstream_connection_duration="0.2s")),
        port(env, "weighted", tcp(env, weighted_clusters=weighted)),
        port(env, "connected-log", tcp(env, access_log_options={"flush_access_log_on_connected": True})),
        port(env, "periodic-log", tcp(env, access_log_options={"access_log_flush_interval": "0.3s"})),
        port(env, "listener-log", tcp(env), log=True),
        port(env, "http-log", web(env), log=True),
        port(env, "nobody-log", [chain(tcp(env), source_prefix_ranges=[{"address_prefix": "10.0.0.0", "prefix_len": 8}])], log=True),
        port(env, "inspected-log", [chain(tcp(env), server_names=["one.test"])], [inspector("proxy"), inspector("tls")], log=True),
    ], [
        cluster("a", env.port("a")), cluster("tcp", env.port("tcp")), cluster("tcp2", env.port("tcp2")), cluster("empty"), cluster("refusing", env.refusing),
        cluster("silent", env.silent, connect_timeout="0.2s"),
        cluster("full", env.port("tcp"), circuit_breakers={"thresholds": [{"max_connections": 0}]}),
        cluster("no-pending", env.port("tcp"), circuit_breakers={"thresholds": [{"max_pending_requests": 0}]}),
    ])


def bare(name, steps, listener="main", script=None, **fields):
    fields.setdefault("log_lines", 1)
    origin = {"tcp": [script]} if script else {}
    return Case(name, steps, listener=listener, origin=fields.pop("origin", origin), **fields)


V1 = b"PROXY TCP4 203.0.113.7 203.0.113.8 1000 2000\r\n"
HELLO = [b"hello", RecvBytes(5)]

PROXYING = [
    bare("exchange, client closes", HELLO),
    bare("exchange, client half-closes", HELLO + [ShutWrite(), RecvEnd()]),
    bare("exchange, client resets", HELLO + [Abort()]),
    bare("nothing said, client closes", [Pause(0.05)]),
    bare("nothing said, client half-closes", [ShutWrite(), RecvEnd()]),
    bare("origin talks first", [RecvBytes(5), b"x", RecvEnd()], script=[send(b"first"), expect(1), close()]),
    bare("origin closes", [b"hello", RecvEnd()], script=[expect(5), send(b"bye"), close()]),
    bare("origin closes at once", [RecvEnd()], script=[close()]),
    bare("origin resets", [b"hello", RecvEnd()], script=[expect(5), reset()]),
    bare("origin resets after an answer", [b"hello", RecvBytes(3), b"more", RecvEnd()], script=[expect(5), send(b"abc"), expect(4), reset()]),
    bare("origin half-closes", [b"hello", RecvEnd(), b"still here", Pause(0.05), ShutWrite()],
         script=[expect(5), send(b"last"), half_close(), to_end()], linger=0.3),
    bare("origin half-closes, client resets", [b"hello", RecvEnd(), Abort()], script=[expect(5), half_close(), to_end()]),
    bare("client half-closes, origin answers later", [b"hello", ShutWrite(), RecvEnd()],
         script=[to_end(), delay(0.05), send(b"answer"), close()]),
    bare("client half-closes, origin resets", [b"hello", ShutWrite(), RecvEnd()], script=[to_end(), reset()]),
    bare("large both ways", [b"x" * 300000, RecvBytes(300000)]),
    bare("second origin", [b"hello", RecvBytes(5)], listener="second", origin={}),
    bare("unknown cluster", [RecvEnd()], listener="nowhere"),
    bare("empty cluster", [RecvEnd()], listener="empty"),
    bare("refused", [RecvEnd()], listener="refusing"),
    bare("refused three times", [RecvEnd()], listener="refusing3"),
    bare("refused with backoff", [RecvEnd()], listener="refusing-backoff"),
    bare("connect timeout", [RecvEnd()], listener="silent", settle=0.3),
    bare("no connection allowed", [RecvEnd()], listener="full"),
    bare("no pending allowed", [RecvEnd()], listener="no-pending"),
    bare("idle", HELLO + [RecvEnd()], listener="idle", settle=0.3),
    bare("idle without a byte", [RecvEnd()], listener="idle", settle=0.3),
    bare("lifetime", HELLO + [RecvEnd()], listener="lifetime", settle=0.3),
    bare("weighted", HELLO, listener="weighted"),
    bare("log on connect", HELLO, listener="connected-log", log_lines=2),
    bare("log on connect, client resets", HELLO + [Abort()], listener="connected-log", log_lines=2),
    bare("periodic log", HELLO + [Pause(0.45)], listener="periodic-log", log_lines=2, settle=0.3),
    bare("client leaves before the connection stands", [b"hello", Abort()], listener="silent", settle=0.5),
    bare("listener log", HELLO, listener="listener-log", log_lines=2),
    bare("listener log, client resets", HELLO + [Abort()], listener="listener-log", log_lines=2),
    Case("listener log, http", [request(), Recv()], listener="http-log", log_lines=2),
    Case("listener log, http, two requests", [request(), Recv(), request(), Recv()], listener="http-log", log_lines=3),
    Case("listener log, malformed http", [b"nonsense\r\n\r\n", Recv()], listener="http-log", log_lines=2),
    Case("listener log, no request", [Pause(0.05)], listener="http-log", log_lines=1),
    bare("listener log, no chain", [RecvEnd(timeout=1)], listener="nobody-log"),
    bare("listener log, no header", [b"this is no header at all", RecvEnd(timeout=1)], listener="inspected-log"),
    bare("listener log, chosen by name", [V1 + client_hello("one.test"), RecvBytes(len(client_hello("one.test")))], listener="inspected-log", log_lines=2),
    bare("listener log, no such name", [V1 + client_hello("two.test"), RecvEnd(timeout=1)], listener="inspected-log"),
    bare("listener log, client leaves before", [Pause(0.05)], listener="inspected-log"),
]


def v2(command=0x21, family=0x11, addresses=None, tlvs=b"", length=None):
    """A header of version 2 of the PROXY protocol."""
    if addresses is None:
        addresses = bytes([203, 0, 113, 7, 203, 0, 113, 8]) + struct.pack(">HH", 1000, 2000)
    body = addresses + tlvs
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(body) if length is None else length) + body


def proxy_socket(version, **fields):
    return {"name": "p", "typed_config": {
        "@type": TYPE + "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        "config": {"version": version, **fields},
        "transport_socket": {"name": "envoy.transport_sockets.raw_buffer", "typed_config": {
            "@type": TYPE + "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}}}}


def proxied(env):
    rules = [{"tlv_type": 2, "on_tlv_present": {"key": "authority"}}]
    everything = {"pass_through_tlvs": {"match_type": "INCLUDE_ALL"}}
    return bootstrap([
        port(env, "main", tcp(env), [inspector("proxy", rules=rules)]),
        port(env, "lenient", tcp(env), [inspector("proxy", allow_requests_without_proxy_protocol=True)]),
        port(env, "only-v1", tcp(env), [inspector("proxy", disallowed_versions=["V2"], stat_prefix="strict")]),
        port(env, "only-v2", tcp(env), [inspector("proxy", disallowed_versions=["V1"])]),
        port(env, "to-v1", tcp(env, "tcp-v1"), [inspector("proxy")]),
        port(env, "to-v2", tcp(env, "tcp-v2"), [inspector("proxy", **everything)]),
        port(env, "plain-to-v1", tcp(env, "tcp-v1")),
        port(env, "plain-to-v2", tcp(env, "tcp-v2")),
        port(env, "http", web(env), [inspector("proxy")]),
        port(env, "by-source", [
            chain(tcp(env), "ten", source_prefix_ranges=[{"address_prefix": "10.0.0.0", "prefix_len": 8}]),
            chain(tcp(env), "direct", direct_source_prefix_ranges=[{"address_prefix": "127.0.0.0", "prefix_len": 8}]),
        ], [inspector("proxy")]),
        port(env, "by-port", [
            chain(tcp(env), "two-thousand", destination_port=2000),
            chain(tcp(env, "tcp"), "to", prefix_ranges=[{"address_prefix": "203.0.113.0", "prefix_len": 24}]),
        ], [inspector("proxy")]),
        port(env, "slow", tcp(env), [inspector("proxy")], listener_filters_timeout="0.2s"),
        port(env, "slow-goes-on", tcp(env), [inspector("proxy")], listener_filters_timeout="0.2s", continue_on_listener_filters_timeout=True),
    ], [
        cluster("tcp", env.port("tcp")), cluster("a", env.port("a")),
        cluster("tcp-v1", env.port("tcp"), transport_socket=proxy_socket("V1")),
        cluster("tcp-v2", env.port("tcp"), transport_socket=proxy_socket("V2", **everything)),
    ])


V1_6 = b"PROXY TCP6 2001:db8::7 2001:db8::8 1000 2000\r\n"
AUTHORITY = b"\x02\x00\x06a.test"
UNIQUE = b"\x05\x00\x03abc"
V6 = bytes.fromhex("20010db8000000000000000000000007" + "20010db8000000000000000000000008") + struct.pack(">HH", 1000, 2000)


def header(name, data, listener="main", **fields):
    return bare(name, [data + b"hello", RecvBytes(5)], listener=listener, **fields)


def bad(name, data, listener="main", **fields):
    return bare(name, [data, RecvEnd(timeout=1)], listener=listener, log_lines=0, **fields)


PROXIED = [
    header("v1", V1),
    header("v1 of IPv6", V1_6),
    header("v1 unknown", b"PROXY UNKNOWN\r\n"),
    header("v1 unknown with addresses", b"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n"),
    bare("v1 in two pieces", [V1[:10], Pause(0.05), V1[10:], Pause(0.05), b"hello", RecvBytes(5)]),
    header("v2", v2()),
    header("v2 of IPv6", v2(family=0x21, addresses=V6)),
    header("v2 local", v2(command=0x20)),
    header("v2 local without addresses", v2(command=0x20, family=0, addresses=b"")),
    header("v2 with a known value", v2(tlvs=AUTHORITY)),
    header("v2 with values", v2(tlvs=UNIQUE + AUTHORITY)),
    bare("v2 in two pieces", [v2()[:20], Pause(0.05), v2()[20:] + b"hello", RecvBytes(5)]),
    bad("v2 unspecified family", v2(family=0, addresses=b"")),
    bad("v2 of UDP", v2(family=0x12)),
    bad("v2 unix", v2(family=0x31, addresses=bytes(216))),
    bad("v2 unknown command", v2(command=0x22)),
    bad("v2 version 3", v2(command=0x31)),
    bad("v2 too short for its family", v2(addresses=b"\0" * 4)),
    bad("v2 with a value that is too long", v2(tlvs=b"\x05\x00\xffab")),
    bad("v1 bad address", b"PROXY TCP4 203.0.113 203.0.113.8 1000 2000\r\nhello"),
    bad("v1 bad port", b"PROXY TCP4 203.0.113.7 203.0.113.8 1000 99999\r\nhello"),
    bad("v1 family does not match", b"PROXY TCP6 203.0.113.7 203.0.113.8 1000 2000\r\nhello"),
    bad("v1 without CR", b"PROXY TCP4 203.0.113.7 203.0.113.8 1000 2000\nhello"),
    bad("v1 lower case", b"proxy tcp4 203.0.113.7 203.0.113.8 1000 2000\r\nhello"),
    bad("v1 too long", b"PROXY TCP4 " + b"1" * 200 + b"\r\nhello"),
    bad("v1 fields missing", b"PROXY TCP4 203.0.113.7\r\nhello"),
    bad("v1 one word", b"PROXY\r\nhello"),
    bad("none", b"hello there, this is no header"),
    bad("none, short", b"hello"),
    bare("client leaves inside", [V1[:10]], log_lines=0),
    bare("client leaves before", [Pause(0.05)], log_lines=0),
    header("without, allowed", b"this is long enough to be no header", listener="lenient"),
    header("without, short, allowed", b"", listener="lenient"),
    header("with, not needed", V1, listener="lenient"),
    header("v2 with, not needed", v2(), listener="lenient"),
    bad("bad, not needed", b"PROXY TCP4 nonsense\r\nhello", listener="lenient"),
    header("v1 where only v1 goes", V1, listener="only-v1"),
    bad("v2 where only v1 goes", v2() + b"hello", listener="only-v1"),
    bad("v1 where only v2 goes", V1 + b"hello", listener="only-v2"),
    header("v2 where only v2 goes", v2(), listener="only-v2"),
    *[bare("%s to %s" % (name, to), [data + b"hello", RecvBytes(5)], listener=to)
      for to in ("to-v1", "to-v2") for name, data in (("v1", V1), ("v1 of IPv6", V1_6), ("v2", v2()), ("v2 with values", v2(tlvs=UNIQUE + AUTHORITY)))],
    Case("http", [V1 + request(), Recv()], listener="http"),
    Case("http, v2", [v2() + request(), Recv()], listener="http"),
    Case("http, without", [request(), Recv(timeout=1)], listener="http", log_lines=0),
    header("source of the header", b"PROXY TCP4 10.1.2.3 203.0.113.8 1000 2000\r\n", listener="by-source"),
    header("source of the socket", V1, listener="by-source"),
    header("port of the header", V1, listener="by-port"),
    header("address of the header", b"PROXY TCP4 10.1.2.3 203.0.113.8 1000 2001\r\n", listener="by-port"),
    bad("neither", b"PROXY TCP4 10.1.2.3 203.0.114.8 1000 2001\r\n", listener="by-port"),
    bare("header never comes", [RecvEnd(timeout=1)], listener="slow", log_lines=0, settle=0.3),
    bare("header stays half", [V1[:10], RecvEnd(timeout=1)], listener="slow", log_lines=0, settle=0.3),
    bare("header never comes, goes on", [Pause(0.35), b"hello", RecvBytes(5)], listener="slow-goes-on", settle=0.3),
]


def sniffed(env):
    both = [inspector("tls"), inspector("http")]
    return bootstrap([
        port(env, "main", [
            chain(tcp(env), "exact", server_names=["one.test"]),
            chain(tcp(env), "exact-h2", server_names=["one.test"], application_protocols=["h2"]),
            chain(tcp(env), "suffix", server_names=["*.one.test"]),
            chain(tcp(env), "longer-suffix", server_names=["*.deep.one.test"]),
            chain(tcp(env), "h2", transport_protocol="tls", application_protocols=["h2", "h2-15"]),
            chain(tcp(env), "tls", transport_protocol="tls"),
            chain(web(env), "http", application_protocols=["http/1.0", "http/1.1", "h2c"]),
            chain(tcp(env), "raw", transport_protocol="raw_buffer"),
        ], both),
        port(env, "names-only", [chain(tcp(env), "exact", server_names=["one.test"])], [inspector("tls")]),
        port(env, "no-inspector", [chain(tcp(env), "exact", server_names=["one.test"])]),
        port(env, "default", [chain(tcp(env), "exact", server_names=["one.test"])], [inspector("tls")],
             default_filter_chain=chain(tcp(env), "fallback")),
        port(env, "http-only", [chain(web(env), "http", application_protocols=["http/1.0", "http/1.1", "h2c"])], [inspector("http")]),
        port(env, "source", [
            chain(tcp(env), "wide", source_prefix_ranges=[{"address_prefix": "127.0.0.0", "prefix_len": 8}]),
            chain(tcp(env), "narrow", source_prefix_ranges=[{"address_prefix": "127.0.0.1", "prefix_len": 32}]),
            chain(tcp(env), "other", source_prefix_ranges=[{"address_prefix": "10.0.0.0", "prefix_len": 8}]),
        ]),
        port(env, "nobody", [chain(tcp(env), "other", source_prefix_ranges=[{"address_prefix": "10.0.0.0", "prefix_len": 8}])]),
        port(env, "local", [chain(tcp(env), "local", source_type="SAME_IP_OR_LOOPBACK"), chain(tcp(env), "far", source_type="EXTERNAL")]),
        port(env, "slow", [chain(tcp(env), "exact", server_names=["one.test"])], [inspector("tls")], listener_filters_timeout="0.2s"),
    ], [cluster("tcp", env.port("tcp")), cluster("a", env.port("a"))])


def hello(name, listener="main", matches=True, **fields):
    data = client_hello(**fields)
    if matches:
        return bare(name, [data, RecvBytes(len(data))], listener=listener)
    return bare(name, [data, RecvEnd(timeout=1)], listener=listener, log_lines=0)


SNIFFED = [
    hello("exact name", server_name="one.test"),
    hello("exact name upper case", server_name="ONE.Test"),
    hello("exact name with ALPN", server_name="one.test", alpn=["h2", "http/1.1"]),
    hello("exact name with another ALPN", server_name="one.test", alpn=["spdy/3"]),
    hello("suffix", server_name="a.one.test"),
    hello("two labels", server_name="a.b.one.test"),
    hello("longer suffix", server_name="a.deep.one.test"),
    hello("the suffix itself", server_name="deep.one.test"),
    hello("another name", server_name="two.test"),
    hello("another name, h2", server_name="two.test", alpn=["h2"]),
    hello("another name, second ALPN", server_name="two.test", alpn=["x", "h2-15"]),
    hello("no name", server_name=None),
    hello("no name, h2", server_name=None, alpn=["h2"]),
    hello("empty name", server_name=""),
    hello("TLS 1.2 only", server_name="one.test", versions=(0x0303,)),
    bare("in pieces", [client_hello("one.test")[:3], Pause(0.05), client_hello("one.test")[3:40], Pause(0.05),
                       client_hello("one.test")[40:], RecvBytes(len(client_hello("one.test")))]),
    bare("in two records", [client_hello("one.test", records=2), RecvBytes(len(client_hello("one.test", records=2)))]),
    hello("large", server_name="one.test", padding=9000),
    bare("broken handshake", [b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", RecvEnd(timeout=1)], log_lines=0),
    bare("record of another kind", [b"\x17\x03\x01\x00\x05hello", RecvBytes(10)]),
    bare("plain bytes", [b"\x00\x01\x02hello", RecvBytes(8)]),
    Case("http/1.1", [request(), Recv()]),
    Case("http/1.0", [request(version="HTTP/1.0"), Recv()]),
    bare("http/2 preface", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), Pause(0.1)], log_lines=0),
    bare("redis", [b"*1\r\n$4\r\nPING\r\n", RecvBytes(14)]),
    bare("looks like http", [b"HELO mail.test\r\n", RecvBytes(16)]),
    bare("http without a version", [b"GET /\r\n", RecvBytes(7)]),
    hello("names only, known", listener="names-only", server_name="one.test"),
    bare("name without an inspector", [client_hello("one.test"), RecvEnd(timeout=1)], listener="no-inspector", log_lines=0),
    hello("names only, unknown", listener="names-only", server_name="two.test", matches=False),
    bare("names only, plain", [b"hello there", RecvEnd(timeout=1)], listener="names-only", log_lines=0),
    hello("default chain", listener="default", server_name="two.test"),
    bare("default chain, plain", [b"hello there", RecvBytes(11)], listener="default"),
    bare("http only, not http", [b"\x00\x01\x02\x03", RecvEnd(timeout=1)], listener="http-only", log_lines=0),
    Case("http only", [request(), Recv()], listener="http-only"),
    bare("source", HELLO, listener="source"),
    bare("no chain for the source", [RecvEnd(timeout=1)], listener="nobody", log_lines=0),
    bare("local source", HELLO, listener="local"),
    bare("hello stays half", [client_hello("one.test")[:30], RecvEnd(timeout=1)], listener="slow", log_lines=0, settle=0.3),
    bare("client leaves inside a hello", [client_hello("one.test")[:30]], log_lines=0),
    bare("client leaves before a hello", [Pause(0.05)], log_lines=0),
]

GROUPS = [
    Group("tcp", proxying, PROXYING, origins=("tcp", "tcp2", "a")),
    Group("proxy-protocol", proxied, PROXIED, origins=("tcp", "a")),
    Group("sniffing", sniffed, SNIFFED, origins=("tcp", "a")),
]
