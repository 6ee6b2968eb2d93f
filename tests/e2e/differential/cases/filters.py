"""The six HTTP filters, their per-route overrides and their stats."""

from harness.client import Pause, Recv, chunked, request
from harness.config import TYPE, cluster, filter_config, route, to, vhost
from harness.origin import delay, reply, respond, send

from ..case import Case, Group, get
from .common import variants

V3 = "envoy.extensions.filters.http."
DISABLED = {"@type": TYPE + "envoy.config.route.v3.FilterConfig", "disabled": True}


def typed(message, **fields):
    return {"@type": TYPE + V3 + message, **fields}


def per_route(match, name, config, action=None, **fields):
    return route(match, action or to("a"), typed_per_filter_config={"envoy.filters.http." + name: config}, **fields)


def all_percent(value=100, denominator="HUNDRED"):
    return {"numerator": value, "denominator": denominator}


def runtime(value):
    return {"default_value": all_percent(value)}


def put(key, value, action="APPEND_IF_EXISTS_OR_ADD"):
    return {"append": {"header": {"key": key, "value": value}, "append_action": action}}


MUTATIONS = {
    "request_mutations": [
        put("x-m", "added"), {"remove": "x-drop"}, put("x-over", "new", "OVERWRITE_IF_EXISTS_OR_ADD"),
        put("x-absent", "new", "ADD_IF_ABSENT"), put("x-if", "new", "OVERWRITE_IF_EXISTS"), put("x-op", "%REQ(:METHOD)%"),
    ],
    "response_mutations": [
        put("x-m", "added"), {"remove": "x-drop"}, put("x-over", "new", "OVERWRITE_IF_EXISTS_OR_ADD"),
        put("x-absent", "new", "ADD_IF_ABSENT"), put("x-code", "%RESPONSE_CODE%"),
    ],
}


def mutation_config(env):
    mutate = filter_config("envoy.filters.http.header_mutation", V3 + "header_mutation.v3.HeaderMutation", mutations=MUTATIONS)
    return variants(env, {"main": {}}, filters=[mutate], vhosts=[
        vhost("all", ["*"], [
            per_route("/route", "header_mutation", typed("header_mutation.v3.HeaderMutationPerRoute", mutations={
                "request_mutations": [put("x-m", "route")], "response_mutations": [put("x-m", "route")]})),
            per_route("/off", "header_mutation", DISABLED),
            route("/direct", {"direct_response": {"status": 200}}),
            route("/", "a"),
        ], typed_per_filter_config={"envoy.filters.http.header_mutation": typed(
            "header_mutation.v3.HeaderMutationPerRoute", mutations={"request_mutations": [put("x-m", "vhost")]})}),
    ])


WITH = [("x-drop", "1"), ("x-over", "old"), ("x-absent", "old"), ("x-if", "old"), ("x-m", "client")]
MUTATION_CASES = [
    get("plain", "/"), get("with the headers there", "/", WITH, origin={"a": [reply(200, WITH)]}),
    get("route", "/route", WITH), get("off", "/off", WITH, origin={"a": [reply(200, WITH)]}),
    get("direct response", "/direct"), get("no such route", "/nothing", host="test.local", method="HEAD"),
]


def fault(**fields):
    return filter_config("envoy.filters.http.fault", V3 + "fault.v3.HTTPFault", **fields)


def fault_route(match, **fields):
    return per_route(match, "fault", typed("fault.v3.HTTPFault", **fields))


