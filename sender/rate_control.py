"""The rate of the whole call, from what the receiver reports and what the user allows. Pure.

    reports -> loss, queue -> target rate -> rung of the ladder (`operating_point`)
                                         `-> what is left over for references

A queue on the way is congestion, loss without one is not: random loss asks for more packets (one
frame a message), not for fewer. Down at once to the rung that fits, up one rung at a time when
nothing queues. A rung beyond what the link was seen to carry is tried after a pause, which doubles
each time it proves too rich.
"""

import math
from dataclasses import replace

from sender.delay_trend import DelayTrend
from sender.loss_meter import LossMeter
from sender.loss_trial import LossTrial, Verdict
from sender.message_times import MessageTimes
from sender.operating_point import CallLimits, OperatingPoint, ladder
from sender.wire_cost import WireCost
from shared.rate_meter import RateMeter
from shared.receiver_report import ReceiverReport

HIGH_LOSS = 0.10
LOW_LOSS = 0.05
CALM_NS = 5_000_000_000
"""Loss must stay low so long before frames share a message again."""

REFERENCE_START_BPS = 64_000.0
"""Beside the call's own rate: leaves room on a link of 100 kbit/s."""

REFERENCE_LEAST_BPS = 2_500.0
"""Before the first picture."""

REFERENCE_SPARE_BPS = 200.0
"""After it, where there is no room: a better picture can wait."""

REFERENCE_MOST_BPS = 1_000_000.0
TARGET_LEAST_BPS = 2_000.0

PICTURE_FIRST_BPS = 48_000.0
"""On a thinner link the first picture goes before everything else: motion shows nothing yet."""

_PICTURE_FIRST_HZ = 1.0

_PACKET_BITS = 1040.0
"""One packet of ours beside another one is no queue, however long a thin link takes for it."""

_QUEUE_UNIT_MS = 50.0

_BACK_OFF = 0.85
"""Of the capacity, so that the queue drains (draft-ietf-rmcat-gcc-02, section 5.5)."""

_FITS = 0.95
"""Of the capacity that the call itself may take."""

_GROWTH = 1.08
"""A second, without a queue (the same draft)."""

_NEAR_GROWTH = 1.02
"""Near to where it queued lately."""

_START_GROWTH = 1.5
"""A report, until the first queue."""

_APP_LIMITED = 0.5
"""Less than this share of the predicted rate says nothing about the link."""

_MUCH_LESS = 0.65
"""Of what was sent when a queue was first seen: one that stays as it was is none."""

_SHORTFALL = 0.6
"""Of what is sent; with less, a queue runs over."""

_SETTLE_NS = 1_000_000_000
"""After a decrease the queue drains for so long before it is judged again."""

_DWELL_NS = 3_000_000_000
"""From one rung up to the next, within what the link is known to carry."""

_PROBE_NS = 20_000_000_000
_PROBE_MAX_NS = 320_000_000_000
"""Until a rung beyond that is tried; doubled whenever it proves too rich."""

_PROBATION_NS = 6_000_000_000
"""A rung that has not queued for so long is carried."""

_SILENCE_NS = 3_000_000_000
_SILENT_MESSAGES = 12
"""Without any report so long, and so many messages sent: nearly nothing gets through."""

_IN_BAND_NS = 3_000_000_000
"""Messages that go beside the sound for a moment change no ladder."""

_CARRIED_WEIGHT = 0.4
"""Of the newest report."""

_THIN_NS = 20_000_000_000
"""A link is called thin until nothing has queued on the lowest rung for so long."""


