"""What is shown while frames are missing, and the way back without a snap.

    path(t)    what is known now about the face at t: exact, interpolated, held, or, past the
               newest frame, extrapolated with a velocity that dies away:
                   x0 + v tau (1 - exp(-(t - t0) / tau))
               and after 300 ms of unannounced loss eased to the person's resting face
    shown(t) = path(t) + error(t)

When a late or a next frame changes what is known, the path jumps: in its past, too. The error is
what was shown at the last two ticks minus what is known now about those moments; it dies away
like a critically damped spring, so the shown face changes neither place nor speed at once.

Acceleration is bounded, of the head (RMS motion of all vertices in pixels of 256) and of the
expression (the same of the lips, which move most), each by itself so that a mouth need not wait
for a head. What the error adds to the known path's own never exceeds `max_acceleration_px_s2`:
the spring is softer the more there is to make good. While frames are missing the shown face
itself never does, however fast it moved before.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from receiver.parameter_track import (
    ROTATION,
    ParameterTrack,
    SampleKind,
    TrackFrame,
    nearest_rotation,
)
from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND
from shared.face_model import FaceModel, VertexGroup
from shared.parameters import CROP_SIZE, EXPRESSION_SIZE, PARAMETER_SIZE, FaceParameters

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ConcealmentSettings:
    """How lost frames are covered."""

    camera_damping_ms: float = 200.0
    """tau of the head: the time in which an extrapolated movement loses 63 % of its speed."""

    expression_damping_ms: float = 120.0
    """The same of the expression, which turns round sooner than a head."""

    velocity_frames: int = 3
    """Frames that the velocity is taken from."""

    return_pole: float = 0.4
    """Double pole of the way back at 25 ticks a second: 0 jumps, 1 never comes back."""

    max_acceleration_px_s2: float = 2000.0
    """What concealment may do to a face; 3.2 px a tick from one tick to the next at 25 ticks a
    second. Quick turns of a head reach as much by themselves."""

    rest_after_ms: float = 300.0
    """Unannounced loss longer than this eases to the resting face."""

    rest_ms: float = 1200.0
    """Time that the easing takes."""


_VELOCITY_SPAN_TICKS = TICKS_PER_SECOND // 5
"""Older frames say nothing about the speed now."""

_REST_WEIGHT = 0.01
"""Of a frame in the running mean that is the resting face: 4 s at 25 fps."""

_REACH = np.array([1.0] * EXPRESSION_SIZE + [0.1] + [0.25] * 3 + [0.15] * 3)
"""How far an extrapolation may lead: a blink or a nod that begins is not carried to its end."""

_BISECTIONS = 12

_TYPICAL_LOG_SCALE = -1.05
"""Of a face that fills its crop as the sender cuts it."""


def motion_px(model: FaceModel) -> Vector:
    """(35,) RMS motion in pixels of 256 that a unit of each parameter makes, seen frontally.

    Of the lips by the expression, of all vertices by the camera.
    """
    scale_px = math.exp(_TYPICAL_LOG_SCALE) * CROP_SIZE / 2
    lips = model.expression_basis[:, model.vertex_groups == VertexGroup.LIPS, :2]
    expression = np.sqrt(np.mean(np.sum(lips.astype(np.float64) ** 2, axis=2), axis=1))
    x, y, z = np.sqrt(np.mean(model.mean.astype(np.float64) ** 2, axis=0)).tolist()
    camera = [math.hypot(x, y), math.hypot(y, z), math.hypot(x, z), math.hypot(x, y)]
    moved = [CROP_SIZE / 2, CROP_SIZE / 2, 0.0]
    return np.array([*(scale_px * expression), *(scale_px * size for size in camera), *moved])


_MOTION_PX = motion_px(FaceModel.load())
_GROUPS = (slice(0, EXPRESSION_SIZE), slice(EXPRESSION_SIZE, PARAMETER_SIZE))
"""Expression and head."""

_MAX_EXPRESSION = 4.0
"""Standard deviations; what the fit is bounded to."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownFace:
    """What a tick shows."""

    parameters: FaceParameters
    set_id: int
    kind: SampleKind


