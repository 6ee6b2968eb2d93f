"""Headers added, changed and removed at every level, with the %...% operators."""

from harness.config import cluster, route, to, vhost
from harness.origin import reply

from ..case import Group, get
from .common import simple

APPEND, ADD, OVERWRITE, IF_EXISTS = (
    "APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS",
)


def put(key, value, action=APPEND, **fields):
    return {"header": {"key": key, "value": value}, "append_action": action, **fields}


# Operators with the same value in both proxies, or one the normaliser can make equal.
OPERATORS = {
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
    "authority": "%REQ(:AUTHORITY)%",
    "scheme": "%REQ(:SCHEME)%",
    "absent": "%REQ(x-absent)%",
    "alternative": "%REQ(x-absent?user-agent)%",
    "cut": "%REQ(user-agent):4%",
    "literal": "plain",
    "percent": "100%%",
    "mixed": "a-%REQ(:METHOD)%-b-%PROTOCOL%-c",
    "protocol": "%PROTOCOL%",
    "remote": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "remote-no-port": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "direct-remote": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
    "local": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "local-no-port": "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
    "local-port": "%DOWNSTREAM_LOCAL_PORT%",
    "route": "%ROUTE_NAME%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "hostname": "%ENVIRONMENT(PILLION_E2E_UNSET)%",
    "upstream": "%UPSTREAM_REMOTE_ADDRESS%",
    "start": "%START_TIME(%Y)%",
    "request-id": "%REQ(x-request-id)%",
}
RESPONSE_OPERATORS = dict(OPERATORS, **{
    "code": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "resp": "%RESP(x-from-origin)%",
    "resp-absent": "%RESP(x-nothing)%",
    "host": "%UPSTREAM_HOST%",
})


def operator_route(name, operators, field):
    return route("/op/%s" % name, to("a"), name="op-route", **{
        field: [put("x-value", operators[name], OVERWRITE)],
    })


def config(env):
    routes = [operator_route(name, OPERATORS, "request_headers_to_add") for name in sorted(OPERATORS)]
    for name in sorted(RESPONSE_OPERATORS):
        made = operator_route(name, RESPONSE_OPERATORS, "response_headers_to_add")
        made["match"] = {"prefix": "/resp-op/%s" % name}
        routes.append(made)
    routes.sort(key=lambda made: -len(made["match"]["prefix"]))
    routes += [
        route("/levels", to("a"), request_headers_to_add=[put("x-level", "route")],
              response_headers_to_add=[put("x-level", "route")]),
        route("/weighted", {"route": {"weighted_clusters": {"clusters": [{
            "name": "a", "weight": 1,
            "request_headers_to_add": [put("x-level", "cluster")], "response_headers_to_add": [put("x-level", "cluster")],
            "request_headers_to_remove": ["x-drop-cluster"], "response_headers_to_remove": ["x-drop-cluster"],
        }]}}}, request_headers_to_add=[put("x-level", "route")], response_headers_to_add=[put("x-level", "route")]),
        route("/append", to("a"), request_headers_to_add=[put("x-h", "new", APPEND)],
              response_headers_to_add=[put("x-h", "new", APPEND)]),
        route("/absent", to("a"), request_headers_to_add=[put("x-h", "new", ADD)],
              response_headers_to_add=[put("x-h", "new", ADD)]),
        route("/overwrite", to("a"), request_headers_to_add=[put("x-h", "new", OVERWRITE)],
              response_headers_to_add=[put("x-h", "new", OVERWRITE)]),
        route("/if-exists", to("a"), request_headers_to_add=[put("x-h", "new", IF_EXISTS)],
              response_headers_to_add=[put("x-h", "new", IF_EXISTS)]),
        route("/empty", to("a"), request_headers_to_add=[put("x-e", "%REQ(x-none)%"), put("x-k", "", keep_empty_value=True)],
              response_headers_to_add=[put("x-e", "%RESP(x-none)%"), put("x-k", "", keep_empty_value=True)]),
        route("/remove", to("a"), request_headers_to_remove=["x-h", "user-agent"], response_headers_to_remove=["x-h", "server"]),
        route("/remove-add", to("a"), request_headers_to_remove=["x-h"], request_headers_to_add=[put("x-h", "new")],
              response_headers_to_remove=["x-h"], response_headers_to_add=[put("x-h", "new")]),
        route("/twice", to("a"), request_headers_to_add=[put("x-h", "1"), put("x-h", "2")],
              response_headers_to_add=[put("x-h", "1"), put("x-h", "2")]),
        route("/host", to("a"), request_headers_to_add=[put("x-orig", "%REQ(:authority)%")]),
        route("/direct", {"direct_response": {"status": 200}}, response_headers_to_add=[put("x-level", "route")]),
        route("/redirect", {"redirect": {"path_redirect": "/x"}}, response_headers_to_add=[put("x-level", "route")]),
        route("/rewritten", to("a", prefix_rewrite="/r2"), request_headers_to_add=[
            put("x-path", "%REQ(:PATH)%"), put("x-orig", "%REQ(x-envoy-original-path?:PATH)%")]),
        route("/", to("a")),
    ]
    host = vhost(
        "vh", ["*"], routes,
        request_headers_to_add=[put("x-level", "vhost")], response_headers_to_add=[put("x-level", "vhost")],
        request_headers_to_remove=["x-drop-vhost"], response_headers_to_remove=["x-drop-vhost"],
    )
    return simple(env, [host], clusters=[cluster("a", env.port("a"))], route_fields={
        "request_headers_to_add": [put("x-level", "table")], "response_headers_to_add": [put("x-level", "table")],
        "request_headers_to_remove": ["x-drop-table"], "response_headers_to_remove": ["x-drop-table"],
        "internal_only_headers": ["x-internal-only"],
    })


