"""The first flight of TLS (RFC 8446 section 4.1.2), byte by byte."""

import struct


def _sized(width, data):
    return struct.pack(">I", len(data))[4 - width:] + data


def _extension(kind, data):
    return struct.pack(">H", kind) + _sized(2, data)


def client_hello(server_name="one.test", alpn=(), versions=(0x0304, 0x0303), padding=0, records=1):
    """One ClientHello, in as many records as asked for."""
    extensions = b""
    if server_name is not None:
        extensions += _extension(0, _sized(2, b"\0" + _sized(2, server_name.encode())))
    if alpn:
        extensions += _extension(16, _sized(2, b"".join(_sized(1, name.encode()) for name in alpn)))
    extensions += _extension(43, _sized(1, b"".join(struct.pack(">H", version) for version in versions)))
    extensions += _extension(10, _sized(2, b"\x00\x1d\x00\x17"))
    extensions += _extension(13, _sized(2, b"\x04\x03\x08\x04\x04\x01"))
    extensions += _extension(51, _sized(2, b"\x00\x1d" + _sized(2, bytes(range(1, 33)))))
    if padding:
        extensions += _extension(21, bytes(padding))
    body = b"\x03\x03" + bytes(range(32)) + _sized(1, b"") + _sized(2, b"\x13\x01\xc0\x2b\xc0\x2f") + _sized(1, b"\0")
    message = b"\x01" + _sized(3, body + _sized(2, extensions))
    size = -(-len(message) // records)
    return b"".join(b"\x16\x03\x01" + _sized(2, message[at:at + size]) for at in range(0, len(message), size))