class Concealment:
    """The shown face of one party, tick by tick; pure."""

    def __init__(self, settings: ConcealmentSettings | None = None) -> None:
        self._settings = settings or ConcealmentSettings()
        self._set_id: int | None = None
        self._shown: list[tuple[int, Vector]] = []
        """(time, vector) of up to two ticks, newest first; rotations near each other."""
        self._held: Vector | None = None
        """The face of the pause that was shown last."""
        self._resumption: tuple[int, Vector] | None = None
        """When the last pause ended, and where the path went on."""
        self._rest: Vector | None = None

    def reset(self) -> None:
        """Start anew: another person, crop or clock."""
        self._set_id = None
        self._shown = []
        self._held = self._resumption = None
        self._rest = None

    def show(self, track: ParameterTrack, time: int) -> ShownFace | None:
        """The face at a tick's unwrapped time; None before the track's first frame.

        `time` rises from call to call.
        """
        sample = track.sample(time)
        if sample is None:
            return None
        if sample.set_id != self._set_id:  # another crop: numbers mean other places
            self.reset()
            self._set_id = sample.set_id
        if sample.kind is SampleKind.EXACT:
            self._learn_rest(sample.vector)
        known = self._path(track, time)
        assert known is not None
        resumes = self._held is not None and sample.vector is not self._held
        self._held = sample.vector if sample.kind is SampleKind.HELD else None
        if resumes:
            self._resumption = (time, known)
        vector = known + self._error(track, time)
        if sample.kind is SampleKind.STALE:
            vector = self._bounded(vector, time)
        self._shown = [(time, vector), *self._shown[:1]]
        return ShownFace(_parameters(vector, time), sample.set_id, sample.kind)

    def _learn_rest(self, vector: Vector) -> None:
        if self._rest is None:
            self._rest = vector.copy()
        self._rest[ROTATION] = nearest_rotation(self._rest[ROTATION], vector[ROTATION])
        self._rest += (vector - self._rest) * _REST_WEIGHT

    def _path(self, track: ParameterTrack, time: int) -> Vector | None:
        """What is known now about `time`, its rotation near what was shown last."""
        sample = track.sample(time)
        if sample is None or sample.set_id != self._set_id:
            return None
        vector = sample.vector
        if sample.kind is SampleKind.STALE:
            vector = self._extrapolated(track.before(time, self._settings.velocity_frames), time)
        vector = vector.copy()
        if self._shown:
            vector[ROTATION] = nearest_rotation(vector[ROTATION], self._shown[0][1][ROTATION])
        return vector

    def _extrapolated(self, frames: list[TrackFrame], time: int) -> Vector:
        newest = frames[-1]
        age_ms = (time - newest.time) * 1e3 / TICKS_PER_SECOND
        run_ms = np.full(PARAMETER_SIZE, _run(age_ms, self._settings.camera_damping_ms))
        run_ms[:EXPRESSION_SIZE] = _run(age_ms, self._settings.expression_damping_ms)
        vector = newest.vector + np.clip(_velocity_per_ms(frames) * run_ms, -_REACH, _REACH)
        rest_ms = age_ms - self._settings.rest_after_ms
        if rest_ms > 0 and self._rest is not None:
            step = min(rest_ms / self._settings.rest_ms, 1.0)
            rest = self._rest.copy()
            rest[ROTATION] = nearest_rotation(rest[ROTATION], vector[ROTATION])
            vector += (rest - vector) * (step * step * (3.0 - 2.0 * step))
        return vector

    def _error(self, track: ParameterTrack, time: int) -> Vector | float:
        """What remains, at `time`, of shown minus known at the ticks before.

        The path jumps at the end of a pause: the held face is compared with where it jumps to.
        """
        if not self._shown:
            return 0.0
        errors = []
        for shown_time, shown in self._shown:
            if self._resumption is not None and shown_time < self._resumption[0]:
                known: Vector | None = self._resumption[1]
            else:
                known = self._path(track, shown_time)
            errors.append(shown - known if known is not None else np.zeros_like(shown))
        tick_ticks = time - self._shown[0][0]
        last, before = errors[0], errors[-1]
        if len(errors) == 2:  # one tick of now before the last, whatever its distance was
            spacing = self._shown[0][0] - self._shown[1][0]
            before = last + (before - last) * (tick_ticks / spacing)
        remaining = np.empty_like(last)
        for group in _GROUPS:
            pole = self._pole(last[group], before[group], _MOTION_PX[group], tick_ticks)
            remaining[group] = 2 * pole * last[group] - pole * pole * before[group]
        return remaining

    def _pole(self, last: Vector, before: Vector, motion_px: Vector, tick_ticks: int) -> float:
        """The quickest double pole whose way back keeps to the bound.

        It adds (1 - p) ((1 + p) before - 2 last) to a step's change, which is nothing at p = 1.
        """
        limit_px = self._limit_px(tick_ticks)
        last_px, before_px = last * motion_px, before * motion_px

        def keeps(pole: float) -> bool:
            change = (1 - pole) * ((1 + pole) * before_px - 2 * last_px)
            return math.hypot(*change.tolist()) <= limit_px

        quickest = float(self._settings.return_pole ** (tick_ticks * 25 / TICKS_PER_SECOND))
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

    def _bounded(self, vector: Vector, time: int) -> Vector:
        """The same, or as near to it as the bound lets what was shown go."""
        if len(self._shown) < 2:
            return vector
        (last_time, last), (before_time, before) = self._shown
        tick_ticks = time - last_time
        straight = last + (last - before) * (tick_ticks / (last_time - before_time))
        limit_px = self._limit_px(tick_ticks)
        change = vector - straight
        for group in _GROUPS:
            size_px = math.hypot(*(change[group] * _MOTION_PX[group]).tolist())
            if size_px > limit_px:
                change[group] *= limit_px / size_px
        bounded: Vector = straight + change
        return bounded

    def _limit_px(self, tick_ticks: int) -> float:
        """How far a tick may lie from where the two before it lead."""
        return self._settings.max_acceleration_px_s2 * (tick_ticks / TICKS_PER_SECOND) ** 2