def fault_config(env):
    return variants(env, {"main": {}}, filters=[fault()], vhosts=[vhost("all", ["*"], [
        fault_route("/abort503", abort={"http_status": 503, "percentage": all_percent()}),
        fault_route("/abort418", abort={"http_status": 418, "percentage": all_percent(1000000, "MILLION")}),
        fault_route("/abort0", abort={"http_status": 503, "percentage": all_percent(0)}),
        fault_route("/delay", delay={"fixed_delay": "0.15s", "percentage": all_percent()}),
        fault_route("/both", delay={"fixed_delay": "0.1s", "percentage": all_percent()}, abort={"http_status": 500, "percentage": all_percent()}),
        fault_route("/headers", abort={"http_status": 503, "percentage": all_percent()},
                    headers=[{"name": "x-fault", "string_match": {"exact": "on"}}]),
        fault_route("/by-header", abort={"header_abort": {}, "percentage": all_percent()}, delay={"header_delay": {}, "percentage": all_percent()}),
        fault_route("/cluster", abort={"http_status": 503, "percentage": all_percent()}, upstream_cluster="other"),
        fault_route("/this-cluster", abort={"http_status": 503, "percentage": all_percent()}, upstream_cluster="a"),
        fault_route("/nodes", abort={"http_status": 503, "percentage": all_percent()}, downstream_nodes=["n1"]),
        fault_route("/max", max_active_faults=0, abort={"http_status": 503, "percentage": all_percent()}),
        per_route("/off", "fault", DISABLED),
        route("/", "a"),
    ])])


FAULT_CASES = [get(target, target) for target in ("/abort503", "/abort418", "/abort0", "/cluster", "/this-cluster", "/max", "/off", "/")] + [
    get("delay", "/delay", settle=0.3), get("delay then abort", "/both", settle=0.3),
    get("abort head", "/abort503", method="HEAD"), get("abort post", "/abort503", method="POST", body=b"abc"),
    get("header matches", "/headers", [("x-fault", "on")]), get("header does not match", "/headers"),
    get("abort by header", "/by-header", [("x-envoy-fault-abort-request", "429")]),
    get("abort by header with percentage", "/by-header", [
        ("x-envoy-fault-abort-request", "429"), ("x-envoy-fault-abort-request-percentage", "0")]),
    get("abort by bad header", "/by-header", [("x-envoy-fault-abort-request", "99999")]),
    get("abort grpc by header", "/by-header", [("x-envoy-fault-abort-grpc-request", "5"), ("content-type", "application/grpc")]),
    get("delay by header", "/by-header", [("x-envoy-fault-delay-request", "120")], settle=0.3),
    get("no fault header", "/by-header"),
    get("downstream node matches", "/nodes", [("x-envoy-downstream-service-node", "n1")]),
    get("downstream node does not match", "/nodes"),
]


def bucket(tokens=1):
    return {"max_tokens": tokens, "tokens_per_fill": 1, "fill_interval": "3600s"}


def limiter(stat_prefix, **fields):
    return typed("local_ratelimit.v3.LocalRateLimit", stat_prefix=stat_prefix, **fields)


ON = {"filter_enabled": runtime(100), "filter_enforced": runtime(100)}


