"""A tiny service instance: answers every request with its own name. It runs until it is killed.

    origin.py NAME PORT
"""

import asyncio
import json
import sys


async def serve(reader, writer, name):
    """Keep-alive HTTP/1.1, for GET only."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            body = json.dumps({"instance": name, "path": path}).encode() + b"\n"
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-instance: %s\r\ncontent-length: %d\r\n\r\n%s"
                % (name.encode(), len(body), body)
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(name, port):
    server = await asyncio.start_server(lambda r, w: serve(r, w, name), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    except KeyboardInterrupt:
        pass
