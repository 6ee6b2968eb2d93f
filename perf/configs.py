"""Config makers: each takes a peer's values and folder, writes its file there and returns the path.

Envoy and Pillion start from the same files ("sidecar"); HAProxy and nginx do the same work their way.
"""

import yaml

FILTERS = "type.googleapis.com/envoy.extensions.filters."
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
ALPN = {"h1": "http/1.1", "h2": "h2"}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def endpoints(name, port):
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return str(path)


def write_sidecar(values, folder, filters, clusters, chain=None):
    """One listener with one filter chain."""
    config = {
        "admin": {"address": address(values["ADMIN"])},
        "static_resources": {
            "listeners": [{"name": "main", "address": address(values["PORT"]), "filter_chains": [{"filters": filters, **(chain or {})}]}],
            "clusters": clusters,
        },
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return write(folder, "sidecar.yaml", yaml.dump(config, Dumper=dumper, sort_keys=False, default_flow_style=False))


def manager(hosts):
    return [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
        "@type": FILTERS + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "ingress",
        "route_config": {"name": "local", "virtual_hosts": hosts},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": FILTERS + "http.router.v3.Router"}}],
    }}]


def all_to(cluster):
    return manager([{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}]}])


def cluster(name, port, protocol="h1", tls=None):
    limits = {"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}
    made = {"name": name, "type": "STATIC", "connect_timeout": "1s", "circuit_breakers": {"thresholds": [limits]},
            "load_assignment": endpoints(name, port)}
    if protocol == "h2":
        made["typed_extension_protocol_options"] = {HTTP_OPTIONS: {
            "@type": "type.googleapis.com/" + HTTP_OPTIONS, "explicit_http_config": {"http2_protocol_options": {}}}}
    if tls:
        made["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": tls}
    return made


def many_clusters(count):
    """A config maker: `count` clusters and as many virtual hosts in one file."""
    def make(values, folder):
        hosts = [{"name": "vh-%d" % i, "domains": ["host-%d.bench.local" % i], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "cluster-%d" % i}}]} for i in range(count)]
        clusters = [{"name": "cluster-%d" % i, "type": "STATIC", "connect_timeout": "1s", 
                     "load_assignment": endpoints("cluster-%d" % i, values["ORIGIN"])} for i in range(count)]
        return write_sidecar(values, folder, manager(hosts), clusters)
    return make


def tcp_proxy(name):
    """Every connection goes to the origin as it is."""
    def haproxy(values, folder):
        return write(folder, "haproxy.cfg", """
global
    nbthread 1
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen l
    bind 127.0.0.1:%(PORT)d
    server s 127.0.0.1:%(ORIGIN)d
""" % values)

    def sidecar(values, folder):
        proxy = {"@type": FILTERS + "network.tcp_proxy.v3.TcpProxy", "stat_prefix": "tcp", "cluster": "origin"}
        return write_sidecar(values, folder, [{"name": "tcp", "typed_config": proxy}], [cluster("origin", values["ORIGIN"])])

    return haproxy if name == "haproxy" else sidecar


HAPROXY = """
global
    nbthread 1
    maxconn %(CONNECTIONS)d
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen l
    bind 127.0.0.1:%(PORT)d %(bind)s
    server s 127.0.0.1:%(ORIGIN)d %(server)s
"""

NGINX = """
daemon off;
user root;
worker_processes 1;
pid %(FOLDER)s/nginx.pid;
error_log %(FOLDER)s/nginx.log warn;
events { worker_connections %(CONNECTIONS)d; }
http {
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_temp_path %(FOLDER)s/body;
    proxy_temp_path %(FOLDER)s/proxy;
    fastcgi_temp_path %(FOLDER)s/fastcgi;
    uwsgi_temp_path %(FOLDER)s/uwsgi;
    scgi_temp_path %(FOLDER)s/scgi;
    upstream origin { server 127.0.0.1:%(ORIGIN)d; keepalive 128; keepalive_requests 1000000000; }
    server {
        listen 127.0.0.1:%(PORT)d %(listen)s;
        location / {
            proxy_pass %(scheme)s://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            %(proxy)s
        }
    }
}
"""


def http2(name):
    """HTTP/2 in clear text on both sides."""
    def haproxy(values, folder):
        return write(folder, "haproxy.cfg", HAPROXY % dict(values, bind="proto h2", server="proto h2"))

    def sidecar(values, folder):
        return write_sidecar(values, folder, all_to("origin"), [cluster("origin", values["ORIGIN"], "h2")])

    return haproxy if name == "haproxy" else sidecar


def common_tls(files, who, protocol):
    return {"alpn_protocols": [ALPN[protocol]],
            "tls_certificates": [{"certificate_chain": {"filename": files[who + ".crt"]}, "private_key": {"filename": files[who + ".key"]}}],
            "validation_context": {"trusted_ca": {"filename": files["ca.crt"]}}}


def outer(name, protocol, files):
    """The client's sidecar: HTTP/1.1 in clear text in, mTLS out."""
    def haproxy(values, folder):
        return write(folder, "haproxy.cfg", HAPROXY % dict(
            values, bind="", server="ssl verify required ca-file %s crt %s sni str(server.bench) verifyhost server.bench alpn %s"
            % (files["ca.crt"], files["client.pem"], ALPN[protocol])))

    def nginx(values, folder):
        return write(folder, "nginx.conf", NGINX % dict(values, listen="", scheme="https", proxy="""
            proxy_ssl_certificate %(client.crt)s;
            proxy_ssl_certificate_key %(client.key)s;
            proxy_ssl_trusted_certificate %(ca.crt)s;
            proxy_ssl_protocols TLSv1.3;
            proxy_ssl_verify on;
            proxy_ssl_server_name on;
            proxy_ssl_name server.bench;""" % files))

    def sidecar(values, folder):
        tls = {"@type": TLS + "UpstreamTlsContext", "sni": "server.bench", "common_tls_context": common_tls(files, "client", protocol)}
        return write_sidecar(values, folder, all_to("origin"), [cluster("origin", values["ORIGIN"], protocol, tls)])

    return {"haproxy": haproxy, "nginx": nginx}.get(name, sidecar)


def inner(name, protocol, files):
    """The server's sidecar: mTLS in, HTTP/1.1 in clear text out."""
    def haproxy(values, folder):
        return write(folder, "haproxy.cfg", HAPROXY % dict(
            values, server="", bind="ssl crt %s ca-file %s verify required alpn %s" % (files["server.pem"], files["ca.crt"], ALPN[protocol])))

    def nginx(values, folder):
        server = """
        ssl_certificate %(server.crt)s;
        ssl_certificate_key %(server.key)s;
        ssl_client_certificate %(ca.crt)s;
        ssl_protocols TLSv1.3;
        ssl_verify_client on;
        ssl_session_cache shared:s:10m""" % files
        return write(folder, "nginx.conf", NGINX % dict(values, listen="ssl;" + server, scheme="http", proxy=""))

    def sidecar(values, folder):
        tls = {"@type": TLS + "DownstreamTlsContext", "require_client_certificate": True,
               "common_tls_context": common_tls(files, "server", protocol)}
        chain = {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls}}
        return write_sidecar(values, folder, all_to("origin"), [cluster("origin", values["ORIGIN"])], chain)

    return {"haproxy": haproxy, "nginx": nginx}.get(name, sidecar)
