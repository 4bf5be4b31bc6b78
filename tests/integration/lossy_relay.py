"""A UDP relay between two peers whose descriptions pass through the test."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.link import replace_candidates
from benchmarks.link_model import LinkConditions, LinkDirection


class _Socket(asyncio.DatagramProtocol):
    """What one peer sees of the other; learns where its own peer sends from."""

    def __init__(self, direction: LinkDirection) -> None:
        self._direction = direction
        self._peer: tuple[str, int] | None = None
        self.other: _Socket | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._peer = addr
        now_ns = time.monotonic_ns()
        arrival_ns = self._direction.admit(len(data), now_ns)
        if arrival_ns is not None and self.other is not None:
            loop = asyncio.get_running_loop()
            loop.call_later((arrival_ns - now_ns) / 1e9, self.other.pass_on, data)

    def pass_on(self, data: bytes) -> None:
        if self._peer is not None and not self.transport.is_closing():
            self.transport.sendto(data, self._peer)


class LossyRelay:
    """Carries one connection; `impair` makes it bad, both ways alike."""

    def __init__(self, seed: int) -> None:
        self._directions = LinkDirection(seed=seed), LinkDirection(seed=seed + 1)
        self._sockets = tuple(_Socket(direction) for direction in self._directions)

    def impair(self, conditions: LinkConditions) -> None:
        for direction in self._directions:
            direction.impair(conditions)

    def offer_by_relay(self, sdp: str) -> str:
        """The offer as the answering peer is to see it."""
        return self._replace(sdp, self._sockets[1])

    def answer_by_relay(self, sdp: str) -> str:
        """The answer as the offering peer is to see it."""
        return self._replace(sdp, self._sockets[0])

    @staticmethod
    def _replace(sdp: str, socket: _Socket) -> str:
        host, port = socket.transport.get_extra_info("sockname")
        # A browser without a camera gives its addresses under names that only mDNS knows.
        named = re.sub(r"(a=candidate:\S+ \d+ \S+ \d+) \S+\.local ", r"\1 192.0.2.1 ", sdp)
        return replace_candidates(named, (host, port))

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        first, second = self._sockets
        first.other, second.other = second, first
        for socket in self._sockets:
            await loop.create_datagram_endpoint(
                lambda socket=socket: socket,  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )

    def _close(self) -> None:
        for socket in self._sockets:
            socket.transport.close()


@asynccontextmanager
async def lossy_relay(*, seed: int = 1) -> AsyncIterator[LossyRelay]:
    """Open until the block is left."""
    relay = LossyRelay(seed)
    await relay._open()
    try:
        yield relay
    finally:
        relay._close()
