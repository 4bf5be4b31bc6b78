"""Where a face's mouth opens or its head turns: two numbers a picture, and steps in them. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.step_film import FPS, RAMP_FRAMES, Movement
from shared.parameters import FloatArray

PLATEAU_NS = 250_000_000
"""How long before a step, and before the next one, a signal is looked at for its rest."""

_SETTLED_NS = round(RAMP_FRAMES / 2 / FPS * 1e9)
"""From half of a step to its end."""

_ROUNDS = 4
"""Of looking for half, and for what it is half of; two are enough for all but the unevenest."""

_UPPER_LIP, _LOWER_LIP = 13, 14
_RIGHT_EYE, _LEFT_EYE, _NOSE = 33, 263, 1
"""Landmarks of the mesh: inner lips, outer corners of the eyes, tip of the nose."""


def signal(points: FloatArray) -> FloatArray:
    """(2,) by `Movement`, of landmarks (478, 2 or 3) in any crop: all in distances of the eyes.

    MOUTH: between the inner lips. TURN: how far the nose is beside the middle of the eyes,
    positive when the head is turned to the person's own right.
    """
    flat = points[:, :2].astype(np.float64)
    eyes = flat[_LEFT_EYE] - flat[_RIGHT_EYE]
    distance = float(np.linalg.norm(eyes))
    middle = (flat[_LEFT_EYE] + flat[_RIGHT_EYE]) / 2
    found = np.empty(len(Movement), np.float32)
    found[Movement.MOUTH] = np.linalg.norm(flat[_LOWER_LIP] - flat[_UPPER_LIP]) / distance
    found[Movement.TURN] = -(flat[_NOSE] - middle) @ eyes / distance**2
    return found


@dataclass(frozen=True, slots=True)
class FoundStep:
    """A signal's way from one rest to another."""

    time_ns: float
    """When it was half done, linear between two pictures."""

    before: int
    """Index of the last picture with a face that shows less than half of it."""

    index: int
    """Of the first one that shows more."""

    weight: float
    """Of the later picture against the earlier, 0..1."""

    height: float
    """From rest to rest, signed, in the signal's unit."""


def find_step(
    times_ns: NDArray[np.int64], values: NDArray[np.floating], start_ns: float, end_ns: float
) -> FoundStep | None:
    """The step between `start_ns`, when none of it can be seen, and `end_ns`, when all of it is.

    `times_ns` (N,) rise, `values` (N,) may hold NaN for pictures without a face, which are passed
    over. Half is halfway between the rest before `start_ns` and what the step itself comes to: a
    rebuilt face may go on changing long after, when another reference comes into play. None where
    a rest has no picture or nothing crosses.
    """
    known = np.flatnonzero(np.isfinite(values))
    times, levels = times_ns[known], values[known]
    before = _rest(times, levels, start_ns - PLATEAU_NS, start_ns)
    after = _rest(times, levels, end_ns - PLATEAU_NS, end_ns)
    found: FoundStep | None = None
    for _ in range(_ROUNDS):
        if before is None or after is None:
            break
        crossing = _crossing(times, levels, (before, after), (start_ns, end_ns))
        if crossing is None:
            return None
        index, weight, time_ns = crossing
        found = FoundStep(time_ns, int(known[index - 1]), int(known[index]), weight, after - before)
        settled_ns = time_ns + _SETTLED_NS
        after = _rest(times, levels, settled_ns, min(settled_ns + PLATEAU_NS, end_ns))
    return found


def _rest(
    times: NDArray[np.int64], levels: NDArray[np.floating], start_ns: float, end_ns: float
) -> float | None:
    """Median of what is shown between two moments; None where nothing is."""
    rest = levels[(times >= start_ns) & (times < end_ns)]
    return float(np.median(rest)) if len(rest) else None


def _crossing(
    times: NDArray[np.int64],
    levels: NDArray[np.floating],
    rests: tuple[float, float],
    between_ns: tuple[float, float],
) -> tuple[int, float, float] | None:
    """(index of the first picture past half, its weight against the one before, ns)."""
    before, after = rests
    half = (before + after) / 2
    is_past = levels > half if after > before else levels < half
    inside = np.flatnonzero((times >= between_ns[0]) & (times < between_ns[1]) & is_past)
    if len(inside) == 0 or inside[0] == 0 or is_past[inside[0] - 1]:
        return None
    index = int(inside[0])
    low, high = float(levels[index - 1]), float(levels[index])
    weight = (half - low) / (high - low)
    return index, weight, float(times[index - 1] + weight * (times[index] - times[index - 1]))