def limit_config(env):
    chain = filter_config("envoy.filters.http.local_ratelimit", V3 + "local_ratelimit.v3.LocalRateLimit", stat_prefix="global_limit")
    return variants(env, {"main": {}}, filters=[chain], vhosts=[vhost("all", ["*"], [
        per_route("/one", "local_ratelimit", limiter("one", token_bucket=bucket(), **ON)),
        per_route("/shadow", "local_ratelimit", limiter("shadow", token_bucket=bucket(), filter_enabled=runtime(100))),
        per_route("/unset", "local_ratelimit", limiter("unset", token_bucket=bucket())),
        per_route("/status", "local_ratelimit", limiter("status", token_bucket=bucket(), status={"code": 503}, response_headers_to_add=[
            {"header": {"key": "x-limited", "value": "yes"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}], **ON)),
        per_route("/draft", "local_ratelimit", limiter("draft", token_bucket=bucket(3), enable_x_ratelimit_headers="DRAFT_VERSION_03", **ON)),
        per_route("/request-header", "local_ratelimit", limiter("reqhdr", token_bucket=bucket(), filter_enabled=runtime(100),
            filter_enforced=runtime(0), request_headers_to_add_when_not_enforced=[{"header": {"key": "x-would-limit", "value": "1"}}])),
        per_route("/off", "local_ratelimit", DISABLED),
        route("/", "a"),
    ])])


def twice(name, target, **fields):
    return Case(name, [request("GET", target), Recv(), request("GET", target), Recv()], **fields)


LIMIT_CASES = [twice(target, target) for target in ("/one", "/shadow", "/unset", "/status", "/draft", "/request-header", "/off", "/")] + [
    get("already used up", "/one"), get("used up, head", "/one", method="HEAD"),
]

CORS = {
    "allow_origin_string_match": [{"exact": "https://ok.example"}, {"suffix": ".ok.example"}, {"safe_regex": {"regex": "https://r[0-9]+\\.example"}}],
    "allow_methods": "GET, POST", "allow_headers": "x-a, x-b", "expose_headers": "x-e", "max_age": "600", "allow_credentials": True,
}


def cors_config(env):
    chain = filter_config("envoy.filters.http.cors", V3 + "cors.v3.Cors")
    return variants(env, {"main": {}}, filters=[chain], vhosts=[vhost("all", ["*"], [
        per_route("/cors", "cors", typed("cors.v3.CorsPolicy", **CORS)),
        per_route("/star", "cors", typed("cors.v3.CorsPolicy", allow_origin_string_match=[{"safe_regex": {"regex": ".*"}}])),
        per_route("/off", "cors", typed("cors.v3.CorsPolicy", filter_enabled=runtime(0), **CORS)),
        per_route("/shadow", "cors", typed("cors.v3.CorsPolicy", filter_enabled=runtime(0), shadow_enabled=runtime(100), **CORS)),
        per_route("/private", "cors", typed("cors.v3.CorsPolicy", allow_private_network_access=True, **CORS)),
        per_route("/forward", "cors", typed("cors.v3.CorsPolicy", forward_not_matching_preflights=False, **CORS)),
        per_route("/disabled", "cors", DISABLED),
        route("/", "a"),
    ])])


def preflight(name, target, origin, extra=()):
    return get(name, target, [("origin", origin), ("access-control-request-method", "POST")] + list(extra), method="OPTIONS")


OK = "https://ok.example"
CORS_CASES = [
    get("simple", "/cors", [("origin", OK)]), get("simple, suffix", "/cors", [("origin", "https://x.ok.example")]),
    get("simple, regex", "/cors", [("origin", "https://r12.example")]), get("simple, other origin", "/cors", [("origin", "https://bad.example")]),
    get("no origin", "/cors"), get("empty origin", "/cors", [("origin", "")]),
    get("origin answers with its own", "/cors", [("origin", OK)], origin={"a": [reply(200, [("access-control-allow-origin", "mine")])]}),
    preflight("preflight", "/cors", OK), preflight("preflight, other origin", "/cors", "https://bad.example"),
    preflight("preflight headers", "/cors", OK, [("access-control-request-headers", "x-z")]),
    get("options without request-method", "/cors", [("origin", OK)], method="OPTIONS"),
    preflight("preflight star", "/star", "https://any.example"), preflight("preflight off", "/off", OK), preflight("preflight shadow", "/shadow", OK),
    preflight("preflight disabled", "/disabled", OK), preflight("preflight without policy", "/", OK),
    preflight("preflight private network", "/private", OK, [("access-control-request-private-network", "true")]),
    preflight("preflight not matching, not forwarded", "/forward", "https://bad.example"),
    get("simple star", "/star", [("origin", "https://any.example")]), get("simple shadow", "/shadow", [("origin", OK)]),
]


def buffer_config(env):
    chain = filter_config("envoy.filters.http.buffer", V3 + "buffer.v3.Buffer", max_request_bytes=100)
    return variants(env, {"main": {}}, filters=[chain], vhosts=[vhost("all", ["*"], [
        per_route("/large", "buffer", typed("buffer.v3.BufferPerRoute", buffer={"max_request_bytes": 100000})),
        per_route("/off", "buffer", typed("buffer.v3.BufferPerRoute", disabled=True)),
        per_route("/disabled", "buffer", DISABLED),
        route("/", "a"),
    ])])


TE = [("transfer-encoding", "chunked")]
BUFFER_CASES = [
    get("no body", "/"), get("small body", "/", method="POST", body=b"x" * 100), get("too large", "/", method="POST", body=b"x" * 101),
    get("chunked gets a length", "/", TE, method="POST", body=chunked(b"abc", b"def")),
    get("chunked too large", "/", TE, method="POST", body=chunked(b"x" * 60, b"y" * 60)),
    get("chunked with trailers", "/", TE, method="POST", body=chunked(b"abc", trailers=[("x-t", "1")])),
    get("larger on the route", "/large", method="POST", body=b"x" * 5000), get("off on the route", "/off", method="POST", body=b"x" * 5000),
    get("disabled on the route", "/disabled", TE, method="POST", body=chunked(b"x" * 5000)),
    Case("body in pieces", [request("POST", "/", [("content-length", "6")]), b"abc", Pause(0.05), b"def", Recv()]),
    Case("too large in pieces", [request("POST", "/", TE), b"3c\r\n" + b"x" * 60 + b"\r\n", Pause(0.05), b"3c\r\n" + b"x" * 60 + b"\r\n", Recv()]),
]


def health_config(env):
    def check(**fields):
        return [filter_config("envoy.filters.http.health_check", V3 + "health_check.v3.HealthCheck", **fields)]

    at = {"headers": [{"name": ":path", "string_match": {"exact": "/healthz"}}]}
    made = variants(env, {"main": {}, "pass": {}, "cluster": {}, "cluster-bad": {}, "cached": {}}, clusters=[
        cluster("a", env.port("a")), cluster("none")])
    chains = [
        check(pass_through_mode=False, **at), check(pass_through_mode=True, **at),
        check(pass_through_mode=False, cluster_min_healthy_percentages={"a": {"value": 50}}, **at),
        check(pass_through_mode=False, cluster_min_healthy_percentages={"none": {"value": 50}}, **at),
        check(pass_through_mode=True, cache_time="60s", **at),
    ]
    for entry, chain in zip(made["static_resources"]["listeners"], chains):
        manager = entry["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"] = chain + manager["http_filters"]
    return made


HEALTH_CASES = [get("%s %s" % (name, target), target, listener=name) for name in ("main", "pass", "cluster", "cluster-bad", "cached")
                for target in ("/healthz", "/other")] + [
    get("head", "/healthz", method="HEAD"), get("post", "/healthz", method="POST", body=b"abc"),
    get("with query", "/healthz?x=1"), get("pass, origin sick", "/healthz", listener="pass", origin={"a": [reply(503)]}),
    get("cached again", "/healthz", listener="cached"),
]


def chain_config(env):
    chain = [
        fault(abort={"http_status": 418, "percentage": all_percent()}) | {"disabled": True},
        filter_config("envoy.filters.http.header_mutation", V3 + "header_mutation.v3.HeaderMutation", mutations=MUTATIONS),
        filter_config("envoy.filters.http.buffer", V3 + "buffer.v3.Buffer", max_request_bytes=10),
    ]
    enable = {"@type": TYPE + "envoy.config.route.v3.FilterConfig", "config": typed("fault.v3.HTTPFault", abort={
        "http_status": 419, "percentage": all_percent()})}
    return variants(env, {"main": {}}, filters=chain, vhosts=[vhost("all", ["*"], [
        per_route("/enabled", "fault", enable), route("/", "a"),
    ])])


CHAIN_CASES = [
    get("disabled by default", "/"), get("enabled on the route", "/enabled"),
    get("local reply passes the filters before it", "/", method="POST", body=b"x" * 20),
    get("early response with interim", "/", origin={"a": [[send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), delay(0.02), send(respond())]]}),
]

GROUPS = [
    Group("header-mutation", mutation_config, MUTATION_CASES),
    Group("fault", fault_config, FAULT_CASES),
    Group("local-ratelimit", limit_config, LIMIT_CASES),
    Group("cors", cors_config, CORS_CASES),
    Group("buffer", buffer_config, BUFFER_CASES),
    Group("health-check", health_config, HEALTH_CASES),
    Group("filter-chain", chain_config, CHAIN_CASES),
]
