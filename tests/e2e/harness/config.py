"""Pieces of an Envoy v3 bootstrap as plain dicts, so that a test states only what it is about."""

TYPE = "type.googleapis.com/"
HCM = TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = TYPE + "envoy.extensions.filters.http.router.v3.Router"
FILE_LOG = TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog"
HTTP_OPTIONS = TYPE + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def address(port, host="127.0.0.1"):
    return {"socket_address": {"address": host, "port_value": port}}


def endpoint(port, host="127.0.0.1", weight=None):
    entry = {"endpoint": {"address": address(port, host)}}
    if weight is not None:
        entry["load_balancing_weight"] = weight
    return entry


def cluster(name, *ports, kind="STATIC", host="127.0.0.1", http=None, **fields):
    """A cluster over the given ports. `http` fills HttpProtocolOptions with HTTP/1.1 upstream."""
    made = {
        "name": name,
        "type": kind,
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [port if isinstance(port, dict) else endpoint(port, host) for port in ports]}],
        },
    }
    if http is not None:
        options = {"@type": HTTP_OPTIONS}
        options.update(http)
        if "explicit_http_config" not in options:
            options["explicit_http_config"] = {"http_protocol_options": {}}
        made["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        }
    made.update(fields)
    return made


def route(match, action=None, **fields):
    """A route. A string match is a prefix; a string action is a cluster."""
    if isinstance(match, str):
        match = {"prefix": match}
    made = {"match": match}
    if isinstance(action, str):
        made["route"] = {"cluster": action}
    elif action is not None:
        made.update(action)
    made.update(fields)
    return made


def to(cluster_name, **fields):
    """A route action to a cluster."""
    action = {"cluster": cluster_name} if cluster_name else {}
    action.update(fields)
    return {"route": action}


def vhost(name, domains, routes, **fields):
    made = {"name": name, "domains": domains, "routes": routes}
    made.update(fields)
    return made


def filter_config(name, message, **fields):
    """An HTTP filter entry with its typed config."""
    typed = {"@type": TYPE + message}
    typed.update(fields)
    return {"name": name, "typed_config": typed}


def access_log(path, json_format=None, text=None):
    typed = {"@type": FILE_LOG, "path": str(path)}
    if json_format is not None:
        typed["log_format"] = {"json_format": json_format}
    if text is not None:
        typed["log_format"] = {"text_format_source": {"inline_string": text}}
    return {"name": "envoy.access_loggers.file", "typed_config": typed}


def hcm(vhosts, log=None, filters=(), prefix="ingress", route_fields=None, **fields):
    """A connection manager with inline routes."""
    typed = {
        "@type": HCM,
        "stat_prefix": prefix,
        # Short, so that a test sees the close that follows a flushed error at once.
        "delayed_close_timeout": "0.1s",
        "route_config": {"name": "local", "virtual_hosts": vhosts, **(route_fields or {})},
        "http_filters": list(filters)
        + [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
    }
    if log is not None:
        typed["access_log"] = log if isinstance(log, list) else [log]
    typed.update(fields)
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": typed}


def listener(name, connection_manager, port=0, **fields):
    made = {
        "name": name,
        "address": address(port),
        "filter_chains": [{"filters": [connection_manager]}],
    }
    made.update(fields)
    return made


def bootstrap(listeners, clusters, node_id="node-1", node_cluster="e2e", **fields):
    made = {
        "node": {"id": node_id, "cluster": node_cluster},
        "admin": {"address": address(0)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }
    made.update(fields)
    return made
