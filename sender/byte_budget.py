"""How many bytes references may still take."""

from collections import deque

WINDOW_NS = 60_000_000_000
WINDOW_BYTES = 15_000
"""2 kbit/s over a minute (DESIGN 6), everything that travels with a reference counted."""


class ByteBudget:
    """At most so many bytes in any window of a minute, not only on average.

    A token bucket of the same rate would allow twice as much in its first minute.
    """

    def __init__(self, window_bytes: int = WINDOW_BYTES, window_ns: int = WINDOW_NS) -> None:
        self._window_bytes = window_bytes
        self._window_ns = window_ns
        self._spent: deque[tuple[int, int]] = deque()  # (time_ns, bytes), in the window

    def spend(self, count: int, time_ns: int) -> None:
        """Count bytes that are sent now."""
        self._spent.append((time_ns, count))

    def available(self, time_ns: int) -> int:
        """Bytes that may be sent now; negative after an overdraft."""
        while self._spent and time_ns - self._spent[0][0] >= self._window_ns:
            self._spent.popleft()
        return self._window_bytes - sum(count for _, count in self._spent)
