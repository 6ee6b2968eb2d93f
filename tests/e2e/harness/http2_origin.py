"""An origin that speaks HTTP/2 with prior knowledge. Every stream takes the next script, in a thread of its own."""

import threading
import time

from .http2_wire import PREFACE, Http2, frame
from .origin import Act, Origin
from .wire import Message, WireError

# Acts that come before a response and so need not wait for the request's end.
EARLY = ("skip_body", "delay", "rst", "goaway", "frame", "close", "reset", "wait_reset")


def head(status=200, headers=(), end=False):
    return Act("head", ([(":status", str(status))] + list(headers), end))


def raw_head(fields, end=False):
    """A head with exactly these fields."""
    return Act("head", (list(fields), end))


def data(octets, end=False):
    return Act("data", (octets, end))


def trailers(fields):
    return Act("head", (list(fields), True))


def rst(code):
    return Act("rst", code)


def goaway(code=0, last=None):
    """Says that no stream after `last` was looked at; by default, after this one."""
    return Act("goaway", (code, last))


def raw_frame(kind, flags=0, payload=b""):
    """A frame on this stream."""
    return Act("frame", (kind, flags, payload))


def skip_body():
    """Answers without waiting for the request's end."""
    return Act("skip_body")


def echo():
    """From here on every byte of the stream is returned, and its end."""
    return Act("echo")


def wait_reset():
    """Until the proxy resets the stream."""
    return Act("wait_reset")


def reply2(status=200, headers=(), body=b"ok", end_trailers=()):
    """The usual script: read all of the request, then answer."""
    acts = [head(status, headers, not body and not end_trailers)]
    if body:
        acts.append(data(body, not end_trailers))
    return acts + ([trailers(end_trailers)] if end_trailers else [])


class Http2Origin(Origin):
    """`settings` are what its SETTINGS frame says on the next connections."""

    def __init__(self, name, **fields):
        self.settings = {}
        super().__init__(name, **fields)
        self.default = reply2(200, [("x-origin", name)], b"origin %s\n" % name.encode())

    def clear(self):
        self.settings = {}
        return super().clear()

    def _converse(self, wire, index):
        if wire.read_exact(len(PREFACE), time.monotonic() + 3600) != PREFACE:
            raise WireError("no preface")
        http2 = Http2(wire, False, self.settings)
        seen = {}
        try:
            while True:
                number = http2.step(time.monotonic() + 3600)
                self._follow(http2, number, seen, index)
        finally:
            with http2.changed:
                http2.lost = True
                http2.changed.notify_all()

    def _follow(self, http2, number, seen, index):
        half = http2.streams.get(number)
        if half is None:
            return
        if number not in seen:
            if half.headers is None:
                return
            message = Message("HTTP/2", half.headers, connection=index, server_name=getattr(http2.wire.sock, "asked_for", None))
            seen[number] = message
            with self.lock:
                self.requests.append(message)
                script = self.scripts.popleft() if self.scripts else self.default
            threading.Thread(target=self._perform, args=(http2, half, script), daemon=True).start()
        seen[number].body, seen[number].trailers, seen[number].body_ended = half.body, half.trailers, half.ended or "open"

    def _perform(self, http2, half, script):
        body_due = True
        try:
            for act in script:
                if body_due and act.verb not in EARLY:
                    self._await(http2, lambda: half.ended)
                    body_due = False
                body_due = body_due and act.verb != "skip_body"
                self._act(http2, half, act)
        except OSError:
            pass

    @staticmethod
    def _await(http2, true):
        with http2.changed:
            http2.changed.wait_for(lambda: true() or getattr(http2, "lost", False), 30)

    def _act(self, http2, half, act):
        if act.verb == "head":
            http2.send_headers(half.number, *act.value)
        elif act.verb == "data":
            http2.send_data(half.number, *act.value)
        elif act.verb == "rst":
            http2.reset_stream(half.number, act.value)
        elif act.verb == "goaway":
            code, last = act.value
            http2.go_away(half.number if last is None else last, code)
        elif act.verb == "frame":
            kind, flags, payload = act.value
            http2.send(frame(kind, flags, half.number, payload))
        elif act.verb == "delay":
            time.sleep(act.value)
        elif act.verb == "wait_reset":
            self._await(http2, lambda: "reset" in half.ended)
        elif act.verb == "close":
            http2.wire.sock.shutdown(2)
        elif act.verb == "reset":
            self._reset(http2.wire.sock)
        elif act.verb == "echo":
            self._echo_stream(http2, half)

    def _echo_stream(self, http2, half):
        sent = 0
        while True:
            self._await(http2, lambda: len(half.body) > sent or half.ended)
            fresh, sent = half.body[sent:], len(half.body)
            if fresh:
                http2.send_data(half.number, fresh)
            if half.ended or getattr(http2, "lost", False):
                if half.ended == "end":
                    http2.send_data(half.number, b"", True)
                return
