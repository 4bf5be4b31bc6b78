"""Whether the other end of a connection still lives: it does while datagrams come."""

from enum import Enum

from shared.limits import INTERRUPTED_AFTER_NS, SESSION_ENDS_AFTER_NS


class Life(Enum):
    """What silence means so far."""

    ALIVE = "alive"
    INTERRUPTED = "interrupted"
    GONE = "gone"


class Liveness:
    """Pure: times are handed in, monotonic nanoseconds."""

    def __init__(
        self,
        now_ns: int,
        *,
        interrupted_after_ns: int = INTERRUPTED_AFTER_NS,
        ends_after_ns: int = SESSION_ENDS_AFTER_NS,
    ) -> None:
        self._last_ns = now_ns
        self._interrupted_after_ns = interrupted_after_ns
        self._ends_after_ns = ends_after_ns

    def on_datagram(self, now_ns: int) -> None:
        """Any datagram is a sign of life: media, a message, a check of the path."""
        self._last_ns = now_ns

    def life(self, now_ns: int) -> Life:
        silence_ns = now_ns - self._last_ns
        if silence_ns >= self._ends_after_ns:
            return Life.GONE
        if silence_ns >= self._interrupted_after_ns:
            return Life.INTERRUPTED
        return Life.ALIVE
