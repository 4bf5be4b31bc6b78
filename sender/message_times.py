"""When messages left, and what a report makes of that: round trip and transit. Pure."""

from dataclasses import dataclass

from shared.receiver_report import TRANSIT_BITS, ReceiverReport
from shared.sequence import extend_sequence

_MESSAGES = 256


@dataclass(frozen=True, slots=True)
class Transit:
    """How the newest message that a report names came."""

    sent_ns: int
    round_trip_ms: float
    transit_ms: float
    """On the way to the receiver, with the difference of the clocks added."""


class MessageTimes:
    """The last messages of one connection."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[int, float]] = {}
        """Sequence number -> (sent ns, ms from capture to sending)."""
        self._transit_ms: int | None = None

    def sent(self, sequence: int, *, age_ms: float, now_ns: int) -> None:
        """A message left, so long after the capture of its last frame."""
        self._sent.pop(sequence, None)
        self._sent[sequence] = (now_ns, age_ms)
        while len(self._sent) > _MESSAGES:
            del self._sent[next(iter(self._sent))]

    def transit(self, report: ReceiverReport, now_ns: int) -> Transit | None:
        """None for a message that is not known any more."""
        sent = self._sent.get(report.newest)
        if sent is None:
            return None
        sent_ns, age_ms = sent
        nearest = report.transit_ms if self._transit_ms is None else self._transit_ms
        self._transit_ms = extend_sequence(report.transit_ms, nearest, TRANSIT_BITS)
        return Transit(
            sent_ns=sent_ns,
            round_trip_ms=max((now_ns - sent_ns) / 1e6 - report.delay_ms, 0.0),
            transit_ms=self._transit_ms - age_ms,
        )
