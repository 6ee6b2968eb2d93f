"""TLS on either side: what is forwarded of a client's certificate, how handshakes fail and what is counted then."""

import ssl

from harness.client import Recv, request
from harness.config import TYPE, access_log, address, bootstrap, cluster, hcm, route, vhost
from harness.http2_client import Done, ask, play as play2

from ..case import Case, Group
from ..credentials import pki, secure
from .common import LOG_FORMAT
from .http2 import without_none

TLS = TYPE + "envoy.extensions.transport_sockets.tls.v3."
LOG = {**LOG_FORMAT, "sni": "%REQUESTED_SERVER_NAME%", "upstream_protocol": "%UPSTREAM_PROTOCOL%"}


def transport(message, common, **fields):
    return {"name": "tls", "typed_config": {"@type": TLS + message, "common_tls_context": without_none(common), **fields}}


def server_socket(alpn=("h2", "http/1.1"), validation=None, params=None, **fields):
    return transport("DownstreamTlsContext", {
        "tls_certificates": [pki().server.config()], "alpn_protocols": list(alpn), "tls_params": params, "validation_context": validation}, **fields)


def listeners(env, made, extra=()):
    """A listener of every entry: its transport socket and the fields of its connection manager."""
    out = []
    for name, (socket, fields) in made.items():
        target = fields.pop("target", "a")
        manager = hcm([vhost("all", ["*"], [route("/", target)])], prefix=name.replace("-", "_"),
                      log=access_log(env.log(), json_format=LOG), **fields)
        chain = {"filters": [manager]}
        if socket:
            chain["transport_socket"] = socket
        out.append({"name": name, "address": address(0), "stat_prefix": name, "filter_chains": [chain], **dict(extra)})
    return out


MODES = ("SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY")
DETAILS = {
    "all": {"subject": True, "cert": True, "chain": True, "dns": True, "uri": True},
    "subject": {"subject": True}, "uri": {"uri": True}, "dns": {"dns": True}, "none": {},
}


def downstream(env):
    verify = {"trusted_ca": {"filename": pki().pem}}
    asked = {mode.lower().replace("_", "-"): (server_socket(validation=verify), {"forward_client_cert_details": mode,
                                                                                 "set_current_client_cert_details": DETAILS["all"]}) for mode in MODES}
    details = {"details-" + name: (server_socket(validation=verify), {"forward_client_cert_details": "SANITIZE_SET", "set_current_client_cert_details": fields})
               for name, fields in DETAILS.items()}
    return bootstrap(listeners(env, {
        "main": (server_socket(), {}),
        "required": (server_socket(validation=verify, require_client_certificate=True), {}),
        "named": (server_socket(validation={**verify, "match_typed_subject_alt_names": [
            {"san_type": "URI", "matcher": {"exact": "spiffe://mesh.test/other"}}]}, require_client_certificate=True), {}),
        "pinned": (server_socket(validation={**verify, "verify_certificate_hash": ["00" * 32]}, require_client_certificate=True), {}),
        "old": (server_socket(params={"tls_maximum_protocol_version": "TLSv1_2"}), {}),
        "new": (server_socket(params={"tls_minimum_protocol_version": "TLSv1_3"}), {}),
        "only-h2": (server_socket(alpn=["h2"]), {}),
        "no-alpn": (server_socket(alpn=[]), {}),
        "plain": (None, {"forward_client_cert_details": "APPEND_FORWARD", "set_current_client_cert_details": DETAILS["all"]}),
        **asked, **details,
    }), [cluster("a", env.port("a"))])


def over(name, listener="main", headers=(), log_lines=-1, **how):
    """HTTP/1.1 over TLS."""
    return Case(name, [request(headers=headers), Recv()], listener=listener, secure=secure(**how), log_lines=log_lines, settle=0.2)


def failing(name, listener, **how):
    """A handshake that the proxy ends; with TLS 1.3 a client learns of it only when it reads."""
    return Case(name, [request(), Recv()], listener=listener, secure=secure(**how), log_lines=0, settle=0.3)


SENT = [("x-forwarded-client-cert", "By=spiffe://a;Hash=00;URI=spiffe://b")]
DOWNSTREAM = [
    over("usual"),
    over("tls 1.2", version=ssl.TLSVersion.TLSv1_2),
    over("tls 1.3", version=ssl.TLSVersion.TLSv1_3),
    over("no name", sni=None),
    over("alpn http/1.1", alpn=["http/1.1"]),
    Case("alpn h2", [ask(scheme="https"), Done(1)], play=play2, secure=secure(alpn=["h2"])),
    Case("alpn h2 and http/1.1", [ask(scheme="https"), Done(1)], play=play2, secure=secure(alpn=["http/1.1", "h2"])),
    Case("h2 without alpn", [ask(scheme="https"), Done(1)], play=play2, secure=secure()),
    over("alpn of something else", alpn=["spdy/3"]),
    over("only h2 is offered", "only-h2", alpn=["http/1.1"]),
    over("nothing is offered", "no-alpn", alpn=["http/1.1"]),
    failing("too old", "new", version=ssl.TLSVersion.TLSv1_2),
    failing("too new", "old", version=ssl.TLSVersion.TLSv1_3),
    over("required", "required", own="client"),
    failing("required, none", "required"),
    failing("required, none, tls 1.2", "required", version=ssl.TLSVersion.TLSv1_2),
    failing("required, of a stranger", "required", own="stranger"),
    failing("required, of a stranger, tls 1.2", "required", own="stranger", version=ssl.TLSVersion.TLSv1_2),
    failing("another name", "named", own="client"),
    failing("not the pinned one", "pinned", own="client"),
    Case("plain text", [request(), Recv(timeout=1)], log_lines=0, settle=0.3),
    Case("nothing is said", [], log_lines=0),
    Case("half a hello", [b"\x16\x03\x01\x00\xff\x01"], log_lines=0, settle=0.2),
    *[over("%s%s%s" % (mode, " with certificate of %s" % own if own else "", " and a header" if headers else ""), mode.lower().replace("_", "-"), headers, own=own)
      for mode in MODES for own in (None, "client", "bare") for headers in ((), SENT)],
    over("append to two", "append-forward", SENT + SENT, own="client"),
    *[over("details: " + name, "details-" + name, own="client") for name in DETAILS],
    Case("plain, header", [request(headers=SENT), Recv()], listener="plain"),
]


GROUPS = [Group("tls", downstream, DOWNSTREAM)]
