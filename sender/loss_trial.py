"""Is it the link or is it us? Heavy loss without a visible queue, put to the test. Pure.

A link that was full from the first packet on shows no queue: its delay was never seen without
one. Random loss looks the same. So the call sends much less for a moment. What comes of it falls
as much where packets are lost at random, and stays what it was where the link was full.
"""

from enum import Enum
from statistics import fmean

HEAVY_LOSS = 0.45
"""Below, a queue is seen in time: so little excess fills it slowly."""

LASTS_NS = 1_200_000_000
"""What is over sooner was an outage."""

TRIAL_NS = 3_500_000_000
SETTLE_NS = 1_500_000_000
"""Rates are means of a second, and the queue of before has gone by then."""

FIRST_PAUSE_NS = 60_000_000_000
LONGEST_PAUSE_NS = 960_000_000_000

_LESS = 0.75
"""Of what was sent before: else nothing was tried."""

_STAYS = 0.7
"""0: what comes fell as much as what is sent; 1: it did not fall at all."""


class Verdict(Enum):
    """What a trial showed."""

    CONGESTION = "congestion"
    RANDOM = "random"


class LossTrial:
    """At most one trial at a time, ever rarer while loss proves random."""

    def __init__(self) -> None:
        self._begun_ns: int | None = None
        self._sent_bps = self._received_bps = 0.0
        self._heavy_since_ns: int | None = None
        self._rates: list[tuple[float, float]] = []
        """(sent, received) of each report of the trial."""
        self._again_ns = 0
        self._pause_ns = FIRST_PAUSE_NS

    @property
    def is_running(self) -> bool:
        return self._begun_ns is not None

    @property
    def received_bps(self) -> float:
        """What came before the trial: where the link was full, what it carries."""
        return self._received_bps

    def is_wanted(self, loss: float, now_ns: int) -> bool:
        """Whether this loss is to be put to the test; ask with every report."""
        if loss < HEAVY_LOSS:
            self._heavy_since_ns = None
        elif self._heavy_since_ns is None:
            self._heavy_since_ns = now_ns
        since_ns = self._heavy_since_ns
        lasts = since_ns is not None and now_ns - since_ns >= LASTS_NS
        return lasts and not self.is_running and now_ns >= self._again_ns

    def begin(self, *, sent_bps: float, received_bps: float, now_ns: int) -> None:
        """Much less is sent from now on than these rates of now."""
        self._begun_ns = now_ns
        self._sent_bps, self._received_bps = sent_bps, received_bps
        self._rates.clear()

    def verdict(self, *, sent_bps: float, received_bps: float, now_ns: int) -> Verdict | None:
        """From the rates of now, at each report; None while it is too early."""
        if self._begun_ns is None:
            return None
        if now_ns - self._begun_ns >= SETTLE_NS:
            self._rates.append((sent_bps, received_bps))
        if now_ns - self._begun_ns < TRIAL_NS or not self._rates:
            return None
        self._begun_ns = None
        less = fmean(sent for sent, _ in self._rates) / max(self._sent_bps, 1.0)
        came = fmean(received for _, received in self._rates) / max(self._received_bps, 1.0)
        if less < _LESS and came > less + _STAYS * (1.0 - less):
            self._pause_ns = FIRST_PAUSE_NS
            return Verdict.CONGESTION
        self._again_ns = now_ns + self._pause_ns
        self._pause_ns = min(4 * self._pause_ns, LONGEST_PAUSE_NS)
        return Verdict.RANDOM
