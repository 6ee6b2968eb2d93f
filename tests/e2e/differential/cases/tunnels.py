"""CONNECT and Upgrade: connections that stop being HTTP."""

from harness.client import Pause, Recv, RecvBytes, ShutWrite, request
from harness.config import route, to, vhost
from harness.origin import close, echo, reply, send

from ..case import Case, Group, get
from .common import variants

WEBSOCKET = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-version", "13")]
ACCEPT = send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-acc: 1\r\n\r\n")


def config(env):
    return variants(env, {
        "main": {"upgrade_configs": [{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}]},
        "off": {},
        "disabled": {"upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}]},
    }, vhosts=[vhost("all", ["*"], [
        route({"connect_matcher": {}}, to("a", upgrade_configs=[{"upgrade_type": "CONNECT"}])),
        route("/on", to("a", upgrade_configs=[{"upgrade_type": "websocket", "enabled": True}])),
        route("/never", to("a", upgrade_configs=[{"upgrade_type": "websocket", "enabled": False}])),
        route("/", "a"),
    ])])


def upgrade(name, target="/", steps=(), headers=WEBSOCKET, origin=None, **fields):
    return Case(name, [request("GET", target, list(headers)), Recv()] + list(steps),
                origin={"a": [origin if origin is not None else [ACCEPT, echo()]]}, settle=0.5, **fields)


CASES = [
    upgrade("websocket", steps=[b"hello", RecvBytes(5), b"again", RecvBytes(5)]),
    upgrade("websocket upper case", headers=[("Connection", "upgrade"), ("Upgrade", "WebSocket")], steps=[b"hello", RecvBytes(5)]),
    upgrade("websocket among others", headers=[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")], steps=[b"hello", RecvBytes(5)]),
    upgrade("client half-closes", steps=[b"hello", RecvBytes(5), ShutWrite(), Pause(0.1)]),
    upgrade("origin closes", origin=[ACCEPT, send(b"bye"), close()], steps=[RecvBytes(3)], linger=0.5),
    upgrade("origin talks first", origin=[ACCEPT, send(b"first"), echo()], steps=[RecvBytes(5), b"x", RecvBytes(1)]),
    upgrade("origin refuses", origin=reply(403, body=b"no")),
    upgrade("origin answers 200", origin=reply(200, body=b"plain")),
    upgrade("allowed by the route", "/on", listener="off", steps=[b"hello", RecvBytes(5)]),
    upgrade("forbidden by the route", "/never"),
    upgrade("not configured", listener="off", origin=reply(200)),
    upgrade("disabled by default", listener="disabled", origin=reply(200)),
    upgrade("enabled by the route", "/on", listener="disabled", steps=[b"hello", RecvBytes(5)]),
    upgrade("another protocol", headers=[("connection", "upgrade"), ("upgrade", "foo")], origin=reply(200)),
    upgrade("h2c", headers=[("connection", "upgrade, http2-settings"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA")], origin=reply(200)),
    upgrade("upgrade without connection", headers=[("upgrade", "websocket")], origin=reply(200)),
    upgrade("connection without upgrade", headers=[("connection", "upgrade")], origin=reply(200)),
    Case("post with upgrade", [request("POST", "/", WEBSOCKET), Recv(), b"hello", RecvBytes(5)], origin={"a": [[ACCEPT, echo()]]}, settle=0.5),
    Case("bytes sent with the upgrade", [request("GET", "/", WEBSOCKET) + b"early", Recv(), RecvBytes(5)], origin={"a": [[ACCEPT, echo()]]}, settle=0.5),
    Case("connect passed on", [request("CONNECT", "test.local:443", host="test.local:443"), Recv("CONNECT"), b"ping", RecvBytes(4)],
         origin={"a": [[send(b"HTTP/1.1 200 OK\r\n\r\n"), echo()]]}, log_lines=1, settle=0.5),
    Case("connect refused by the origin", [request("CONNECT", "test.local:443", host="test.local:443"), Recv("CONNECT")],
         origin={"a": [reply(403, body=b"no")]}),
    Case("connect not configured", [request("CONNECT", "test.local:443", host="test.local:443"), Recv("CONNECT")], listener="off"),
    get("get on a connect port", "/"),
]

def connect_config(env):
    return variants(env, {"main": {"upgrade_configs": [{"upgrade_type": "CONNECT"}]}}, vhosts=[vhost("all", ["*"], [
        route({"connect_matcher": {}}, to("tcp", upgrade_configs=[{"upgrade_type": "CONNECT", "connect_config": {}}])),
    ])])


TERMINATED = [
    Case("connect ends here", [request("CONNECT", "test.local:443", host="test.local:443"), Recv("CONNECT"), b"ping", RecvBytes(4)],
         log_lines=1, settle=0.5),
    get("get has no route", "/"),
]

GROUPS = [
    Group("tunnels", config, CASES),
    Group("connect", connect_config, TERMINATED, origins=("tcp",)),
]
