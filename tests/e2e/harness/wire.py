"""HTTP/1.1 read straight off a socket, with nothing tidied up.

Tests compare what a proxy really sent, so a parser that folds headers, fixes case or follows
redirects would hide the very differences they look for.
"""

import re
import socket
import time
from dataclasses import dataclass, field

# Nothing in the suite legitimately waits longer for a byte; a hang becomes a failure with context.
READ_TIMEOUT = 10.0


class WireError(Exception):
    """The peer closed, reset or stalled in the middle of a message."""


@dataclass
class Message:
    """One request or response as it crossed the wire."""

    start_line: str
    headers: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    chunks: list = field(default_factory=list)
    interim: list = field(default_factory=list)
    head_bytes: bytes = b""
    body_ended: str = ""
    unsolicited_close: bool = False
    connection: int = 0
    server_name: str = None

    @property
    def status(self):
        """The status code of a response, as a number."""
        match = re.match(r"HTTP/\d\.\d (\d{3})", self.start_line)
        return int(match.group(1)) if match else 0

    def header(self, name, default=None):
        """The first value of a header, looked up without regard to case."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name):
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def parse_head(head):
    """Splits the bytes before the blank line into a start line and (name, value) pairs."""
    text = head.decode("latin-1")
    lines = text.split("\r\n")
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip(" \t")))
    return lines[0], headers


class Wire:
    """A socket with a read buffer; reads whole messages or exact byte counts."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.closed = ""

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def fill(self, deadline):
        """Reads more bytes; False once the peer has closed or reset."""
        if self.closed:
            return False
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise WireError("timed out; unread bytes: %r" % self.buffer[:200])
        self.sock.settimeout(remaining)
        try:
            data = self.sock.recv(262144)
        except socket.timeout as error:
            raise WireError("timed out; unread bytes: %r" % self.buffer[:200]) from error
        except OSError:
            self.closed = "reset"
            return False
        if not data:
            self.closed = "eof"
            return False
        self.buffer += data
        return True

    def read_until(self, mark, deadline):
        """Bytes up to and including `mark`."""
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                taken = self.buffer[: at + len(mark)]
                self.buffer = self.buffer[at + len(mark):]
                return taken
            start = max(0, len(self.buffer) - len(mark))
            if not self.fill(deadline):
                raise WireError("%s while reading %r" % (self.closed, self.buffer[:200]))

    def read_exact(self, count, deadline=None):
        deadline = deadline or time.monotonic() + READ_TIMEOUT
        parts, have = [], 0
        while have < count:
            if not self.buffer and not self.fill(deadline):
                raise WireError("%s after %d of %d bytes" % (self.closed, have, count))
            part, self.buffer = self.buffer[: count - have], self.buffer[count - have:]
            parts.append(part)
            have += len(part)
        return b"".join(parts)

    def read_to_close(self, deadline):
        while self.fill(deadline):
            pass
        taken, self.buffer = self.buffer, b""
        return taken

    def read_chunked(self, message, deadline):
        """RFC 9112 section 7.1, keeping the chunk boundaries and the trailers."""
        body = []
        while True:
            line = self.read_until(b"\r\n", deadline)
            size = int(line.split(b";")[0].strip(), 16)
            if size == 0:
                break
            chunk = self.read_exact(size, deadline)
            if self.read_exact(2, deadline) != b"\r\n":
                raise WireError("a chunk is longer than its size line says")
            message.chunks.append(size)
            body.append(chunk)
            message.body = b"".join(body) if size < 65536 else message.body
        message.body = b"".join(body)
        message.body_ended = "chunked"
        while True:
            line = self.read_until(b"\r\n", deadline)
            if line == b"\r\n":
                return
            name, _, value = line[:-2].decode("latin-1").partition(":")
            message.trailers.append((name, value.strip(" \t")))

    def read_response(self, method="GET", timeout=READ_TIMEOUT):
        """One final response and the 1xx ones before it."""
        deadline = time.monotonic() + timeout
        interim = []
        while True:
            head = self.read_until(b"\r\n\r\n", deadline)
            start_line, headers = parse_head(head[:-4])
            message = Message(start_line, headers, head_bytes=head, interim=interim)
            if 100 <= message.status < 200 and message.status != 101:
                interim.append((start_line, headers))
                continue
            self._read_response_body(message, method, deadline)
            return message

    def _read_response_body(self, message, method, deadline):
        status = message.status
        tunnel = status == 101 or (method == "CONNECT" and 200 <= status < 300)
        if tunnel or method == "HEAD" or status in (204, 304):
            message.body_ended = "none"
            return
        if "chunked" in (message.header("transfer-encoding") or "").lower():
            try:
                self.read_chunked(message, deadline)
            except WireError as error:
                message.body_ended = "cut: " + str(error).split(" ")[0]
            return
        length = message.header("content-length")
        if length is not None:
            try:
                message.body = self.read_exact(int(length), deadline)
                message.body_ended = "length"
            except WireError as error:
                message.body_ended = "cut: " + str(error).split(" ")[0]
            return
        message.body = self.read_to_close(deadline)
        message.body_ended = self.closed

    def read_request(self, timeout=READ_TIMEOUT):
        """One request, or None if the peer closed cleanly between requests."""
        deadline = time.monotonic() + timeout
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill(deadline):
                if self.buffer:
                    raise WireError("%s inside a request head" % self.closed)
                return None
        head = self.read_until(b"\r\n\r\n", deadline)
        start_line, headers = parse_head(head[:-4])
        return Message(start_line, headers, head_bytes=head)

    def read_request_body(self, message, timeout=READ_TIMEOUT):
        deadline = time.monotonic() + timeout
        if "chunked" in (message.header("transfer-encoding") or "").lower():
            self.read_chunked(message, deadline)
        elif message.header("content-length"):
            message.body = self.read_exact(int(message.header("content-length")), deadline)
            message.body_ended = "length"

    def wait_closed(self, timeout):
        """How the connection ended within `timeout`: eof, reset, or open with leftovers kept."""
        deadline = time.monotonic() + timeout
        try:
            while self.fill(deadline):
                pass
        except WireError:
            return "open"
        return self.closed
