"""Which route and which virtual host a request takes."""

from harness.client import Recv, request
from harness.config import cluster, route, to, vhost

from ..case import Case, Group, get
from .common import simple


def direct(status, text=None):
    action = {"status": status}
    if text is not None:
        action["body"] = {"inline_string": text}
    return {"direct_response": action}


def marked(match, name, **fields):
    """A route that answers with its own name, so that a case shows which one matched."""
    return route(match, direct(200, name + "\n"), name=name, **fields)


def header(name, **fields):
    return {"prefix": "/h", "headers": [{"name": name, **fields}]}


def string(**fields):
    return {"string_match": fields}


def query(name, **fields):
    return {"prefix": "/q", "query_parameters": [{"name": name, **fields}]}


MATCHERS = [
    marked({"path": "/exact"}, "exact"),
    marked({"path": "/Insensitive", "case_sensitive": False}, "insensitive-path"),
    marked({"prefix": "/PreFix/", "case_sensitive": False}, "insensitive-prefix"),
    marked({"path_separated_prefix": "/api/v1"}, "separated"),
    marked({"safe_regex": {"regex": "/r/[0-9]+(/x)?"}}, "regex"),
    marked({"safe_regex": {"regex": "/items/.*\\.json"}}, "regex-suffix"),
    marked({"prefix": "/p/longer"}, "prefix-longer"),
    marked({"prefix": "/p/"}, "prefix"),
    marked(header("h-exact", **string(exact="one")), "header-exact"),
    marked(header("h-exact-ic", **string(exact="One", ignore_case=True)), "header-exact-ignore-case"),
    marked(header("h-prefix", **string(prefix="pre")), "header-prefix"),
    marked(header("h-prefix-ic", **string(prefix="PRE", ignore_case=True)), "header-prefix-ignore-case"),
    marked(header("h-suffix", **string(suffix="fix")), "header-suffix"),
    marked(header("h-contains", **string(contains="mid")), "header-contains"),
    marked(header("h-regex", **string(safe_regex={"regex": "a+b"})), "header-regex"),
    marked(header("h-range", range_match={"start": "10", "end": "20"}), "header-range"),
    marked(header("h-present", present_match=True), "header-present"),
    marked({"prefix": "/invert", "headers": [{"name": "h-mode", **string(exact="no"), "invert_match": True}]},
           "header-invert"),
    marked({"prefix": "/absent", "headers": [{"name": "h-none", "present_match": False}]}, "header-absent"),
    marked({"prefix": "/notpresent", "headers": [{"name": "h-none", "present_match": True, "invert_match": True}]},
           "header-present-inverted"),
    marked({"prefix": "/missing-empty", "headers": [
        {"name": "h-m", **string(exact=""), "treat_missing_header_as_empty": True}]}, "header-missing-as-empty"),
    marked({"prefix": "/exact-empty", "headers": [{"name": "h-e", "exact_match": ""}]}, "header-exact-empty"),
    marked({"prefix": "/exact-inverted", "headers": [{"name": "h-e", "exact_match": "", "invert_match": True}]}, "header-exact-empty-inverted"),
    marked({"prefix": "/exact-missing", "headers": [{"name": "h-e", "exact_match": "", "treat_missing_header_as_empty": True}]},
           "header-exact-empty-missing"),
    marked({"prefix": "/two", "headers": [
        {"name": "h-1", **string(exact="1")}, {"name": "h-2", **string(exact="2")}]}, "headers-both"),
    marked({"prefix": "/method", "headers": [{"name": ":method", **string(exact="PUT")}]}, "method-put"),
    marked({"prefix": "/method", "headers": [{"name": ":method", **string(safe_regex={"regex": "GET|HEAD"})}]},
           "method-get-head"),
    marked({"prefix": "/authority", "headers": [{"name": ":authority", **string(prefix="special.")}]}, "authority"),
    marked({"prefix": "/pathheader", "headers": [{"name": ":path", **string(contains="?")}]}, "path-header"),
    marked(query("q-exact", **string(exact="v")), "query-exact"),
    marked(query("q-prefix", **string(prefix="v")), "query-prefix"),
    marked(query("q-regex", **string(safe_regex={"regex": "[0-9]+"})), "query-regex"),
    marked(query("q-present", present_match=True), "query-present"),
    marked({"prefix": "/rf0", "runtime_fraction": {"default_value": {"numerator": 0}}}, "fraction-0"),
    marked({"prefix": "/rf0"}, "fraction-0-else"),
    marked({"prefix": "/rf100", "runtime_fraction": {"default_value": {"numerator": 100}}}, "fraction-100"),
    marked({"prefix": "/rfm", "runtime_fraction": {
        "default_value": {"numerator": 1000000, "denominator": "MILLION"}}}, "fraction-million"),
    marked({"prefix": "/grpcish", "grpc": {}}, "grpc"),
    marked({"prefix": "/grpcish"}, "not-grpc"),
]


