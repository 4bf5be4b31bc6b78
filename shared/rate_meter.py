"""Bits a second of a growing count of bytes. Pure."""

from collections import deque

WINDOW_NS = 1_000_000_000
LEAST_NS = 250_000_000


class RateMeter:
    """The mean rate of the last second or so."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque()
        """(ns, bytes until then)."""

    def add(self, total_bytes: int, now_ns: int) -> None:
        """All bytes until now; a few times a second."""
        self._counts.append((now_ns, total_bytes))
        while len(self._counts) > 2 and now_ns - self._counts[1][0] >= WINDOW_NS:
            self._counts.popleft()

    @property
    def bps(self) -> float:
        """0 until the counts span a quarter of a second."""
        if len(self._counts) < 2:
            return 0.0
        (then_ns, before), (now_ns, after) = self._counts[0], self._counts[-1]
        if now_ns - then_ns < LEAST_NS:
            return 0.0
        return (after - before) * 8e9 / (now_ns - then_ns)
