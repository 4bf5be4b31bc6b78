"""The sender's capture times on this machine's monotonic clock.

One-way delays cannot be told from clock offsets, so the map takes the fastest message of a
window as if it had taken no time: a capture time maps to the moment at which the fastest
message carrying it would have come. What the fastest path costs (tracking, transit) is thus
part of the map, and every delay that the rest of the receiver talks about is relative to it.
"""

from collections import deque

from shared.clock import ns_from_ticks, ticks_from_ns
from shared.sequence import extend_sequence

WINDOW_NS = 10_000_000_000
"""How long a fastest message counts: long enough to meet one, short against drift
(100 ppm are 1 ms in it)."""

IMPLAUSIBLE_NS = 10_000_000_000
"""A capture time this far from where the map expects it is an error or a restarted clock."""

_RESTART_AFTER = 8
"""Implausible capture times in a row that are taken for the sender's restarted clock."""


class ClockMap:
    """Capture ticks -> local monotonic ns, by the minimum one-way offset of a window.

    Capture times arrive modulo 2^32; `extend` unwraps them to integers that never wrap, and all
    other methods and modules of the receiver take those.
    """

    def __init__(self, *, window_ns: int = WINDOW_NS) -> None:
        self._window_ns = window_ns
        self._newest: int | None = None
        self._minima: deque[tuple[int, int]] = deque()
        """(arrival ns, offset ns), offsets rising: the first is the window's minimum."""
        self._implausible = 0
        self.restarts = 0
        """How often the sender's clock was found restarted; who keeps extended times drops them."""

    @property
    def ready(self) -> bool:
        """Whether anything was observed yet."""
        return bool(self._minima)

    @property
    def offset_ns(self) -> int:
        """Local monotonic ns minus capture ns of the fastest message of the window."""
        return self._minima[0][1]

    def extend(self, capture_time: int) -> int:
        """The unwrapped time of 90 kHz ticks modulo 2^32, nearest to what was last observed."""
        if self._newest is None:
            return capture_time
        return extend_sequence(capture_time, self._newest, bits=32)

    def observe(self, time: int, arrival_ns: int) -> int | None:
        """Learn from the newest frame of a message, unwrapped, that arrived just now.

        Returns its delay relative to the fastest message (>= 0 ns), or None when the time is
        implausible, which the caller drops and counts.
        """
        offset_ns = arrival_ns - ns_from_ticks(time)
        if self._minima and abs(offset_ns - self.offset_ns) > IMPLAUSIBLE_NS:
            self._implausible += 1
            if self._implausible < _RESTART_AFTER:
                return None
            self._minima.clear()
            self.restarts += 1
        self._implausible = 0
        self._newest = time if not self._minima or self._newest is None else max(self._newest, time)
        while self._minima and self._minima[-1][1] >= offset_ns:
            self._minima.pop()
        self._minima.append((arrival_ns, offset_ns))
        while arrival_ns - self._minima[0][0] > self._window_ns:
            self._minima.popleft()
        return offset_ns - self.offset_ns

    def rebase(self) -> None:
        """The way has become longer: the newest message counts as the fastest."""
        self._minima = deque([self._minima[-1]])

    def local_ns(self, time: int) -> int:
        """When the fastest message would have brought the frame of this unwrapped time."""
        return ns_from_ticks(time) + self.offset_ns

    def capture_time(self, local_ns: int) -> int | None:
        """The capture time, modulo 2^32, that the fastest message would bring at that moment.

        None before anything was observed.
        """
        return ticks_from_ns(local_ns - self.offset_ns) if self.ready else None
