"""What test_random.py has found, in a few bytes each, so that it is tried whatever the seed."""

from harness.client import Recv
from harness.config import route, to, vhost
from harness.origin import close, reply

from ..case import Case, Group, get, raw
from .common import variants
from .headers import put


def config(env):
    return variants(env, {"main": {}}, vhosts=[
        vhost("a", ["a.example"], [
            route({"path_separated_prefix": "/api"}, to("a", prefix_rewrite="/new"), name="api"),
            route({"safe_regex": {"regex": "/.*\\.json"}}, to("a", host_rewrite_literal="json.example"), name="json"),
            route({"prefix": "/", "headers": [{"name": "x-pick", "string_match": {"exact": "one"}}]}, {"direct_response": {"status": 202}}),
            route({"prefix": "/user", "query_parameters": [{"name": "a", "string_match": {"exact": "1"}}]}, {"redirect": {"prefix_rewrite": "/you"}}),
            route("/", "a"),
        ], request_headers_to_add=[put("x-path", "%REQ(:PATH)%"), put("x-who", "%REQ(user-agent?x-a):6%")]),
        vhost("deep", ["*.example"], [route("/", to("a", retry_policy={"retry_on": "5xx", "num_retries": 1, "retry_back_off": {
            "base_interval": "0.002s"}}))], response_headers_to_add=[put("x-code", "%RESPONSE_CODE%")]),
        vhost("rest", ["*"], [route("/", "a")]),
    ])


FOUND = [
    get("origin ends with proxy-connection", "/", origin={"a": [reply(200, [("proxy-connection", "close")], chunks=[])]}),
    get("empty request id", "/", [("x-request-id", "")]),
    get("empty request id, then another", "/", [("x-request-id", ""), ("x-request-id", "mine")]),
    get("empty forwarded-for, then another", "/", [("x-forwarded-for", ""), ("x-forwarded-for", "1.2.3.4")]),
    get("expect once empty", "/", [("expect", ""), ("expect", "http")]),
    get("values that are all empty", "/", [("via", ""), ("via", ""), ("via", "")]),
    get("value, then an empty one", "/", [("via", "1.1 a"), ("via", "")]),
    get("empty te", "/", [("te", "")]),
    raw("empty chunked body of head, tried again", b"HEAD / HTTP/1.1\r\nhost: x.deep.example\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        method="HEAD", origin={"a": [[close()]]}),
    raw("body without framing", b"POST / HTTP/1.1\r\nhost: test.local\r\ntransfer-encod:ng: chunked\r\n\r\n1\r\n|\r\n0\r\n\r\n", responses=2),
    raw("fragment with a body", b"GET /v1?q=v#frag HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nabcde"),
    raw("fragment with scheme", b"GET /v1?q=v#frag HTTP/1.1\r\nhost: x.deep.example\r\nx-forwarded-proto: http\r\ncontent-length: 5\r\n\r\nabcde"),
    get("origin says proxy-connection twice", "/", origin={"a": [reply(404, [("proxy-connection", "https"), ("proxy-connection", "close")])]}),
    get("origin says connection twice", "/", origin={"a": [reply(404, [("connection", "x-a"), ("connection", "close")])]}),
    get("host with an empty port after a port", "/", host="[::1]:8:"),
    Case("cut after the size of a body", [b"POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nab", Recv(timeout=0.3)]),
]

GROUPS = [Group("found", config, FOUND)]
