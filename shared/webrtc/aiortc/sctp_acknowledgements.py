"""Fewer SACKs: parameters are never repeated, so hardly anybody waits to hear what came.

aiortc answers each packet with one of its own, 85 bytes. What is sent reliably still gets its
SACKs at once: its sender asks for them (RFC 7053), as here both sides do.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from aiortc.rtcsctptransport import (
    SCTP_DATA_UNORDERED,
    SCTP_TSN_MODULO,
    DataChunk,
    RTCSctpTransport,
)

from shared.webrtc.aiortc.sctp_packets import builder_of, run_later

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

REORDERING_SECONDS = 0.03
"""What is overtaken by something sent this much later was lost, not delayed."""

SACK_IMMEDIATELY = 0x08
"""The I bit of a DATA chunk (RFC 7053, section 3)."""

_MISSES_OF_A_LOST_CHUNK = 3
"""aiortc's count, which is RFC 9260's (section 7.2.4)."""

_STATE = "_kilocall_acknowledgements"
_SENT = "_kilocall_sent_seconds"
"""Of a chunk: when it left last."""


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

    def is_urgent(self, now_seconds: float, *, has_gaps: bool) -> bool:
        if self.bytes > UNACKNOWLEDGED_BYTES:
            return True
        ordered = now_seconds - self.ordered_seconds < ORDERED_SECONDS
        is_wanted = self.is_asked or (has_gaps and ordered)
        return is_wanted and now_seconds - self.told_seconds >= URGENT_INTERVAL_SECONDS

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
    receive_sack_chunk = transport._receive_sack_chunk
    set_state = transport._set_state
    t3_expired = transport._t3_expired
    update_advanced_peer_ack_point = transport._update_advanced_peer_ack_point

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
        if not chunk.flags & SCTP_DATA_UNORDERED:
            state.ordered_seconds = self._loop.time()
        await receive_data_chunk(self, chunk)

    async def _send_sack(self: Any) -> None:
        state: _Acknowledgements = getattr(self, _STATE)
        if state.is_urgent(self._loop.time(), has_gaps=bool(self._sack_misordered)):
            await tell(self)
            return
        self._sack_needed = False
        if state.timer is None:
            state.due_seconds = self._loop.time() + DELAY_SECONDS
            state.timer = self._loop.call_later(DELAY_SECONDS, run_later, lambda: tell(self))

    async def tell(self: Any) -> None:
        getattr(self, _STATE).told(self._loop.time())
        await send_sack(self)

    async def _send_chunk(self: Any, chunk: Any) -> None:
        if isinstance(chunk, DataChunk):
            state: _Acknowledgements = getattr(self, _STATE)
            now_seconds = self._loop.time()
            setattr(chunk, _SENT, now_seconds)
            if now_seconds - state.asking_seconds >= URGENT_INTERVAL_SECONDS and any(
                c._max_retransmits is None and not c._acked for c in self._sent_queue
            ):
                state.asking_seconds = now_seconds
                chunk.flags |= SACK_IMMEDIATELY
        await send_chunk(self, chunk)

    async def _receive_sack_chunk(self: Any, chunk: Any) -> None:
        if chunk.gaps:
            _strike(self._sent_queue, chunk)
        await receive_sack_chunk(self, chunk)

    def _update_advanced_peer_ack_point(self: Any) -> None:
        # Nor is what came behind a gap. aiortc keeps it until the gap is closed, so that one
        # FORWARD-TSN settles one gap, and under loss gaps come faster than round trips.
        for sent in self._sent_queue:
            sent._abandoned |= sent._acked and sent._max_retransmits == 0
        update_advanced_peer_ack_point(self)

    def _t3_expired(self: Any) -> None:
        t3_expired(self)
        # What came behind a gap is not outstanding (RFC 9260, section 6.3.3). aiortc repeats it,
        # and while it fills the window of one packet nothing else leaves.
        for sent in self._sent_queue:
            sent._retransmit &= not sent._acked
        # aiortc leaves what waits for the window where it is until a SACK comes.
        run_later(self._data_channel_flush)

    def _set_state(self: Any, state: Any) -> None:
        if state == self.State.CLOSED:
            getattr(self, _STATE).cancel()
        set_state(self, state)

    transport.__init__ = _initialize
    transport._receive_data_chunk = _receive_data_chunk
    transport._receive_sack_chunk = _receive_sack_chunk
    transport._send_chunk = _send_chunk
    transport._send_sack = _send_sack
    transport._set_state = _set_state
    transport._t3_expired = _t3_expired
    transport._update_advanced_peer_ack_point = _update_advanced_peer_ack_point


def _strike(sent_queue: Iterable[Any], sack: Any) -> None:
    """Count chunks as lost that a SACK's gaps show to be, at the first report instead of the third.

    Parameters are never repeated, so nothing is lost by giving one up early, and the peer stops
    telling of it. Of the others those are lost that were overtaken by what was sent clearly
    later (RACK: RFC 8985, section 3).
    """
    seen = {
        (sack.cumulative_tsn + position) % SCTP_TSN_MODULO
        for first, last in sack.gaps
        for position in range(first, last + 1)
    }
    newest_seconds = max(
        (getattr(chunk, _SENT) for chunk in sent_queue if chunk.tsn in seen), default=-math.inf
    )
    for chunk in sent_queue:
        is_overtaken = getattr(chunk, _SENT) + REORDERING_SECONDS <= newest_seconds
        if chunk._max_retransmits == 0 or is_overtaken:
            chunk._misses = max(chunk._misses, _MISSES_OF_A_LOST_CHUNK - 1)
