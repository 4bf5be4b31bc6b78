"""Where a movement leads beyond its frames, with a velocity that dies away.

    x0 + v tau (1 - exp(-|t - t0| / tau))

forward in time from the newest frame, or backward from the first one after a gap.
"""

import numpy as np

from receiver.interpolation import ROTATION, Vector, nearest_rotation
from receiver.parameter_track import TrackFrame
from shared.clock import TICKS_PER_SECOND
from shared.parameters import EXPRESSION_SIZE

_VELOCITY_SPAN_TICKS = TICKS_PER_SECOND // 5
"""Frames further away say nothing about the speed."""

_REACH = np.array([1.0] * EXPRESSION_SIZE + [0.1] + [0.25] * 3 + [0.15] * 3)
"""How far an extrapolation may lead: a blink or a nod that begins is not carried to its end."""


def extrapolate(
    anchor: TrackFrame, frames: list[TrackFrame], time: int, damping_ms: Vector
) -> Vector:
    """(35,) at `time`, led on from a frame with the velocity that frames near it have.

    `frames` are of one set, oldest first; `damping_ms` (35,) is tau.
    """
    ms = (time - anchor.time) * 1e3 / TICKS_PER_SECOND
    run_ms = np.sign(ms) * damping_ms * (1.0 - np.exp(-np.abs(ms) / damping_ms))
    moved = np.clip(_velocity_per_ms(anchor, frames) * run_ms, -_REACH, _REACH)
    extrapolated: Vector = anchor.vector + moved
    return extrapolated


def _velocity_per_ms(anchor: TrackFrame, frames: list[TrackFrame]) -> Vector:
    """(35,) least-squares slope of the frames near the anchor; 0 where a pause lies between."""
    near = [frame for frame in frames if abs(anchor.time - frame.time) <= _VELOCITY_SPAN_TICKS]
    if len(near) < 2 or any(frame.hold for frame in near[:-1]):
        return np.zeros_like(anchor.vector)
    times = np.array([frame.time - anchor.time for frame in near]) * (1e3 / TICKS_PER_SECOND)
    vectors = np.stack([frame.vector for frame in near])
    for vector in vectors:
        vector[ROTATION] = nearest_rotation(vector[ROTATION], anchor.vector[ROTATION])
    centred = times - times.mean()
    slope: Vector = centred @ vectors / float(centred @ centred)
    return slope
