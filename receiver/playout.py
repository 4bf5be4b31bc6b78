"""When each captured moment is shown: the playout delay and the ticks.

A moment is shown at `clock map + delay`. The delay covers what the first frame of a message
waits for the others (packing) and the jitter of the way, as one number: how late the first
frames of nearly all recent messages came. A lost message says nothing about lateness and is
not counted; but where messages of one frame are lost often, the delay covers one frame more, so
that most lost frames lie between two that came and are interpolated, not guessed. Ticks follow
the capture times themselves, so that a tick meets an exact frame.
"""

import math
from collections import deque
from dataclasses import dataclass
from statistics import median

from receiver.clock_map import ClockMap
from receiver.parameter_track import ParameterTrack
from shared.clock import TICKS_PER_SECOND, ns_from_ticks


@dataclass(frozen=True, slots=True)
class PlayoutSettings:
    """How the playout trades delay for frames that come in time."""

    percentile: float = 95.0
    """Share of messages in percent whose first frame is to be in time."""

    margin_ms: float = 6.0
    """Added to the percentile: timers and the event loop are late too."""

    start_margin_ms: float = 15.0
    """Added instead while few messages were seen."""

    slew_ms_per_s: float = 25.0
    """The delay changes at most this fast (1 ms per 40 ms): faces slow down unseen."""

    start_slew_ms_per_s: float = 100.0
    """The same while the picture is new: what the start cost is not paid for long."""

    start_ms: float = 5000.0
    """How long a picture is new."""

    start_window_messages: int = 20
    """Messages that count until then: the load of the start is soon forgotten."""

    late_slew_ms_per_s: float = 150.0
    """The same while most messages come too late: a guessed face is worse than a slow one."""

    max_delay_ms: float = 500.0
    """Later than this is lost, not late."""

    patience_ms: float = 1500.0
    """Unless nothing comes sooner for so long: then the way has become longer."""

    window_messages: int = 50
    """Messages that the percentile is taken over: 4 s at two frames a message."""

    start_messages: int = 12
    """Messages that are few."""

    cover_above_loss: float = 0.08
    """Share of messages lost above which a lost frame is waited for: then one frame a message
    travels, and on three clips at 30 % loss the mean error fell from 0.88 to 0.42 px."""

    cover_below_loss: float = 0.04
    """Share below which it no longer is."""


MIN_PERIOD_TICKS = TICKS_PER_SECOND // 60
MAX_PERIOD_TICKS = TICKS_PER_SECOND // 5
"""Frame rates from 5 to 60 per second are followed; slower ones are interpolated."""

_PERIOD_WINDOW = 25
_LOSS_MEMORY = 0.97
"""Weight of what was known of the loss before one more message: some 30 messages count."""

_LATE_MESSAGES = 8
_RESET_NS = 1_000_000_000
"""The delay jumps when it is off by more than this: the path or the sender's clock changed."""


