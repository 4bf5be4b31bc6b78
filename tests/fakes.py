"""Stand-ins that tests move by hand."""

from shared.clock import ticks_from_ns


class FakeClock:
    """A `Clock` that stands still until told to go on."""

    def __init__(self, start_ns: int = 1_000_000_000_000) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def now_ticks(self) -> int:
        return self.ticks_at(self._now_ns)

    def ticks_at(self, monotonic_ns: int) -> int:
        """The capture time of a moment, as the system's clock gives it."""
        return ticks_from_ns(monotonic_ns)

    def advance_ms(self, milliseconds: float) -> None:
        """Let time pass."""
        self._now_ns += round(milliseconds * 1e6)
