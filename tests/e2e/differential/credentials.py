"""The certificates of a run, and what makes TLS sockets of plain ones with them."""

import functools
import ssl
import tempfile

from harness.pki import Authority


@functools.lru_cache(maxsize=None)
def pki():
    """Made when the first group needs it; both sides share it, so that hashes are the same."""
    folder = tempfile.TemporaryDirectory(prefix="pillion-differential-")
    made = Authority(folder.name)
    made.kept = folder
    made.server = made.issue("server", "DNS:server.test,DNS:*.wild.test,URI:spiffe://mesh.test/server")
    made.client = made.issue("client", "URI:spiffe://mesh.test/client,DNS:client.test,DNS:other.test")
    made.bare = made.issue("bare", "IP:10.1.2.3")
    made.other = Authority(folder.name + "/other", "other")
    made.stranger = made.other.issue("stranger", "URI:spiffe://mesh.test/client,DNS:server.test")
    return made


def secure(own=None, alpn=None, sni="server.test", version=None, trusted=True):
    """What makes a TLS socket of a client's plain one."""

    def wrap(sock):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if own:
            made = getattr(pki(), own)
            context.load_cert_chain(made.certificate, made.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if version:
            context.minimum_version = context.maximum_version = version
            context.set_ciphers("DEFAULT@SECLEVEL=0")
        return context.wrap_socket(sock, server_hostname=sni)

    return wrap


def serve_secure(alpn=None, newest=None, ask=False):
    """The same for a server's accepted one. `ask`: clients have to show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki().server.certificate, pki().server.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if newest:
        context.maximum_version = newest
    if ask:
        context.load_verify_locations(pki().pem)
        context.verify_mode = ssl.CERT_REQUIRED

    def note_name(sock, name, _):
        sock.asked_for = name

    context.sni_callback = note_name
    return lambda sock: context.wrap_socket(sock, server_side=True)