class RateControl:
    """One connection's rate. All methods belong to one thread."""

    def __init__(self, limits: CallLimits, *, now_ns: int) -> None:
        self._limits = limits
        self._cap_bps = limits.max_bps or float("inf")
        self.cost = WireCost(has_sound=limits.has_sound)
        self.loss_meter = LossMeter()
        self.has_picture = False
        """Whether the receiver holds a reference; told by the session."""
        self._trend = DelayTrend()
        self._trial = LossTrial()
        self._times = MessageTimes()
        self._sent = RateMeter()
        self._is_lossy = False
        self._calm_since_ns: int | None = None
        self._points = ladder(limits)
        self._rung = 0
        """Index of the points, 0 the richest."""
        start_bps = self.cost.bps(self._points[0]) + REFERENCE_START_BPS
        self._target_bps = min(start_bps, self._cap_bps)
        self._capacity_bps = float("inf")
        """What the link carried when it last queued."""
        self._congested_ns: int | None = None
        self._reported_ns = self._grown_ns = self._settled_ns = now_ns
        self._climbed_ns = self._moved_ns = now_ns
        self._sent_since_report = 0
        self._probe_ns = _PROBE_NS
        self._is_probing = False
        self._rung_before: int | None = None
        """From the bottom: where a silence, a trial or a queue that was none took it from."""
        self._in_band_ns: int | None = None
        self._carried_bps = 0.0
        """What the receiver said it received, smoothed."""
        self._loss_is_congestion = False
        """A trial said so, and the loss is not over."""
        self._is_silent = False
        self._thin_ns: int | None = None
        self._first_queue: tuple[float, float] | None = None
        """(standing ms, sent bps) at the first of the decreases that changed no queue."""
        self._sends_references = False
        self.round_trip_ms: float | None = None
        self._obey_cap(now_ns)

    @property
    def point(self) -> OperatingPoint:
        """How to send now."""
        awaited = self._sends_references and not self.has_picture
        if awaited and self._target_bps < PICTURE_FIRST_BPS:
            rate_hz = min(_PICTURE_FIRST_HZ, self._limits.frame_rate_hz)
            lowest = replace(self._points[-1], frame_rate_hz=rate_hz, is_thinned=True)
            return replace(lowest, frames_per_message=self._limits.frames_per_message or 1)
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
        link_bps = self._target_bps
        if not self.has_picture and self._capacity_bps < PICTURE_FIRST_BPS:
            link_bps = max(link_bps, _FITS * self._capacity_bps)
        spare_bps = link_bps - self.cost.bps(self.point)
        if self._trend.standing_ms > self._unit_ms or self._trial.is_running:
            spare_bps = 0.0
        least_bps = REFERENCE_SPARE_BPS if self.has_picture else REFERENCE_LEAST_BPS
        return min(max(spare_bps, least_bps), REFERENCE_MOST_BPS)

    def is_thin(self, now_ns: int) -> bool:
        """Whether not even the lowest rung fits."""
        if self._is_silent:
            return False
        if self.cost.bps(self._points[-1]) > min(self._cap_bps, self._capacity_bps):
            return True
        is_bottom = self._rung == len(self._points) - 1
        return is_bottom and self._thin_ns is not None and now_ns - self._thin_ns < _THIN_NS

    @property
    def shortage(self) -> str:
        """What to tell the user when the link is too thin."""
        needed = math.ceil(self.cost.bps(self._points[-1]) / 1e3)
        if self._cap_bps <= self._capacity_bps:
            found = f"the cap allows {self._cap_bps / 1e3:.0f} kbit/s"
        else:
            found = f"the link carries about {self._capacity_bps / 1e3:.0f} kbit/s"
        return f"{found}, the call needs {needed}: picture and sound will suffer"

    def message_sent(self, sequence: int, *, age_ms: float, now_ns: int) -> None:
        """A parameter message left now, so long after the capture of its last frame."""
        self._times.sent(sequence, age_ms=age_ms, now_ns=now_ns)
        self._sent_since_report += 1

    def set_in_band(self, is_in_band: bool, now_ns: int) -> None:
        """Whether messages ride in the packets of sound: other headers, another ladder."""
        if is_in_band:
            self._in_band_ns = now_ns
        elif self._in_band_ns is not None and now_ns - self._in_band_ns < _IN_BAND_NS:
            return
        if is_in_band != self.cost.is_in_band:
            rate_bps = self.cost.bps(self._points[self._rung])
            self.cost.is_in_band = is_in_band
            is_top = self._rung == 0
            self._points = ladder(self._limits, is_lossy=self._is_lossy, is_in_band=is_in_band)
            self._move(0 if is_top else self._first_that_fits(rate_bps), now_ns)
            self._obey_cap(now_ns)

    def report(self, report: ReceiverReport, now_ns: int) -> None:
        """The receiver says what it holds."""
        self._reported_ns = now_ns
        self._sent_since_report = 0
        self.loss_meter.report(report)
        self._judge_loss(now_ns)
        carried_bps = self._carried_bps or report.received_bps
        self._carried_bps = carried_bps + _CARRIED_WEIGHT * (report.received_bps - carried_bps)
        if self._loss_is_congestion and self._loses and self._rung == len(self._points) - 1:
            self._thin_ns = now_ns
        transit = self._times.transit(report, now_ns)
        if transit is None:
            return
        self.round_trip_ms = transit.round_trip_ms
        self._trend.add(transit.sent_ns, transit.transit_ms)
        if self._trend.newest_ms < self._unit_ms:
            self._first_queue = None
        self._return_from_silence(now_ns)
        if self._trial.is_running:
            self._end_trial(report.received_bps, now_ns)
        elif now_ns < self._settled_ns:
            return
        elif self._is_congested() or self._falls_short(report.received_bps):
            self._decrease(report.received_bps, now_ns)
        elif self._trial.is_wanted(self._lost_share(report.received_bps), now_ns):
            self._begin_trial(report.received_bps, now_ns)
        elif self._congested_ns is None and self._trend.standing_ms < self._unit_ms:
            self._grow(_START_GROWTH)

    def poll(self, sent_bytes: int, *, sends_references: bool, now_ns: int) -> None:
        """Call a few times a second: all bytes on the wire so far, headers included."""
        self._sends_references = sends_references
        self._sent.add(sent_bytes, now_ns)
        if sends_references:
            self._moved_ns = now_ns
        elif now_ns - self._moved_ns > 2_000_000_000:
            self.cost.observe_rate(self._sent.bps, self.point)
        seconds = (now_ns - self._grown_ns) / 1e9
        self._grown_ns = now_ns
        if self._sent_since_report >= _SILENT_MESSAGES and now_ns - self._reported_ns > _SILENCE_NS:
            self._fall_silent(now_ns)
        elif (
            now_ns >= self._settled_ns
            and not self._trial.is_running
            and self._trend.standing_ms < self._unit_ms
        ):
            is_near = self._target_bps > _BACK_OFF * self._capacity_bps
            if not (is_near and self._loses):
                self._grow((_NEAR_GROWTH if is_near else _GROWTH) ** seconds)
            self._climb(now_ns)
        self._obey_cap(now_ns)

    @property
    def _unit_ms(self) -> float:
        """What is no queue yet."""
        return max(_QUEUE_UNIT_MS, 1e3 * _PACKET_BITS / self._target_bps)

    def _judge_loss(self, now_ns: int) -> None:
        loss = self.loss_meter.loss
        if loss >= LOW_LOSS:
            self._calm_since_ns = None
        elif self._calm_since_ns is None:
            self._calm_since_ns = now_ns
        is_calm = self._calm_since_ns is not None and now_ns - self._calm_since_ns >= CALM_NS
        is_lossy = loss > HIGH_LOSS or (self._is_lossy and not is_calm)
        if loss < LOW_LOSS:
            self._loss_is_congestion = False
        if is_lossy != self._is_lossy:
            self._is_lossy = is_lossy
            from_bottom = len(self._points) - self._rung
            is_top = self._rung == 0
            self._points = ladder(self._limits, is_lossy=is_lossy, is_in_band=self.cost.is_in_band)
            # The points of both ladders agree from the bottom up.
            self._rung = max(len(self._points) - from_bottom, 0)
            if is_top and self.cost.bps(self._points[0]) <= self._target_bps:
                self._rung = 0
            self._obey_cap(now_ns)

    @property
    def _loses(self) -> bool:
        """Loss that may be the link's, where it was full before."""
        return self.loss_meter.recent > HIGH_LOSS

    def _falls_short(self, received_bps: float) -> bool:
        """Whether far less comes than is sent and there is a queue: it runs over."""
        is_full = 0 < received_bps < _SHORTFALL * self._sent.bps
        return is_full and self._trend.newest_ms > self._unit_ms

    def _lost_share(self, received_bps: float) -> float:
        """Of messages and of bytes, whichever is less: few of either tell chance from loss."""
        if received_bps == 0 or self._sent.bps == 0:
            return 0.0
        return min(self.loss_meter.recent, 1.0 - received_bps / self._sent.bps)

    def _is_congested(self) -> bool:
        unit_ms, trend = self._unit_ms, self._trend
        queue_ms = trend.standing_ms - 2.0 * trend.scatter_ms  # jitter stands, too
        if queue_ms > 2 * unit_ms:
            return trend.slope > -0.05
        return queue_ms > unit_ms / 2 and trend.rise_ms() > unit_ms

    def _decrease(self, received_bps: float, now_ns: int) -> None:
        if self._is_path_longer():
            self._trend.rebase()
            self._capacity_bps = float("inf")
            self._go_back(now_ns)
            return
        expected_bps = self.cost.bps(self.point)
        if self._sent.bps < _APP_LIMITED * expected_bps:
            received_bps = expected_bps
        elif received_bps == 0:
            growth = 1.0 + max(self._trend.slope, 0.0)
            received_bps = self._sent.bps * (1.0 - self.loss_meter.recent) / growth
        if self._is_probing:
            self._is_probing = False
            self._probe_ns = min(2 * self._probe_ns, _PROBE_MAX_NS)
        is_bottom = self._rung == len(self._points) - 1
        if is_bottom and not self._sends_references:
            self._thin_ns = now_ns
        self._congested(received_bps, now_ns)
        rung = self._first_that_fits(_FITS * received_bps)
        if not self._sends_references:
            rung = max(rung, self._rung + 1)
        self._move(max(rung, self._rung), now_ns)

    def _congested(self, capacity_bps: float, now_ns: int) -> None:
        self._congested_ns = now_ns
        self._settled_ns = now_ns + _SETTLE_NS
        self._capacity_bps = capacity_bps
        self._target_bps = max(_BACK_OFF * capacity_bps, TARGET_LEAST_BPS)
        self._trend.forget_window()

    def _is_path_longer(self) -> bool:
        """A queue that stays as it is although less is sent is none."""
        standing_ms, sent_bps = self._trend.standing_ms, self._sent.bps
        first = self._first_queue
        if first is None or standing_ms < 0.8 * first[0] or self.loss_meter.recent > LOW_LOSS:
            self._first_queue = (standing_ms, sent_bps)
            self._rung_before = len(self._points) - self._rung
            return False
        if sent_bps > _MUCH_LESS * first[1]:
            return False
        self._first_queue = None
        return True

    def _grow(self, factor: float) -> None:
        limit_bps = max(self._target_bps, 1.5 * self._sent.bps + 10_000.0)
        self._target_bps = min(self._target_bps * factor, limit_bps, self._cap_bps)

    def _climb(self, now_ns: int) -> None:
        """One rung up when it fits and the last change is long enough ago."""
        since_ns = now_ns - max(self._climbed_ns, self._settled_ns)
        if self._is_probing and since_ns >= _PROBATION_NS:
            self._is_probing = False
            if self._loses:  # a full queue that was never seen otherwise loses, and no more
                self._probe_ns = min(2 * self._probe_ns, _PROBE_MAX_NS)
                self._climbed_ns = now_ns
                self._move(self._rung + 1, now_ns)
                return
            self._probe_ns = _PROBE_NS
            self._capacity_bps = float("inf")
        if self._rung == 0 or self._loss_is_congestion:
            return
        wanted_bps = self.cost.bps(self._points[self._rung - 1])
        is_probe = wanted_bps > _FITS * self._capacity_bps or (
            self._loses and self._congested_ns is not None
        )
        dwell_ns = self._probe_ns if is_probe else _DWELL_NS
        if since_ns >= dwell_ns and wanted_bps <= self._target_bps:
            self._climbed_ns = now_ns
            self._is_probing |= is_probe
            self._move(self._rung - 1, now_ns)

    def _obey_cap(self, now_ns: int) -> None:
        """Down to where the user's cap allows it, at once."""
        if self.cost.bps(self._points[self._rung]) > self._cap_bps:
            rung = self._first_that_fits(self._cap_bps)
            self._move(max(rung, self._rung), now_ns)

    def _first_that_fits(self, rate_bps: float) -> int:
        for rung, point in enumerate(self._points):
            if self.cost.bps(point) <= rate_bps:
                return rung
        return len(self._points) - 1

    def _move(self, rung: int, now_ns: int) -> None:
        rung = min(max(rung, 0), len(self._points) - 1)
        if rung != self._rung:
            self._rung = rung
            self._moved_ns = now_ns

    def _fall_silent(self, now_ns: int) -> None:
        if not self._is_silent:
            self._is_silent = True
            if not self._trial.is_running:
                self._rung_before = len(self._points) - self._rung
            self._settled_ns = now_ns + _SETTLE_NS
            self._move(len(self._points) - 1, now_ns)
            self._trend.forget_window()

    def _return_from_silence(self, now_ns: int) -> None:
        """Back to the rung of before when the first reports show no queue: it was an outage."""
        if self._is_silent and self._trend.count >= 2:
            self._is_silent = False
            if self._trend.newest_ms < self._unit_ms and not self._trial.is_running:
                self._go_back(now_ns)

    def _begin_trial(self, received_bps: float, now_ns: int) -> None:
        rung = self._first_that_fits(_FITS * received_bps)
        if rung > self._rung and received_bps > 0:
            self._trial.begin(
                sent_bps=self._sent.bps, received_bps=self._carried_bps, now_ns=now_ns
            )
            self._rung_before = len(self._points) - self._rung
            self._move(rung, now_ns)

    def _end_trial(self, received_bps: float, now_ns: int) -> None:
        match self._trial.verdict(
            sent_bps=self._sent.bps, received_bps=received_bps, now_ns=now_ns
        ):
            case Verdict.CONGESTION:
                self._loss_is_congestion = True
                self._congested(self._trial.received_bps, now_ns)
            case Verdict.RANDOM:
                self._go_back(now_ns)

    def _go_back(self, now_ns: int) -> None:
        if self._rung_before is not None:
            self._move(len(self._points) - self._rung_before, now_ns)
            self._rung_before = None
