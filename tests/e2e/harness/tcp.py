"""TCP servers that do what a test says, and listeners that look at the first bytes."""

import socket
import threading

from .config import TYPE


def inspector(kind, **fields):
    message = {"tls": "tls_inspector.v3.TlsInspector", "http": "http_inspector.v3.HttpInspector",
               "proxy": "proxy_protocol.v3.ProxyProtocol"}[kind]
    return {"name": kind, "typed_config": {"@type": TYPE + "envoy.extensions.filters.listener." + message, **fields}}


def tcp_listener(chains, filters=(), **fields):
    """One listener; a chain is (match, network filter)."""
    return {
        "name": "main", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "listener_filters": list(filters),
        "filter_chains": [{"filters": [last], **({"filter_chain_match": match} if match else {})} for match, last in chains],
        **fields,
    }


class Server:
    """A TCP server: `serve` gets each connection, in a thread of its own."""

    def __init__(self, serve):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        try:
            self.serve(sock)
        except OSError:
            pass
        finally:
            sock.close()

    def stop(self):
        self.socket.close()


def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)


def greeting(text, answer=b"ok\r\n"):
    """A server that speaks first, then answers each line."""

    def function(sock):
        sock.sendall(text)
        while sock.recv(65536):
            sock.sendall(answer)

    return function