def _run(age_ms: float, damping_ms: float) -> float:
    """How far a unit of speed that dies away goes in `age_ms`, in ms of the full speed."""
    return damping_ms * (1.0 - math.exp(-age_ms / damping_ms))


def _velocity_per_ms(frames: list[TrackFrame]) -> Vector:
    """Least-squares slope of frames of one set, oldest first, that are near in time."""
    newest = frames[-1]
    near = [frame for frame in frames if newest.time - frame.time <= _VELOCITY_SPAN_TICKS]
    if len(near) < 2 or any(frame.hold for frame in near[:-1]):
        return np.zeros_like(newest.vector)
    times = np.array([frame.time - newest.time for frame in near]) * (1e3 / TICKS_PER_SECOND)
    vectors = np.stack([frame.vector for frame in near])
    for vector in vectors[:-1]:
        vector[ROTATION] = nearest_rotation(vector[ROTATION], vectors[-1][ROTATION])
    centred = times - times.mean()
    slope: Vector = centred @ vectors / float(centred @ centred)
    return slope


def _parameters(vector: Vector, time: int) -> FaceParameters:
    """For the renderer: expression in the fit's bounds, the rotation's norm at most pi."""
    bounded = vector.copy()
    np.clip(
        bounded[:EXPRESSION_SIZE],
        -_MAX_EXPRESSION,
        _MAX_EXPRESSION,
        out=bounded[:EXPRESSION_SIZE],
    )
    bounded[ROTATION] = nearest_rotation(bounded[ROTATION], np.zeros(3))
    return FaceParameters.from_vector(bounded.astype(np.float32), capture_time=time % TICKS_MODULUS)