def matchers(env):
    return simple(env, [vhost("all", ["*"], MATCHERS)])


def h(name, value, target="/h"):
    return get("header %s=%s %s" % (name, value, target), target, [(name, value)])


MATCHER_CASES = [
    get("exact", "/exact"),
    get("exact with query", "/exact?a=b"),
    get("exact with fragment", "/exact#frag"),
    get("exact plus slash", "/exact/"),
    get("exact other case", "/EXACT"),
    get("path ignore case", "/insensitive"),
    get("prefix ignore case", "/prefix/abc"),
    get("separated itself", "/api/v1"),
    get("separated below", "/api/v1/users"),
    get("separated query", "/api/v1?x=1"),
    get("separated not a segment", "/api/v11"),
    get("separated trailing slash", "/api/v1/"),
    get("regex", "/r/123"),
    get("regex full match only", "/r/123/xx"),
    get("regex group", "/r/1/x"),
    get("regex ignores query", "/r/9?abc"),
    get("regex suffix", "/items/a/b.json"),
    get("regex suffix with query", "/items/a.json?x=.xml"),
    get("prefix order", "/p/longer/one"),
    get("prefix", "/p/short"),
    get("prefix without slash", "/p"),
    get("no route", "/nothing/here"),
    get("no route head", "/nothing", method="HEAD"),
    get("no route post", "/nothing", method="POST", body=b"abc"),
    h("h-exact", "one"),
    h("h-exact", "One"),
    h("H-EXACT", "one"),
    h("h-exact", " one "),
    h("h-exact-ic", "oNE"),
    h("h-prefix", "prefixed"),
    h("h-prefix", "xpre"),
    h("h-prefix-ic", "prefixed"),
    h("h-suffix", "suffix"),
    h("h-suffix", "fixed"),
    h("h-contains", "amidst"),
    h("h-regex", "aaab"),
    h("h-regex", "aaabc"),
    h("h-range", "10"),
    h("h-range", "19"),
    h("h-range", "20"),
    h("h-range", "-3"),
    h("h-range", "15x"),
    h("h-present", "anything"),
    h("h-present", ""),
    get("repeated header joined", "/h", [("h-exact", "one"), ("h-exact", "two")]),
    get("repeated header joined by comma matches prefix", "/h", [("h-prefix", "pre"), ("h-prefix", "x")]),
    get("invert absent", "/invert"),
    get("invert equal", "/invert", [("h-mode", "no")]),
    get("invert other", "/invert", [("h-mode", "yes")]),
    get("absent", "/absent"),
    get("absent but there", "/absent", [("h-none", "1")]),
    get("present inverted", "/notpresent"),
    get("present inverted there", "/notpresent", [("h-none", "1")]),
    get("missing as empty", "/missing-empty"),
    get("missing as empty there", "/missing-empty", [("h-m", "x")]),
    *[get("exact match of nothing, %s, %s" % (kind, name), "/exact-" + kind, headers) for kind in ("empty", "inverted", "missing")
      for name, headers in (("absent", []), ("empty", [("h-e", "")]), ("value", [("h-e", "v")]))],
    get("two headers both", "/two", [("h-1", "1"), ("h-2", "2")]),
    get("two headers one", "/two", [("h-1", "1")]),
    get("method put", "/method", method="PUT"),
    get("method head", "/method", method="HEAD"),
    get("method get", "/method"),
    get("method delete", "/method", method="DELETE"),
    get("method unknown to the registry", "/method", method="BREW"),
    get("authority", "/authority", host="special.example"),
    get("authority other", "/authority", host="plain.example"),
    get("path header", "/pathheader?x"),
    get("path header without query", "/pathheader"),
    get("query exact", "/q?q-exact=v"),
    get("query exact second", "/q?a=1&q-exact=v&b"),
    get("query exact other", "/q?q-exact=w"),
    get("query prefix", "/q?q-prefix=vwx"),
    get("query regex", "/q?q-regex=123"),
    get("query regex partial", "/q?q-regex=123a"),
    get("query present", "/q?q-present"),
    get("query present with value", "/q?q-present=1"),
    get("query encoded value", "/q?q-exact=%76"),
    get("query repeated takes first", "/q?q-exact=w&q-exact=v"),
    get("fraction 0", "/rf0"),
    get("fraction 100", "/rf100"),
    get("fraction million", "/rfm"),
    get("grpc", "/grpcish", [("content-type", "application/grpc")], method="POST"),
    get("grpc with suffix", "/grpcish", [("content-type", "application/grpc+proto")], method="POST"),
    get("not grpc", "/grpcish", [("content-type", "application/grpcx")], method="POST"),
]


