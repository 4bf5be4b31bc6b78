"""A limit on messages per second."""


class MessageRate:
    """A bucket that a second fills: bursts up to one second's messages pass. Pure."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._tokens = float(per_second)
        self._then_ns: int | None = None

    def allows(self, now_ns: int) -> bool:
        """Whether one more message, at `now_ns` (monotonic), keeps to the limit."""
        if self._then_ns is not None:
            earned = (now_ns - self._then_ns) / 1e9 * self._per_second
            self._tokens = min(self._per_second, self._tokens + earned)
        self._then_ns = now_ns
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
