"""gRPC: our own answers in its form, statuses in logs, its time-outs and its retries."""

from harness.client import Recv, request
from harness.config import access_log, cluster, route, to, vhost
from harness.http2_client import Done, ask
from harness.http2_origin import data, head, reply2, rst, trailers, wait_reset

from harness.origin import reply

from ..case import Case, Group
from .http2 import HTTP2, H2_LOG, INTERNAL, REFUSED, h2, managers

LOG = {**H2_LOG, "grpc": "%GRPC_STATUS%", "grpc_snake": "%GRPC_STATUS(SNAKE_STRING)%", "grpc_number": "%GRPC_STATUS_NUMBER%",
       "grpc_trailer": "%TRAILER(grpc-status)%"}
GRPC = ("content-type", "application/grpc")
TE = ("te", "trailers")
MESSAGE = b"\0\0\0\0\5hello"
SMALL = {"base_interval": "0.002s"}


def direct(path, status, body=None):
    action = {"status": status}
    if body:
        action["body"] = {"inline_string": body}
    return route(path, {"direct_response": action})


def retry(path, on, **policy):
    return route(path, to("h2", retry_policy={"retry_on": on, "num_retries": 2, "retry_back_off": SMALL, **policy}))


def config(env):
    vhosts = [vhost("all", ["test.local"], [
        *[direct("/direct%d" % status, status, "words & more: é%\n") for status in (200, 204, 301, 400, 401, 403, 404, 429, 500, 502, 503, 504)],
        route("/redirect", {"redirect": {"path_redirect": "/there"}}),
        route("/refused", to("refusing")), route("/empty", to("empty")), route("/nowhere", to(None, cluster_header="x-none")),
        route("/timeout", to("h2", timeout="0.2s")),
        route("/max-grpc", to("h2", max_grpc_timeout="0.3s")),
        route("/max-none", to("h2", max_grpc_timeout="0s")),
        route("/offset", to("h2", max_grpc_timeout="10s", grpc_timeout_offset="0.05s")),
        route("/duration", to("h2", max_stream_duration={"grpc_timeout_header_max": "0.3s"})),
        route("/duration-any", to("h2", max_stream_duration={"grpc_timeout_header_max": "0s"})),
        route("/duration-offset", to("h2", max_stream_duration={"grpc_timeout_header_max": "10s", "grpc_timeout_header_offset": "0.05s"})),
        route("/duration-both", to("h2", max_stream_duration={"max_stream_duration": "0.2s", "grpc_timeout_header_max": "10s"})),
        *[retry("/retry/" + on, on) for on in (
            "cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable", "5xx", "gateway-error", "reset")],
        retry("/retry/codes", "retriable-status-codes", retriable_status_codes=[500, 14]),
        retry("/retry/all", "cancelled,deadline-exceeded,internal,resource-exhausted,unavailable"),
        route("/one", to("a")),
        route("/", to("h2")),
    ])]
    made = managers(env, {"main": {}}, vhosts, [
        cluster("a", env.port("a")), cluster("h2", env.port("h2"), http=HTTP2), cluster("refusing", env.refusing, http=HTTP2),
        cluster("empty", http=HTTP2),
    ])
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["access_log"] = [access_log(env.log(), json_format=LOG)]
    return made


def call(name, path="/", headers=(), scripts=None, kind=GRPC, body=MESSAGE, **more):
    steps = [ask("POST", path, [kind, TE, *headers], body), Done(1)]
    more.setdefault("settle", 0.2)
    return h2(name, *steps, origin={"h2": scripts} if scripts else {}, **more)


def status(number, message=None):
    """A response that is only trailers."""
    return [head(200, [GRPC, ("grpc-status", str(number))] + ([("grpc-message", message)] if message else []), True)]


def late(number):
    """A status after the head."""
    return [head(200, [GRPC]), data(MESSAGE), trailers([("grpc-status", str(number))])]


OWN = [
    *[call("direct %d" % code, "/direct%d" % code) for code in (200, 204, 301, 400, 401, 403, 404, 429, 500, 502, 503, 504)],
    call("direct, proto", "/direct503", kind=("content-type", "application/grpc+proto")),
    call("direct, upper case", "/direct503", kind=("content-type", "application/GRPC")),
    call("direct, grpc-web", "/direct503", kind=("content-type", "application/grpc-web")),
    call("direct, with a parameter", "/direct503", kind=("content-type", "application/grpc; charset=utf-8")),
    call("direct, nearly grpc", "/direct503", kind=("content-type", "application/grpcx")),
    call("redirect", "/redirect"),
    h2("no route", ask("POST", "/", [GRPC, TE], MESSAGE, authority="other.local"), Done(1)),
    call("refused", "/refused"),
    call("empty cluster", "/empty"),
    call("no cluster", "/nowhere"),
    call("timeout", "/timeout", scripts=[[wait_reset()]]),
    call("origin resets", scripts=[[rst(INTERNAL)]]),
    call("origin resets after the head", scripts=[[head(200, [GRPC]), rst(INTERNAL)]]),
    Case("http/1.1, direct 503", [request("POST", "/direct503", [GRPC], MESSAGE), Recv()]),
    Case("http/1.1, refused", [request("POST", "/refused", [GRPC], MESSAGE), Recv()]),
    Case("http/1.1, no route", [request("POST", "/", [GRPC], MESSAGE, host="other.local"), Recv()]),
    h2("head", ask("HEAD", "/direct503", [GRPC]), Done(1)),
    h2("http/1.1 origin answers 503", ask("POST", "/one", [GRPC, TE], MESSAGE), Done(1), a=reply(503, body=b"down")),
]

