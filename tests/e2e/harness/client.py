"""A client that sends exact bytes and reports exactly what came back."""

import socket
import struct
import time
from dataclasses import dataclass, field

from .wire import Message, Wire, WireError


@dataclass
class Send:
    data: bytes


@dataclass
class Pause:
    seconds: float


@dataclass
class Recv:
    """Reads one final response; the method decides how the body is framed."""

    method: str = "GET"
    timeout: float = 10.0


@dataclass
class RecvBytes:
    """Reads exactly this many bytes of a tunnel."""

    count: int


@dataclass
class RecvEnd:
    """Reads until the other side has said its last; a reset is told from a close."""

    timeout: float = 5.0


@dataclass
class RecvInterim:
    """Reads up to the end of one 1xx head."""


@dataclass
class ShutWrite:
    """Half-closes: no more request bytes will come."""


@dataclass
class Abort:
    """Resets the connection, as a crashed client does."""


@dataclass
class Result:
    """What a client saw on one connection."""

    responses: list = field(default_factory=list)
    tunnel: bytes = b""
    interim: list = field(default_factory=list)
    leftover: bytes = b""
    ended: str = "open"
    error: str = ""
    facts: dict = field(default_factory=dict)


def connect(port, host="127.0.0.1", timeout=10.0):
    sock = socket.create_connection((host, port), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(sock)


def request(method="GET", target="/", headers=(), body=b"", host="test.local", version="HTTP/1.1"):
    """The bytes of one request. A body gets a content-length unless the headers frame it."""
    lines = ["%s %s %s" % (method, target, version)]
    if host is not None:
        lines.append("host: %s" % host)
    names = [name.lower() for name, _ in headers]
    lines += ["%s: %s" % (name, value) for name, value in headers]
    if body and "content-length" not in names and "transfer-encoding" not in names:
        lines.append("content-length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(*chunks, trailers=()):
    """A chunked body."""
    payload = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    payload += b"0\r\n" + b"".join(b"%s: %s\r\n" % (n.encode(), v.encode()) for n, v in trailers)
    return payload + b"\r\n"


def fetch(port, target="/", method="GET", headers=(), body=b"", host="test.local", timeout=10.0):
    """One request on its own connection."""
    wire = connect(port)
    try:
        wire.send(request(method, target, headers, body, host))
        return wire.read_response(method, timeout)
    finally:
        wire.close()


def _should_close(result):
    """Whether a close is due, so that waiting for it is worth the time."""
    if not result.responses:
        return result.error != "timed"
    last = result.responses[-1]
    connection = (last.header("connection") or "").lower()
    return "close" in connection or (last.start_line.startswith("HTTP/1.0") and "keep-alive" not in connection)


def play(port, steps, linger=0.03, secure=None):
    """Runs the steps on one connection and reports what came back, whatever happens.

    `secure` makes a TLS socket of a connected one.
    """
    result = Result()
    wire = connect(port)
    if secure:
        try:
            wire.sock = secure(wire.sock)
        except OSError as error:
            result.error = "handshake"
            result.facts["handshake"] = type(error).__name__
            wire.close()
            return result
    try:
        for step in steps:
            _play_step(wire, step, result)
    except (WireError, OSError) as error:
        result.error = "reset" if isinstance(error, OSError) else str(error).split(" ")[0].rstrip(";")
    if result.ended != "aborted":
        result.ended = wire.wait_closed(2.0 if _should_close(result) else linger)
        # A response that no step has read may announce the end as well.
        if result.ended == "open" and b"\r\nconnection: close\r\n" in wire.buffer:
            result.ended = wire.wait_closed(2.0)
    result.leftover = wire.buffer
    wire.close()
    return result


def _play_step(wire, step, result):
    if isinstance(step, bytes):
        wire.send(step)
    elif isinstance(step, Send):
        wire.send(step.data)
    elif isinstance(step, Pause):
        time.sleep(step.seconds)
    elif isinstance(step, Recv):
        result.responses.append(wire.read_response(step.method, step.timeout))
    elif isinstance(step, RecvBytes):
        result.tunnel += wire.read_exact(step.count)
    elif isinstance(step, RecvEnd):
        result.tunnel += wire.read_to_close(time.monotonic() + step.timeout)
        result.facts["end"] = wire.closed
    elif isinstance(step, RecvInterim):
        head = wire.read_until(b"\r\n\r\n", time.monotonic() + 5)
        result.interim.append(head.decode("latin-1"))
    elif isinstance(step, ShutWrite):
        wire.sock.shutdown(socket.SHUT_WR)
    elif isinstance(step, Abort):
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.sock.close()
        result.ended = "aborted"
    else:
        raise TypeError(step)


__all__ = [
    "Abort", "Message", "Pause", "Recv", "RecvBytes", "RecvEnd", "RecvInterim", "Result", "Send", "ShutWrite",
    "chunked", "connect", "fetch", "play", "request",
]
