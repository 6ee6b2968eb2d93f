"""Which configurations are taken and which are refused: `--mode validate` of both on the same file.

Here stands only what Pillion supports or what is wrong for anyone; that unsupported fields are
errors is the matter of test_config_errors.py.
"""

import copy
import subprocess

import pytest
import yaml
from harness.config import TYPE, bootstrap, cluster, hcm, listener, route, vhost
from harness.proxy import Dumper, binary

from .known_differences import unexplained

HCM = "static_resources.listeners.0.filter_chains.0.filters.0.typed_config."
TABLE = HCM + "route_config."
ROUTE = TABLE + "virtual_hosts.0.routes.0."
CLUSTER = "static_resources.clusters.0."
LISTENER = "static_resources.listeners.0."
FILTERS = TYPE + "envoy.extensions.filters.http."


def base():
    return bootstrap(
        [listener("main", hcm([vhost("all", ["*"], [route("/", "a")])]))],
        [cluster("a", 80)],
    )


def put(config, path, value):
    """Sets one field; a list index may be one past the end."""
    *parents, last = path.split(".")
    node = config
    for part in parents:
        if isinstance(node, list):
            node = node[int(part)]
        else:
            node = node.setdefault(part, {})
    if isinstance(node, list):
        if int(last) == len(node):
            node.append(value)
        else:
            node[int(last)] = value
    elif value is REMOVED:
        node.pop(last, None)
    else:
        node[last] = value


class Removed:
    def __repr__(self):
        return "removed"


REMOVED = Removed()


def add(key, value="v", **fields):
    return [{"header": {"key": key, "value": value}, **fields}]


def fraction(numerator, denominator="HUNDRED"):
    return {"default_value": {"numerator": numerator, "denominator": denominator}}


def http_filter(name, message, **fields):
    return {"name": name, "typed_config": {"@type": FILTERS + message, **fields}}


ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": FILTERS + "router.v3.Router"}}
BUCKET = {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "1s"}
ENDPOINT = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 80}}}}

