"""Timeouts, retries, circuit breakers, failing upstreams."""

from harness.client import Pause, Recv, request
from harness.config import cluster, endpoint, route, to, vhost
from harness.origin import close, delay, read_body, reply, reset, respond, send, skip_body

from ..case import Case, Group, get
from .common import variants
from .edge import INTERNAL


def retry(on, count=1, **fields):
    """A policy with a short back-off, so that cases are quick."""
    policy = {"retry_on": on, "num_retries": count, "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.005s"}}
    policy.update(fields)
    return policy


POLICIES = {
    "5xx": retry("5xx"),
    "gateway-error": retry("gateway-error"),
    "reset": retry("reset"),
    "connect-failure": retry("connect-failure"),
    "retriable-4xx": retry("retriable-4xx"),
    "retriable-status-codes": retry("retriable-status-codes", retriable_status_codes=[418, 503]),
    "refused-stream": retry("refused-stream"),
    "reset-before-request": retry("reset-before-request"),
    "retriable-headers": retry("retriable-headers", retriable_headers=[{"name": "x-again", "string_match": {"exact": "yes"}}]),
    "envoy-ratelimited": retry("envoy-ratelimited,5xx"),
    "none": None,
    "three": retry("5xx", 3),
    "zero": retry("5xx", 0),
    "both": retry("connect-failure,reset,retriable-status-codes", 2, retriable_status_codes=[500]),
}

OUTCOMES = {
    "200": reply(200),
    "418": reply(418),
    "409": reply(409),
    "500": reply(500, [("x-which", "first")], b"first"),
    "503": reply(503, [], b"first"),
    "503 ratelimited": reply(503, [("x-envoy-ratelimited", "true")], b"first"),
    "x-again": reply(200, [("x-again", "yes")], b"first"),
    "close": [close()],
    "reset": [reset()],
    "cut body": [send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), close()],
}


def retry_config(env):
    routes = []
    for name, policy in POLICIES.items():
        fields = {"retry_policy": policy} if policy else {}
        routes.append(route({"path": "/" + name}, to("a", **fields)))
        routes.append(route({"path": "/refused/" + name}, to("refusing", **fields)))
        routes.append(route({"path": "/mixed/" + name}, to("half", **fields)))
    routes.append(route("/per-try", to("a", timeout="2s", retry_policy=retry("5xx", 2, per_try_timeout="0.12s"))))
    routes.append(route("/", "a"))
    return variants(env, {"main": dict(INTERNAL)}, vhosts=[vhost(
        "all", ["*"], routes, include_request_attempt_count=True, include_attempt_count_in_response=True,
    )], clusters=[
        cluster("a", env.port("a")), cluster("refusing", env.refusing),
        cluster("half", endpoint(env.refusing), endpoint(env.port("a"))),
    ])


INSIDE = [("x-forwarded-for", "127.0.0.1")]


def retried(name, target, outcomes, headers=(), **fields):
    return get(name, target, list(headers), origin={"a": [OUTCOMES[outcome] for outcome in outcomes]}, settle=0.3, **fields)


