"""WebSocket over every pair of HTTP versions, with a client and a server that no one here wrote.

Two proxies in a row make the HTTP/2 hop between them. Over HTTP/2 the client is the same library
without its socket: its bytes travel as the body of an extended CONNECT (RFC 8441).
"""

import asyncio
import os
import subprocess
import threading

import pytest
import websockets.asyncio.server
import websockets.exceptions
import websockets.sync.client
from harness import http2
from harness.client import connect
from harness.config import HTTP_OPTIONS
from harness.http2 import DATA, END_STREAM, SETTINGS, Client, frame
from harness.wait import wait_until
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Opcode
from websockets.uri import parse_uri
from websockets.utils import accept_key

UPGRADES = {"upgrade_configs": [{"upgrade_type": "websocket"}]}
ACCEPTING = {**UPGRADES, "http2_protocol_options": {"allow_connect": True}}
SENDING = {"http": {"@type": HTTP_OPTIONS, "explicit_http_config": {"http2_protocol_options": {"allow_connect": True}}}}
PAIRS = ["h1-h1", "h1-h2", "h2-h1", "h2-h2"]


class Server:
    """Echoes; "close 1234" makes it close with that code, and it remembers with which it was closed."""

    def __init__(self):
        self.closed = []
        self.pings = 0
        self.paths = []
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: self.loop.run_until_complete(self._run()), daemon=True)
        self.thread.start()
        assert self.ready.wait(5)

    async def _run(self):
        self.server = await websockets.asyncio.server.serve(
            self._serve, "127.0.0.1", 0, max_size=64 << 20, compression=None, ping_interval=None)
        self.port = self.server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.server.wait_closed()

    async def _serve(self, connection):
        self.paths.append(connection.request.path)
        try:
            async for message in connection:
                if isinstance(message, str) and message.startswith("close "):
                    await connection.close(int(message.split()[1]), "as you wish")
                elif message == "ping me":
                    await (await connection.ping(b"from the server"))
                    await connection.send("ponged")
                else:
                    await connection.send(message)
        except websockets.exceptions.ConnectionClosed:
            pass
        self.closed.append((connection.close_code, connection.close_reason))

    def stop(self):
        self.loop.call_soon_threadsafe(self.server.close)
        self.thread.join(15)


