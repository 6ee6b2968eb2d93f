"""HTTP/2 frames by hand, for peers that do as they like: a client, and an origin.

Neither validates anything, so that what it sends and what it reads is exactly what a test says.
"""

import selectors
import socket
import struct
import threading
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 3, 4
NO_ERROR, PROTOCOL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 8, 11
MAX_WINDOW = (1 << 31) - 1
STATUSES = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def frame(kind, flags=0, stream=0, payload=b""):
    """RFC 9113 section 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values):
    numbers = {"header_table_size": 1, "enable_push": 2, "max_concurrent_streams": 3, "initial_window_size": 4}
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", numbers[name], value) for name, value in values.items()))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def _length(size, bits, flags):
    """RFC 7541 section 5.1."""
    most = (1 << bits) - 1
    if size < most:
        return bytes([flags | size])
    made, size = bytes([flags | most]), size - most
    while size >= 128:
        made, size = made + bytes([0x80 | size & 0x7F]), size >> 7
    return made + bytes([size])


def field(name, value, indexed=False):
    """A literal field, without Huffman coding; `indexed` puts it into the peer's dynamic table."""
    name, value = name.encode(), value.encode() if isinstance(value, str) else value
    return (b"\x40" if indexed else b"\x00") + _length(len(name), 7, 0) + name + _length(len(value), 7, 0) + value


def get(path="/", method="GET", authority="test.local", more=b""):
    """A request's header block."""
    return field(":method", method) + field(":scheme", "http") + field(":path", path) + field(":authority", authority) + more


def head(stream, block=None, end=True):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, get() if block is None else block)


def status_of(block):
    """Of a response whose first field is its status, as it comes from nghttp2."""
    first = block[0]
    if first & 0x80:
        return STATUSES[first & 0x7F]
    text = block[2:2 + (block[1] & 0x7F)]
    if not block[1] & 0x80:
        return int(text)
    bits, digits = "".join("{:08b}".format(byte) for byte in text), ""
    while len(digits) < 3:  # RFC 7541 appendix B: 0, 1 and 2 have five bits, the others six
        five = int(bits[:5], 2)
        taken = 5 if five < 3 else 6
        digits += str(five if taken == 5 else int(bits[:6], 2) - 22)
        bits = bits[taken:]
    return int(digits)


class Frames:
    """Cuts a stream of bytes into (kind, flags, stream, payload)."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        found, at = [], 0
        while len(self.buffer) - at >= 9:
            size = int.from_bytes(self.buffer[at:at + 3], "big")
            if len(self.buffer) - at < 9 + size:
                break
            kind, flags, stream = struct.unpack_from(">BBI", self.buffer, at + 3)
            found.append((kind, flags, stream & MAX_WINDOW, bytes(self.buffer[at + 9:at + 9 + size])))
            at += 9 + size
        del self.buffer[:at]
        return found


class Client:
    """A connection whose frames are the test's business."""

    def __init__(self, port, receive_buffer=0, greet=True, **wanted):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(10)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.frames = Frames()
        self.received = []
        self.ended = ""
        if greet:
            self.send(PREFACE + settings(**wanted))

    def send(self, data):
        """False when the peer has closed, as it may in the middle of what it does not want."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def send_until_refused(self, data, limit=15.0):
        """Sends on and on, without reading, until the peer closes or takes no more."""
        deadline = time.monotonic() + limit
        self.sock.settimeout(1)
        try:
            while time.monotonic() < deadline:
                self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
        self.sock.settimeout(10)

    def read(self, timeout=10.0):
        """Some more frames; none once the connection has ended or nothing has come in time."""
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(262144)
        except socket.timeout:
            return []
        except ConnectionResetError:
            self.ended = "reset"
            return []
        if not data:
            self.ended = "eof"
        new = self.frames.feed(data)
        self.received += new
        return new

    def read_until(self, condition, timeout=10.0):
        deadline = time.monotonic() + timeout
        while not condition() and not self.ended and time.monotonic() < deadline:
            self.read(max(0.01, deadline - time.monotonic()))
        return condition()

    def read_to_end(self, timeout=10.0):
        self.read_until(lambda: False, timeout)
        return self.ended

    def of(self, kind, stream=None):
        return [f for f in self.received if f[0] == kind and stream in (None, f[2])]

    def status(self, stream, timeout=10.0):
        self.read_until(lambda: self.of(HEADERS, stream) or self.of(RST_STREAM, stream), timeout)
        heads = self.of(HEADERS, stream)
        return status_of(heads[0][3]) if heads else None

    def reset_code(self, stream, timeout=10.0):
        """The error of the stream's RST_STREAM, or None."""
        self.read_until(lambda: self.of(RST_STREAM, stream), timeout)
        found = self.of(RST_STREAM, stream)
        return struct.unpack(">I", found[0][3])[0] if found else None

    def goaway_code(self, timeout=10.0):
        """The error of the first GOAWAY, or None."""
        self.read_until(lambda: self.of(GOAWAY), timeout)
        found = self.of(GOAWAY)
        return struct.unpack(">II", found[0][3][:8])[1] if found else None

    def body(self, stream):
        return b"".join(f[3] for f in self.of(DATA, stream))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Served:
    """One connection of an Origin."""

    def __init__(self, sock):
        self.sock, self.frames = sock, Frames()
        self.preface = len(PREFACE)
        self.out = bytearray()
        self.window = 65535
        self.first_window = 65535
        self.windows = {}  # by stream that still has something to send
        self.left = {}


