"""Responses counted apart: canaries, zones, and names that requests give themselves."""

from harness.config import access_log, bootstrap, cluster, endpoint, hcm, listener, route, to, vhost
from harness.origin import close, delay, reply

from ..case import Group, get
from .tracing import addresses

CANARY = [("x-envoy-upstream-canary", "true")]
NAMED = ("x-envoy-upstream-alt-stat-name", "alt")


def config(env):
    hosts = [vhost("v", ["*"], [
        route("/refused", "refusing"), route("/quick", to("a", timeout="0.1s")),
        route("/retry", to("a", retry_policy={"retry_on": "5xx", "num_retries": 1})),
        route("/canary", "canary"), route("/empty", "empty"), route("/", "a"),
    ], virtual_clusters=[{"name": "counted", "headers": [{"name": ":path", "string_match": {"prefix": "/counted"}}]}])]
    zoned = cluster("a", env.port("a"))
    zoned["load_assignment"]["endpoints"][0]["locality"] = {"region": "r", "zone": "east"}
    marked = {**endpoint(env.port("a")), "metadata": {"filter_metadata": {"envoy.lb": {"canary": True}}}}
    refusing = cluster("refusing", env.refusing)
    refusing["load_assignment"]["endpoints"][0]["locality"] = {"zone": "north"}
    listeners = [
        listener(name, hcm(hosts, log=access_log(env.log(), json_format={"code": "%RESPONSE_CODE%"}), prefix=name, **addresses(prefix)))
        for name, prefix in (("main", "127.0.0.0"), ("outside", "10.0.0.0"))
    ]
    made = bootstrap(listeners, [zoned, cluster("canary", marked), refusing, cluster("empty")])
    made["node"]["locality"] = {"region": "r", "zone": "west"}
    return made


CASES = [
    get("plain", "/"), get("canary", "/", origin={"a": [reply(200, CANARY)]}), get("canary endpoint", "/canary"),
    get("canary in capitals", "/", origin={"a": [reply(200, [("x-envoy-upstream-canary", "TRUE")])]}),
    get("no canary", "/", origin={"a": [reply(200, [("x-envoy-upstream-canary", "false")])]}),
    get("named", "/", [NAMED]), get("named from outside", "/", [NAMED], listener="outside"),
    get("named canary", "/", [NAMED], origin={"a": [reply(503, CANARY)]}), get("named virtual cluster", "/counted", [NAMED]),
    get("named twice", "/", [NAMED, ("x-envoy-upstream-alt-stat-name", "other")]), get("named oddly", "/", [(NAMED[0], "a b/c")]),
    get("refused", "/refused", [NAMED]), get("no endpoint", "/empty", [NAMED]),
    get("timeout", "/quick", [NAMED], origin={"a": [[delay(0.3), close()]]}, settle=0.5),
    get("retried", "/retry", [NAMED], origin={"a": [reply(503, CANARY), reply(200)]}, settle=0.5),
    get("retried in vain", "/retry", [NAMED], origin={"a": [reply(503), reply(503, CANARY)]}, settle=0.5),
]

GROUPS = [Group("response-kinds", config, CASES)]
