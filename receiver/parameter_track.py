"""The decoded frames of one party by capture time, and what lies between them."""

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from receiver.face_motion import is_cut
from receiver.interpolation import interpolate
from shared.clock import TICKS_PER_SECOND
from shared.parameters import FaceParameters

SPAN_TICKS = 2 * TICKS_PER_SECOND
"""Frames older than the newest by more than this are forgotten, but for the last of them."""

MAX_FRAMES = 256
"""A bound for a peer that sends a frame every few ticks; 2 s at 120 fps fit."""


class SampleKind(Enum):
    """How a sample came about."""

    EXACT = "exact"
    INTERPOLATED = "interpolated"
    STALE = "stale"
    """No later frame of the set and the shot is there: the newest one, unchanged."""
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
        self._continues: list[bool] = []
        """Whether a frame shows the same crop as the one before it, and no cut lies between; of
        the first it means nothing."""

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
        self._continues.insert(index, True)
        for later in (index, index + 1):
            if 0 < later < len(self._frames):
                self._continues[later] = _follows(self._frames[later - 1], self._frames[later])
        oldest = bisect_left(self._times, self._times[-1] - self._span_ticks)
        # One more is kept: after an outage, what comes is led up to from there.
        drop = max(oldest - 1, len(self._times) - MAX_FRAMES, 0)
        del self._times[:drop], self._frames[:drop], self._continues[:drop]
        return True

    def clear(self) -> None:
        """Forget all frames (the sender's clock restarted)."""
        self._times.clear()
        self._frames.clear()
        self._continues.clear()

    def nearest_time(self, time: int, reach_ticks: int) -> int | None:
        """The time of the frame nearest to `time`, at most `reach_ticks` away; else None."""
        index = bisect_left(self._times, time)
        near = self._times[max(index - 1, 0) : index + 1]
        if not near:
            return None
        best = min(near, key=lambda candidate: abs(candidate - time))
        return best if abs(best - time) <= reach_ticks else None

    def before(self, time: int, count: int) -> list[TrackFrame]:
        """Up to `count` frames at or before `time`, oldest first, without a break in between."""
        end = bisect_left(self._times, time + 1)
        start = max(end - 1, 0)
        while start > max(end - count, 0) and self._continues[start]:
            start -= 1
        return self._frames[start:end]

    def after(self, time: int, count: int) -> list[TrackFrame]:
        """Up to `count` frames after `time`, oldest first, without a break since the one before."""
        start = end = bisect_left(self._times, time + 1)
        while end < min(start + count, len(self._frames)) and (end == 0 or self._continues[end]):
            end += 1
        return self._frames[start:end]

    def breaks(self, start: int, end: int) -> bool:
        """Whether a frame after `start`, until `end`, does not continue the one before it."""
        first, last = bisect_left(self._times, start + 1), bisect_left(self._times, end + 1)
        return not all(self._continues[max(first, 1) : last])

    def begins_by(self, time: int) -> bool:
        """Whether there is a frame at or before `time`: a sample."""
        return bool(self._times) and self._times[0] <= time

    def sample(self, time: int) -> Sample | None:
        """The parameters at `time`: exact, linear between neighbours, else the newest before.

        None before the first frame. Frames of different sets are never mixed, as their crops
        differ, nor are those on both sides of a cut. Across an announced pause the held frame
        stays; it does not drift towards the next one.
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
        between = kind is SampleKind.STALE and index < len(self._frames)
        if between and self._continues[index]:
            later = self._frames[index]
            kind = SampleKind.INTERPOLATED
            vector = interpolate(vector, later.vector, age / (later.time - earlier.time))
        return Sample(kind=kind, set_id=earlier.set_id, vector=vector, age_ticks=age)


def _follows(earlier: TrackFrame, later: TrackFrame) -> bool:
    return later.set_id == earlier.set_id and not is_cut(
        earlier.vector, later.vector, later.time - earlier.time
    )
