"""A DNS server that answers A and AAAA questions as a test says, and counts them."""

import socket
import struct
import threading

A, AAAA = 1, 28


class DnsServer:
    """Listens on a free UDP port. `records` maps a name to a list of IPv4 addresses; `ttl` is in seconds.

    A name that is absent gets NXDOMAIN. While `silent`, no question is answered at all.
    """

    def __init__(self, records=None, ttl=1):
        self.records = dict(records or {})
        self.ttl = ttl
        self.silent = False
        self.questions = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            if not query:
                return
            answer = self._answer(query)
            if answer:
                self.socket.sendto(answer, peer)

    def _answer(self, query):
        """RFC 1035 section 4: the question is repeated, answers point back at its name."""
        labels, at = [], 12
        while query[at]:
            size = query[at]
            labels.append(query[at + 1:at + 1 + size].decode())
            at += size + 1
        question = query[12:at + 5]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.questions.append((name, kind))
        if self.silent:
            return None
        known = name in self.records
        addresses = self.records.get(name, []) if kind == A else []
        flags = 0x8180 if known else 0x8183
        head = query[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", A, 1, self.ttl, 4) + socket.inet_aton(address) for address in addresses
        )
        return head + question + records


def resolver(port):
    """The configuration that makes Envoy's c-ares, and ours, ask this server and no other."""
    return {
        "name": "envoy.network.dns_resolver.cares",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": port}}],
            "dns_resolver_options": {"no_default_search_domain": True},
        },
    }