RETRIES = (
    [retried("%s: %s" % (policy, outcome), "/" + policy, [outcome]) for policy in POLICIES for outcome in OUTCOMES
     if policy not in ("three", "zero", "both")]
    + [get("refused: " + policy, "/refused/" + policy) for policy in POLICIES]
    + [
        retried("twice then out", "/5xx", ["503", "503"]),
        retried("three times then good", "/three", ["503", "500", "close"]),
        retried("four times then out", "/three", ["503", "503", "503", "503"]),
        retried("zero retries", "/zero", ["503"]),
        retried("both: 500 then close", "/both", ["500", "close"]),
        retried("both: 500 then 500 then 500", "/both", ["500", "500", "500"]),
        retried("post with body is retried", "/5xx", ["503"], method="POST", body=b"the body"),
        retried("post with large body is not", "/5xx", ["503"], method="POST", body=b"x" * 200000),
        retried("post with a closed connection", "/reset", ["close"], method="POST", body=b"the body"),
        retried("put with chunks", "/5xx", ["500"], method="PUT", headers=[("transfer-encoding", "chunked")], body=b"3\r\nabc\r\n0\r\n\r\n"),
        retried("head", "/5xx", ["503"], method="HEAD"),
        retried("header asks: 5xx", "/none", ["503"], INSIDE + [("x-envoy-retry-on", "5xx")]),
        retried("header asks: 5xx twice", "/none", ["503", "503"], INSIDE + [("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "2")]),
        retried("header asks: unknown policy", "/none", ["503"], INSIDE + [("x-envoy-retry-on", "moon-phase")]),
        retried("header adds to the policy", "/gateway-error", ["500"], INSIDE + [("x-envoy-retry-on", "5xx")]),
        retried("header forbids by count 0", "/three", ["503"], INSIDE + [("x-envoy-max-retries", "0")]),
        retried("header counts over policy", "/5xx", ["503", "503", "503"], INSIDE + [("x-envoy-max-retries", "3")]),
        retried("header count is not a number", "/5xx", ["503", "503"], INSIDE + [("x-envoy-max-retries", "many")]),
        retried("header status codes", "/none", ["418"], INSIDE + [
            ("x-envoy-retry-on", "retriable-status-codes"), ("x-envoy-retriable-status-codes", "418,419")]),
        retried("header header names", "/none", ["x-again"], INSIDE + [
            ("x-envoy-retry-on", "retriable-headers"), ("x-envoy-retriable-header-names", "x-again")]),
        retried("header from outside is ignored", "/none", ["503"], [("x-envoy-retry-on", "5xx")]),
        retried("grpc header policy", "/none", ["503"], INSIDE + [("x-envoy-retry-grpc-on", "unavailable")]),
        get("per try: slow then fast", "/per-try", origin={"a": [[delay(0.3), close()]]}, settle=1),
        get("per try: always slow", "/per-try", origin={"a": [[delay(0.3), close()]] * 3}, settle=1),
        get("per try: slow body", "/per-try", origin={"a": [[send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"), delay(0.3), send(b"b")]]}, settle=1),
        get("unexpected: early 503 to an upload", "/5xx", method="POST", headers=[("content-length", "5")], body=b"12345",
            origin={"a": [[skip_body(), send(respond(503)), close()]]}),
    ]
)


def timeout_config(env):
    return variants(env, {
        "main": dict(INTERNAL),
        "stream-idle": {"stream_idle_timeout": "0.15s"},
        "request": {"request_timeout": "0.15s"},
        "headers": {"request_headers_timeout": "0.15s"},
        "idle": {"common_http_protocol_options": {"idle_timeout": "0.15s"}},
        "duration": {"common_http_protocol_options": {"max_connection_duration": "0.3s"}, "drain_timeout": "0.05s"},
        "max-stream": {"common_http_protocol_options": {"max_stream_duration": "0.15s"}},
    }, vhosts=[vhost("all", ["*"], [
        route("/quick", to("a", timeout="0.15s")),
        route("/none", to("a", timeout="0s")),
        route("/idle", to("a", timeout="0s", idle_timeout="0.15s")),
        route("/silent", to("silent", timeout="2s")),
        route("/silent-quick", to("silent", timeout="0.1s")),
        route("/alt", to("a", timeout="0.15s")),
        route("/msd", to("a", max_stream_duration={"max_stream_duration": "0.15s"})),
        route("/", "a"),
    ])], clusters=[cluster("a", env.port("a")), cluster("silent", env.silent, connect_timeout="0.2s")])


SLOW = {"a": [[read_body(), delay(0.4), close()]]}


def timed(name, target, origin=None, headers=(), **fields):
    return get(name, target, list(headers), origin=origin if origin is not None else SLOW, settle=1, **fields)


TIMEOUTS = [
    timed("route timeout", "/quick"),
    timed("route timeout head", "/quick", method="HEAD"),
    timed("route timeout inside the body", "/quick", {"a": [[send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"), delay(0.4), close()]]}),
    timed("route timeout with retries", "/quick", headers=INSIDE + [("x-envoy-retry-on", "5xx")]),
    timed("header timeout", "/none", headers=INSIDE + [("x-envoy-upstream-rq-timeout-ms", "100")]),
    timed("header timeout over route", "/quick", {"a": [[delay(0.25), send(respond())]]}, INSIDE + [("x-envoy-upstream-rq-timeout-ms", "900")]),
    timed("header timeout garbage", "/quick", headers=INSIDE + [("x-envoy-upstream-rq-timeout-ms", "soon")]),
    timed("header per-try timeout", "/none", {"a": [[delay(0.3), close()]]}, INSIDE + [
        ("x-envoy-upstream-rq-timeout-ms", "1000"), ("x-envoy-upstream-rq-per-try-timeout-ms", "100"), ("x-envoy-retry-on", "5xx")]),
    timed("header alternative response", "/none", headers=INSIDE + [
        ("x-envoy-upstream-rq-timeout-ms", "100"), ("x-envoy-upstream-rq-timeout-alt-response", "1")]),
    timed("route idle timeout", "/idle"),
    timed("route idle timeout inside the response", "/idle", {"a": [[send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"), delay(0.4), close()]]}),
    Case("route idle timeout inside the request", [request("POST", "/idle", [("content-length", "5")]) + b"ab", Recv(timeout=2)], settle=1),
    timed("route max stream duration", "/msd"),
    Case("route timeout does not run during upload", [request("POST", "/quick", [("content-length", "2")]), b"a", Pause(0.3), b"b", Recv()]),
    timed("connect timeout", "/silent", {}),
    timed("connect outlives route timeout", "/silent-quick", {}),
    timed("stream idle", "/none", listener="stream-idle"),
    Case("request timeout", [request("POST", "/none", [("content-length", "5")]) + b"ab", Recv(timeout=2)], listener="request", settle=1),
    Case("request timeout inside the head", [b"GET / HTTP/1.1\r\nhost: x\r\n", Recv(timeout=2)], listener="request", settle=1),
    Case("headers timeout", [b"GET / HTTP/1.1\r\nhost: x\r\n", Recv(timeout=2)], listener="headers", settle=1),
    Case("headers timeout does not hit a body", [request("POST", "/none", [("content-length", "2")]) + b"a", Pause(0.25), b"b", Recv()], listener="headers"),
    Case("idle connection", [request(), Recv(), Pause(0.3)], listener="idle", linger=0.3, settle=1),
    Case("idle connection without a request", [Pause(0.3)], listener="idle", linger=0.3, settle=1, log_lines=0),
    Case("connection duration", [request(), Recv(), Pause(0.5)], listener="duration", linger=0.3, settle=1),
    timed("max stream duration", "/none", listener="max-stream"),
]


def thresholds(**fields):
    return {"circuit_breakers": {"thresholds": [fields]}}


def breaker_config(env):
    return variants(env, {"main": {}}, vhosts=[vhost("all", ["*"], [
        route("/no-requests", "no-requests"), route("/no-pending", "no-pending"), route("/no-retries", to("no-retries", retry_policy=retry("5xx", 2))),
        route("/no-connections", "no-connections"), route("/high", to("high", priority="HIGH")), route("/default", "high"),
        route("/budget", to("budget", retry_policy=retry("5xx", 1))),
        route("/per-connection", "per-connection"), route("/remaining", "remaining"),
    ])], clusters=[
        cluster("no-requests", env.port("a"), **thresholds(max_requests=0)),
        cluster("no-pending", env.port("a"), **thresholds(max_pending_requests=0)),
        cluster("no-retries", env.port("a"), **thresholds(max_retries=0)),
        cluster("no-connections", env.port("a"), **thresholds(max_connections=0)),
        cluster("high", env.port("a"), circuit_breakers={"thresholds": [
            {"priority": "HIGH", "max_requests": 0}, {"priority": "DEFAULT", "max_requests": 5}]}),
        cluster("budget", env.port("a"), **thresholds(retry_budget={"budget_percent": {"value": 0}, "min_retry_concurrency": 0})),
        cluster("per-connection", env.port("a"), http={"common_http_protocol_options": {"max_requests_per_connection": 1}}),
        cluster("remaining", env.port("a"), **thresholds(track_remaining=True, max_requests=7)),
    ])


BREAKERS = [
    get("no requests allowed", "/no-requests"),
    get("no pending allowed", "/no-pending"),
    get("no connections allowed", "/no-connections"),
    get("no retries allowed", "/no-retries", origin={"a": [reply(503)]}),
    get("retry budget empty", "/budget", origin={"a": [reply(503)]}),
    get("high priority full", "/high"),
    get("default priority open", "/default"),
    Case("one request a connection", [request("GET", "/per-connection"), Recv(), request("GET", "/per-connection"), Recv()]),
    get("remaining tracked", "/remaining"),
]


def pool_config(env):
    return variants(env, {"main": {}}, vhosts=[vhost("all", ["*"], [
        route("/idle", "short-idle"), route("/rr", "pair"), route("/", "a"),
    ])], clusters=[
        cluster("a", env.port("a")),
        cluster("short-idle", env.port("a"), http={"common_http_protocol_options": {"idle_timeout": "0.1s"}}),
        cluster("pair", env.port("a"), env.port("b")),
    ])


POOLS = [
    Case("connection reused", [request("GET", "/1"), Recv(), request("GET", "/2"), Recv()]),
    Case("upstream idle timeout", [request("GET", "/idle"), Recv(), Pause(0.3), request("GET", "/idle"), Recv()], settle=1),
    Case("origin closed the idle connection", [request("GET", "/1"), Recv(), Pause(0.1), request("GET", "/2"), Recv()],
         origin={"a": [reply(200) + [close()]]}),
]

GROUPS = [
    Group("retries", retry_config, RETRIES),
    Group("timeouts", timeout_config, TIMEOUTS),
    Group("breakers", breaker_config, BREAKERS),
    Group("pools", pool_config, POOLS, origins=("a", "b")),
]