# name: [(path, value), ...]
CHANGES = {
    "nothing": [],
    "no stat prefix": [(HCM + "stat_prefix", REMOVED)],
    "empty stat prefix": [(HCM + "stat_prefix", "")],
    "no routes at all": [(HCM + "route_config", REMOVED)],
    "no router": [(HCM + "http_filters", [])],
    "router not last": [(HCM + "http_filters", [ROUTER, http_filter("envoy.filters.http.cors", "cors.v3.Cors")])],
    "two routers": [(HCM + "http_filters", [ROUTER, ROUTER])],
    "unknown filter": [(HCM + "http_filters", [{"name": "no.such.filter", "typed_config": {"@type": TYPE + "google.protobuf.Struct"}}, ROUTER])],
    "filter without config": [(HCM + "http_filters", [{"name": "envoy.filters.http.cors"}, ROUTER])],
    "bad codec": [(HCM + "codec_type", "HTTP9")],
    "codec http1": [(HCM + "codec_type", "HTTP1")],
    "unknown type url": [(HCM + "@type", TYPE + "no.such.Message")],
    "negative timeout": [(HCM + "stream_idle_timeout", "-1s")],
    "timeout without unit": [(HCM + "stream_idle_timeout", "5")],
    "timeout in ms": [(HCM + "stream_idle_timeout", "5ms")],
    "timeout number": [(HCM + "stream_idle_timeout", 5)],
    "headers kb 0": [(HCM + "max_request_headers_kb", 0)],
    "headers kb 8192": [(HCM + "max_request_headers_kb", 8192)],
    "headers kb 8193": [(HCM + "max_request_headers_kb", 8193)],
    "headers count 0": [(HCM + "common_http_protocol_options.max_headers_count", 0)],
    "bool as text": [(HCM + "use_remote_address", "true")],
    "bool as number": [(HCM + "use_remote_address", 1)],
    "bool as yes": [(HCM + "use_remote_address", "yes")],
    **{"bool as %s" % word: [(HCM + "use_remote_address", word)] for word in ("T", "f", "NO", "y", "1", "0", "on", "off", "", "2", "tRUE")},
    "number as text": [(HCM + "xff_num_trusted_hops", "2")],
    "number negative": [(HCM + "xff_num_trusted_hops", -1)],
    "number with fraction": [(HCM + "xff_num_trusted_hops", 1.5)],
    "via with newline": [(HCM + "via", "a\nb")],
    "server name with newline": [(HCM + "server_name", "a\nb")],
    "camel case field": [(HCM + "serverName", "x")],
    "both spellings of one field": [(HCM + "serverName", "x"), (HCM + "server_name", "y")],
    "null field": [(HCM + "server_name", None)],
    "vhost without name": [(TABLE + "virtual_hosts.0.name", REMOVED)],
    "vhost without domains": [(TABLE + "virtual_hosts.0.domains", [])],
    "vhost with empty domain": [(TABLE + "virtual_hosts.0.domains", [""])],
    "vhost wildcard inside": [(TABLE + "virtual_hosts.0.domains", ["a.*.b"])],
    "vhost wildcard both ends": [(TABLE + "virtual_hosts.0.domains", ["*a*"])],
    "vhost two stars": [(TABLE + "virtual_hosts.0.domains", ["**"])],
    "same domain in two vhosts": [(TABLE + "virtual_hosts.1", vhost("b", ["*"], []))],
    "same domain in other case": [(TABLE + "virtual_hosts", [vhost("a", ["X.example"], []), vhost("b", ["x.example"], [])])],
    "same vhost name": [(TABLE + "virtual_hosts.1", vhost("all", ["other"], []))],
    "vhost without routes": [(TABLE + "virtual_hosts.0.routes", [])],
    "no vhosts": [(TABLE + "virtual_hosts", [])],
    "no match": [(ROUTE + "match", REMOVED)],
    "empty match": [(ROUTE + "match", {})],
    "empty prefix": [(ROUTE + "match", {"prefix": ""})],
    "two path matches": [(ROUTE + "match", {"prefix": "/", "path": "/"})],
    "separated prefix with slash": [(ROUTE + "match", {"path_separated_prefix": "/a/"})],
    "separated prefix without slash": [(ROUTE + "match", {"path_separated_prefix": "a"})],
    "separated prefix root": [(ROUTE + "match", {"path_separated_prefix": "/"})],
    "separated prefix with query": [(ROUTE + "match", {"path_separated_prefix": "/a?b"})],
    "path with query": [(ROUTE + "match", {"path": "/a?b"})],
    "bad regex": [(ROUTE + "match", {"safe_regex": {"regex": "("}})],
    "empty regex": [(ROUTE + "match", {"safe_regex": {"regex": ""}})],
    "regex back-reference": [(ROUTE + "match", {"safe_regex": {"regex": "(a)\\1"}})],
    "regex look-ahead": [(ROUTE + "match", {"safe_regex": {"regex": "(?=a)"}})],
    "header matcher without name": [(ROUTE + "match.headers", [{"present_match": True}])],
    "header matcher without rule": [(ROUTE + "match.headers", [{"name": "x"}])],
    "header matcher bad regex": [(ROUTE + "match.headers", [{"name": "x", "string_match": {"safe_regex": {"regex": "["}}}])],
    "header matcher empty prefix": [(ROUTE + "match.headers", [{"name": "x", "string_match": {"prefix": ""}}])],
    "header matcher bad name": [(ROUTE + "match.headers", [{"name": "x\n", "present_match": True}])],
    "header range reversed": [(ROUTE + "match.headers", [{"name": "x", "range_match": {"start": 5, "end": 1}}])],
    "query matcher without name": [(ROUTE + "match.query_parameters", [{"present_match": True}])],
    "fraction over 100": [(ROUTE + "match.runtime_fraction", fraction(200))],
    "fraction without default": [(ROUTE + "match.runtime_fraction", {"runtime_key": "k"})],
    "no action": [(ROUTE + "route", REMOVED)],
    "two actions": [(ROUTE + "redirect", {"path_redirect": "/x"})],
    "no cluster": [(ROUTE + "route", {})],
    "empty cluster": [(ROUTE + "route.cluster", "")],
    "unknown cluster": [(ROUTE + "route.cluster", "nope")],
    "unknown cluster, not validated": [(ROUTE + "route.cluster", "nope"), (TABLE + "validate_clusters", False)],
    "empty cluster header": [(ROUTE + "route", {"cluster_header": ""})],
    "bad cluster header": [(ROUTE + "route", {"cluster_header": "a\nb"})],
    "weighted none": [(ROUTE + "route", {"weighted_clusters": {"clusters": []}})],
    "weighted all zero": [(ROUTE + "route", {"weighted_clusters": {"clusters": [{"name": "a", "weight": 0}]}})],
    "weighted unknown": [(ROUTE + "route", {"weighted_clusters": {"clusters": [{"name": "zz", "weight": 1}]}})],
    "weighted without name": [(ROUTE + "route", {"weighted_clusters": {"clusters": [{"weight": 1}]}})],
    "weighted overflow": [(ROUTE + "route", {"weighted_clusters": {"clusters": [{"name": "a", "weight": 4294967295}, {"name": "a", "weight": 2}]}})],
    "two rewrites": [(ROUTE + "route.prefix_rewrite", "/x"), (ROUTE + "route.regex_rewrite", {"pattern": {"regex": "a"}, "substitution": "b"})],
    "bad rewrite regex": [(ROUTE + "route.regex_rewrite", {"pattern": {"regex": "("}, "substitution": "b"})],
    "rewrite group that is not there": [(ROUTE + "route.regex_rewrite", {"pattern": {"regex": "a"}, "substitution": "\\1"})],
    "two host rewrites": [(ROUTE + "route.host_rewrite_literal", "a"), (ROUTE + "route.auto_host_rewrite", True)],
    "host rewrite with newline": [(ROUTE + "route.host_rewrite_literal", "a\nb")],
    "prefix rewrite with newline": [(ROUTE + "route.prefix_rewrite", "/a\nb")],
    "negative route timeout": [(ROUTE + "route.timeout", "-5s")],
    "retry on nothing known": [(ROUTE + "route.retry_policy", {"retry_on": "moon"})],
    "retry back-off reversed": [(ROUTE + "route.retry_policy", {"retry_on": "5xx", "retry_back_off": {"base_interval": "5s", "max_interval": "1s"}})],
    "retry back-off without base": [(ROUTE + "route.retry_policy", {"retry_on": "5xx", "retry_back_off": {"max_interval": "1s"}})],
    "retry back-off zero": [(ROUTE + "route.retry_policy", {"retry_on": "5xx", "retry_back_off": {"base_interval": "0s"}})],
    "retry count negative": [(ROUTE + "route.retry_policy", {"retry_on": "5xx", "num_retries": -1})],
    "retry per try negative": [(ROUTE + "route.retry_policy", {"retry_on": "5xx", "per_try_timeout": "-1s"})],
    "upgrade on route twice": [(ROUTE + "route.upgrade_configs", [{"upgrade_type": "websocket"}, {"upgrade_type": "WebSocket"}])],
    "upgrade twice": [(HCM + "upgrade_configs", [{"upgrade_type": "websocket"}, {"upgrade_type": "websocket"}])],
    "upgrade without type": [(HCM + "upgrade_configs", [{}])],
    "connect config without connect": [(ROUTE + "route.upgrade_configs", [{"upgrade_type": "websocket", "connect_config": {}}])],
    "bad priority": [(ROUTE + "route.priority", "URGENT")],
    "direct status 42": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {"status": 42})],
    "direct status 100": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {"status": 100})],
    "direct status 199": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {"status": 199})],
    "direct status 600": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {"status": 600})],
    "direct without status": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {})],
    "direct with 4097 bytes": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {"status": 200, "body": {"inline_string": "x" * 4097}})],
    "direct with 4096 bytes": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {"status": 200, "body": {"inline_string": "x" * 4096}})],
    "direct from a missing file": [(ROUTE + "route", REMOVED), (ROUTE + "direct_response", {"status": 200, "body": {"filename": "/no/such/file"}})],
    "redirect with two paths": [(ROUTE + "route", REMOVED), (ROUTE + "redirect", {"path_redirect": "/a", "prefix_rewrite": "/b"})],
    "redirect with two schemes": [(ROUTE + "route", REMOVED), (ROUTE + "redirect", {"https_redirect": True, "scheme_redirect": "x"})],
    "redirect bad code": [(ROUTE + "route", REMOVED), (ROUTE + "redirect", {"response_code": "MAYBE"})],
    "redirect empty": [(ROUTE + "route", REMOVED), (ROUTE + "redirect", {})],
    "add header": [(ROUTE + "request_headers_to_add", add("x-a"))],
    "add header without key": [(ROUTE + "request_headers_to_add", add(""))],
    "add pseudo header": [(ROUTE + "request_headers_to_add", add(":path"))],
    "add host header": [(ROUTE + "request_headers_to_add", add("host"))],
    "add header with newline in name": [(ROUTE + "request_headers_to_add", add("x\na"))],
    "add header with newline in value": [(ROUTE + "request_headers_to_add", add("x", "a\nb"))],
    "add header with space in name": [(ROUTE + "request_headers_to_add", add("x a"))],
    "add header unknown operator": [(ROUTE + "request_headers_to_add", add("x", "%NOPE%"))],
    "add header open operator": [(ROUTE + "request_headers_to_add", add("x", "%PROTOCOL"))],
    "add header operator without argument": [(ROUTE + "request_headers_to_add", add("x", "%REQ%"))],
    "add header empty argument": [(ROUTE + "request_headers_to_add", add("x", "%REQ()%"))],
    "add header bad length": [(ROUTE + "request_headers_to_add", add("x", "%REQ(a):b%"))],
    "add header single percent": [(ROUTE + "request_headers_to_add", add("x", "100%"))],
    "add header two percents": [(ROUTE + "request_headers_to_add", add("x", "100%%"))],
    "add header append and action": [(ROUTE + "request_headers_to_add", add("x", append=True, append_action="ADD_IF_ABSENT"))],
    "remove pseudo header": [(ROUTE + "request_headers_to_remove", [":path"])],
    "remove host": [(ROUTE + "request_headers_to_remove", ["host"])],
    "remove empty": [(ROUTE + "request_headers_to_remove", [""])],
    "remove response status": [(ROUTE + "response_headers_to_remove", [":status"])],
    "per-filter config of unknown filter": [(ROUTE + "typed_per_filter_config", {"no.such": {"@type": FILTERS + "cors.v3.CorsPolicy"}})],
    "per-filter config of the wrong type": [(ROUTE + "typed_per_filter_config", {"envoy.filters.http.buffer": {"@type": FILTERS + "buffer.v3.Buffer", "max_request_bytes": 1}})],
    "cluster without name": [(CLUSTER + "name", "")],
    "cluster twice": [("static_resources.clusters.1", cluster("a", 81))],
    "cluster without endpoints": [(CLUSTER + "load_assignment", REMOVED)],
    "cluster without connect timeout": [(CLUSTER + "connect_timeout", REMOVED)],
    "cluster connect timeout zero": [(CLUSTER + "connect_timeout", "0s")],
    "cluster connect timeout negative": [(CLUSTER + "connect_timeout", "-1s")],
    "cluster bad type": [(CLUSTER + "type", "FOO")],
    "cluster static with a name": [(CLUSTER + "load_assignment.endpoints.0.lb_endpoints.0.endpoint.address.socket_address.address", "some.name")],
    "cluster bad address": [(CLUSTER + "load_assignment.endpoints.0.lb_endpoints.0.endpoint.address.socket_address.address", "999.0.0.1")],
    "cluster empty address": [(CLUSTER + "load_assignment.endpoints.0.lb_endpoints.0.endpoint.address.socket_address.address", "")],
    "cluster port 65536": [(CLUSTER + "load_assignment.endpoints.0.lb_endpoints.0.endpoint.address.socket_address.port_value", 65536)],
    "cluster weight 0": [(CLUSTER + "load_assignment.endpoints.0.lb_endpoints.0.load_balancing_weight", 0)],
    "cluster assignment without name": [(CLUSTER + "load_assignment.cluster_name", REMOVED)],
    "cluster logical dns with two": [(CLUSTER + "type", "LOGICAL_DNS"), (CLUSTER + "load_assignment.endpoints.0.lb_endpoints", [ENDPOINT, ENDPOINT])],
    "cluster logical dns with none": [(CLUSTER + "type", "LOGICAL_DNS"), (CLUSTER + "load_assignment.endpoints", [])],
    "cluster dns refresh 0": [(CLUSTER + "type", "STRICT_DNS"), (CLUSTER + "dns_refresh_rate", "0s")],
    "cluster dns refresh below 1 ms": [(CLUSTER + "type", "STRICT_DNS"), (CLUSTER + "dns_refresh_rate", "0.0005s")],
    "cluster bad lb": [(CLUSTER + "lb_policy", "FOO")],
    "cluster least request choice 1": [(CLUSTER + "lb_policy", "LEAST_REQUEST"), (CLUSTER + "least_request_lb_config", {"choice_count": 1})],
    "cluster least request choice 3": [(CLUSTER + "lb_policy", "LEAST_REQUEST"), (CLUSTER + "least_request_lb_config", {"choice_count": 3})],
    "cluster bad threshold priority": [(CLUSTER + "circuit_breakers", {"thresholds": [{"priority": "X"}]})],
    "cluster buffer limit 0": [(CLUSTER + "per_connection_buffer_limit_bytes", 0)],
    "listener without name": [(LISTENER + "name", REMOVED)],
    "listener twice": [("static_resources.listeners.1", copy.deepcopy(base()["static_resources"]["listeners"][0]))],
    "listener without address": [(LISTENER + "address", REMOVED)],
    "listener bad address": [(LISTENER + "address.socket_address.address", "not an address")],
    "listener name for address": [(LISTENER + "address.socket_address.address", "localhost")],
    "listener without chains": [(LISTENER + "filter_chains", [])],
    "listener chain without filters": [(LISTENER + "filter_chains", [{}])],
    "listener two equal chains": [(LISTENER + "filter_chains.1", copy.deepcopy(base()["static_resources"]["listeners"][0]["filter_chains"][0]))],
    "listener bad prefix": [(LISTENER + "filter_chains.0.filter_chain_match", {"prefix_ranges": [{"address_prefix": "10.0.0.300", "prefix_len": 8}]})],
    "listener prefix length 33": [(LISTENER + "filter_chains.0.filter_chain_match", {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 33}]})],
    "listener destination port 0": [(LISTENER + "filter_chains.0.filter_chain_match", {"destination_port": 0})],
    "listener destination port 65536": [(LISTENER + "filter_chains.0.filter_chain_match", {"destination_port": 65536})],
    "log without path": [(HCM + "access_log", [{"name": "f", "typed_config": {"@type": TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog"}}])],
    "log bad operator": [(HCM + "access_log", [{"name": "f", "typed_config": {"@type": TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "/dev/null", "log_format": {"text_format_source": {"inline_string": "%WHAT%"}}}}])],
    "log empty format": [(HCM + "access_log", [{"name": "f", "typed_config": {"@type": TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "/dev/null", "log_format": {"text_format_source": {"inline_string": ""}}}}])],
    "rate limit without prefix": [(HCM + "http_filters", [http_filter("l", "local_ratelimit.v3.LocalRateLimit", token_bucket=BUCKET), ROUTER])],
    "rate limit without bucket": [(HCM + "http_filters", [http_filter("l", "local_ratelimit.v3.LocalRateLimit", stat_prefix="l"), ROUTER])],
    "rate limit fill below 50 ms": [(HCM + "http_filters", [http_filter("l", "local_ratelimit.v3.LocalRateLimit", stat_prefix="l", token_bucket={**BUCKET, "fill_interval": "0.01s"}), ROUTER])],
    "rate limit bad status": [(HCM + "http_filters", [http_filter("l", "local_ratelimit.v3.LocalRateLimit", stat_prefix="l", token_bucket=BUCKET, status={"code": 7}), ROUTER])],
    "fault status 199": [(HCM + "http_filters", [http_filter("f", "fault.v3.HTTPFault", abort={"http_status": 199, "percentage": {"numerator": 1}}), ROUTER])],
    "fault delay zero": [(HCM + "http_filters", [http_filter("f", "fault.v3.HTTPFault", delay={"fixed_delay": "0s", "percentage": {"numerator": 1}}), ROUTER])],
    "fault abort without kind": [(HCM + "http_filters", [http_filter("f", "fault.v3.HTTPFault", abort={"percentage": {"numerator": 1}}), ROUTER])],
    "buffer without limit": [(HCM + "http_filters", [http_filter("b", "buffer.v3.Buffer"), ROUTER])],
    "buffer limit 0": [(HCM + "http_filters", [http_filter("b", "buffer.v3.Buffer", max_request_bytes=0), ROUTER])],
    "health check without mode": [(HCM + "http_filters", [http_filter("h", "health_check.v3.HealthCheck"), ROUTER])],
    "health check cache without pass through": [(HCM + "http_filters", [http_filter("h", "health_check.v3.HealthCheck", pass_through_mode=False, cache_time="1s"), ROUTER])],
    "mutation without change": [(HCM + "http_filters", [http_filter("m", "header_mutation.v3.HeaderMutation"), ROUTER])],
    "mutation of pseudo header": [(HCM + "http_filters", [http_filter("m", "header_mutation.v3.HeaderMutation", mutations={"request_mutations": [{"remove": ":path"}]}), ROUTER])],
    "no static resources": [("static_resources", {})],
    "no admin": [("admin", REMOVED)],
    "no node": [("node", REMOVED)],
}


def accepted(kind, path):
    done = subprocess.run(
        [binary(kind), "-c", str(path), "--mode", "validate", "--base-id", "3", "--disable-hot-restart", "-l", "error"],
        capture_output=True, timeout=30, check=False, start_new_session=True, stdin=subprocess.DEVNULL,
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    # A crash is neither: only 0 and 1 are answers.
    return ("accepted" if done.returncode == 0 else "refused" if done.returncode == 1 else "exit %d" % done.returncode), said


@pytest.mark.parametrize("name", CHANGES)
def test_taken_or_refused_like_envoy(name, subject, tmp_path):
    config = base()
    for path, value in CHANGES[name]:
        put(config, path, value)
    written = tmp_path / "bootstrap.yaml"
    written.write_text(yaml.dump(config, Dumper=Dumper, sort_keys=False))
    reference, why = accepted("envoy", written)
    found, said = accepted(subject, written)
    different = {"acceptance": (reference, found)} if reference != found else {}
    left = unexplained("acceptance/" + name, different) if subject == "pillion" else different
    assert not left, "Envoy %s it: %s\n%s %s it: %s" % (reference, why[-600:], subject, found, said[-600:])
