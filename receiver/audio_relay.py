"""Opus packets on their way through: released with the picture of their capture time.

Pure: a queue in capture order with a due time for each packet. Nothing is decoded. A packet
whose moment has passed goes out at once, unless a later one is out already: order is kept, so
such a packet is dropped and counted.
"""

from bisect import insort
from collections.abc import Callable

from shared.clock import ticks_difference
from shared.metrics import Metrics
from shared.webrtc.audio import OpusPacket

MAX_PACKETS = 100
"""2 s of 20 ms packets; more than any playout delay holds."""

MAX_WAIT_NS = 1_000_000_000
"""A packet due later than this is badly dated, and goes out at once."""


class AudioRelay:
    """The packets of one party that wait for their picture."""

    def __init__(self, *, metrics: Metrics, release_ns: Callable[[int], int | None]) -> None:
        """`release_ns(capture_time)`: local ns of the picture; None: there is no picture."""
        self._metrics = metrics
        self._release_ns = release_ns
        self._waiting: list[OpusPacket] = []
        self._newest_released: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def receive(self, packet: OpusPacket) -> bool:
        """Queue a packet in capture order; the oldest is given up when too many wait.

        Whether another packet is due next than before.
        """
        if self._is_behind(packet):
            self._metrics.count("drops", "audio_late")
            return False
        origin = self._waiting[0].capture_time if self._waiting else packet.capture_time
        insort(
            self._waiting,
            packet,
            key=lambda waiting: ticks_difference(waiting.capture_time, origin),
        )
        if len(self._waiting) > MAX_PACKETS:
            del self._waiting[0]
            self._metrics.count("drops", "audio_overflow")
            return True
        return self._waiting[0] is packet

    def release(self, now_ns: int) -> list[OpusPacket]:
        """The packets that are due, in capture order."""
        count = 0
        while count < len(self._waiting) and self._due_ns(self._waiting[count], now_ns) <= now_ns:
            count += 1
        due, self._waiting = self._waiting[:count], self._waiting[count:]
        if due:
            self._newest_released = due[-1].capture_time
        return due

    def next_due_ns(self, now_ns: int) -> int | None:
        """When the next packet is due; None when none waits."""
        return self._due_ns(self._waiting[0], now_ns) if self._waiting else None

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _due_ns(self, packet: OpusPacket, now_ns: int) -> int:
        due_ns = self._release_ns(packet.capture_time)
        if due_ns is None or due_ns - now_ns > MAX_WAIT_NS:
            return now_ns
        return due_ns

    def _is_behind(self, packet: OpusPacket) -> bool:
        if self._newest_released is None:
            return False
        step = ticks_difference(packet.capture_time, self._newest_released)
        # A jump far back is a new stream, not a late packet.
        return -MAX_WAIT_NS * 9 // 100_000 < step <= 0
