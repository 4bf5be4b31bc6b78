"""Curves of goodness over rate: where one reaches a given goodness, and BD-rate of two.

BD-rate (Bjøntegaard, VCEG-M33): the mean difference of the logarithm of the rate over the
qualities that both reach, here of piecewise cubics that keep the data's monotony (PCHIP: Fritsch,
Butland, SIAM J. Sci. Stat. Comput. 1984), integrated numerically.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import exp, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a rate gives."""

    rate_bps: float
    goodness: float
    """More is better."""


class Reach(Enum):
    """How a curve stands to a given goodness."""

    BELOW_FLOOR = "better even at its least rate"
    AT = "reached"
    NEVER = "not reached at its most rate"


@dataclass(frozen=True, slots=True)
class Crossover:
    """The rate at which a curve is as good as something else."""

    reach: Reach
    rate_bps: float
    """Where it is reached; else the curve's least or most rate."""


def crossover(points: Sequence[CurvePoint], goodness: float) -> Crossover:
    """The least rate from which the curve is that good, straight in the logarithm of the rate
    between its points. At least one point."""
    ordered = sorted(points, key=lambda point: point.rate_bps)
    if ordered[0].goodness >= goodness:
        return Crossover(Reach.BELOW_FLOOR, ordered[0].rate_bps)
    for before, after in pairwise(ordered):
        if after.goodness >= goodness:
            share = (goodness - before.goodness) / (after.goodness - before.goodness)
            low, high = log(before.rate_bps), log(after.rate_bps)
            return Crossover(Reach.AT, exp(low + share * (high - low)))
    return Crossover(Reach.NEVER, ordered[-1].rate_bps)


def bd_rate(points: Sequence[CurvePoint], anchor: Sequence[CurvePoint]) -> float | None:
    """How much more rate a curve takes than the anchor for the same goodness: 0.1 is 10 % more.

    None where the two have no goodness in common, or one has a single point.
    """
    ours, theirs = _improving(points), _improving(anchor)
    if min(len(ours), len(theirs)) < 2:
        return None
    low = max(ours[0].goodness, theirs[0].goodness)
    high = min(ours[-1].goodness, theirs[-1].goodness)
    if low >= high:
        return None
    wanted = np.linspace(low, high, _SAMPLES)
    difference = _log_rates(ours, wanted) - _log_rates(theirs, wanted)
    return exp(float(np.trapezoid(difference, wanted)) / (high - low)) - 1


def _improving(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """By rate, without those that are no better than a cheaper one."""
    kept: list[CurvePoint] = []
    for point in sorted(points, key=lambda point: point.rate_bps):
        if not kept or point.goodness > kept[-1].goodness:
            kept.append(point)
    return kept


def _log_rates(points: Sequence[CurvePoint], wanted: Floats) -> Floats:
    goodness = np.array([point.goodness for point in points])
    return monotone_cubic(goodness, np.log([point.rate_bps for point in points]), wanted)


def monotone_cubic(x: Floats, y: Floats, wanted: Floats) -> Floats:
    """PCHIP through points of ascending `x`, two at least, at `wanted` within them."""
    steps, slopes = np.diff(x), np.diff(y) / np.diff(x)
    if len(x) == 2:
        return np.asarray(y[0] + slopes[0] * (wanted - x[0]), np.float64)
    derivatives = np.zeros(len(x))
    for i in range(1, len(x) - 1):
        if slopes[i - 1] * slopes[i] > 0:
            before, after = 2 * steps[i] + steps[i - 1], steps[i] + 2 * steps[i - 1]
            weighted = before / slopes[i - 1] + after / slopes[i]
            derivatives[i] = (before + after) / weighted
    derivatives[0] = _end_slope(steps[0], steps[1], slopes[0], slopes[1])
    derivatives[-1] = _end_slope(steps[-1], steps[-2], slopes[-1], slopes[-2])
    part = np.clip(np.searchsorted(x, wanted, side="right") - 1, 0, len(x) - 2)
    step = steps[part]
    t = (wanted - x[part]) / step
    value = (
        (1 + 2 * t) * (1 - t) ** 2 * y[part]
        + t * (1 - t) ** 2 * step * derivatives[part]
        + t**2 * (3 - 2 * t) * y[part + 1]
        + t**2 * (t - 1) * step * derivatives[part + 1]
    )
    return np.asarray(value, np.float64)


def _end_slope(step: float, next_step: float, slope: float, next_slope: float) -> float:
    """Of three points, kept from overshooting."""
    found = ((2 * step + next_step) * slope - step * next_slope) / (step + next_step)
    if found * slope <= 0:
        return 0.0
    if slope * next_slope <= 0 and abs(found) > 3 * abs(slope):
        return 3 * slope
    return float(found)