class OverHttp2:
    """The library's client without its socket, over a stream of an HTTP/2 connection."""

    def __init__(self, port, path="/chat"):
        self.http = Client(port, initial_window_size=http2.MAX_WINDOW)
        self.http.send(http2.window_update(0, http2.MAX_WINDOW - 65535))
        self.windows = {0: 65535, 1: 0}
        self.seen = 0  # of what has been received
        block = b"".join(http2.field(name, value) for name, value in (
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path),
            (":authority", "test.local"), ("sec-websocket-version", "13")))
        self._await_settings()
        self.http.send(http2.head(1, block, end=False))
        assert self.http.status(1) == 200
        self.protocol = ClientProtocol(parse_uri("ws://test.local" + path), max_size=64 << 20)
        # The library's handshake is HTTP/1.1's; the answer to it is not what this is about.
        request = self.protocol.connect()
        self.protocol.send_request(request)
        self.protocol.data_to_send()
        self.protocol.receive_data((
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: %s\r\n\r\n" % accept_key(request.headers["Sec-WebSocket-Key"])).encode())
        self.protocol.events_received()
        self.events = []
        self._take()

    def _await_settings(self):
        """RFC 8441 section 3: only once the server has announced it."""
        assert self.http.read_until(lambda: [f for f in self.http.of(SETTINGS) if not f[1] & 1])
        payload = self.http.of(SETTINGS)[0][3]
        values = {payload[i:i + 2]: int.from_bytes(payload[i + 2:i + 6], "big") for i in range(0, len(payload), 6)}
        assert values.get(b"\x00\x08") == 1, "extended CONNECT is not announced"
        self.windows[1] += values.get(b"\x00\x04", 65535)
        self.http.send(frame(SETTINGS, http2.ACK))

    def flush(self):
        for data in self.protocol.data_to_send():
            if data == b"":
                self.http.send(frame(DATA, END_STREAM, 1))
            while data:
                size = min(len(data), 16384)
                while min(self.windows.values()) < size:
                    self._read()
                for stream in self.windows:
                    self.windows[stream] -= size
                self.http.send(frame(DATA, 0, 1, data[:size]))
                data = data[size:]

    def _read(self):
        new = self.http.read(10)
        assert new or self.http.ended, "nothing came"
        self._take()

    def _take(self):
        new, self.seen = self.http.received[self.seen:], len(self.http.received)
        for kind, flags, stream, payload in new:
            if kind == http2.WINDOW_UPDATE:
                self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(payload, "big")
            elif kind == DATA:
                self.protocol.receive_data(payload)
                if flags & END_STREAM:
                    self.protocol.receive_eof()
        if self.http.ended:
            self.protocol.receive_eof()
        self.events += self.protocol.events_received()

    def _next(self):
        while not self.events:
            self.flush()
            self._read()
        return self.events.pop(0)

    def send(self, message):
        (self.protocol.send_text if isinstance(message, str) else self.protocol.send_binary)(
            message.encode() if isinstance(message, str) else message)
        self.flush()

    def recv(self):
        whole = b""
        while True:
            event = self._next()
            if event.opcode is Opcode.CLOSE:
                self.flush()
                raise websockets.exceptions.ConnectionClosedOK(self.protocol.close_rcvd, None)
            if event.opcode in (Opcode.PING, Opcode.PONG):
                self.flush()
                continue
            text = event.opcode is Opcode.TEXT
            whole += event.data
            if event.fin:
                return whole.decode() if text else whole

    def ping(self):
        self.protocol.send_ping(b"over there")
        self.flush()
        event = self._next()
        assert event.opcode is Opcode.PONG and event.data == b"over there"

    def close(self, code=1000, reason=""):
        if not self.protocol.close_sent:
            self.protocol.send_close(code, reason)
        self.flush()
        while not self.http.of(DATA, 1) or not any(f[1] & END_STREAM for f in self.http.of(DATA, 1)):
            self._read()
            self.flush()
            if self.http.ended or self.http.of(http2.RST_STREAM, 1):
                break
        self.close_code = self.protocol.close_code
        self.http.close()


class OverHttp1:
    """The library's own client."""

    def __init__(self, port, path="/chat"):
        opening = websockets.sync.client.connect(
            "ws://127.0.0.1:%d%s" % (port, path), max_size=64 << 20, compression=None, ping_interval=None,
            open_timeout=10, close_timeout=10)
        self.connection = opening.__enter__()
        self.send, self.recv = self.connection.send, self.connection.recv

    def ping(self):
        assert self.connection.ping(b"over there").wait(10)

    def close(self, code=1000, reason=""):
        self.connection.close(code, reason)
        self.close_code = self.connection.protocol.close_code


@pytest.fixture
def server():
    made = Server()
    yield made
    made.stop()


@pytest.fixture(params=PAIRS)
def talk(request, launch, plain, server):
    """Opens a WebSocket over one pair of versions: the client's, and the one between the proxies."""
    down, up = request.param.split("-")
    last = launch(plain(server.port, manager=ACCEPTING))
    first = launch(plain(last.port(), manager=ACCEPTING, cluster_fields=SENDING)) if up == "h2" else last

    def start(path="/chat"):
        made = (OverHttp2 if down == "h2" else OverHttp1)(first.port(), path)
        return made

    start.proxies = [first, last]
    start.pair = request.param
    return start


def test_messages_of_all_sizes_come_back(talk, server):
    chat = talk("/chat?room=1")
    for message in ("", "hello", b"\x00\xff", "\u00e9" * 60_000, os.urandom(125), os.urandom(126), os.urandom(65_536)):
        chat.send(message)
        assert chat.recv() == message
    chat.close()
    assert server.paths == ["/chat?room=1"]
    for proxy in set(talk.proxies):
        assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_upgrades_active", 0) == 0
        assert proxy.admin.stat("http.ingress.downstream_cx_upgrades_total") == 1
    first, last = talk.proxies
    if first is not last:
        assert first.admin.stat("cluster.a.upstream_cx_http2_total") == 1


def test_big_messages_come_back(talk):
    chat = talk()
    data = os.urandom(1 << 16) * 128
    chat.send(data)
    assert chat.recv() == data
    chat.close()


def test_pings_pass_both_ways(talk):
    chat = talk()
    chat.ping()
    chat.send("ping me")
    assert chat.recv() == "ponged"
    chat.close()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_the_clients_close_code_reaches_the_server(talk, server, code):
    chat = talk()
    chat.send("x")
    chat.recv()
    chat.close(code, "enough")
    for proxy in set(talk.proxies):
        assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_upgrades_active", 0) == 0
    wait_until(lambda: server.closed, what="the close to arrive")
    assert server.closed == [(code, "enough")]
    assert chat.close_code == code


@pytest.mark.parametrize("code", [1000, 1008, 4000])
def test_the_servers_close_code_reaches_the_client(talk, server, code):
    chat = talk()
    chat.send("close %d" % code)
    with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
        chat.recv()
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "as you wish")
    chat.close()


def test_a_server_that_vanishes_is_an_abnormal_closure(talk, server):
    chat = talk()
    chat.send("x")
    chat.recv()
    for connection in list(server.server.connections):
        server.loop.call_soon_threadsafe(connection.transport.abort)
    if isinstance(chat, OverHttp1):
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
            chat.recv()
        assert closed.value.rcvd is None
        assert chat.connection.protocol.close_code == CloseCode.ABNORMAL_CLOSURE
    else:
        ended = lambda: chat.http.of(http2.RST_STREAM, 1) or any(f[1] & END_STREAM for f in chat.http.of(DATA, 1))
        assert chat.http.read_until(ended)
    for proxy in set(talk.proxies):
        assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_upgrades_active", 0) == 0


def test_a_client_that_vanishes_is_seen_by_the_server(talk, server):
    chat = talk()
    chat.send("x")
    chat.recv()
    if isinstance(chat, OverHttp1):
        chat.connection.socket.shutdown(2)
    else:
        chat.http.send(http2.reset(1))
    for proxy in set(talk.proxies):
        assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_upgrades_active", 0) == 0
        assert proxy.admin.wait_for_stat("cluster.a.upstream_rq_active", 0) == 0


def test_an_endpoint_without_extended_connect_is_refused_cleanly(launch, plain, server):
    last = launch(plain(server.port, manager=UPGRADES))
    first = launch(plain(last.port(), manager=ACCEPTING, cluster_fields=SENDING))
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        OverHttp1(first.port())
    assert refused.value.response.status_code == 502
    assert first.admin.stat("cluster.a.http2.rx_reset") == 0, "it was asked all the same"


@pytest.mark.parametrize("settings", [b"AAMAAABkAAQCAAAAAAIAAAAA", b"not base64 at all"])
def test_an_h2c_upgrade_is_not_taken_up(launch, plain, origin, settings):
    """RFC 9113 section 3.1 has done away with it. The request is served as what it is, HTTP/1.1, and
    neither the offer nor its settings go any further."""
    proxy = launch(plain(origin.port, manager=UPGRADES))
    wire = connect(proxy.port())
    wire.send(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n"
              b"HTTP2-Settings: " + settings + b"\r\n\r\n")
    answer = wire.read_response()
    assert (answer.status, answer.header("upgrade")) == (200, None)
    seen = {name.lower() for name, _ in origin.requests[0].headers}
    assert not seen & {"upgrade", "http2-settings", "connection"}
    # The connection goes on as HTTP/1.1, and says 400 to an HTTP/2 preface in the middle of it.
    wire.send(b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n")
    assert wire.read_response().status == 200
    wire.send(http2.PREFACE)
    assert wire.read_response().status in (400, 426)
    assert wire.wait_closed(5) in ("eof", "reset")


def test_curl_falls_back_from_h2c(launch, plain, origin):
    proxy = launch(plain(origin.port))
    url = "http://127.0.0.1:%d/" % proxy.port()
    done = subprocess.run(["curl", "-sSi", "--http2", "-d", "body", url], capture_output=True, timeout=20, check=True)
    assert done.stdout.startswith(b"HTTP/1.1 200") and done.stdout.endswith(b"origin a\n")