class Playout:
    """Ticks of one party's picture; pure: every time is handed in."""

    def __init__(self, clock_map: ClockMap, *, settings: PlayoutSettings | None = None) -> None:
        self._settings = settings or PlayoutSettings()
        self._clock_map = clock_map
        self._lateness_ns: deque[int] = deque(maxlen=self._settings.window_messages)
        self._spacings: deque[int] = deque(maxlen=_PERIOD_WINDOW)
        self._period_ticks = TICKS_PER_SECOND // 25
        self._target_ns = 0
        self._offset_ns = 0
        """Local ns minus capture ns at which moments are shown now."""
        self._moved_ns = 0
        self._messages = 0
        self._loss = 0.0
        self._covers_loss = False
        self._begun_ns: int | None = None
        self._too_late_since_ns: int | None = None

    @property
    def ready(self) -> bool:
        """Whether a message was seen, so that there is something to show."""
        return self._messages > 0

    @property
    def period_ticks(self) -> int:
        """The sender's frame period."""
        return self._period_ticks

    @property
    def delay_ms(self) -> float:
        """The playout delay now, relative to the fastest message."""
        return (self._offset_ns - self._clock_map.offset_ns) / 1e6 if self.ready else 0.0

    @property
    def jitter_ms(self) -> float:
        """Spread of recent lateness, 95th percentile minus median."""
        if not self._lateness_ns:
            return 0.0
        ordered = sorted(self._lateness_ns)
        return (_rank(ordered, 95.0) - _rank(ordered, 50.0)) / 1e6

    def set_frame_rate(self, frames_per_second: float) -> None:
        """The rate that the sender announced; what is measured replaces it."""
        if not self._spacings:
            period = round(TICKS_PER_SECOND / frames_per_second)
            self._period_ticks = min(max(period, MIN_PERIOD_TICKS), MAX_PERIOD_TICKS)

    def observe_spacing(self, ticks: int) -> None:
        """The time between two frames known to be neighbours."""
        if MIN_PERIOD_TICKS <= ticks <= MAX_PERIOD_TICKS:
            self._spacings.append(ticks)
            self._period_ticks = round(median(self._spacings))

    def observe_loss(self, lost: int, *, frames_per_message: int) -> None:
        """A message came, and so many just before it did not."""
        settings = self._settings
        self._loss += (lost / (lost + 1) - self._loss) * (1 - _LOSS_MEMORY ** (lost + 1))
        limit = settings.cover_below_loss if self._covers_loss else settings.cover_above_loss
        self._covers_loss = frames_per_message == 1 and self._loss > limit

    def begin(self, now_ns: int) -> None:
        """A picture is shown from now on; until then the delay jumps to where it should be."""
        if self._begun_ns is None:
            self._begun_ns = now_ns

    def observe_message(self, oldest_time: int, arrival_ns: int) -> None:
        """A message came whose first frame was captured at this unwrapped time.

        The clock map has seen the message before.
        """
        lateness_ns = arrival_ns - self._clock_map.local_ns(oldest_time)
        limit_ns = int(self._settings.max_delay_ms * 1e6)
        self._messages += 1
        if lateness_ns <= self._offset_ns - self._clock_map.offset_ns:
            self._too_late_since_ns = None
        elif lateness_ns > limit_ns and self._too_late_since_ns is None:
            self._too_late_since_ns = arrival_ns
        if self._too_late_since_ns is not None:
            if arrival_ns - self._too_late_since_ns < self._settings.patience_ms * 1e6:
                return  # held up by a stall; until one is in time again that is no lateness
            self._start_over(arrival_ns)
            lateness_ns = arrival_ns - self._clock_map.local_ns(oldest_time)
        self._lateness_ns.append(min(max(lateness_ns, 0), limit_ns))
        self._target_ns = min(self._wanted_delay_ns(arrival_ns), limit_ns)
        self._follow(arrival_ns)

    def _start_over(self, now_ns: int) -> None:
        """The way has become much longer: nothing came in time for a while, so none is lost."""
        self._clock_map.rebase()
        self._lateness_ns.clear()
        self._too_late_since_ns = None
        self._offset_ns = self._clock_map.offset_ns + self._target_ns
        self._moved_ns = now_ns

    def _wanted_delay_ns(self, now_ns: int) -> int:
        settings = self._settings
        recent = list(self._lateness_ns)
        if self._is_new(now_ns):
            recent = recent[-settings.start_window_messages :]
        cover_ns = ns_from_ticks(self._period_ticks) if self._covers_loss else 0
        if len(recent) <= settings.start_messages:
            return max(recent) + int(settings.start_margin_ms * 1e6) + cover_ns
        late_ns = _rank(sorted(recent), settings.percentile)
        return late_ns + int(settings.margin_ms * 1e6) + cover_ns

    def _is_new(self, now_ns: int) -> bool:
        return self._begun_ns is None or now_ns - self._begun_ns < self._settings.start_ms * 1e6

    def _follow(self, now_ns: int) -> None:
        """Move the shown offset towards the wanted one, slowly once the picture runs."""
        wanted_ns = self._clock_map.offset_ns + self._target_ns
        gap_ns = wanted_ns - self._offset_ns
        if self._messages == 1 or self._begun_ns is None or abs(gap_ns) > _RESET_NS:
            self._offset_ns = wanted_ns
        else:
            settings = self._settings
            is_new = self._is_new(now_ns)
            slew = settings.start_slew_ms_per_s if is_new else settings.slew_ms_per_s
            if self._is_mostly_late:
                slew = settings.late_slew_ms_per_s
            reach_ns = int((now_ns - self._moved_ns) * slew / 1e3)
            self._offset_ns += min(max(gap_ns, -reach_ns), reach_ns)
        self._moved_ns = now_ns

    @property
    def _is_mostly_late(self) -> bool:
        """Whether most of the last messages came after they were to be shown."""
        recent = list(self._lateness_ns)[-_LATE_MESSAGES:]
        return median(recent) > self._offset_ns - self._clock_map.offset_ns

    def restart(self) -> None:
        """The sender's clock restarted: what was measured means nothing any more."""
        self._lateness_ns.clear()
        self._messages = 0

    def due_ns(self, time: int) -> int:
        """Local monotonic ns at which the moment of this unwrapped time is shown."""
        return ns_from_ticks(time) + self._offset_ns

    def time_at(self, now_ns: int) -> int:
        """The unwrapped time that is due now; the inverse of `due_ns`."""
        return (now_ns - self._offset_ns) * 9 // 100_000

    def next_tick(self, track: ParameterTrack, previous: int | None, now_ns: int) -> int:
        """The unwrapped time of the tick after `previous`: on the grid of the newest frames.

        Ticks that the process slept through are skipped; the first tick is the one due now.
        """
        period = self._period_ticks
        due = self.time_at(now_ns)
        after = due if previous is None else previous + period
        if due - after > 2 * period:
            after = due
        newest = track.newest
        if newest is not None:
            after += _to_grid(after - newest.time, period)
        if previous is not None:
            after = max(after, previous + period // 2)
        return after

    def snap(self, track: ParameterTrack, time: int, previous: int | None) -> int:
        """The exact frame that a tick at `time` shows, if one is near; else `time`."""
        nearest = self._period_ticks // 2
        exact = track.nearest_time(time, nearest)
        if exact is None or (previous is not None and exact - previous < nearest):
            return time
        return exact


def _to_grid(offset: int, period: int) -> int:
    """What brings an offset to the nearest multiple of the period, in (-period/2, period/2]."""
    remainder = offset % period
    return -remainder if remainder * 2 <= period else period - remainder


def _rank(ordered: list[int], percent: float) -> int:
    """Nearest-rank percentile of a sorted list that is not empty."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
