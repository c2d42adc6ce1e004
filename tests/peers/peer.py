"""The other side for tests/peers.sh, with asyncio.

    peer.py echo-server [slow|early|reset]   prints its port; serves until its input ends
    peer.py echo-clients PORT COUNT          so many at once, each with its own bytes
    peer.py rude-clients PORT COUNT          they reset, hang up in mid-word, end at once
    peer.py idle-client PORT                 prints "connected", and waits for the end
"""
import asyncio
import random
import socket
import struct
import sys


async def echo(reader, writer, manner):
    if manner == "slow":
        await asyncio.sleep(0.3)
    while data := await reader.read(5000):
        writer.write(data)
        await writer.drain()
        if manner == "early":
            break
        if manner == "reset":
            reset(writer)
            break
    writer.close()


def reset(writer):
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def echo_server(manner=""):
    async def serve(reader, writer):
        try:
            await echo(reader, writer, manner)
        except ConnectionError:
            pass

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def echo_client(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    dice = random.Random(number)
    for size in (1, 100, 70000, 3):
        data = dice.randbytes(size)
        writer.write(data)
        assert await reader.readexactly(size) == data
    writer.write(b"last")
    writer.write_eof()
    assert await reader.read() == b"last"
    writer.close()


async def echo_clients(port, count):
    await asyncio.gather(*(echo_client(int(port), i) for i in range(int(count))))


async def rude_client(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if number % 4:
        writer.write(b"x" * 10000 * (number % 4))
    if number % 3 == 0:
        await reader.read(number % 2 * 100)
    if number % 2:
        reset(writer)
    else:
        writer.close()


async def rude_clients(port, count):
    await asyncio.gather(*(rude_client(int(port), i) for i in range(int(count))))


async def idle_client(port):
    reader, _ = await asyncio.open_connection("127.0.0.1", int(port))
    print("connected", flush=True)
    try:
        await reader.read()
    except ConnectionError:
        pass


asyncio.run(globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:]))
