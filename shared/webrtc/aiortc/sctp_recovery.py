"""Losses found at the first report, and not by the timer that closes the window.

aiortc repeats after three reports or a second. Under loss its window shrinks to one packet for
nothing (parameters are outstanding all the time, and it takes lost SACKs for congestion), stays
there, as a call never fills it, and then keeps parameters waiting behind references.
"""

import asyncio
import math
from collections.abc import Iterable
from typing import Any

from aiortc.rtcsctptransport import SCTP_TSN_MODULO, DataChunk, RTCSctpTransport

from shared.webrtc.aiortc.sctp_packets import run_later

REORDERING_SECONDS = 0.03
"""What is overtaken by something sent this much later was lost, not delayed."""

PROBE_SECONDS = 0.3
"""Without any SACK for so long, the oldest reliable chunk goes out again (RFC 8985, section 7)."""

MAX_PROBES = 3
"""In a row; then the timer takes over."""

UNRELIABLE_RTO_SECONDS = 3.0
"""The timer's least while nothing is outstanding that it could repeat; RTO.Min is 1 s."""

_MISSES_OF_A_LOST_CHUNK = 3
"""aiortc's count, which is RFC 9260's (section 7.2.4)."""

_PROBE = "_kilocall_probe"
_SENT = "_kilocall_sent_seconds"
"""Of a chunk: when it left last."""


def is_reliable_outstanding(association: Any) -> bool:
    """Whether anything is on its way that would be repeated."""
    return _oldest_reliable(association) is not None


def _oldest_reliable(association: Any) -> Any:
    return next(
        (c for c in association._sent_queue if c._max_retransmits is None and not c._acked), None
    )


class _Probe:
    """Sends the oldest reliable chunk again when no SACK comes."""

    def __init__(self, association: Any) -> None:
        self._association = association
        self._timer: asyncio.TimerHandle | None = None
        self._sent = 0

    def heard(self) -> None:
        """A SACK came."""
        self._sent = 0
        self.arm()

    def arm(self) -> None:
        """A reliable chunk left, or there is news of one."""
        self.cancel()
        association = self._association
        if self._sent < MAX_PROBES and is_reliable_outstanding(association):
            seconds = max(PROBE_SECONDS, 1.5 * (association._srtt or 0.0))
            self._timer = association._loop.call_later(seconds, run_later, self._probe)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _probe(self) -> None:
        chunk = _oldest_reliable(self._association)
        if chunk is not None:
            self._sent += 1
            chunk._sent_count += 1
            await self._association._send_chunk(chunk)
            self.arm()


def install() -> None:
    """Losses are found by what was overtaken, and by probes."""
    transport: Any = RTCSctpTransport
    initialize = transport.__init__
    send_chunk = transport._send_chunk
    receive_sack_chunk = transport._receive_sack_chunk
    set_state = transport._set_state
    t3_expired = transport._t3_expired
    update_advanced_peer_ack_point = transport._update_advanced_peer_ack_point

    def _initialize(self: Any, *arguments: Any, **keywords: Any) -> None:
        initialize(self, *arguments, **keywords)
        setattr(self, _PROBE, _Probe(self))

    async def _send_chunk(self: Any, chunk: Any) -> None:
        if isinstance(chunk, DataChunk):
            setattr(chunk, _SENT, self._loop.time())
        await send_chunk(self, chunk)
        if isinstance(chunk, DataChunk) and chunk._max_retransmits is None:
            getattr(self, _PROBE).arm()
            if chunk is _oldest_reliable(self):
                # The timer may have been given the time of what is never repeated.
                self._t3_restart()

    async def _receive_sack_chunk(self: Any, chunk: Any) -> None:
        if chunk.gaps:
            _strike(self._sent_queue, chunk)
        await receive_sack_chunk(self, chunk)
        getattr(self, _PROBE).heard()

    def _update_advanced_peer_ack_point(self: Any) -> None:
        # What is never repeated needs no cumulative acknowledgement either. aiortc keeps it until
        # the gap before it is closed, so that one FORWARD-TSN settles one gap, and under loss
        # gaps come faster than round trips.
        for sent in self._sent_queue:
            sent._abandoned |= sent._acked and sent._max_retransmits == 0
        update_advanced_peer_ack_point(self)

    def _t3_restart(self: Any) -> None:
        self._t3_cancel()
        least = 0.0 if is_reliable_outstanding(self) else UNRELIABLE_RTO_SECONDS
        self._t3_handle = self._loop.call_later(max(self._rto, least), self._t3_expired)

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
            getattr(self, _PROBE).cancel()
        set_state(self, state)

    transport.__init__ = _initialize
    transport._receive_sack_chunk = _receive_sack_chunk
    transport._send_chunk = _send_chunk
    transport._set_state = _set_state
    transport._t3_expired = _t3_expired
    transport._t3_restart = _t3_restart
    transport._t3_start = _t3_restart
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
