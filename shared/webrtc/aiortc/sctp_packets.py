"""One packet for all that leaves at a time: 69 bytes less for each chunk but the first.

aiortc sends every chunk in a packet of its own. Here chunks wait for the end of the event loop's
turn, and what nobody waits for rides the next message (RFC 9260, section 6.10: control chunks
precede data).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiortc.rtcsctptransport import (
    SCTP_COMMON_HEADER_LENGTH,
    SCTP_MAX_PACKET_LENGTH,
    DataChunk,
    ForwardTsnChunk,
    RTCSctpTransport,
    SackChunk,
)

logger = logging.getLogger(__name__)

FORWARD_TSN_DELAY_SECONDS = 0.4
"""What was given up is told with the next packet, or after this time: nothing waits for it but
the peer's bookkeeping."""

_MAX_CHUNK_BYTES = SCTP_MAX_PACKET_LENGTH - SCTP_COMMON_HEADER_LENGTH
_ORDER = {SackChunk: 0, ForwardTsnChunk: 1, DataChunk: 2}
_BUILDER = "_kilocall_packet_builder"

_tasks: set[asyncio.Task[None]] = set()
"""Strong references: the loop holds only weak ones."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Chunks of one packet, as far as aiortc's serialiser looks."""

    chunks: tuple[Any, ...]

    def __bytes__(self) -> bytes:
        return b"".join(bytes(chunk) for chunk in self.chunks)


class PacketBuilder:
    """What waits to leave one association."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        self._loop = loop
        self._send = send
        self._waiting: list[Any] = []
        self._flush: asyncio.Handle | None = None
        self.before_packet: Callable[[], Awaitable[None]] | None = None
        """Adds what may ride a packet that leaves anyway."""

    async def add(self, chunk: Any) -> None:
        """Send with what else leaves in this turn, or with the next packet."""
        if isinstance(chunk, ForwardTsnChunk):
            # It says all that an earlier one said.
            self._waiting = [c for c in self._waiting if not isinstance(c, ForwardTsnChunk)]
        if sum(len(bytes(other)) for other in (*self._waiting, chunk)) > _MAX_CHUNK_BYTES:
            await self.flush()
        self._waiting.append(chunk)
        if not isinstance(chunk, ForwardTsnChunk):
            self._schedule(self._loop.call_soon(run_later, self.flush))
        elif self._flush is None:
            self._schedule(self._loop.call_later(FORWARD_TSN_DELAY_SECONDS, run_later, self.flush))

    async def flush(self) -> None:
        """Send everything that waits, at once."""
        if self._waiting and self.before_packet is not None:
            await self.before_packet()
        self._schedule(None)
        waiting, self._waiting = self._waiting, []
        if waiting:
            waiting.sort(key=lambda chunk: _ORDER[type(chunk)])
            await self._send(waiting[0] if len(waiting) == 1 else Bundle(tuple(waiting)))

    def clear(self) -> None:
        """Forget everything that waits."""
        self._schedule(None)
        self._waiting = []

    def _schedule(self, handle: asyncio.Handle | None) -> None:
        if self._flush is not None:
            self._flush.cancel()
        self._flush = handle


def builder_of(association: Any) -> PacketBuilder | None:
    """The builder of an association's packets; None where nothing is bundled."""
    builder: PacketBuilder | None = getattr(association, _BUILDER, None)
    return builder


def run_later(send: Callable[[], Awaitable[None]]) -> None:
    """Send from a timer; a connection that closed meanwhile is no error."""

    async def run() -> None:
        try:
            await send()
        except ConnectionError:
            logger.debug("SCTP packet not sent: connection closed")

    task = asyncio.ensure_future(run())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def install() -> None:
    """SACK, FORWARD-TSN and DATA chunks of one turn share a packet."""
    transport: Any = RTCSctpTransport
    initialize = transport.__init__
    send_chunk = transport._send_chunk
    set_state = transport._set_state

    def _initialize(self: Any, *arguments: Any, **keywords: Any) -> None:
        initialize(self, *arguments, **keywords)
        builder = PacketBuilder(self._loop, lambda chunk: send_chunk(self, chunk))
        setattr(self, _BUILDER, builder)

    async def _send_chunk(self: Any, chunk: Any) -> None:
        builder: PacketBuilder = getattr(self, _BUILDER)
        if type(chunk) in _ORDER:
            await builder.add(chunk)
        else:
            await builder.flush()
            await send_chunk(self, chunk)

    def _set_state(self: Any, state: Any) -> None:
        if state == self.State.CLOSED:
            getattr(self, _BUILDER).clear()
        set_state(self, state)

    transport.__init__ = _initialize
    transport._send_chunk = _send_chunk
    transport._set_state = _set_state
