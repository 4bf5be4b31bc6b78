"""The client's side of WHIP's HTTP where the server does not do its part."""

import asyncio

import pytest

from shared.webrtc import signaling
from shared.webrtc.signaling import SignalingClient

CREATED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nLocation: /session\r\n"
    b"Content-Length: 3\r\n\r\nv=0"
)


class SilentServer:
    """Answers a POST and nothing else."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            self.methods.append(head.split()[0].decode())
            length = 0
            while (line := await reader.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            await reader.readexactly(length)
            if head.startswith(b"POST"):
                writer.write(CREATED)
        writer.close()
        await writer.wait_closed()
        self.ended.set()


async def test_a_goodbye_waits_only_so_long_for_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signaling, "TIMEOUT_SECONDS", 3600.0)
    monkeypatch.setattr(signaling, "GOODBYE_SECONDS", 0.1)
    silent = SilentServer()
    server = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = SignalingClient(f"http://127.0.0.1:{port}/whip", "token")
    answer = await client.post("v=0")
    assert answer.location == f"http://127.0.0.1:{port}/session"
    async with asyncio.timeout(20):  # an hour without the bound
        await client.close()
    assert silent.methods == ["POST", "DELETE"]
    await client.close()  # and not again
    assert silent.methods == ["POST", "DELETE"]
    await silent.ended.wait()
    server.close()
    await server.wait_closed()
