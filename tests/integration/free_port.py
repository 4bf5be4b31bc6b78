"""A port that nobody holds, for a server that cannot take one by itself."""

import asyncio
import socket
import time


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """On loopback."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def answers(port: int, *, seconds: float = 10) -> None:
    """Wait until something on loopback takes connections."""
    end = time.monotonic() + seconds
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
