"""Whether a queue grows on the way, from how long messages are under way. Pure.

The slope of transit times over the last seconds, as in WebRTC's trendline filter (Carlucci et
al., "Analysis and design of the Google congestion control for WebRTC", MMSys 2016, section 4.2;
draft-ietf-rmcat-gcc-02, section 5), and beside it the standing queue, the smallest delay of an
interval above the smallest of all (CoDel, RFC 8289, section 4.2): with three reports a second a
slope takes long to be told from jitter.
"""

from collections import deque

import numpy as np

BASE_NS = 60_000_000_000
"""The shortest transit of so long is the way without a queue."""

WINDOW_NS = 3_000_000_000
LEAST_REPORTS = 6
"""For a slope; with fewer the standing queue alone tells."""
STANDING_NS = 1_200_000_000
"""The smallest of so long is a queue that stands, not one packet that met another."""

STANDING_REPORTS = 2

_SCATTER_WEIGHT = 0.1
_NOISE_FACTOR = 3.0
"""A rise counts when it exceeds the scatter around it so many times."""


class DelayTrend:
    """Transit times of messages, in milliseconds with any constant added."""

    def __init__(self) -> None:
        self._minima: deque[tuple[int, float]] = deque()
        """(time ns, ms), rising: the first is the smallest of BASE_NS."""
        self._window: deque[tuple[int, float]] = deque()
        self._usual_scatter_ms = 0.0

    def add(self, sent_ns: int, transit_ms: float) -> None:
        """The newest message that a report names; times must rise."""
        while self._minima and self._minima[-1][1] >= transit_ms:
            self._minima.pop()
        self._minima.append((sent_ns, transit_ms))
        while sent_ns - self._minima[0][0] > BASE_NS:
            self._minima.popleft()
        self._window.append((sent_ns, transit_ms))
        while sent_ns - self._window[0][0] > WINDOW_NS:
            self._window.popleft()
        scatter_ms = self._fit()[2]
        self._usual_scatter_ms += (scatter_ms - self._usual_scatter_ms) * _SCATTER_WEIGHT

    def forget_window(self) -> None:
        """The rate changed: what was before says nothing about the trend."""
        self._window.clear()

    def rebase(self) -> None:
        """The way itself became longer: what it takes now is no queue."""
        self._minima.clear()
        self._minima.extend(self._window and [min(self._window, key=lambda one: one[1])])

    @property
    def count(self) -> int:
        """Messages in the window."""
        return len(self._window)

    @property
    def newest_ms(self) -> float:
        """The queue that the newest message met; 0 before the first."""
        return self._window[-1][1] - self._minima[0][1] if self._window else 0.0

    @property
    def standing_ms(self) -> float:
        """The queue that no recent message escaped; 0 while few were seen."""
        since_ns = self._window[-1][0] - STANDING_NS if self._window else 0
        recent = [transit_ms for sent_ns, transit_ms in self._window if sent_ns >= since_ns]
        return min(recent) - self._minima[0][1] if len(recent) >= STANDING_REPORTS else 0.0

    @property
    def scatter_ms(self) -> float:
        """RMS of transit times around their trend, now or as usual: jitter."""
        return max(self._fit()[2], self._usual_scatter_ms)

    @property
    def slope(self) -> float:
        """Milliseconds by which the queue grows in a millisecond; 0 while few were seen."""
        return self._fit()[0]

    def rise_ms(self) -> float:
        """How much the queue grew over the window, 0 where that may be jitter."""
        slope, span_ms, _ = self._fit()
        rise = slope * span_ms
        return rise if rise > _NOISE_FACTOR * self.scatter_ms else 0.0

    def _fit(self) -> tuple[float, float, float]:
        """Least squares: slope, length of the window in ms, RMS of what remains in ms."""
        if len(self._window) < LEAST_REPORTS:
            return 0.0, 0.0, 0.0
        times = np.array([sent_ns / 1e6 for sent_ns, _ in self._window])
        transits = np.array([transit_ms for _, transit_ms in self._window])
        times -= times.mean()
        spread = float(times @ times)
        if spread == 0.0:
            return 0.0, 0.0, 0.0
        slope = float(times @ transits) / spread
        rest = transits - transits.mean() - slope * times
        return slope, float(times[-1] - times[0]), float(np.sqrt(np.mean(rest * rest)))
