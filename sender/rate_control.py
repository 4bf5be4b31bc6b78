"""The rate of the whole call, from what the receiver reports and what the user allows. Pure.

    reports -> loss, queue -> target rate -> rung of the ladder (`operating_point`)
                                         `-> what is left over for references

A queue on the way is congestion, loss without one is not: random loss asks for more packets (one
frame a message), not for fewer. Down at once to the rung that fits, up one rung at a time when
nothing queues, after a dwell that doubles each time a rung proves too rich.
"""

from collections import deque

from sender.delay_trend import DelayTrend
from sender.loss_meter import LossMeter
from sender.operating_point import CallLimits, OperatingPoint, ladder
from sender.wire_cost import WireCost
from shared.receiver_report import TRANSIT_BITS, ReceiverReport
from shared.sequence import extend_sequence

HIGH_LOSS = 0.10
LOW_LOSS = 0.05
CALM_NS = 5_000_000_000
"""Loss must stay low so long before frames share a message again."""

REFERENCE_START_BPS = 64_000.0
"""Beside the call's own rate: leaves room on a link of 100 kbit/s."""

REFERENCE_LEAST_BPS = 1_000.0
REFERENCE_MOST_BPS = 1_000_000.0
TARGET_LEAST_BPS = 2_000.0

_PACKET_BITS = 1040.0
"""One packet of ours beside another one is no queue, however long a thin link takes for it."""

_QUEUE_UNIT_MS = 50.0
_RISE_MS = 40.0

_BACK_OFF = 0.85
"""Of the capacity, so that the queue drains (draft-ietf-rmcat-gcc-02, section 5.5)."""

_FITS = 0.95
"""Of the capacity that the call itself may take when references made the queue."""

_GROWTH = 1.08
"""A second, without a queue (the same draft)."""

_START_GROWTH = 1.5
"""A report, until the first queue."""

_APP_LIMITED = 0.5
"""Less than this share of the predicted rate says nothing about the link."""

_SETTLE_NS = 1_000_000_000
"""After a decrease the queue drains for so long before it is judged again."""

_DWELL_NS = 4_000_000_000
_DWELL_MAX_NS = 64_000_000_000
_PROBATION_NS = 12_000_000_000
"""A rung that queues within this time after it was climbed was too rich."""

_SILENCE_NS = 3_000_000_000
"""Without any report while messages are sent: nothing gets through, or nearly nothing."""

_THIN_NS = 20_000_000_000
"""A link is called thin until nothing has queued on the lowest rung for so long."""

_SENT_MESSAGES = 256
_RATE_WINDOW_NS = 1_000_000_000


