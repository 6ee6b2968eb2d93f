"""What the connection manager itself adds to, checks in or changes about a message."""

from harness.client import Recv, request
from harness.config import route, to, vhost
from harness.origin import close, reply

from ..case import Case, Group, get
from .common import variants

INTERNAL = {"internal_address_config": {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}}

FORWARDED = {
    "plain": {},
    "edge": {"use_remote_address": True},
    "edge-internal": {"use_remote_address": True, **INTERNAL},
    "plain-internal": {**INTERNAL},
    "edge-skip": {"use_remote_address": True, "skip_xff_append": True},
    "edge-hop": {"use_remote_address": True, "xff_num_trusted_hops": 1},
    "plain-hop": {"xff_num_trusted_hops": 1},
    "plain-2-hops": {"xff_num_trusted_hops": 2},
}
XFF = [
    [],
    [("x-forwarded-for", "1.2.3.4")],
    [("x-forwarded-for", "1.2.3.4, 5.6.7.8")],
    [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "5.6.7.8")],
    [("x-forwarded-for", "10.0.0.1")],
    [("x-forwarded-for", "127.0.0.1")],
    [("x-forwarded-for", "garbage")],
    [("x-forwarded-for", "1.2.3.4,garbage")],
    [("x-forwarded-for", "::1")],
    [("x-forwarded-for", "")],
]
TRUSTED = [
    ("x-forwarded-proto", "https"), ("x-envoy-internal", "true"), ("x-envoy-external-address", "9.9.9.9"),
    ("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "1"), ("x-envoy-upstream-rq-timeout-ms", "5000"),
    ("x-envoy-expected-rq-timeout-ms", "77"), ("x-envoy-decorator-operation", "op"), ("x-envoy-force-trace", "1"),
    ("x-envoy-downstream-service-cluster", "c"), ("x-envoy-downstream-service-node", "n"), ("x-envoy-hedge-on-per-try-timeout", "1"),
    ("x-envoy-ip-tags", "t"), ("x-envoy-original-url", "u"), ("x-envoy-retriable-status-codes", "404"),
    ("x-envoy-upstream-rq-per-try-timeout-ms", "900"), ("x-envoy-upstream-alt-stat-name", "alt"), ("x-envoy-is-timeout-retry", "1"),
    ("x-envoy-attempt-count", "9"), ("x-forwarded-client-cert", "By=x"), ("x-forwarded-host", "h.example"), ("x-forwarded-port", "99"),
]


def forwarded(env):
    return variants(env, FORWARDED)


FORWARDED_CASES = [
    get("%s %s" % (name, " + ".join(value for _, value in headers) or "no xff"), "/", headers, listener=name)
    for name in FORWARDED for headers in XFF
] + [
    get("%s trusted header %s" % (name, header[0]), "/", [header], listener=name)
    for name in ("plain", "edge", "edge-internal") for header in TRUSTED
] + [
    get("%s internal by xff, trusted header %s" % (name, header[0]), "/", [("x-forwarded-for", "127.0.0.1"), header], listener=name)
    for name in ("plain-internal",) for header in TRUSTED[:6]
] + [
    get("%s forwarded proto %s" % (name, value), "/", [("x-forwarded-proto", value)], listener=name)
    for name in ("plain", "edge", "edge-hop") for value in ("http", "https", "ftp", "HTTPS", "")
]

IDENTITY = {
    "default": {},
    "via": {"via": "1.1 sidecar"},
    "named": {"server_name": "custom"},
    "append": {"server_header_transformation": "APPEND_IF_ABSENT", "server_name": "custom"},
    "pass": {"server_header_transformation": "PASS_THROUGH", "server_name": "custom"},
    "no-id": {"generate_request_id": False},
    "keep-id": {"preserve_external_request_id": True, "use_remote_address": True},
    "edge-id": {"use_remote_address": True},
    "echo-id": {"always_set_request_id_in_response": True},
    "scheme": {"scheme_header_transformation": {"scheme_to_overwrite": "https"}},
    "suppress": {},
}


def identity(env):
    made = variants(env, IDENTITY)
    manager = made["static_resources"]["listeners"][-1]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"][-1]["typed_config"]["suppress_envoy_headers"] = True
    return made


ID = ("x-request-id", "00000000-0000-4000-8000-000000000001")
SERVER = {"a": [reply(200, [("server", "origin/1"), ("via", "1.0 origin"), ("x-request-id", "from-origin")], b"s")]}
IDENTITY_CASES = [
    case for name in IDENTITY for case in (
        get(name, "/", listener=name),
        get(name + " origin says server and via", "/", listener=name, origin=SERVER),
        get(name + " client sends an id", "/", [ID], listener=name),
        get(name + " client sends an id that is no uuid", "/", [("x-request-id", "abc")], listener=name),
        get(name + " client sends via", "/", [("via", "1.0 client")], listener=name),
    )
] + [get("suppress local reply", "/", listener="suppress", origin={"a": [[close()]]})]

PATHS = {
    "as-is": {},
    "normalize": {"normalize_path": True},
    "no-normalize": {"normalize_path": False},
    "merge": {"merge_slashes": True},
    "both": {"normalize_path": True, "merge_slashes": True},
    "reject": {"path_with_escaped_slashes_action": "REJECT_REQUEST"},
    "unescape-redirect": {"path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT"},
    "unescape-forward": {"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD", "normalize_path": True},
}
TARGETS = [
    "/a/../b", "/a/./b", "/../a", "/a//b", "//a", "/a%2fb", "/a%2Fb%5cc", "/a%2e%2e/b", "/%2e%2e/b", "/a/b/../../../c",
    "/a%00b", "/a%", "/a%zz", "/a\\b", "/a;b=c/../d", "/%41%7e", "/a?x=../y", "/a/..?q", "/é", "/a#frag/../b", "/",
    "/a//../b", "/.", "/..", "/a/..",
]


def paths(env):
    return variants(env, PATHS, vhosts=[vhost("all", ["*"], [
        route("/c", to("a", prefix_rewrite="/see")), route("/", "a"),
    ])])


PATH_CASES = [get("%s %s" % (name, target), target.encode().decode("latin-1"), listener=name)
              for name in PATHS for target in TARGETS]

HOSTS = {
    "as-is": {},
    "matching": {"strip_matching_host_port": True},
    "any": {"strip_any_host_port": True},
    "dot": {"strip_trailing_host_dot": True},
}
HOST_VALUES = ["x.example", "x.example:80", "x.example:443", "x.example:8080", "x.example.", "x.example.:80", "[::1]", "[::1]:80",
               "X.Example", "1.2.3.4:5"]


def hosts(env):
    return variants(env, HOSTS)


HOST_CASES = [get("%s %s" % (name, value), "/", host=value, listener=name) for name in HOSTS for value in HOST_VALUES]

UNDERSCORE = "common_http_protocol_options"
LIMITS = {
    "default": {},
    "small": {"max_request_headers_kb": 2, UNDERSCORE: {"max_headers_count": 10}},
    "underscore-drop": {UNDERSCORE: {"headers_with_underscores_action": "DROP_HEADER"}},
    "underscore-reject": {UNDERSCORE: {"headers_with_underscores_action": "REJECT_REQUEST"}},
    "two-requests": {UNDERSCORE: {"max_requests_per_connection": 2}},
}


def limits(env):
    return variants(env, LIMITS)


def many(count, size=1):
    return [("x-h%d" % index, "v" * size) for index in range(count)]


LIMIT_CASES = [
    get("default 98 headers", "/", many(98)),
    get("default 99 headers", "/", many(99)),
    get("default 100 headers", "/", many(100)),
    get("default 150 headers", "/", many(150)),
    get("default 50 KiB", "/", many(5, 10000)),
    get("default 61 KiB", "/", many(6, 10400)),
    get("default 100 KiB", "/", many(10, 10000)),
    get("default one huge header", "/", many(1, 70000)),
    get("default url of 50 KB", "/" + "u" * 50000),
    get("default url of 70 KB", "/" + "u" * 70000),
    get("small just fits", "/", many(1, 1800), listener="small"),
    get("small too large", "/", many(1, 2100), listener="small"),
    get("small url too large", "/" + "u" * 2100, listener="small"),
    get("small 9 headers", "/", many(9), listener="small"),
    get("small 10 headers", "/", many(10), listener="small"),
    get("small 11 headers", "/", many(11), listener="small"),
    get("underscore allowed", "/", [("x_y", "1")]),
    get("underscore dropped", "/", [("x_y", "1"), ("x-z", "2")], listener="underscore-drop"),
    get("underscore rejected", "/", [("x_y", "1")], listener="underscore-reject"),
    Case("two requests a connection", [request(), Recv(), request(), Recv()], listener="two-requests"),
    Case("two pipelined of three", [request() * 3, Recv(), Recv()], listener="two-requests"),
    get("response with 90 headers", "/", origin={"a": [reply(200, many(90))]}),
    get("response with 120 headers", "/", origin={"a": [reply(200, many(120))]}),
    get("response with 50 KiB of headers", "/", origin={"a": [reply(200, many(5, 10000))]}),
    get("response with 100 KiB of headers", "/", origin={"a": [reply(200, many(10, 10000))]}),
]

for case in LIMIT_CASES:
    if case.listener == "main":
        case.listener = "default"

GROUPS = [
    Group("forwarded", forwarded, FORWARDED_CASES),
    Group("identity", identity, IDENTITY_CASES),
    Group("paths", paths, PATH_CASES),
    Group("hosts", hosts, HOST_CASES),
    Group("limits", limits, LIMIT_CASES),
]
