"""Fewer SACKs: parameters are never repeated, so hardly anybody waits to hear what came.

aiortc answers each packet with one of its own, 85 bytes. What is sent reliably still gets its
SACKs at once: its sender asks for them (RFC 7053), as here both sides do.
"""

import asyncio
import math
from collections import deque
from itertools import pairwise
from typing import Any

from aiortc.rtcsctptransport import (
    SCTP_DATA_UNORDERED,
    DataChunk,
    RTCSctpTransport,
)

from shared.webrtc.aiortc.sctp_packets import builder_of, run_later
from shared.webrtc.aiortc.sctp_recovery import is_reliable_outstanding

DELAY_SECONDS = 0.4
"""RFC 9260, section 6.2, forbids more than 0.5. A receiver of ours reports every 0.33 s, and the
SACK rides the report."""

UNACKNOWLEDGED_BYTES = 600
"""More than this is acknowledged at once, so that references do not wait for the window. The
RFC's every second packet means full ones; with parameters, every fourth packet at 25 messages a
second would cost 2 kbit/s."""

URGENT_INTERVAL_SECONDS = 0.1
"""Between SACKs that are asked for or tell of a gap; three of them make a sender repeat."""

ORDERED_SECONDS = 0.5
"""Senders that do not ask: so long after an ordered message gaps are told at once."""

SACK_IMMEDIATELY = 0x08
"""The I bit of a DATA chunk (RFC 7053, section 3)."""

_STATE = "_kilocall_acknowledgements"


class _Acknowledgements:
    """What one association has to tell its peer, and to ask of it."""

    def __init__(self) -> None:
        self.timer: asyncio.TimerHandle | None = None
        self.due_seconds = math.inf
        self.packets_seconds: deque[float] = deque(maxlen=4)
        """When the last packets left."""
        self.bytes = 0
        self.is_asked = False
        self.told_seconds = -math.inf
        self.ordered_seconds = -math.inf
        self.asking_seconds = -math.inf

    def due(self, now_seconds: float, *, has_gaps: bool) -> float:
        """When what came is to be acknowledged at the latest, by the loop's clock."""
        if self.bytes > UNACKNOWLEDGED_BYTES:
            return now_seconds
        is_repeated = has_gaps and now_seconds - self.ordered_seconds < ORDERED_SECONDS
        if self.is_asked or is_repeated:
            return max(now_seconds, self.told_seconds + URGENT_INTERVAL_SECONDS)
        return now_seconds + DELAY_SECONDS

    def rides(self, now_seconds: float) -> bool:
        """Whether a SACK that waits goes with the packet of now: the next may be too late."""
        times = [*self.packets_seconds, now_seconds]
        self.packets_seconds.append(now_seconds)
        pause = max((b - a for a, b in pairwise(times)), default=math.inf)
        return self.timer is not None and now_seconds + pause > self.due_seconds

    def told(self, now_seconds: float) -> None:
        self.cancel()
        self.bytes = 0
        self.is_asked = False
        self.told_seconds = now_seconds

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def install() -> None:
    """SACKs are delayed, and ride what is sent meanwhile."""
    transport: Any = RTCSctpTransport
    initialize = transport.__init__
    send_chunk = transport._send_chunk
    send_sack = transport._send_sack
    receive_data_chunk = transport._receive_data_chunk
    set_state = transport._set_state

    def _initialize(self: Any, *arguments: Any, **keywords: Any) -> None:
        initialize(self, *arguments, **keywords)
        state = _Acknowledgements()
        setattr(self, _STATE, state)
        builder = builder_of(self)
        if builder is not None:

            async def ride() -> None:
                if state.rides(self._loop.time()):
                    await tell(self)

            builder.before_packet = ride

    async def _receive_data_chunk(self: Any, chunk: Any) -> None:
        state: _Acknowledgements = getattr(self, _STATE)
        state.bytes += len(chunk.user_data)
        state.is_asked |= bool(chunk.flags & SACK_IMMEDIATELY)
        await receive_data_chunk(self, chunk)
        if not chunk.flags & SCTP_DATA_UNORDERED:
            state.ordered_seconds = self._loop.time()
            # It was repeated, so its sender did not hear of it.
            state.is_asked |= chunk.tsn in self._sack_duplicates

    async def _send_sack(self: Any) -> None:
        state: _Acknowledgements = getattr(self, _STATE)
        now_seconds = self._loop.time()
        due_seconds = state.due(now_seconds, has_gaps=bool(self._sack_misordered))
        if due_seconds <= now_seconds:
            await tell(self)
            return
        self._sack_needed = False
        if state.timer is None or due_seconds < state.due_seconds:
            state.cancel()
            state.due_seconds = due_seconds
            state.timer = self._loop.call_later(
                due_seconds - now_seconds, run_later, lambda: tell(self)
            )

    async def tell(self: Any) -> None:
        getattr(self, _STATE).told(self._loop.time())
        await send_sack(self)

    async def _send_chunk(self: Any, chunk: Any) -> None:
        if isinstance(chunk, DataChunk):
            state: _Acknowledgements = getattr(self, _STATE)
            now_seconds = self._loop.time()
            if (
                now_seconds - state.asking_seconds >= URGENT_INTERVAL_SECONDS
                and is_reliable_outstanding(self)
            ):
                state.asking_seconds = now_seconds
                chunk.flags |= SACK_IMMEDIATELY
        await send_chunk(self, chunk)

    def _set_state(self: Any, state: Any) -> None:
        if state == self.State.CLOSED:
            getattr(self, _STATE).cancel()
        set_state(self, state)

    transport.__init__ = _initialize
    transport._receive_data_chunk = _receive_data_chunk
    transport._send_chunk = _send_chunk
    transport._send_sack = _send_sack
    transport._set_state = _set_state