class RateControl:
    """One connection's rate. All methods belong to one thread."""

    def __init__(self, limits: CallLimits, *, now_ns: int) -> None:
        self._limits = limits
        self._cap_bps = limits.max_bps or float("inf")
        self.cost = WireCost(has_sound=limits.has_sound)
        self.loss_meter = LossMeter()
        self._trend = DelayTrend()
        self._is_lossy = False
        self._calm_since_ns: int | None = None
        self._points = ladder(limits, is_lossy=False)
        self._rung = 0
        """Index of the points, 0 the richest."""
        start_bps = self.cost.bps(self._points[0]) + REFERENCE_START_BPS
        self._target_bps = min(start_bps, self._cap_bps)
        self._sent: dict[int, tuple[int, float]] = {}
        """Sequence number -> (sent ns, ms from capture to sending)."""
        self._transit_ms: int | None = None
        self._rates: deque[tuple[int, int]] = deque()
        """(ns, bytes on the wire until then)."""
        self._reported_ns = now_ns
        self._sent_since_report = 0
        self._grown_ns = now_ns
        self._settled_ns = now_ns
        self._climbed_ns = now_ns
        self._moved_ns = now_ns
        self._dwell_ns = _DWELL_NS
        self._before_silence: int | None = None
        """The rung to go back to."""
        self._congested_ns: int | None = None
        self._last_standing_ms = 0.0
        self._in_vain = 0
        """Decreases in a row that changed no queue."""
        self._sends_references = False
        self.round_trip_ms: float | None = None
        self._choose(now_ns)

    @property
    def point(self) -> OperatingPoint:
        """How to send now."""
        return self._points[self._rung]

    @property
    def target_bps(self) -> float:
        """What the whole call may take now."""
        return self._target_bps

    @property
    def standing_ms(self) -> float:
        """The queue on the way to the receiver."""
        return self._trend.standing_ms

    @property
    def reference_bps(self) -> float:
        """What references may take now."""
        spare_bps = self._target_bps - self.cost.bps(self.point)
        if self._trend.standing_ms > self._queue_unit_ms:
            spare_bps = 0.0
        return min(max(spare_bps, REFERENCE_LEAST_BPS), REFERENCE_MOST_BPS)

    def is_thin(self, now_ns: int) -> bool:
        """Whether not even the lowest rung fits."""
        if self._rung < len(self._points) - 1:
            return False
        if self.cost.bps(self.point) > self._cap_bps:
            return True
        return self._congested_ns is not None and now_ns - self._congested_ns < _THIN_NS

    @property
    def shortage(self) -> str:
        """What to tell the user when the link is too thin."""
        needed = self.cost.bps(self._points[-1]) / 1e3
        carried = min(self._target_bps / _BACK_OFF, self._cap_bps) / 1e3
        source = "the cap allows" if self._cap_bps / 1e3 <= carried else "the link carries about"
        return (
            f"{source} {carried:.0f} kbit/s, the call needs {needed:.0f}: "
            "picture and sound will suffer"
        )

    def message_sent(self, sequence: int, *, age_ms: float, now_ns: int) -> None:
        """A parameter message left now, so long after the capture of its last frame."""
        self._sent[sequence] = (now_ns, age_ms)
        while len(self._sent) > _SENT_MESSAGES:
            del self._sent[next(iter(self._sent))]
        self._sent_since_report += 1

    def report(self, report: ReceiverReport, now_ns: int) -> None:
        """The receiver says what it holds."""
        self._reported_ns = now_ns
        self._sent_since_report = 0
        self.loss_meter.report(report)
        self._judge_loss(now_ns)
        sent = self._sent.get(report.newest)
        if sent is None:
            return
        sent_ns, age_ms = sent
        self.round_trip_ms = max((now_ns - sent_ns) / 1e6 - report.delay_ms, 0.0)
        nearest = report.transit_ms if self._transit_ms is None else self._transit_ms
        self._transit_ms = extend_sequence(report.transit_ms, nearest, TRANSIT_BITS)
        self._trend.add(sent_ns, self._transit_ms - age_ms)
        self._return_from_silence(now_ns)
        if now_ns >= self._settled_ns and self._is_congested():
            self._decrease(now_ns)
        elif self._congested_ns is None and self._trend.standing_ms < self._queue_unit_ms:
            self._grow(_START_GROWTH)

    def poll(self, sent_bytes: int, *, sends_references: bool, now_ns: int) -> None:
        """Call a few times a second: all bytes on the wire so far, headers included."""
        self._sends_references = sends_references
        self._rates.append((now_ns, sent_bytes))
        while now_ns - self._rates[0][0] > _RATE_WINDOW_NS and len(self._rates) > 2:
            self._rates.popleft()
        if sends_references:
            self._moved_ns = now_ns
        elif now_ns - self._moved_ns > 2 * _RATE_WINDOW_NS:
            self.cost.observe_rate(self.sent_bps, self.point)
        seconds = (now_ns - self._grown_ns) / 1e9
        self._grown_ns = now_ns
        if self._sent_since_report >= 3 and now_ns - self._reported_ns > _SILENCE_NS:
            self._fall_silent(now_ns)
        elif now_ns >= self._settled_ns and self._trend.standing_ms < self._queue_unit_ms:
            self._grow(_GROWTH**seconds)
            self._climb(now_ns)
        self._choose(now_ns)

    @property
    def sent_bps(self) -> float:
        """What went over the wire lately."""
        if len(self._rates) < 2:
            return 0.0
        (then_ns, before), (now_ns, after) = self._rates[0], self._rates[-1]
        return (after - before) * 8e9 / max(now_ns - then_ns, 1)

    @property
    def _queue_unit_ms(self) -> float:
        return max(_QUEUE_UNIT_MS, 1e3 * _PACKET_BITS / self._target_bps)

    def _judge_loss(self, now_ns: int) -> None:
        loss = self.loss_meter.loss
        if loss >= LOW_LOSS:
            self._calm_since_ns = None
        elif self._calm_since_ns is None:
            self._calm_since_ns = now_ns
        is_calm = self._calm_since_ns is not None and now_ns - self._calm_since_ns >= CALM_NS
        is_lossy = loss > HIGH_LOSS or (self._is_lossy and not is_calm)
        if is_lossy != self._is_lossy:
            self._is_lossy = is_lossy
            before = len(self._points)
            self._points = ladder(self._limits, is_lossy=is_lossy)
            # The points of both ladders agree from the bottom up.
            added = len(self._points) - before
            rung = 0 if self._rung == 0 else max(self._rung + added, 0)
            if self.cost.bps(self._points[rung]) > self._target_bps:
                rung = max(rung, added)
            self._rung = rung
            self._choose(now_ns)

    def _is_congested(self) -> bool:
        unit_ms = self._queue_unit_ms
        standing_ms = self._trend.standing_ms
        if standing_ms > 2 * unit_ms:
            return self._trend.slope > -0.05
        return standing_ms > unit_ms / 2 and self._trend.rise_ms() > max(_RISE_MS, unit_ms)

    def _decrease(self, now_ns: int) -> None:
        standing_ms, slope = self._trend.standing_ms, max(self._trend.slope, 0.0)
        lost = self.loss_meter.recent
        if standing_ms >= 0.8 * self._last_standing_ms > 0 and lost < LOW_LOSS:
            self._in_vain += 1
        else:
            self._in_vain = 0
        self._last_standing_ms = standing_ms
        if self._in_vain >= 2 and slope < 0.02:
            # A queue that stays as it is, whatever is sent, is none: the way became longer.
            self._trend.rebase()
            self._in_vain = 0
            return
        expected_bps = self.cost.bps(self.point)
        capacity_bps = self.sent_bps * (1.0 - lost) / (1.0 + slope)
        if self.sent_bps < _APP_LIMITED * expected_bps:
            capacity_bps = expected_bps
        self._congested_ns = now_ns
        self._settled_ns = now_ns + _SETTLE_NS
        self._target_bps = max(_BACK_OFF * capacity_bps, TARGET_LEAST_BPS)
        if now_ns - self._climbed_ns < _PROBATION_NS and self._rung < len(self._points):
            self._dwell_ns = min(2 * self._dwell_ns, _DWELL_MAX_NS)
        share = _FITS if self._sends_references else _BACK_OFF
        rung = self._first_that_fits(share * capacity_bps)
        if not self._sends_references:
            rung = max(rung, self._rung + 1)
        self._move(min(max(rung, self._rung), len(self._points) - 1), now_ns)
        self._trend.forget_window()

    def _grow(self, factor: float) -> None:
        limit_bps = max(self._target_bps, 1.5 * self.sent_bps + 10_000.0)
        self._target_bps = min(self._target_bps * factor, limit_bps, self._cap_bps)

    def _climb(self, now_ns: int) -> None:
        """One rung up when it fits and the last change is long enough ago."""
        if self._rung == 0 or now_ns - max(self._climbed_ns, self._settled_ns) < self._dwell_ns:
            return
        if now_ns - self._climbed_ns > _PROBATION_NS + self._dwell_ns:
            self._dwell_ns = max(self._dwell_ns // 2, _DWELL_NS)
        wanted_bps = self.cost.bps(self._points[self._rung - 1])
        if self._sends_references:
            wanted_bps += REFERENCE_LEAST_BPS
        if wanted_bps <= self._target_bps:
            self._climbed_ns = now_ns
            self._move(self._rung - 1, now_ns)

    def _choose(self, now_ns: int) -> None:
        """Down to where the user's cap allows it, at once."""
        if self.cost.bps(self.point) > self._cap_bps:
            rung = self._first_that_fits(self._cap_bps - REFERENCE_LEAST_BPS)
            self._move(max(rung, self._rung), now_ns)

    def _first_that_fits(self, rate_bps: float) -> int:
        for rung, point in enumerate(self._points):
            if self.cost.bps(point) <= rate_bps:
                return rung
        return len(self._points) - 1

    def _move(self, rung: int, now_ns: int) -> None:
        if rung != self._rung:
            self._rung = rung
            self._moved_ns = now_ns

    def _fall_silent(self, now_ns: int) -> None:
        if self._before_silence is None:
            self._before_silence = len(self._points) - self._rung
            self._settled_ns = now_ns + _SETTLE_NS
            self._move(len(self._points) - 1, now_ns)
            self._trend.forget_window()

    def _return_from_silence(self, now_ns: int) -> None:
        """Back to the rung of before when the first reports show no queue: it was an outage."""
        if self._before_silence is None or self._trend.count < 2:
            return
        if self._trend.newest_ms < self._queue_unit_ms:
            self._move(max(len(self._points) - self._before_silence, 0), now_ns)
        self._before_silence = None
