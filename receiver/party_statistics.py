"""Numbers about a party over about a second, for people to read."""

from collections import deque

import numpy as np

from receiver.frame_player import FramePlayer
from receiver.party_state import PartyStatistics

_WINDOW_NS = 1_000_000_000
_LATENCIES = 125
"""Pictures whose latency is told: five seconds at 25 fps."""


class StatisticsWindow:
    """Counts between two readings; pure."""

    def __init__(self, now_ns: int) -> None:
        self._since_ns = now_ns
        self._pictures = 0
        self._messages = 0
        self._bytes = 0
        self._ticks = 0
        self._concealed = 0
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES)

    def add_picture(self, latency_ms: float) -> None:
        """A rebuilt picture went to the viewers, so long after its capture."""
        self._pictures += 1
        self._latencies_ms.append(latency_ms)

    def add_video(self) -> None:
        """A frame of ordinary video went to the viewers; its latency is not known."""
        self._pictures += 1
        self._latencies_ms.clear()

    def add_message(self, size: int) -> None:
        """A parameter message of so many bytes came."""
        self._messages += 1
        self._bytes += size

    def read(
        self, player: FramePlayer, *, loss: float, references_held: int, now_ns: int
    ) -> PartyStatistics | None:
        """What happened since the last reading; None before a second has passed."""
        elapsed_ns = now_ns - self._since_ns
        if elapsed_ns < _WINDOW_NS:
            return None
        seconds = elapsed_ns / 1e9
        ticks = player.counts.total - self._ticks
        concealed = player.counts.concealed - self._concealed
        p50_ms, p95_ms = None, None
        if self._latencies_ms:
            p50_ms, p95_ms = (float(ms) for ms in np.percentile(self._latencies_ms, (50, 95)))
        statistics = PartyStatistics(
            frames_per_second=self._pictures / seconds,
            messages_per_second=self._messages / seconds,
            payload_bps=self._bytes * 8 / seconds,
            loss=loss,
            concealed=concealed / ticks if ticks else 0.0,
            latency_p50_ms=p50_ms,
            latency_p95_ms=p95_ms,
            playout_delay_ms=player.playout.delay_ms,
            jitter_ms=player.playout.jitter_ms,
            references_held=references_held,
        )
        self._since_ns = now_ns
        self._pictures = self._messages = self._bytes = 0
        self._ticks, self._concealed = player.counts.total, player.counts.concealed
        return statistics
