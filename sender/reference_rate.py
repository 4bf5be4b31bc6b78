"""How fast reference pictures may go beside the call's own traffic. Pure."""

START_BPS = 64_000.0
LEAST_BPS = 16_000.0
MOST_BPS = 1_000_000.0

QUEUE_NS = 60_000_000
"""Round trips longer than the shortest by more than this mean that a queue builds up."""


class ReferenceRate:
    """Halved when the round trip shows a queue, else raised by half with each report.

    The first picture starts at a rate that leaves room for parameters and sound on a link of
    100 kbit/s; every report without a queue allows half as much again.
    """

    def __init__(self) -> None:
        self._rate_bps = START_BPS
        self._shortest_ns: float | None = None

    @property
    def rate_bps(self) -> float:
        return self._rate_bps

    def report(self, round_trip_ns: int, loss: float) -> None:
        """A measured round trip and the loss since the last one, 0..1."""
        shortest = self._shortest_ns
        # Ages by 1 % a report, so that a route that became longer is not a queue for ever.
        aged = round_trip_ns if shortest is None else shortest * 1.01
        self._shortest_ns = min(aged, float(round_trip_ns))
        if round_trip_ns > self._shortest_ns + QUEUE_NS:
            self._rate_bps = max(self._rate_bps / 2, LEAST_BPS)
        elif loss < 0.05:
            self._rate_bps = min(self._rate_bps * 1.5, MOST_BPS)
