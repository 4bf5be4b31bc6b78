"""Temporal smoothing of landmarks without visible lag. Pure: the caller gives the time.

A low-pass filter whose gain grows with how far each measurement lies from the estimate (in the
spirit of the One-Euro filter, which uses the speed):

    estimate += gain * (measurement - estimate),    gain = rest + (1 - rest) e^2 / (e^2 + tau^2)

with e that distance for the vertex, raised to the mean of all vertices' where that is larger, so
that a turning head moves as one. What lies within the tracker's noise is averaged over time; what
moves passes through: the estimate never lags by more than tau / 2, and the faster the motion, the
smaller the part of a frame that this is. The One-Euro filter's own speed estimate lags by several
frames at the start of a blink.
"""

import math

import numpy as np

from shared.parameters import FloatArray, read_only

_TIME_CONSTANT_NS = 80_000_000
"""Of the filter at rest."""

_MOTION = 0.016
"""tau, in RMS distances of the face's vertices from their centre (about 50 px in a 256 px crop,
so 0.8 px there: several times the tracker's noise)."""

_GAP_NS = 300_000_000
"""After a longer gap smoothing begins anew."""


class LandmarkSmoother:
    """Smooths the landmarks of one face; any unit, any number of vertices. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next landmarks come out as they go in."""
        self._estimate: FloatArray | None = None
        self._time_ns = 0

    def update(self, points: FloatArray, time_ns: int) -> FloatArray:
        """Smoothed landmarks, read-only, of the shape of `points`: (V, 2 or 3).

        `time_ns` is the capture time, monotonic. Depth follows with the gain of x and y.
        """
        previous, elapsed_ns = self._estimate, time_ns - self._time_ns
        self._time_ns = time_ns
        if previous is None or previous.shape != points.shape or elapsed_ns > _GAP_NS:
            self._estimate = read_only(points, np.float32)
            return self._estimate
        innovation = points - previous
        distance = np.sum(innovation[:, :2] ** 2, 1)
        distance = np.maximum(distance, distance.mean())
        centred = points[:, :2] - points[:, :2].mean(0)
        motion = max(_MOTION * _MOTION * float(np.mean(np.sum(centred * centred, 1))), 1e-30)
        rest = 1.0 - math.exp(-max(elapsed_ns, 0) / _TIME_CONSTANT_NS)
        gain = rest + (1.0 - rest) * distance / (distance + motion)
        self._estimate = read_only(previous + gain[:, None] * innovation, np.float32)
        return self._estimate
