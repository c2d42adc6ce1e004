#!/usr/bin/env python3
"""asyncio and uvloop, for tests/bench/echo and fetch; peer.h says what a peer is.

    net.py echo  asyncio|uvloop protocol|streams
    net.py fetch asyncio|uvloop streams PORT CONCURRENT WAVES
"""

import asyncio
import sys

REQUEST = b"GET /1k HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: weft-bench\r\n\r\n"
HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]


def say(number):
    print(number, flush=True)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo_streams(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def echo(style):
    if style == "protocol":
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
    else:
        server = await asyncio.start_server(echo_streams, "127.0.0.1", 0, backlog=4096)
    say(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def fetch_one(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(REQUEST)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return len(answer)


async def fetch(port, concurrent, waves):
    total = 0
    for _ in range(waves):
        total += sum(await asyncio.gather(
            *(fetch_one(HOSTS[i % len(HOSTS)], port) for i in range(concurrent))))
    return total


def main():
    mode, loop, style, *numbers = sys.argv[1:]
    if loop == "uvloop":
        import uvloop

        uvloop.install()
    if mode == "echo":
        asyncio.run(echo(style))
    say(0)
    sys.stdin.read(1)
    say(asyncio.run(fetch(*map(int, numbers))))
    sys.stdin.read(1)


main()
