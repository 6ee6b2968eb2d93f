"""An HTTP/2 client as a list of steps, like harness.client for HTTP/1.1."""

import struct
import time
from dataclasses import dataclass, field

from .client import Abort, Pause, Result, connect
from .http2_wire import MAX_CONCURRENT_STREAMS, ENABLE_CONNECT_PROTOCOL, Http2, error_name, frame
from .wire import Message, WireError

REPORTED_SETTINGS = {MAX_CONCURRENT_STREAMS: "max_concurrent_streams", ENABLE_CONNECT_PROTOCOL: "enable_connect_protocol"}


@dataclass
class Ask:
    """Opens a stream, the first with number 1, then 3, 5... `end` with the last of head, body, trailers."""

    fields: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    end: bool = True


@dataclass
class More:
    """A piece of a request body."""

    stream: int
    data: bytes = b""
    end: bool = False


@dataclass
class Trailers:
    stream: int
    fields: list


@dataclass
class Cancel:
    """Resets a stream."""

    stream: int
    code: int = 8


@dataclass
class Done:
    """Waits for the end of a stream."""

    stream: int = 1
    timeout: float = 10.0


@dataclass
class Head:
    """Waits for the final head on a stream."""

    stream: int = 1


@dataclass
class Body:
    """Waits until this many bytes of body have come in all."""

    stream: int
    count: int


@dataclass
class Ready:
    """Waits for the peer's SETTINGS and its first credit: from then on large bodies may be sent."""


@dataclass
class GoneAway:
    """Waits for as many GOAWAY frames."""

    count: int = 1


@dataclass
class Frame:
    """Any frame at all."""

    kind: int
    flags: int = 0
    stream: int = 0
    payload: bytes = b""


@dataclass
class Settings:
    """As the first step: what this client's SETTINGS say."""

    values: dict


def fields(method="GET", path="/", headers=(), authority="test.local", scheme="http", **pseudo):
    """The fields of a usual request; None leaves one out."""
    first = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
    first += [(":" + name, value) for name, value in pseudo.items()]
    return [pair for pair in first if pair[1] is not None] + list(headers)


def ask(method="GET", path="/", headers=(), body=b"", trailers=(), end=True, **pseudo):
    return Ask(fields(method, path, headers, **pseudo), body, list(trailers), end)


class _Player:
    def __init__(self, http2):
        self.http2 = http2
        self.next = 1

    def half(self, number):
        return self.http2.streams.get(number)

    def _waiting(self, number, what):
        half = self.half(number)
        return half is None or not (what(half) or half.ended)

    def play(self, step):
        http2 = self.http2
        if isinstance(step, bytes):
            http2.send(step)
        elif isinstance(step, Ask):
            self._open(step)
        elif isinstance(step, More):
            http2.send_data(step.stream, step.data, step.end)
        elif isinstance(step, Trailers):
            http2.send_headers(step.stream, step.fields, True)
        elif isinstance(step, Cancel):
            http2.reset_stream(step.stream, step.code)
        elif isinstance(step, Frame):
            http2.send(frame(step.kind, step.flags, step.stream, step.payload))
        elif isinstance(step, Done):
            http2.read_while(lambda: self._waiting(step.stream, lambda half: False), step.timeout)
        elif isinstance(step, Head):
            http2.read_while(lambda: self._waiting(step.stream, lambda half: half.headers is not None))
        elif isinstance(step, Body):
            http2.read_while(lambda: self._waiting(step.stream, lambda half: len(half.body) >= step.count))
        elif isinstance(step, Ready):
            http2.read_while(lambda: not (http2.peer_settings and http2.credited))
        elif isinstance(step, GoneAway):
            http2.read_while(lambda: len(http2.goaways) < step.count)
        elif isinstance(step, Pause):
            time.sleep(step.seconds)
        else:
            raise TypeError(step)

    def _open(self, step):
        number, self.next = self.next, self.next + 2
        # In one piece, so that a proxy's reading does not depend on the moment.
        self.http2.hold()
        self.http2.send_headers(number, step.fields, step.end and not step.body and not step.trailers)
        if step.body:
            self.http2.send_data(number, step.body, step.end and not step.trailers)
        if step.trailers:
            self.http2.send_headers(number, step.trailers, step.end)
        self.http2.release()


def _message(half):
    message = Message("HTTP/2 " + half.status(), [pair for pair in half.headers or [] if pair[0] != ":status"])
    message.body, message.trailers, message.interim = half.body, half.trailers, half.interim
    message.body_ended = half.ended or "open"
    return message


def play(port, steps, linger=0.03, secure=None):
    """Runs the steps on one connection and reports every stream that something was said on."""
    result = Result()
    wire = connect(port)
    if secure:
        wire.sock = secure(wire.sock)
    steps = list(steps)
    settings = steps.pop(0).values if steps and isinstance(steps[0], Settings) else None
    http2 = Http2(wire, True, settings)
    player = _Player(http2)
    try:
        for step in steps:
            if isinstance(step, Abort):
                result.ended = "aborted"
                break
            player.play(step)
    except (WireError, OSError) as error:
        result.error = "reset" if isinstance(error, OSError) else str(error).split(" ")[0].rstrip(";")
    if result.ended == "aborted":
        wire.sock.setsockopt(1, 13, struct.pack("ii", 1, 0))
    else:
        result.ended = http2.drain(2.0 if http2.goaways and linger < 2.0 and http2.goaways[-1][1] != "NO_ERROR" else linger)
    result.responses = [_message(http2.streams[number]) for number in sorted(http2.streams)]
    result.facts = {"goaway": http2.goaways}
    # A connection that ends for an error may do so before anything was said on it.
    if not result.error and all(code == "NO_ERROR" for _, code in http2.goaways):
        for number, name in REPORTED_SETTINGS.items():
            result.facts["settings." + name] = http2.peer_settings.get(number, 0)
    wire.close()
    return result


__all__ = [
    "Abort", "Ask", "Body", "Cancel", "Done", "Frame", "GoneAway", "Head", "More", "Pause", "Ready", "Settings", "Trailers",
    "ask", "error_name", "fields", "play",
]