STATUSES = [
    *[call("status %d alone" % number, scripts=[status(number, "some words")]) for number in (0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 14, 16, 17, 99)],
    *[call("status %d after a message" % number, scripts=[late(number)]) for number in (0, 1, 2, 13, 14, 99)],
    call("status that is no number", scripts=[[head(200, [GRPC, ("grpc-status", "abc")], True)]]),
    call("status that is empty", scripts=[[head(200, [GRPC, ("grpc-status", "")], True)]]),
    call("negative status", scripts=[[head(200, [GRPC, ("grpc-status", "-1")], True)]]),
    call("no status", scripts=[reply2(200, [GRPC])]),
    call("no status, 404", scripts=[reply2(404, [GRPC])]),
    call("no status, 503 of another type", scripts=[reply2(503, [("content-type", "text/html")])]),
    call("status beside 503", scripts=[reply2(503, [GRPC, ("grpc-status", "3")])]),
    call("status in head and trailers", scripts=[[head(200, [GRPC, ("grpc-status", "1")]), trailers([("grpc-status", "2")])]]),
    h2("status of a get", ask(), Done(1), h2=status(5)),
]


def held(name, path, timeout, lasts=True, **more):
    return call(name, path, [("grpc-timeout", timeout)], scripts=[[wait_reset()]] if lasts else None, settle=0.6, **more)


TIMEOUTS = [
    held("max-grpc, 100m", "/max-grpc", "100m"),
    held("max-grpc, above the limit", "/max-grpc", "10S"),
    held("max-grpc, in time", "/max-grpc", "10S", lasts=False),
    held("max-none, 100m", "/max-none", "100m"),
    held("offset, 200m", "/offset", "200m"),
    held("offset below zero", "/offset", "10m"),
    held("duration, 100m", "/duration", "100m"),
    held("duration, above the limit", "/duration", "10S"),
    held("duration, in time", "/duration", "10S", lasts=False),
    held("duration-any, 150m", "/duration-any", "150m"),
    held("duration-offset, 200m", "/duration-offset", "200m"),
    held("duration-both, 100m", "/duration-both", "100m"),
    held("duration-both, 1S", "/duration-both", "1S"),
    call("duration-both, none", "/duration-both", scripts=[[wait_reset()]], settle=0.6),
    held("microseconds", "/max-grpc", "150000u"),
    held("nanoseconds", "/max-grpc", "99999999n"),
    held("without a rule, in time", "/", "100m", lasts=False),
    *[held("in time: " + text, "/max-grpc", text, lasts=False) for text in ("1H", "1M", "99999999S", "10X", "", "S", "-1S", "1.5S", "123456789S", " 1S", "1 S", "0S")],
    *[held("in time, duration: " + text, "/duration", text, lasts=False) for text in ("1H", "10X", "0S", "123456789S")],
    h2("not grpc", ask("POST", "/max-grpc", [("grpc-timeout", "100m")], b"x"), Done(1)),
    h2("not grpc, duration", ask("POST", "/duration", [("grpc-timeout", "10S")], b"x"), Done(1)),
]

KINDS = {1: "cancelled", 4: "deadline-exceeded", 13: "internal", 8: "resource-exhausted", 14: "unavailable"}
RETRIES = [
    *[call("%s: %d, then good" % (on, number), "/retry/" + on, scripts=[status(number), late(0)]) for number, on in KINDS.items()],
    *[call("%s after a message" % on, "/retry/" + on, scripts=[late(number), late(0)]) for number, on in KINDS.items()],
    call("another status", "/retry/unavailable", scripts=[status(13), late(0)]),
    call("always", "/retry/unavailable", scripts=[status(14)] * 4),
    call("all, three kinds", "/retry/all", scripts=[status(1), status(8), late(0)]),
    call("5xx does not mean grpc", "/retry/5xx", scripts=[status(14), late(0)]),
    call("gateway-error does not mean grpc", "/retry/gateway-error", scripts=[status(14), late(0)]),
    call("unavailable does not mean 503", "/retry/unavailable", scripts=[reply2(503), late(0)]),
    call("unavailable does not mean reset", "/retry/unavailable", scripts=[[rst(INTERNAL)], late(0)]),
    call("unavailable does not mean refused", "/retry/unavailable", scripts=[[rst(REFUSED)], late(0)]),
    call("retriable codes are of HTTP", "/retry/codes", scripts=[status(14), late(0)]),
    call("retriable codes", "/retry/codes", scripts=[reply2(500), late(0)]),
    call("asked for by a header", "/", [("x-envoy-retry-grpc-on", "unavailable,internal"), ("x-envoy-max-retries", "1")], scripts=[status(14), late(0)]),
    h2("not grpc at all", ask("POST", "/retry/unavailable", body=b"x"), Done(1), origin={"h2": [status(14), late(0)]}, settle=0.2),
]

GROUPS = [Group("grpc", config, OWN + STATUSES + TIMEOUTS + RETRIES, origins=("a", "h2"))]
