"""The decoded frames of one party by capture time, and what lies between them."""

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from shared.clock import TICKS_PER_SECOND
from shared.parameters import EXPRESSION_SIZE, FaceParameters
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

SPAN_TICKS = 2 * TICKS_PER_SECOND
"""Frames older than the newest by more than this are forgotten, but for the last of them."""

MAX_FRAMES = 256
"""A bound for a peer that sends a frame every few ticks; 2 s at 120 fps fit."""

ROTATION = slice(EXPRESSION_SIZE + 1, EXPRESSION_SIZE + 4)
"""Where the rotation vector lies among the 35 floats."""


class SampleKind(Enum):
    """How a sample came about."""

    EXACT = "exact"
    INTERPOLATED = "interpolated"
    STALE = "stale"
    """No later frame of the set is there: the newest one, unchanged."""
    HELD = "held"
    """The same after a message that announced a pause: right, however old."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackFrame:
    """One decoded frame."""

    time: int
    """Unwrapped 90 kHz ticks (`ClockMap.extend`)."""

    set_id: int
    """The set of references that the numbers belong to."""

    vector: NDArray[np.float64]
    """(35,) expression, then camera."""

    hold: bool = False
    """The sender pauses after this frame."""

    @classmethod
    def of(
        cls, parameters: FaceParameters, time: int, *, set_id: int, hold: bool = False
    ) -> "TrackFrame":
        """A frame of the wire at its unwrapped time."""
        return cls(time=time, set_id=set_id, vector=parameters.vector.astype(np.float64), hold=hold)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The parameters at one moment."""

    kind: SampleKind
    set_id: int
    vector: NDArray[np.float64]
    """(35,) expression, then camera."""

    age_ticks: int
    """Sampled moment minus the newest frame at or before it; >= 0."""


class ParameterTrack:
    """Frames of the last two seconds, in order of capture, whatever order they came in."""

    def __init__(self, *, span_ticks: int = SPAN_TICKS) -> None:
        self._span_ticks = span_ticks
        self._times: list[int] = []
        self._frames: list[TrackFrame] = []

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def newest(self) -> TrackFrame | None:
        """The frame captured last."""
        return self._frames[-1] if self._frames else None

    def insert(self, frame: TrackFrame) -> bool:
        """Add a frame; False when it is there already or too old to matter."""
        if self._frames and frame.time < self._times[-1] - self._span_ticks:
            return False
        index = bisect_left(self._times, frame.time)
        if index < len(self._times) and self._times[index] == frame.time:
            return False
        self._times.insert(index, frame.time)
        self._frames.insert(index, frame)
        oldest = bisect_left(self._times, self._times[-1] - self._span_ticks)
        # One more is kept: after an outage, what comes is led up to from there.
        drop = max(oldest - 1, len(self._times) - MAX_FRAMES, 0)
        del self._times[:drop], self._frames[:drop]
        return True

    def clear(self) -> None:
        """Forget all frames (the sender's clock restarted)."""
        self._times.clear()
        self._frames.clear()

    def nearest_time(self, time: int, reach_ticks: int) -> int | None:
        """The time of the frame nearest to `time`, at most `reach_ticks` away; else None."""
        index = bisect_left(self._times, time)
        near = self._times[max(index - 1, 0) : index + 1]
        if not near:
            return None
        best = min(near, key=lambda candidate: abs(candidate - time))
        return best if abs(best - time) <= reach_ticks else None

    def before(self, time: int, count: int) -> list[TrackFrame]:
        """Up to `count` frames at or before `time`, oldest first, all of the newest one's set."""
        index = bisect_left(self._times, time + 1)
        frames = self._frames[max(index - count, 0) : index]
        return [frame for frame in frames if frame.set_id == frames[-1].set_id]

    def sample(self, time: int) -> Sample | None:
        """The parameters at `time`: exact, linear between neighbours, else the newest before.

        None before the first frame. Frames of different sets are never mixed: their crops
        differ. Across an announced pause the held frame stays; it does not drift towards the
        next one.
        """
        index = bisect_left(self._times, time + 1)
        if index == 0:
            return None
        earlier = self._frames[index - 1]
        age = time - earlier.time
        kind = SampleKind.EXACT if age == 0 else SampleKind.STALE
        if earlier.hold:
            kind = SampleKind.HELD
        vector = earlier.vector
        if kind is SampleKind.STALE and index < len(self._frames):
            later = self._frames[index]
            if later.set_id == earlier.set_id:
                kind = SampleKind.INTERPOLATED
                vector = interpolate(vector, later.vector, age / (later.time - earlier.time))
        return Sample(kind=kind, set_id=earlier.set_id, vector=vector, age_ticks=age)


def interpolate(
    start: NDArray[np.float64], end: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """(35,) between two frames, weight in [0, 1]: linear, the rotation along the great arc."""
    vector = start + (end - start) * weight
    vector[ROTATION] = interpolate_rotation(start[ROTATION], end[ROTATION], weight)
    return vector


def interpolate_rotation(
    start: NDArray[np.float64], end: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """(3,) rotation vector between two, at constant angular velocity (slerp)."""
    first = matrix_from_rotation_vector(start)
    between = rotation_vector_from_matrix(first.T @ matrix_from_rotation_vector(end))
    turned: NDArray[np.float64] = rotation_vector_from_matrix(
        first @ matrix_from_rotation_vector(between * weight)
    )
    return turned


def nearest_rotation(
    rotation: NDArray[np.float64], anchor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The vector of the same rotation that lies nearest to `anchor`: norms may exceed pi.

    Rotation vectors jump at norm pi; differences of vectors are small turns only after this.
    """
    angle = float(np.linalg.norm(rotation))
    if angle < 1e-9:
        return rotation
    axis = rotation / angle
    turns = round((float(axis @ anchor) - angle) / (2 * np.pi))
    nearest: NDArray[np.float64] = rotation + axis * (2 * np.pi * turns)
    return nearest
