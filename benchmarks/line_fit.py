"""A straight line through measurements that follow each other, and how sure its slope is."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEAST_POINTS = 6
"""Fewer say nothing about their own spread."""

_CONFIDENCE = 0.95
_LEAST_FREEDOM = 2.0


@dataclass(frozen=True, slots=True)
class Slope:
    """Of a line by least squares, in units of y per unit of x."""

    value: float

    half_width: float
    """Of the interval that holds the true slope with 95 %."""

    points: int

    @property
    def low(self) -> float:
        return self.value - self.half_width

    @property
    def high(self) -> float:
        return self.value + self.half_width


def fit_slope(x: Sequence[float], y: Sequence[float]) -> Slope | None:
    """None for fewer than LEAST_POINTS points, or where all are of one x.

    What is left beside the line is not independent from point to point (memory grows in steps),
    so that n points count as the n (1 - r) / (1 + r) that their correlation r with their
    successors leaves; without that the interval would be several times too narrow.
    """
    if len(x) < LEAST_POINTS or max(x) == min(x):
        return None
    places, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    centred = places - places.mean()
    spread = float(centred @ centred)
    value = float(centred @ (values - values.mean())) / spread
    rest = values - values.mean() - value * centred
    squares = float(rest @ rest)
    if squares <= 1e-18 * max(float(values @ values), 1.0):
        return Slope(value, 0.0, len(places))
    correlation = min(max(float(rest[1:] @ rest[:-1]) / squares, 0.0), 0.99)
    shrink = (1 - correlation) / (1 + correlation)
    freedom = max(len(places) * shrink - 2, _LEAST_FREEDOM)
    error = (squares / (len(places) - 2) / spread / shrink) ** 0.5
    return Slope(value, _student_quantile(freedom) * error, len(places))


def line_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope alone, of two points or more that are not all of one x."""
    return float(np.polyfit(np.asarray(x, np.float64), np.asarray(y, np.float64), 1)[0])


def _student_quantile(freedom: float) -> float:
    """Student's t at 97.5 %, by the first terms of its expansion about the normal distribution.

    Within 0.2 % from 8 degrees of freedom on, 2 % at 4 and 10 % at 2.
    """
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
