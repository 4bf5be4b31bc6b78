"""The lines of a process's standard input, on the event loop."""

import asyncio
import sys
from collections.abc import AsyncIterator


async def input_lines() -> AsyncIterator[str]:
    """Until its end."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()
