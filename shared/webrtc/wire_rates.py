"""Bits per second of a connection over its last seconds, from snapshots of its counter."""

from collections import deque
from dataclasses import dataclass

from shared.webrtc.wire_counter import WireCount, WireSnapshot

WINDOW_NS = 3_000_000_000
MIN_SPACING_NS = 200_000_000


@dataclass(frozen=True, slots=True)
class WireRates:
    """Averages in bit/s, headers of IP and UDP included; "sent" is as seen from this side."""

    data_sent_bps: int = 0
    data_received_bps: int = 0
    audio_sent_bps: int = 0
    audio_received_bps: int = 0
    video_sent_bps: int = 0
    video_received_bps: int = 0
    connection_bps: int = 0
    """Upkeep, both ways."""


class WireRateMeter:
    """Rates over about `WINDOW_NS`. Pure: snapshots and times are handed in."""

    def __init__(self) -> None:
        self._history: deque[tuple[int, WireSnapshot]] = deque()

    def rates(self, snapshot: WireSnapshot, now_ns: int) -> WireRates:
        """The rates until now; zeros at the first call."""
        history = self._history
        while len(history) > 1 and now_ns - history[1][0] >= WINDOW_NS:
            history.popleft()
        then_ns, before = history[0] if history else (now_ns, snapshot)
        if not history or now_ns - history[-1][0] >= MIN_SPACING_NS:
            history.append((now_ns, snapshot))
        elapsed_ns = now_ns - then_ns
        if elapsed_ns <= 0:
            return WireRates()
        counted = snapshot - before

        def bps(*counts: WireCount) -> int:
            return round(sum(count.bytes for count in counts) * 8e9 / elapsed_ns)

        return WireRates(
            data_sent_bps=bps(counted.data_sent),
            data_received_bps=bps(counted.data_received),
            audio_sent_bps=bps(counted.audio_sent),
            audio_received_bps=bps(counted.audio_received),
            video_sent_bps=bps(counted.video_sent),
            video_received_bps=bps(counted.video_received),
            connection_bps=bps(counted.connection_sent, counted.connection_received),
        )
