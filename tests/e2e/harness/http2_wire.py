"""HTTP/2 frame by frame (RFC 9113): nothing is checked on sending, and all that arrives is kept."""

import struct
import threading
import time
from dataclasses import dataclass, field

from . import hpack
from .wire import READ_TIMEOUT, WireError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
ERRORS = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
    "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8
MAX_FRAME = 16384


def error_name(code):
    return ERRORS[code] if code < len(ERRORS) else str(code)


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings_frame(settings):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", number, value) for number, value in settings.items()))


@dataclass
class Half:
    """What one peer has said on a stream."""

    number: int
    interim: list = field(default_factory=list)
    headers: list = None
    body: bytes = b""
    trailers: list = field(default_factory=list)
    ended: str = ""

    def status(self):
        return dict(self.headers or []).get(":status", "none")


class Http2:
    """One connection. One thread reads, in `step`; any may send."""

    def __init__(self, wire, client, settings=None):
        self.wire = wire
        self.client = client
        self.decoder = hpack.Decoder()
        self.streams = {}
        self.peer_settings = {}
        self.goaways = []
        self.credited = False
        self.changed = threading.Condition()
        self.sending = threading.Lock()
        self.held = None
        mine = {INITIAL_WINDOW_SIZE: 1 << 30, **(settings or {})}
        opening = (PREFACE if client else b"") + settings_frame(mine) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30))
        self.send(opening)

    def send(self, data):
        with self.sending:
            if self.held is None:
                self.wire.send(data)
            else:
                self.held += data

    def hold(self):
        """What is sent from here on leaves as one piece, with release()."""
        self.held = b""

    def release(self):
        data, self.held = self.held, None
        self.wire.send(data)

    def send_headers(self, stream, fields, end=False):
        block = hpack.encode(fields)
        pieces = [block[at:at + MAX_FRAME] for at in range(0, len(block), MAX_FRAME)] or [b""]
        out = b""
        for index, piece in enumerate(pieces):
            flags = END_HEADERS if index == len(pieces) - 1 else 0
            out += frame(HEADERS, flags | (END_STREAM if end else 0), stream, piece) if index == 0 else frame(CONTINUATION, flags, stream, piece)
        self.send(out)

    def send_data(self, stream, data, end=False):
        pieces = [data[at:at + MAX_FRAME] for at in range(0, len(data), MAX_FRAME)] or [b""]
        self.send(b"".join(
            frame(DATA, END_STREAM if end and index == len(pieces) - 1 else 0, stream, piece) for index, piece in enumerate(pieces)))

    def reset_stream(self, stream, code):
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", code)))

    def go_away(self, last, code):
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, code)))

    def step(self, deadline):
        """Reads one frame and takes note of it; the number of the stream that it was about."""
        head = self.wire.read_exact(9, deadline)
        length = struct.unpack(">I", b"\0" + head[:3])[0]
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self.wire.read_exact(length, deadline) if length else b""
        if kind == HEADERS:
            payload = self._whole_block(flags, payload, deadline)
        with self.changed:
            self._note(kind, flags, stream & 0x7FFFFFFF, payload)
            self.changed.notify_all()
        return stream

    def _whole_block(self, flags, payload, deadline):
        if flags & 0x20:
            payload = payload[5:]
        while not flags & END_HEADERS:
            head = self.wire.read_exact(9, deadline)
            flags = head[4]
            payload += self.wire.read_exact(struct.unpack(">I", b"\0" + head[:3])[0], deadline)
        return payload

    def _note(self, kind, flags, number, payload):
        half = self.streams.setdefault(number, Half(number)) if kind in (HEADERS, DATA, RST_STREAM) else None
        if kind == HEADERS:
            self._note_fields(half, self.decoder.decode(payload))
        elif kind == DATA:
            half.body += payload
        elif kind == RST_STREAM:
            # A reset after the end is a fact of its own: it says that the rest of the other half is not wanted.
            half.ended = (half.ended + " reset " + error_name(struct.unpack(">I", payload)[0])).strip()
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                setting, value = struct.unpack(">HI", payload[at:at + 6])
                self.peer_settings[setting] = value
            self.send(frame(SETTINGS, ACK))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and number == 0:
            self.credited = True
        elif kind == GOAWAY:
            last, code = struct.unpack(">II", payload[:8])
            self.goaways.append((last, error_name(code)))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            half.ended = "end"

    @staticmethod
    def _note_fields(half, fields):
        status = dict(fields).get(":status", "")
        if half.headers is not None:
            half.trailers = fields
        elif status.startswith("1") and status != "101":
            half.interim.append((status, [pair for pair in fields if pair[0] != ":status"]))
        else:
            half.headers = fields

    def read_while(self, waiting, timeout=READ_TIMEOUT):
        """Reads frames while `waiting()` holds; raises when that takes too long or the peer is gone."""
        deadline = time.monotonic() + timeout
        while waiting():
            self.step(deadline)

    def drain(self, timeout):
        """Reads what comes in that time: how the connection stood at its end."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self.step(deadline)
        except WireError as error:
            return "open" if str(error).startswith("timed") else self.wire.closed or "open"
        except OSError:
            return "reset"
