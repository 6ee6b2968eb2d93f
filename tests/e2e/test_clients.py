"""Real clients, which have their own idea of HTTP."""

import asyncio
import hashlib
import subprocess
import threading

import requests
import websockets.asyncio.client
import websockets.asyncio.server
from harness.config import access_log
from harness.origin import reply


def curl(*arguments, data=None):
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *arguments], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_curl_gets_and_posts(launch, plain, origin):
    proxy = launch(plain(origin.port))
    url = "http://127.0.0.1:%d/x" % proxy.port()
    assert curl(url) == b"origin a\n"
    assert curl("-d", "hello", url) == b"origin a\n"
    assert [seen.body for seen in origin.requests] == [b"", b"hello"]


def test_curl_head(launch, plain, origin):
    proxy = launch(plain(origin.port))
    head = curl("-I", "http://127.0.0.1:%d/" % proxy.port()).decode()
    assert head.startswith("HTTP/1.1 200") and "x-origin: a" in head


def test_curl_uploads_chunked_from_a_pipe(launch, plain, origin):
    proxy = launch(plain(origin.port))
    data = bytes(range(256)) * 8192
    curl("-T", "-", "http://127.0.0.1:%d/up" % proxy.port(), data=data)
    seen = origin.requests[0]
    assert seen.header("transfer-encoding") == "chunked"
    assert hashlib.sha256(seen.body).digest() == hashlib.sha256(data).digest()


def test_curl_waits_for_100_continue(launch, plain, origin):
    proxy = launch(plain(origin.port))
    output = curl("-v", "--stderr", "-", "-H", "Expect: 100-continue", "-d", "x" * 2000, "http://127.0.0.1:%d/" % proxy.port())
    assert b"< HTTP/1.1 100 Continue" in output and b"< HTTP/1.1 200 OK" in output


def test_curl_reuses_one_connection(launch, plain, origin):
    proxy = launch(plain(origin.port))
    url = "http://127.0.0.1:%d/" % proxy.port()
    curl(url, url, url)
    assert proxy.admin.stat("http.ingress.downstream_cx_total") == 1
    assert proxy.admin.stat("http.ingress.downstream_rq_total") == 3
    assert origin.connections == 1


def test_curl_http_1_0(launch, plain, origin):
    proxy = launch(plain(origin.port, manager={"http_protocol_options": {"accept_http_10": True}}))
    origin.script(reply(200, chunks=[b"one", b"two"]))
    output = curl("-i", "--http1.0", "http://127.0.0.1:%d/" % proxy.port())
    assert output.endswith(b"\r\n\r\nonetwo") and b"transfer-encoding" not in output


def test_requests_session_follows_a_redirect(launch, plain, origin):
    config = plain(origin.port)
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["route_config"]["virtual_hosts"][0]["routes"].insert(0, {"match": {"path": "/old"}, "redirect": {"path_redirect": "/new"}})
    proxy = launch(config)
    with requests.Session() as session:
        answer = session.get("http://127.0.0.1:%d/old" % proxy.port(), timeout=10)
    assert answer.status_code == 200 and [step.status_code for step in answer.history] == [301]
    assert origin.requests[0].start_line == "GET /new HTTP/1.1"


class WebSocketOrigin:
    """An echo server made by a library that no one here wrote."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        async def echo(connection):
            async for message in connection:
                await connection.send(message)

        async def serve():
            self.server = await websockets.asyncio.server.serve(echo, "127.0.0.1", 0)
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()
            await self.server.wait_closed()

        self.thread = threading.Thread(target=lambda: self.loop.run_until_complete(serve()), daemon=True)
        self.thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *exc):
        self.loop.call_soon_threadsafe(self.server.close)
        self.thread.join(10)


def test_websocket_messages_pass_both_ways(launch, plain, tmp_path):
    log = tmp_path / "access.log"
    with WebSocketOrigin() as server:
        proxy = launch(plain(server.port, manager={
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "log": access_log(log, text="%RESPONSE_CODE% %REQ(:METHOD)%\n"),
        }))

        async def talk():
            url = "ws://127.0.0.1:%d/chat" % proxy.port()
            async with websockets.asyncio.client.connect(url) as connection:
                for message in ["hello", "x" * 100000, b"\x00\x01binary", ""]:
                    await connection.send(message)
                    assert await asyncio.wait_for(connection.recv(), 10) == message
                await asyncio.wait_for(await connection.ping(), 10)
                return connection

        connection = asyncio.run(talk())
        assert connection.close_code == 1000
        assert proxy.admin.stat("http.ingress.downstream_cx_upgrades_total") == 1
        assert proxy.admin.wait_for_stat("http.ingress.downstream_cx_upgrades_active", 0) == 0
        assert proxy.admin.wait_for_stat("cluster.a.upstream_cx_active", 0) == 0


def test_websocket_refused_without_upgrade_config(launch, plain):
    with WebSocketOrigin() as server:
        proxy = launch(plain(server.port))

        async def talk():
            async with websockets.asyncio.client.connect("ws://127.0.0.1:%d/" % proxy.port()):
                pass

        try:
            asyncio.run(talk())
        except websockets.exceptions.InvalidStatus as error:
            assert error.response.status_code == 403
        else:
            raise AssertionError("the tunnel was opened")
