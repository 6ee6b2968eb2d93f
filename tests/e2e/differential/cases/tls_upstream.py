"""TLS towards endpoints: what is verified, what is said when it fails, and which version of HTTP is spoken then."""

from harness.client import Recv, request
from harness.config import access_log, address, bootstrap, cluster, hcm, route, vhost

from ..case import Case, Group
from ..credentials import pki
from .common import LOG_FORMAT
from .http2 import HTTP2, without_none
from .tls import transport

LOG = {**LOG_FORMAT, "upstream_protocol": "%UPSTREAM_PROTOCOL%"}


def client_socket(own=None, alpn=None, params=None, ca=True, validation=None, **fields):
    checks = {"trusted_ca": {"filename": pki().pem} if ca else None, **(validation or {})}
    return transport("UpstreamTlsContext", {
        "tls_certificates": [own.config()] if own else None, "alpn_protocols": alpn, "tls_params": params,
        "validation_context": checks if without_none(checks) else None}, **fields)


def named(kind, **matcher):
    return {"match_typed_subject_alt_names": [{"san_type": kind, "matcher": matcher}]}


def options(sni=True, san=True, header=None, **http):
    return {**http, "upstream_http_protocol_options": {"auto_sni": sni, "auto_san_validation": san, "override_auto_sni_header": header}}


EXACT = {"explicit_http_config": {"http_protocol_options": {}}}
AUTO = {"explicit_http_config": None, "auto_config": {"http2_protocol_options": {}, "http_protocol_options": {}}}


def sockets():
    """The clusters' TLS and HTTP, by name; each has a route of that name."""
    only = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
    return {
        "good": ("tls", client_socket(sni="server.test"), None),
        "unverified": ("tls", client_socket(ca=False), None),
        "right-name": ("tls", client_socket(validation=named("DNS", exact="server.test")), None),
        "right-uri": ("tls", client_socket(validation=named("URI", prefix="spiffe://mesh.test/")), None),
        "wrong-name": ("tls", client_socket(validation=named("DNS", exact="nobody.test")), None),
        "wrong-uri": ("tls", client_socket(validation=named("URI", exact="spiffe://mesh.test/other")), None),
        "wrong-hash": ("tls", client_socket(validation={"verify_certificate_hash": ["00" * 32]}), None),
        "wrong-ca": ("tls", client_socket(ca=False, validation={"trusted_ca": {"filename": pki().other.pem}}), None),
        "too-new": ("tls12", client_socket(params=only), None),
        "old": ("tls12", client_socket(), None),
        "to-plain": ("a", client_socket(), None),
        "refusing": (None, client_socket(), None),
        "mutual": ("tls-mutual", client_socket(own=pki().client), None),
        "mutual-without": ("tls-mutual", client_socket(params={"tls_maximum_protocol_version": "TLSv1_2"}), None),
        "auto-sni": ("tls", client_socket(), options(**EXACT)),
        "auto-sni-only": ("tls", client_socket(), options(san=False, **EXACT)),
        "auto-sni-header": ("tls", client_socket(), options(header="x-sni", **EXACT)),
        "alpn-http1": ("tls-alpn", client_socket(), AUTO),
        "alpn-h2": ("h2tls", client_socket(), AUTO),
        "alpn-none": ("tls", client_socket(), AUTO),
        "explicit-h2": ("h2tls", client_socket(alpn=["h2"]), HTTP2),
        "explicit-h2-without-alpn": ("h2tls", client_socket(), HTTP2),
    }


def config(env):
    clusters = []
    for name, (origin, socket, http) in sockets().items():
        port = env.port(origin) if origin else env.refusing
        clusters.append(without_none(cluster(name, port, transport_socket=socket, http=http)))
    retried = {"retry_on": "connect-failure", "num_retries": 1, "retry_back_off": {"base_interval": "0.002s"}}
    routes = [route("/%s/" % name, name) for name in sockets()]
    routes.append(route("/rewritten/", {"route": {"cluster": "auto-sni", "host_rewrite_literal": "server.test"}}))
    routes.append(route("/retried/", {"route": {"cluster": "wrong-name", "retry_policy": retried}}))
    manager = hcm([vhost("all", ["*"], routes)], log=access_log(env.log(), json_format=LOG))
    return bootstrap([{"name": "main", "address": address(0), "filter_chains": [{"filters": [manager]}]}], clusters)


def call(name, cluster_name=None, host="server.test", headers=(), times=1):
    steps = [request("GET", "/%s/x" % (cluster_name or name), headers, host=host), Recv()] * times
    return Case(name, steps, settle=0.2)


CASES = [
    call("good"), call("two on a connection", "good", times=2), call("unverified"), call("right-name"), call("right-uri"), call("wrong-name"), call("wrong-uri"),
    call("wrong-hash"), call("wrong-ca"), call("too-new"), call("old"), call("to-plain"), call("refusing"), call("mutual"), call("mutual-without"),
    call("retried"),
    call("auto-sni"), call("auto-sni, port in the host", "auto-sni", "server.test:8443"), call("auto-sni, wildcard", "auto-sni", "a.wild.test"),
    call("auto-sni, another host", "auto-sni", "nobody.test"), call("auto-sni, address", "auto-sni", "10.1.2.3"),
    call("auto-sni, not verified", "auto-sni-only", "nobody.test"), call("auto-sni, header", "auto-sni-header", "nobody.test", [("x-sni", "server.test")]),
    call("auto-sni, host rewritten", "rewritten", "nobody.test"),
    Case("auto-sni, two hosts on a connection", [request("GET", "/auto-sni/x", host="server.test"), Recv(),
                                                 request("GET", "/auto-sni/x", host="nobody.test"), Recv()], settle=0.2),
    Case("auto-sni, two good hosts", [request("GET", "/auto-sni/x", host="server.test"), Recv(),
                                      request("GET", "/auto-sni/x", host="a.wild.test"), Recv(),
                                      request("GET", "/auto-sni/x", host="server.test"), Recv()], settle=0.2),
    call("auto-sni, no header", "auto-sni-header", "server.test"),
    call("alpn-http1"), call("alpn-h2"), call("alpn-none"), call("explicit-h2"), call("explicit-h2-without-alpn"),
]

GROUPS = [Group("tls-upstream", config, CASES, origins=("a", "tls", "tls12", "tls-mutual", "tls-alpn", "h2tls"))]
