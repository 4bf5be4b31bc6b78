"""Whether a face is still: that it stays where it is, apart from the tracker's noise. Pure.

Noise is seen in second differences, in which even motion leaves nothing: of white noise of variance
s^2 they have the variance 6 s^2. A face in plain view has noise of 0.03 to 0.08 px, and the limits
are as they stand here. A hand before the mouth makes lips tremble by a pixel that nobody moved:
then single frames may lie further out, as long as their mean over some frames stays.
"""

import math

import numpy as np

from shared.parameters import FaceParameters, FloatArray
from shared.reference_set import pose_expression_embedding

STILL_PX = 0.25
"""At 256 x 256: a face that stays this near to one place is still."""

STIRRED_PX = 0.4
"""A still face that leaves it further is not."""

STILL_NS = 600_000_000

_NOISE_FACTOR = 4.0
"""Standard deviations of noise that a single frame may lie from the place."""

_NOISE_MAX_PX = 0.25
"""Standard deviation: what trembles more is taken for motion."""

_NOISE_NS = 1_000_000_000
"""Time constant of the measure of noise."""

_MEAN_NS = 150_000_000
"""Time constant of the mean that must stay."""


class StillnessDetector:
    """Watches one face; distances are `pose_expression_distance`s. Not thread-safe."""

    def __init__(self) -> None:
        self._place: FloatArray | None = None
        self._mean = self._last = self._before_last = np.zeros(0, np.float32)
        self._variance = 0.0
        """Of the noise, px^2."""
        self._still = False
        self._since_ns = self._time_ns = 0

    def reset(self) -> None:
        """Forget the place, not the noise: the next frame is of another crop or after a break."""
        self._place = None

    def update(self, parameters: FaceParameters, time_ns: int) -> bool:
        """Whether the face is still at this frame, `time_ns` monotonic.

        Still once it has kept its place for STILL_NS, until it leaves it.
        """
        now = pose_expression_embedding(parameters)
        if self._place is None:
            self._last = self._before_last = now
            self._time_ns = time_ns
            return self._start_at(now, time_ns)
        limit = STIRRED_PX if self._still else STILL_PX
        noise = min(math.sqrt(self._variance), _NOISE_MAX_PX)
        elapsed_ns, self._time_ns = max(time_ns - self._time_ns, 0), time_ns
        self._measure_noise(now, elapsed_ns)
        if _distance(now, self._place) > max(limit, _NOISE_FACTOR * noise):
            return self._start_at(now, time_ns)
        self._mean = self._mean + _gain(elapsed_ns, _MEAN_NS) * (now - self._mean)
        if _distance(self._mean, self._place) > limit:
            return self._start_at(self._mean, time_ns)
        if not self._still and time_ns - self._since_ns >= STILL_NS:
            # From here on this is what is shown.
            self._still, self._place = True, self._mean
        return self._still

    def _start_at(self, place: FloatArray, time_ns: int) -> bool:
        self._place = self._mean = place
        self._since_ns, self._still = time_ns, False
        return False

    def _measure_noise(self, now: FloatArray, elapsed_ns: int) -> None:
        bend = now - 2 * self._last + self._before_last
        self._before_last, self._last = self._last, now
        self._variance += _gain(elapsed_ns, _NOISE_NS) * (float(bend @ bend) / 6 - self._variance)


def _distance(a: FloatArray, b: FloatArray) -> float:
    return float(np.linalg.norm(a - b))


def _gain(elapsed_ns: int, constant_ns: int) -> float:
    return 1.0 - math.exp(-elapsed_ns / constant_ns)