def domains(env):
    def answer(name, *wanted):
        return vhost(name, list(wanted), [marked("/", name)])

    return simple(env, [
        answer("exact", "a.example.com"),
        answer("exact-port", "b.example.com:8080"),
        answer("suffix", "*.example.com"),
        answer("longer-suffix", "*.deep.example.com"),
        answer("dash-suffix", "*-bar.example.org"),
        answer("prefix", "svc.*"),
        answer("longer-prefix", "svc.team.*"),
        answer("upper", "UPPER.example.net"),
        answer("ip", "10.0.0.1"),
        answer("rest", "*"),
    ])


DOMAIN_CASES = [get("host " + value, "/", host=value) for value in (
    "a.example.com", "A.EXAMPLE.com", "a.example.com:80", "a.example.com:8080", "b.example.com", "b.example.com:8080",
    "x.example.com", "x.y.example.com", ".example.com", "example.com", "x.deep.example.com", "deep.example.com",
    "foo-bar.example.org", "-bar.example.org", "svc.x", "svc.", "svc", "svc.team.x", "svc.team.", "upper.example.net",
    "UPPER.example.net", "10.0.0.1", "10.0.0.1:81", "other", "[::1]", "[::1]:80", "a.example.com.", "svc.example.com",
)]


def weighted(name, *parts, **fields):
    clusters = [{"name": cluster_name, "weight": weight} for cluster_name, weight in parts]
    return {"route": {"weighted_clusters": {"clusters": clusters}, **fields}}


def clusters_config(env):
    return simple(env, [
        vhost("all", ["*"], [
            route("/single", "a", name="single"),
            route("/weighted", weighted("w", ("a", 0), ("b", 100)), name="weighted"),
            route("/weighted3", weighted("w", ("a", 0), ("b", 0), ("c", 1)), name="weighted-last"),
            route("/by-header", to(None, cluster_header="x-cluster"), name="by-header"),
            route("/unknown503", "no-such"),
            route("/unknown404", to("no-such", cluster_not_found_response_code="NOT_FOUND")),
            route("/unknown500", to("no-such", cluster_not_found_response_code="INTERNAL_SERVER_ERROR")),
            route("/refused", "refusing"),
            route("/empty", "empty"),
        ]),
    ], clusters=[
        cluster("a", env.port("a")), cluster("b", env.port("b")), cluster("c", env.port("c")),
        cluster("refusing", env.refusing), cluster("empty"),
    ], route_fields={"validate_clusters": False})


CLUSTER_CASES = [
    get("single", "/single"),
    get("weighted 0 and 100", "/weighted/x"),
    get("weighted last", "/weighted3"),
    get("cluster header", "/by-header", [("x-cluster", "c")]),
    get("cluster header missing", "/by-header"),
    get("cluster header unknown", "/by-header", [("x-cluster", "nope")]),
    get("cluster header empty", "/by-header", [("x-cluster", "")]),
    get("unknown cluster 404", "/unknown404"),
    get("unknown cluster default", "/unknown503"),
    get("unknown cluster 500", "/unknown500"),
    get("connection refused", "/refused"),
    get("connection refused post", "/refused", method="POST", body=b"hello"),
    get("no endpoints", "/empty"),
    Case("several on one connection", [
        request("GET", "/single"), Recv(), request("GET", "/weighted"), Recv(), request("GET", "/refused"), Recv(),
        request("GET", "/single/2"), Recv(),
    ]),
]

GROUPS = [
    Group("matchers", matchers, MATCHER_CASES),
    Group("domains", domains, DOMAIN_CASES),
    Group("clusters", clusters_config, CLUSTER_CASES, origins=("a", "b", "c")),
]
