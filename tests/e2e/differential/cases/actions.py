"""What a route does with a request: redirects, direct responses, rewrites."""

from harness.config import cluster, route, to, vhost

from ..case import Group, get
from .common import simple


def redirect(match, **fields):
    return route(match, {"redirect": fields})


def direct(match, status, body=None, **fields):
    action = {"status": status}
    if body is not None:
        action["body"] = body
    return route(match, {"direct_response": action}, **fields)


def regex(pattern, substitution):
    return {"pattern": {"regex": pattern}, "substitution": substitution}


REDIRECTS = [
    redirect("/host", host_redirect="new.example"),
    redirect("/path", path_redirect="/elsewhere"),
    redirect("/path-query", path_redirect="/elsewhere?z=1"),
    redirect("/path-strip", path_redirect="/elsewhere", strip_query=True),
    redirect("/both", host_redirect="new.example", path_redirect="/b"),
    redirect("/https", https_redirect=True),
    redirect("/scheme", scheme_redirect="ftp"),
    redirect("/port", port_redirect=8443),
    redirect("/hostport", host_redirect="new.example", port_redirect=8443),
    redirect("/httpsport", https_redirect=True, port_redirect=443),
    redirect("/prefix/", prefix_rewrite="/new/"),
    redirect("/regex", regex_rewrite=regex("^/regex/([0-9]+)", "/n/\\1/x")),
    redirect("/found", path_redirect="/f", response_code="FOUND"),
    redirect("/see", path_redirect="/f", response_code="SEE_OTHER"),
    redirect("/temp", path_redirect="/f", response_code="TEMPORARY_REDIRECT"),
    redirect("/perm", path_redirect="/f", response_code="PERMANENT_REDIRECT"),
    redirect("/strip", host_redirect="new.example", strip_query=True),
    redirect("/nothing"),
]

REDIRECT_CASES = [get(target, target) for target in (
    "/host", "/host/x?y=z", "/path?a=b", "/path", "/path-query?a=b", "/path-strip?a=b", "/both/x?q", "/https/x?y",
    "/scheme/x", "/port/x", "/hostport/a", "/httpsport/a", "/prefix/a/b?c=d", "/prefix/", "/regex/12?x=y", "/regex/ab",
    "/found", "/see", "/temp", "/perm", "/strip/a?b=c", "/nothing/x",
)] + [
    get("port in host", "/host", host="old.example:9000"),
    get("https with port 80", "/https/x", host="old.example:80"),
    get("https with port 8080", "/https/x", host="old.example:8080"),
    get("port replaces port", "/port/x", host="old.example:9000"),
    get("ipv6 host", "/port/x", host="[::1]:9000"),
    get("head", "/host", method="HEAD"),
    get("post", "/temp", method="POST", body=b"xyz"),
    get("forwarded proto", "/path", [("x-forwarded-proto", "https")]),
    get("forwarded proto with https redirect", "/https/x", [("x-forwarded-proto", "https")]),
]


def redirects(env):
    return simple(env, [vhost("all", ["*"], REDIRECTS)])


DIRECT = [
    direct("/plain", 200, {"inline_string": "plain body\n"}),
    direct("/bytes", 200, {"inline_bytes": "AAECYWJj"}),
    direct("/empty", 200),
    direct("/204", 204),
    direct("/304", 304),
    direct("/404", 404, {"inline_string": "gone"}),
    direct("/503", 503, {"inline_string": "down"}),
    direct("/299", 299),
    direct("/599", 599),
    direct("/headers", 200, {"inline_string": "h"}, response_headers_to_add=[
        {"header": {"key": "x-added", "value": "yes"}},
        {"header": {"key": "content-type", "value": "text/html"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
    ]),
    direct("/named", 200, {"inline_string": "n"}, name="the-name"),
]

DIRECT_CASES = [get(target, target) for target in (
    "/plain", "/bytes", "/empty", "/204", "/304", "/404", "/503", "/299", "/599", "/headers", "/named",
)] + [
    get("head", "/plain", method="HEAD"),
    get("post with body", "/plain", method="POST", body=b"some request body"),
    get("post to empty", "/empty", method="POST", body=b"some request body"),
    get("close", "/plain", [("connection", "close")]),
]


def direct_responses(env):
    return simple(env, [vhost("all", ["*"], DIRECT)])


REWRITES = [
    route("/pre/", to("a", prefix_rewrite="/new/")),
    route("/gone/", to("a", prefix_rewrite="/")),
    route("/bare", to("a", prefix_rewrite="/")),
    route({"path": "/exact"}, to("a", prefix_rewrite="/replaced")),
    route({"path_separated_prefix": "/sep"}, to("a", prefix_rewrite="/other")),
    route({"prefix": "/IgnoreCase", "case_sensitive": False}, to("a", prefix_rewrite="/lower")),
    route({"safe_regex": {"regex": "/rx/.*"}}, to("a", prefix_rewrite="/whole")),
    route("/re/", to("a", regex_rewrite=regex("^/re/([^/]+)/(.*)$", "/\\2/of/\\1"))),
    route("/re-all", to("a", regex_rewrite=regex("-", "_"))),
    route("/re-none", to("a", regex_rewrite=regex("zzz", "y"))),
    route("/host-literal", to("a", host_rewrite_literal="literal.example")),
    route("/host-auto", to("named", auto_host_rewrite=True)),
    route("/host-header", to("a", host_rewrite_header="x-host")),
    route("/host-path", to("a", host_rewrite_path_regex=regex("^/host-path/([^/]+)/.*$", "\\1.example"))),
    route("/host-append", to("a", host_rewrite_literal="literal.example", append_x_forwarded_host=True)),
    route("/both/", to("a", prefix_rewrite="/b/", host_rewrite_literal="b.example")),
]

REWRITE_CASES = [get(target, target) for target in (
    "/pre/a?b=c", "/pre/", "/gone/a/b", "/gone/", "/bare", "/bare/x", "/barely", "/exact", "/exact?x=/exact", "/sep", "/sep/x?y",
    "/ignorecase/x", "/IGNORECASE", "/rx/anything?q=1", "/re/one/two/three?q=4", "/re/one", "/re-all-of-it?a-b", "/re-none/x",
    "/host-literal", "/host-path/name/x?y=z", "/host-path", "/both/1", "/host-auto",
)] + [
    get("host header given", "/host-header", [("x-host", "given.example")]),
    get("host header absent", "/host-header"),
    get("host header empty", "/host-header", [("x-host", "")]),
    get("append x-forwarded-host", "/host-append", host="orig.example:81"),
    get("append to x-forwarded-host", "/host-append", [("x-forwarded-host", "first.example")]),
    get("client sends x-envoy-original-path", "/pre/a", [("x-envoy-original-path", "/spoofed")]),
]


def rewrites(env):
    named = cluster("named", kind="STRICT_DNS")
    named["load_assignment"]["endpoints"] = [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": "localhost", "port_value": env.port("a")}}}}]}]
    named["dns_lookup_family"] = "V4_ONLY"
    return simple(env, [vhost("all", ["*"], REWRITES)], clusters=[cluster("a", env.port("a")), named])


GROUPS = [
    Group("redirects", redirects, REDIRECT_CASES, origins=()),
    Group("direct-responses", direct_responses, DIRECT_CASES, origins=()),
    Group("rewrites", rewrites, REWRITE_CASES),
]
