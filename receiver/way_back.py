"""How a shown face comes back to what is known, at a bounded acceleration and without overshoot.

The error, shown minus known, dies away like a critically damped spring of double pole p:

    e[n] = 2 p e[n-1] - p^2 e[n-2]

of the head and of the lips each by itself, so that a mouth need not wait for a head, and the
softer the more there is to make good.
"""

import math

import numpy as np

from receiver.face_motion import EXPRESSION, HEAD, MOTION_PX, size_px
from receiver.interpolation import Vector

_GROUPS = (EXPRESSION, HEAD)

_BISECTIONS = 12


def remaining_error(last: Vector, before: Vector, *, pole: float, limit_px: float) -> Vector:
    """(35,) the next error after the two before it; it bends by at most `limit_px` (RMS motion).

    `pole` is that of the quickest way back.
    """
    remaining = np.empty_like(last)
    for group in _GROUPS:
        quickest = _pole(last[group], before[group], MOTION_PX[group], pole, limit_px)
        remaining[group] = 2 * quickest * last[group] - quickest * quickest * before[group]
    return remaining


def _pole(
    last: Vector, before: Vector, motion_px: Vector, quickest: float, limit_px: float
) -> float:
    """The quickest double pole whose way back keeps to the bound.

    It adds (1 - p) ((1 + p) before - 2 last) to a step's change, which is nothing at p = 1.
    """
    last_px, before_px = last * motion_px, before * motion_px

    def keeps(pole: float) -> bool:
        change = (1 - pole) * ((1 + pole) * before_px - 2 * last_px)
        return math.hypot(*change.tolist()) <= limit_px

    if keeps(quickest):
        return quickest
    slowest = 1.0
    for _ in range(_BISECTIONS):
        middle = (quickest + slowest) / 2
        if keeps(middle):
            slowest = middle
        else:
            quickest = middle
    return slowest


def bounded(vector: Vector, straight: Vector, limit_px: float) -> Vector:
    """(35,) the same, or as near to it as `limit_px` (RMS motion) from `straight` lets it lie."""
    change = vector - straight
    for group in _GROUPS:
        size = size_px(change, group)
        if size > limit_px:
            change[group] *= limit_px / size
    kept: Vector = straight + change
    return kept
