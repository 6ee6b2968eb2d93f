"""The access-log format and the plain bootstrap most groups share."""

from harness.config import access_log, bootstrap, cluster, hcm, listener, route, vhost

# Every operator whose value is the same in two runs, or can be made so by the normaliser.
LOG_FORMAT = {
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "code": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "host": "%UPSTREAM_HOST%",
    "route": "%ROUTE_NAME%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}


def main_log(env):
    return access_log(env.log(), json_format=LOG_FORMAT)


def simple(env, vhosts, clusters=None, filters=(), listener_fields=None, **fields):
    """One listener called main over the given virtual hosts; clusters default to one per origin."""
    clusters = clusters if clusters is not None else [cluster(n, o.port) for n, o in env.origins.items()]
    manager = hcm(vhosts, log=main_log(env), filters=filters, **fields)
    return bootstrap([listener("main", manager, **(listener_fields or {}))], clusters)


def variants(env, managers, vhosts=None, clusters=None, filters=()):
    """One listener for each entry of `managers`: its name and the fields of its connection manager."""
    vhosts = vhosts or [vhost("all", ["*"], [route("/", next(iter(env.origins)))])]
    clusters = clusters if clusters is not None else [cluster(n, o.port) for n, o in env.origins.items()]
    made = []
    for name, fields in managers.items():
        manager = hcm(vhosts, log=main_log(env), filters=filters, prefix=name.replace("-", "_"), **fields)
        made.append(listener(name, manager))
    return bootstrap(made, clusters)
