"""What is shown while frames are missing, and the way back without a snap.

    path(t)    what is known now about the face at t: exact, interpolated, held, or, past the
               newest frame, extrapolated with a velocity that dies away:
                   x0 + v tau (1 - exp(-(t - t0) / tau))
               and after 300 ms of unannounced loss eased to the person's resting face
    shown(t) = path(t) + error(t)

When a late or a next frame changes what is known, the path jumps: in its past, too. The error is
what was shown at the last two ticks minus what is known now about those moments; it dies away
like a critically damped spring, so the shown face changes neither place nor speed at once.
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
from shared.parameters import EXPRESSION_SIZE, PARAMETER_SIZE, FaceParameters

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
        self._was_held = False
        self._rest: Vector | None = None

    def reset(self) -> None:
        """Start anew: another person, crop or clock."""
        self._set_id = None
        self._shown = []
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
        resumes = self._was_held and sample.kind is not SampleKind.HELD
        self._was_held = sample.kind is SampleKind.HELD
        vector = known + self._error(track, time, known if resumes else None)
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

    def _error(self, track: ParameterTrack, time: int, resumed: Vector | None) -> Vector | float:
        """What remains, at `time`, of shown minus known at the ticks before.

        `resumed` is the path now, at the end of a pause: the path jumps there, and the held
        face is compared with where it jumps to.
        """
        if not self._shown:
            return 0.0
        errors = []
        for shown_time, shown in self._shown:
            known = resumed if resumed is not None else self._path(track, shown_time)
            errors.append(shown - known if known is not None else np.zeros_like(shown))
        last, before = errors[0], errors[-1]
        tick_ticks = time - self._shown[0][0]
        pole = self._settings.return_pole ** (tick_ticks * 25 / TICKS_PER_SECOND)
        remaining: Vector = 2 * pole * last - pole * pole * before
        return remaining


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