class Origin:
    """Answers every request with `size` bytes, as fast as the windows of its peer let it."""

    def __init__(self, size):
        self.size = size
        self.sent = 0
        self.requests = 0
        self.piece = bytes(16384)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.socket.setblocking(False)
        self.selector.register(self.socket, selectors.EVENT_READ, None)
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping = True
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def _run(self):
        while not self.stopping:
            for key, events in self.selector.select(0.1):
                if key.data is None:
                    sock, _ = self.socket.accept()
                    sock.setblocking(False)
                    served = _Served(sock)
                    served.out += settings(max_concurrent_streams=100_000)
                    self.selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, served)
                    continue
                try:
                    self._serve(key.data, events)
                except OSError:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()

    def _serve(self, served, events):
        if events & selectors.EVENT_READ:
            data = served.sock.recv(65536)
            if not data:
                raise ConnectionError
            skipped = min(served.preface, len(data))
            served.preface -= skipped
            for received in served.frames.feed(data[skipped:]):
                self._take(served, *received)
        self._fill(served)
        if served.out:
            try:
                del served.out[:served.sock.send(served.out)]
            except BlockingIOError:
                pass
        more = served.out or served.window > 0 and any(served.windows[stream] > 0 for stream in served.left)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0)
        self.selector.modify(served.sock, wanted, served)

    def _take(self, served, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, at)
                if name == INITIAL_WINDOW_SIZE:
                    for each in served.windows:
                        served.windows[each] += value - served.first_window
                    served.first_window = value
            served.out += frame(SETTINGS, ACK)
        elif kind == PING and not flags & ACK:
            served.out += frame(PING, ACK, 0, payload)
        elif kind == HEADERS:
            self.requests += 1
            served.out += frame(HEADERS, END_HEADERS, stream, b"\x88")
            served.windows[stream] = served.first_window
            served.left[stream] = self.size
        elif kind == WINDOW_UPDATE:
            size = struct.unpack(">I", payload)[0]
            if stream == 0:
                served.window += size
            elif stream in served.windows:
                served.windows[stream] += size
        elif kind == RST_STREAM:
            self._forget(served, stream)

    @staticmethod
    def _forget(served, stream):
        served.windows.pop(stream, None)
        served.left.pop(stream, None)

    def _fill(self, served):
        """A frame for each stream in turn while there is room."""
        moved = True
        while moved and len(served.out) < 262144:
            moved = False
            for stream in list(served.left):
                size = min(served.window, served.windows[stream], served.left[stream], len(self.piece))
                if size <= 0:
                    continue
                moved = True
                served.window -= size
                served.windows[stream] -= size
                served.left[stream] -= size
                self.sent += size
                end = served.left[stream] == 0
                served.out += frame(DATA, END_STREAM if end else 0, stream, self.piece[:size])
                if end:
                    self._forget(served, stream)
