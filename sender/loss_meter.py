"""How many parameter messages are lost, from what the receiver says it holds. Pure."""

from collections import deque

from shared.parameter_message import SEQUENCE_BITS
from shared.receiver_report import HELD_BITS, ReceiverReport
from shared.sequence import extend_sequence

OUTAGE_MESSAGES = 8
"""So many lost in a row are an outage, not loss: at 30 % of independent loss that is one row in
15000, and packing frames otherwise would not have saved any of them."""

_MEMORY = 0.98
"""Weight of what was known before one more message: some 50 messages count, 4 s of them."""

_RECENT_MESSAGES = 16
_RESTART = 1024
"""A report this far from the last one is of another stream of messages."""


class LossMeter:
    """Share of the messages lost lately, outages left out.

    Each message is judged once, when a report is the first to name one after it. Reports may
    come late, twice or never; a message that comes late counts as lost.
    """

    def __init__(self) -> None:
        self._newest: int | None = None
        self._row = 0
        """Messages lost one after the other until now."""
        self._last: deque[bool] = deque(maxlen=_RECENT_MESSAGES)
        """Whether each of the last messages is held."""
        self.loss = 0.0
        """0..1."""

    @property
    def recent(self) -> float:
        """Share of the very last messages, outages and all."""
        return self._last.count(False) / max(len(self._last), 1)

    def report(self, report: ReceiverReport) -> None:
        """Learn from a report."""
        if self._newest is None:
            self._newest = report.newest
            return
        newest = extend_sequence(report.newest, self._newest, SEQUENCE_BITS)
        if not 0 < newest - self._newest < _RESTART:
            if abs(newest - self._newest) >= _RESTART:
                self._newest, self._row = newest, 0
            return
        for sequence in range(self._newest + 1, newest + 1):
            age = newest - 1 - sequence
            # What lies further back than a report reaches is not known to be held.
            self._judge(held=age < 0 or (age < HELD_BITS and bool(report.held >> age & 1)))
        self._newest = newest

    def _judge(self, *, held: bool) -> None:
        self._last.append(held)
        if not held:
            self._row += 1
            return
        lost = self._row if self._row < OUTAGE_MESSAGES else 0
        self._row = 0
        for share in [1.0] * lost + [0.0]:
            self.loss += (share - self.loss) * (1 - _MEMORY)
