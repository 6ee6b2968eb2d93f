"""Settings that few configurations use, each small."""

from harness.client import Recv, request
from harness.config import cluster, route, to, vhost
from harness.origin import close, delay, reply, respond, send

from ..case import Case, Group, get, raw
from .common import simple, variants
from .edge import INTERNAL


def format_of(text):
    return {"text_format_source": {"inline_string": text}}


def status_filter(code):
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": code, "runtime_key": "none"}}}}


def local_reply_config(env):
    mappers = [
        {"filter": status_filter(404), "status_code": 410, "body": {"inline_string": "gone away"},
         "headers_to_add": [{"header": {"key": "x-mapped", "value": "404"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]},
        {"filter": {"response_flag_filter": {"flags": ["UF"]}}, "body_format_override": {
            "json_format": {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%"}}},
    ]
    return variants(env, {
        "main": {"local_reply_config": {"mappers": mappers, "body_format": format_of("<%RESPONSE_CODE%: %LOCAL_REPLY_BODY%>")}},
        "json": {"local_reply_config": {"body_format": {"json_format": {"body": "%LOCAL_REPLY_BODY%", "path": "%REQ(:PATH)%"}}}},
        "typed": {"local_reply_config": {"body_format": {**format_of("<b>%RESPONSE_CODE%</b>"), "content_type": "text/html"}}},
    }, vhosts=[vhost("v", ["*"], [
        route("/ok", "a"), route("/refused", "refusing"), route("/direct", {"direct_response": {"status": 404, "body": {"inline_string": "mine"}}}),
        route("/quick", to("a", timeout="0.1s")),
    ])], clusters=[cluster("a", env.port("a")), cluster("refusing", env.refusing)])


LOCAL_REPLIES = [get("%s %s" % (name, target), target, listener=name) for name in ("main", "json", "typed")
                 for target in ("/ok", "/none", "/refused", "/direct")] + [
    get("timeout", "/quick", origin={"a": [[delay(0.2), close()]]}, settle=0.5),
    get("head", "/none", method="HEAD"), raw("malformed", b"GET / HTTP/1.1\r\nbad\r\n\r\n"),
    get("origin's own 404 is not touched", "/ok", origin={"a": [reply(404)]}),
]


def counted_config(env):
    return simple(env, [
        vhost("counted", ["*"], [
            route("/stat", "a", stat_prefix="named_route"), route("/alt", "alt"), route("/", "a"),
        ], virtual_clusters=[
            {"name": "users", "headers": [{"name": ":path", "string_match": {"prefix": "/users"}}]},
            {"name": "posts", "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]},
        ]),
    ], clusters=[cluster("a", env.port("a")), cluster("alt", env.port("a"), alt_stat_name="other_name")])


COUNTED = [
    get("virtual cluster", "/users/1"), get("second virtual cluster", "/x", method="POST", body=b"1"), get("no virtual cluster", "/x"),
    get("virtual cluster 500", "/users/1", origin={"a": [reply(500)]}), get("route stat prefix", "/stat"), get("alternative stat name", "/alt"),
    get("canary", "/x", origin={"a": [reply(200, [("x-envoy-upstream-canary", "true")])]}),
    get("healthchecked cluster header", "/x", origin={"a": [reply(200, [("x-envoy-upstream-healthchecked-cluster", "c")])]}),
    get("degraded header", "/x", origin={"a": [reply(200, [("x-envoy-degraded", "1")])]}),
]


def table_config(**fields):
    def config(env):
        return simple(env, [
            vhost("named", ["named.example"], [route({"path": "/exact"}, "a", name="named-exact"), route("/", "a", name="named")]),
            vhost("rest", ["*"], [route("/", "a", name="rest")]),
        ], route_fields=fields)
    return config


TABLE = [get("host with port", "/x", host="named.example:8080"), get("path parameters", "/exact;a=b", host="named.example"),
         get("path parameters and query", "/exact;a=b?c", host="named.example")]


def tls_config(env):
    return simple(env, [
        vhost("all", ["all.example"], [route("/", "a")], require_tls="ALL"),
        vhost("external", ["*"], [route("/", "a")], require_tls="EXTERNAL_ONLY"),
    ], **INTERNAL)


TLS = [get("all", "/x?y", host="all.example"), get("all, already https", "/x", [("x-forwarded-proto", "https")], host="all.example"),
       get("all post", "/x", host="all.example", method="POST", body=b"a"), get("external", "/x"),
       get("external from inside", "/x", [("x-forwarded-for", "127.0.0.1")])]


def http1_config(env):
    return variants(env, {
        "proper": {"http_protocol_options": {"header_key_format": {"proper_case_words": {}}}},
        "stream-error": {"stream_error_on_invalid_http_message": True},
        "lenient": {"http_protocol_options": {"override_stream_error_on_invalid_http_message": True}},
        "both-lengths": {"http_protocol_options": {"allow_chunked_length": True}},
        "xfport": {"append_x_forwarded_port": True, "use_remote_address": True},
    })


HTTP1 = [
    get("proper case", "/", [("x-some-header", "1")], listener="proper"),
    raw("both lengths allowed", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        listener="both-lengths"),
    get("forwarded port", "/", listener="xfport"),
    get("forwarded port already there", "/", [("x-forwarded-port", "1234")], listener="xfport"),
    Case("error keeps the connection, no host", [b"GET / HTTP/1.1\r\n\r\n" + request(), Recv(), Recv(timeout=1)], listener="stream-error"),
    Case("error keeps the connection, by the option", [b"GET / HTTP/1.1\r\n\r\n" + request(), Recv(), Recv(timeout=1)], listener="lenient"),
]


def upstream_config(env):
    return variants(env, {"main": {}}, clusters=[
        cluster("a", env.port("a"), http={"common_http_protocol_options": {"max_headers_count": 5}, "explicit_http_config": {
            "http_protocol_options": {"header_key_format": {"proper_case_words": {}}}}}),
        cluster("trailers", env.port("a"), http={"explicit_http_config": {"http_protocol_options": {"enable_trailers": True}}}),
    ], vhosts=[vhost("v", ["*"], [route("/trailers", "trailers"), route("/", "a")])])


UPSTREAM = [
    get("proper case to the origin", "/", [("x-some-header", "1")]),
    get("too many response headers", "/", origin={"a": [reply(200, [("x-h%d" % i, "v") for i in range(6)])]}),
    get("response trailers", "/trailers", origin={"a": [[send(respond(200, chunks=[b"x"], trailers=[("x-t", "1")]))]]}),
]

CERTIFICATE_CHOICES = ("SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY")


def certificates_config(env):
    return variants(env, {choice: {"forward_client_cert_details": choice, "set_current_client_cert_details": {"uri": True}}
                          for choice in CERTIFICATE_CHOICES})


CERTIFICATES = [get(choice, "/", [("x-forwarded-client-cert", "By=x;Hash=y")], listener=choice) for choice in CERTIFICATE_CHOICES]


def duration_config(env):
    return simple(env, [vhost("v", ["*"], [
        route("/long", to("a", max_stream_duration={"max_stream_duration": "20s"})),
        route("/both", to("a", timeout="0.1s", max_stream_duration={"max_stream_duration": "20s"})),
        route("/none", to("a", timeout="0.1s", max_stream_duration={})),
        route("/short", to("a", max_stream_duration={"max_stream_duration": "0.2s"})),
    ])])


SLOW = {"a": [[delay(0.3), send(respond(200))]]}
DURATIONS = [
    get("long", "/long"), get("outlives the route's time-out", "/both", origin=SLOW, settle=0.5), get("not limited", "/none", origin=SLOW, settle=0.5),
    get("short", "/short", origin=SLOW, settle=0.5),
    get("asked for by the request", "/long", [("x-envoy-upstream-rq-timeout-ms", "100")], origin=SLOW, settle=0.5),
]

GROUPS = [
    Group("client-certificates", certificates_config, CERTIFICATES),
    Group("max-stream-duration", duration_config, DURATIONS),
    Group("local-replies", local_reply_config, LOCAL_REPLIES),
    Group("counted", counted_config, COUNTED),
    Group("ignore-port", table_config(ignore_port_in_host_matching=True), TABLE),
    Group("ignore-path-parameters", table_config(ignore_path_parameters_in_path_matching=True), TABLE),
    Group("require-tls", tls_config, TLS),
    Group("http1-options", http1_config, HTTP1),
    Group("upstream-http1-options", upstream_config, UPSTREAM),
]
