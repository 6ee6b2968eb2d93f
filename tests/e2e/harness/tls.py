"""TLS transport sockets for bootstraps, and the clients that try them: curl and openssl s_client."""

import subprocess

from harness.config import TYPE, bootstrap, cluster, hcm, listener, route, vhost

TLS = TYPE + "envoy.extensions.transport_sockets.tls.v3."


def socket(message, common, **fields):
    return {"name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": TLS + message, "common_tls_context": common, **fields}}


def server_socket(*pairs, **fields):
    common = {"tls_certificates": [pair.config() for pair in pairs]}
    common.update(fields.pop("common", {}))
    return socket("DownstreamTlsContext", common, **fields)


def mutual_server(pki, **validation):
    return server_socket(pki.server, require_client_certificate=True,
                         common={"validation_context": {"trusted_ca": {"filename": pki.pem}, **validation}})


def client_socket(pki, sni="server.test", own=True, params=None, **validation):
    common = {"validation_context": {"trusted_ca": {"filename": pki.pem}, **validation}}
    if own:
        common["tls_certificates"] = [pki.client.config()]
    if params:
        common["tls_params"] = params
    return socket("UpstreamTlsContext", common, sni=sni)


def serving(port, transport, name="main", **fields):
    """A bootstrap whose listener has that transport socket, in front of a plain origin."""
    made = listener(name, hcm([vhost("all", ["*"], [route("/", "a")])], **fields))
    made["filter_chains"][0]["transport_socket"] = transport
    return bootstrap([made], [cluster("a", port)])


def calling(port, transport, log=None, **fields):
    """A bootstrap with a plain listener whose cluster has that transport socket."""
    made = cluster("b", port, transport_socket=transport, **fields)
    return bootstrap([listener("main", hcm([vhost("all", ["*"], [route("/", "b")])], log=log))], [made])


def curl(proxy, *arguments, name="server.test", scheme="https", path="/"):
    port = proxy.port()
    return subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--resolve", "%s:%d:127.0.0.1" % (name, port), *arguments,
         "%s://%s:%d%s" % (scheme, name, port, path)],
        capture_output=True, check=False)


def s_client(proxy, *arguments, request=b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % proxy.port(), "-ign_eof", *arguments],
        input=request, capture_output=True, check=False, timeout=20)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