DROPS = [("x-drop-table", "1"), ("x-drop-vhost", "1"), ("x-drop-cluster", "1"), ("x-keep", "1")]
AGENT = [("user-agent", "e2e-client/1")]


def back(headers):
    return {"a": [reply(200, headers, b"body")]}


CASES = (
    [get("request operator " + name, "/op/%s?q=1" % name, AGENT) for name in sorted(OPERATORS)]
    + [get("response operator " + name, "/resp-op/%s?q=1" % name, AGENT, origin=back([("x-from-origin", "val")]))
       for name in sorted(RESPONSE_OPERATORS)]
    + [
        get("levels", "/levels"),
        get("levels with the header already there", "/levels", [("x-level", "client")], origin=back([("x-level", "origin")])),
        get("weighted cluster level", "/weighted", DROPS, origin=back(DROPS)),
        get("removed at levels", "/levels", DROPS, origin=back(DROPS)),
        get("internal only header", "/", [("x-internal-only", "1")]),
        get("direct response", "/direct"),
        get("redirect", "/redirect"),
        get("path operator sees the path before the rewrite", "/rewritten/x?y"),
        get("remove", "/remove", [("x-h", "1"), ("x-h", "2"), ("user-agent", "z")], origin=back([("x-h", "1"), ("server", "o")])),
        get("twice", "/twice"),
        get("empty", "/empty"),
        get("empty with value", "/empty", [("x-none", "v")], origin=back([("x-none", "v")])),
        get("host", "/host", host="Some.Host:99"),
    ]
    + [get("%s, %d there" % (target, count), "/" + target, [("x-h", "old%d" % i) for i in range(count)],
           origin=back([("x-h", "old%d" % i) for i in range(count)]))
       for target in ("append", "absent", "overwrite", "if-exists", "remove-add") for count in (0, 1, 2)]
)


def most_specific(env):
    made = config(env)
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["route_config"]["most_specific_header_mutations_wins"] = True
    return made


GROUPS = [
    Group("headers", config, CASES),
    Group("headers-most-specific", most_specific, [
        get("levels", "/levels"),
        get("weighted cluster level", "/weighted", DROPS, origin=back(DROPS)),
    ]),
]
