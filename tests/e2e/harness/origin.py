"""A scripted origin server: it does exactly what a test tells it, and remembers what it saw."""

import socket
import struct
import threading
import time
from collections import deque

from .wire import Message, Wire, WireError


def respond(status=200, headers=(), body=b"ok", reason=None, chunks=None, trailers=(), length=True):
    """The bytes of one response; `chunks` makes it chunked, `length=False` leaves it to the close."""
    reason = reason if reason is not None else {200: "OK", 503: "Service Unavailable"}.get(status, "X")
    lines = ["HTTP/1.1 %d %s" % (status, reason)]
    lines += ["%s: %s" % (name, value) for name, value in headers]
    if chunks is not None:
        lines.append("transfer-encoding: chunked")
        payload = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        payload += b"0\r\n" + b"".join(b"%s: %s\r\n" % (n.encode(), v.encode()) for n, v in trailers)
        payload += b"\r\n"
    else:
        payload = body
        if length and status not in (204, 304) and status >= 200:
            lines.append("content-length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + payload


class Act:
    """One step of a script: a name and its argument."""

    def __init__(self, verb, value=None):
        self.verb, self.value = verb, value

    def __repr__(self):
        return "Act(%s, %r)" % (self.verb, self.value)


def send(data):
    return Act("send", data)


def delay(seconds):
    return Act("delay", seconds)


def close():
    return Act("close")


def reset():
    return Act("reset")


def read_body():
    """Reads the request body now; without it, the body is read before the first `send`."""
    return Act("read_body")


def skip_body():
    """Answers without waiting for the body, as a server that refuses an upload does."""
    return Act("skip_body")


def echo():
    """From here on the connection is a tunnel that returns every byte."""
    return Act("echo")


def expect(count):
    """Of a raw origin: reads that many bytes."""
    return Act("expect", count)


def to_end():
    """Of a raw origin: reads until the other side has said its last."""
    return Act("to_end")


def half_close():
    """Of a raw origin: says that nothing more comes from here."""
    return Act("half_close")


def reply(*args, **kwargs):
    """The usual script of one request: read it all, then answer."""
    return [send(respond(*args, **kwargs))]


class Origin:
    """Listens on a free port of 127.0.0.1. Each request takes the next script, else the default.

    With raw=True it speaks no HTTP: each connection takes a script, by default one that returns every
    byte, as the far end of a tunnel. `secure` makes a TLS socket of an accepted one.
    """

    def __init__(self, name, host="127.0.0.1", port=0, raw=False, secure=None):
        self.name = name
        self.raw = raw
        self.secure = secure
        self.scripts = deque()
        self.default = reply(200, [("x-origin", name)], b"origin %s\n" % name.encode())
        self.requests = []
        self.connections = 0
        self.aborted = []
        self.lock = threading.Lock()
        self.stopping = False
        self.open = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.socket.listen(256)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def script(self, *scripts):
        """Queues one list of acts for each of the next requests."""
        with self.lock:
            self.scripts.extend(scripts)

    def clear(self):
        """Forgets what was seen and any script that was not used; says how many were left."""
        with self.lock:
            left = len(self.scripts)
            self.scripts.clear()
            self.requests = []
            self.aborted = []
            return left

    def stop(self):
        self.stopping = True
        # shutdown wakes the accepting thread, which close alone does not on Linux.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.drop_connections()

    def drop_connections(self):
        """Resets every open connection, as a crashed process does."""
        with self.lock:
            victims = list(self.open)
        for sock in victims:
            self._reset(sock)

    @staticmethod
    def _reset(sock):
        """Makes the close a reset, and wakes the thread that serves the connection to do it.

        Closing here would free the descriptor while that thread may still be reading from it.
        """
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    def _accept(self):
        while not self.stopping:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                index = self.connections
                self.open.add(sock)
            threading.Thread(target=self._serve, args=(sock, index), daemon=True).start()

    def _serve(self, sock, index):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.secure:
                sock = self._secured(sock)
            self._converse(Wire(sock), index)
        except (WireError, OSError) as error:
            with self.lock:
                self.aborted.append(str(error).split(" ")[0])
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def _secured(self, plain):
        with self.lock:
            self.open.discard(plain)
        sock = self.secure(plain)
        with self.lock:
            self.open.add(sock)
        return sock

    def _converse(self, wire, index):
        """One connection, from its first byte to its last."""
        if self.raw:
            self._converse_raw(wire, index)
            return
        while True:
            request = wire.read_request(timeout=3600)
            if request is None:
                return
            request.connection = index
            request.server_name = getattr(wire.sock, "asked_for", None)
            with self.lock:
                self.requests.append(request)
                script = self.scripts.popleft() if self.scripts else self.default
            if not self._perform(wire, request, script):
                return

    def _converse_raw(self, wire, index):
        """Bytes without a protocol: the script's, else all that came is sent back. What came is kept."""
        seen = Message("bytes", connection=index)
        with self.lock:
            self.requests.append(seen)
            script = self.scripts.popleft() if self.scripts else [echo()]
        try:
            for act in script:
                if act.verb == "expect":
                    seen.body += wire.read_exact(act.value)
                elif act.verb == "to_end":
                    seen.body += wire.read_to_close(time.monotonic() + 30)
                    seen.body_ended = wire.closed
                elif act.verb == "half_close":
                    wire.sock.shutdown(socket.SHUT_WR)
                elif act.verb == "echo":
                    self._echo_kept(wire, seen)
                elif act.verb == "send":
                    wire.send(act.value)
                elif act.verb == "delay":
                    time.sleep(act.value)
                elif act.verb == "reset":
                    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                elif act.verb == "close":
                    return
                else:
                    raise TypeError(act)
        except ConnectionResetError:
            seen.body_ended = "reset"
            raise

    @staticmethod
    def _echo_kept(wire, seen):
        while True:
            data = wire.buffer or wire.sock.recv(65536)
            wire.buffer = b""
            if not data:
                seen.body_ended = "eof"
                return
            seen.body += data
            wire.send(data)

    def _perform(self, wire, request, script):
        """Runs one script; False when the connection is finished."""
        body_due = True
        for act in script:
            if body_due and act.verb not in ("skip_body", "delay", "reset", "close") and not (
                act.verb == "send" and act.value.startswith(b"HTTP/1.1 1")
            ):
                wire.read_request_body(request)
                body_due = False
            if act.verb == "skip_body":
                body_due = False
            elif act.verb == "send":
                # A response to HEAD ends with its head, whatever the script says of a body.
                bodiless = request.start_line.startswith("HEAD ") and act.value.startswith(b"HTTP/1.")
                wire.send(act.value[:act.value.index(b"\r\n\r\n") + 4] if bodiless else act.value)
            elif act.verb == "delay":
                time.sleep(act.value)
            elif act.verb == "close":
                return False
            elif act.verb == "reset":
                self._reset(wire.sock)
                return False
            elif act.verb == "echo":
                self._echo(wire)
                return False
        if "close" in (request.header("connection") or "").lower():
            return False
        return True

    @staticmethod
    def _echo(wire):
        wire.send(wire.buffer)
        wire.buffer = b""
        wire.sock.settimeout(None)
        while True:
            data = wire.sock.recv(65536)
            if not data:
                return
            wire.send(data)


class RefusingPort:
    """A port that is taken but not listening: every connection to it is refused."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def stop(self):
        self.socket.close()


class SilentPort:
    """A port whose accept queue is full: a connection to it neither succeeds nor fails."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.port = self.socket.getsockname()[1]
        self.fillers = []
        for _ in range(3):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def stop(self):
        for filler in self.fillers:
            filler.close()
        self.socket.close()
