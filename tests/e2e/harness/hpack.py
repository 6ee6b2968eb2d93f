"""HPACK (RFC 7541): fields are written as plain literals, so that any octets can be sent, and read by libnghttp2."""

import ctypes

FINAL, EMIT = 1, 2


class _Pair(ctypes.Structure):
    """nghttp2_nv."""

    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p), ("name_length", ctypes.c_size_t),
                ("value_length", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


class HpackError(Exception):
    """A header block that cannot be read."""


def _library():
    library = ctypes.CDLL("libnghttp2.so.14")
    library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
    library.nghttp2_hd_inflate_hd2.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(_Pair), ctypes.POINTER(ctypes.c_int), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    library.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
    library.nghttp2_hd_inflate_del.argtypes = [ctypes.c_void_p]
    return library


class Decoder:
    """The state of one direction of a connection."""

    def __init__(self):
        self.library = _library()
        self.state = ctypes.c_void_p()
        if self.library.nghttp2_hd_inflate_new(ctypes.byref(self.state)) != 0:
            raise MemoryError

    def __del__(self):
        self.library.nghttp2_hd_inflate_del(self.state)

    def decode(self, block):
        """The (name, value) pairs of one whole header block."""
        fields, at = [], 0
        memory = ctypes.create_string_buffer(block, len(block) or 1)
        pair, flags = _Pair(), ctypes.c_int()
        while True:
            flags.value = 0
            taken = self.library.nghttp2_hd_inflate_hd2(
                self.state, ctypes.byref(pair), ctypes.byref(flags), ctypes.addressof(memory) + at, len(block) - at, 1)
            if taken < 0:
                raise HpackError("header block: nghttp2 says %d" % taken)
            at += taken
            if flags.value & EMIT:
                name = ctypes.string_at(pair.name, pair.name_length) if pair.name_length else b""
                value = ctypes.string_at(pair.value, pair.value_length) if pair.value_length else b""
                fields.append((name.decode("latin-1"), value.decode("latin-1")))
            if flags.value & FINAL:
                self.library.nghttp2_hd_inflate_end_headers(self.state)
                return fields
            if not flags.value & EMIT and at >= len(block):
                raise HpackError("header block ends early")


def _length(number):
    """An integer with a prefix of seven bits (section 5.1)."""
    if number < 127:
        return bytes([number])
    out, number = b"\x7f", number - 127
    while number >= 128:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


def encode(fields):
    """Literals without indexing (section 6.2.2), whatever the names and values are."""
    out = b""
    for name, value in fields:
        raw = [text if isinstance(text, bytes) else text.encode("latin-1") for text in (name, value)]
        out += b"\x00" + b"".join(_length(len(text)) + text for text in raw)
    return out
