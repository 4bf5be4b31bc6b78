"""What is shown while frames are missing, and the way back without a snap.

    path(t)    what is known now about the face at t: exact, interpolated, held, or, past the
               newest frame, extrapolated with a velocity that dies away, and after 300 ms of
               unannounced loss eased to the person's resting face
    shown(t) = path(t) + error(t)

When a late or a next frame changes what is known, the path jumps: in its past, too. The error is
what was shown at the last two ticks minus what is known now about those moments; it dies away
like a critically damped spring, so the shown face changes neither place nor speed at once.

A gap that was guessed at is known from its far end when it closes: the path leads back from the
first frame after it, with the velocity there. A line across the gap would end in a corner, and
the error, bound to the path's speed before the corner, would throw the face beyond where it came
from. A jump that no face makes (`is_cut`) is no gap: behind it all begins anew.

Acceleration is bounded, of the head (RMS motion of all vertices in pixels of 256) and of the
expression (the same of the lips, which move most). What the error adds to the known path's own
never exceeds `max_acceleration_px_s2`. While frames are missing the shown face itself never does,
however fast it moved before.
"""

from dataclasses import dataclass

import numpy as np

from receiver.extrapolation import extrapolate
from receiver.interpolation import ROTATION, Vector, nearest_rotation
from receiver.parameter_track import ParameterTrack, Sample, SampleKind, TrackFrame
from receiver.resting_face import RestingFace
from receiver.way_back import bounded, remaining_error
from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND
from shared.parameters import EXPRESSION_SIZE, PARAMETER_SIZE, FaceParameters


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


_NO_ROTATION = np.zeros(3)

_MAX_EXPRESSION = 4.0
"""Standard deviations; what the fit is bounded to."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownFace:
    """What a tick shows."""

    parameters: FaceParameters
    set_id: int
    kind: SampleKind


@dataclass(frozen=True, slots=True, eq=False)
class _Tick:
    """What was shown, and from what."""

    time: int
    vector: Vector
    """(35,) rotations of neighbouring ticks near each other."""
    newest: int
    """Time of the newest frame at or before it that was known."""
    guessed: bool
    """Whether it lies in a gap of which the far end was not known when it began."""


class Concealment:
    """The shown face of one party, tick by tick; pure."""

    def __init__(self, settings: ConcealmentSettings | None = None) -> None:
        self._settings = settings or ConcealmentSettings()
        self._damping_ms = np.full(PARAMETER_SIZE, self._settings.camera_damping_ms)
        self._damping_ms[:EXPRESSION_SIZE] = self._settings.expression_damping_ms
        self.reset()

    def reset(self) -> None:
        """Start anew: another person, crop or clock."""
        self._set_id: int | None = None
        self._shown: list[_Tick] = []
        """Of up to two ticks, newest first."""
        self._rest = RestingFace()

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
        if not self._leads_to(track, time):
            self._shown = []
        if sample.kind is SampleKind.EXACT:
            self._rest.learn(sample.vector)
        newest = time - sample.age_ticks
        guessed = sample.kind in (SampleKind.STALE, SampleKind.HELD) or (
            sample.kind is SampleKind.INTERPOLATED and self._guessed_since(newest)
        )
        far_end = self._far_end(track, sample, time, time) if guessed else []
        vector = self._path(track, sample, time, far_end) + self._error(track, time)
        if sample.kind is SampleKind.STALE and len(self._shown) == 2:
            straight = _straight(self._shown[0], self._shown[1], time)
            vector = bounded(vector, straight, self._limit_px(time - self._shown[0].time))
        self._shown = [_Tick(time, vector, newest, guessed), *self._shown[:1]]
        return ShownFace(_parameters(vector, time), sample.set_id, sample.kind)

    def _leads_to(self, track: ParameterTrack, time: int) -> bool:
        """Whether what was shown last is still known of, and no cut lies between."""
        return (
            bool(self._shown)
            and track.begins_by(self._shown[-1].time)
            and not track.breaks(self._shown[-1].newest, time)
        )

    def _guessed_since(self, frame_time: int) -> bool:
        """Whether the last tick was a guess, and lies after this frame as well."""
        return bool(self._shown) and self._shown[0].guessed and self._shown[0].time > frame_time

    def _far_end(
        self, track: ParameterTrack, sample: Sample, time: int, now: int
    ) -> list[TrackFrame]:
        """The first frames after the gap at a `time` that was guessed; none while it is open."""
        if sample.kind is SampleKind.EXACT:
            return []
        after = track.after(time, self._settings.velocity_frames)
        if sample.kind is SampleKind.HELD and after and after[0].time > now:
            return []  # a pause is over when the next frame is shown, not when it is known
        return after

    def _path(
        self, track: ParameterTrack, sample: Sample, time: int, far_end: list[TrackFrame]
    ) -> Vector:
        """What is known now about `time`, its rotation near what was shown last."""
        settings = self._settings
        vector = sample.vector
        if far_end:
            near = far_end
            if len(near) == 1:
                near = [*track.before(far_end[0].time - 1, 1), *far_end]
            vector = extrapolate(far_end[0], near, time, self._damping_ms)
        elif sample.kind is SampleKind.STALE:
            before = track.before(time, settings.velocity_frames)
            vector = extrapolate(before[-1], before, time, self._damping_ms)
            lost_ms = sample.age_ticks * 1e3 / TICKS_PER_SECOND - settings.rest_after_ms
            vector = self._rest.eased(vector, lost_ms / settings.rest_ms)
        vector = vector.copy()
        if self._shown:
            rotation = vector[ROTATION]
            nearest = nearest_rotation(rotation, self._shown[0].vector[ROTATION])
            if nearest is not rotation:
                vector[ROTATION] = nearest
        return vector

    def _known(self, track: ParameterTrack, now: int) -> list[Vector]:
        """What is known now about the ticks before, newest first."""
        known: list[Vector] = []
        far_end: list[TrackFrame] = []
        for tick in self._shown:
            sample = track.sample(tick.time)
            assert sample is not None
            if tick.guessed:
                # Before the gap, too: the path has no step where the gap begins.
                far_end = self._far_end(track, sample, tick.time, now) or far_end
            known.append(self._path(track, sample, tick.time, far_end))
        return known

    def _error(self, track: ParameterTrack, now: int) -> Vector | float:
        """What remains, now, of shown minus known at the ticks before."""
        if not self._shown:
            return 0.0
        known = self._known(track, now)
        errors = [tick.vector - path for tick, path in zip(self._shown, known, strict=True)]
        if not any(error.any() for error in errors):
            return 0.0
        last, before = errors[0], errors[-1]
        tick_ticks = now - self._shown[0].time
        if len(errors) == 2:  # one tick of now before the last, whatever its distance was
            spacing = self._shown[0].time - self._shown[1].time
            before = last + (before - last) * (tick_ticks / spacing)
        return remaining_error(
            last,
            before,
            pole=self._settings.return_pole ** (tick_ticks * 25 / TICKS_PER_SECOND),
            limit_px=self._limit_px(tick_ticks),
        )

    def _limit_px(self, tick_ticks: int) -> float:
        """How far a tick may lie from where the two before it lead."""
        return self._settings.max_acceleration_px_s2 * (tick_ticks / TICKS_PER_SECOND) ** 2


def _straight(last: _Tick, before: _Tick, time: int) -> Vector:
    """(35,) where two ticks lead in a straight line."""
    line: Vector = last.vector + (last.vector - before.vector) * (
        (time - last.time) / (last.time - before.time)
    )
    return line


def _parameters(vector: Vector, time: int) -> FaceParameters:
    """For the renderer: expression in the fit's bounds, the rotation's norm at most pi."""
    kept = vector.copy()
    expression = kept[:EXPRESSION_SIZE]
    np.minimum(np.maximum(expression, -_MAX_EXPRESSION), _MAX_EXPRESSION, out=expression)
    kept[ROTATION] = nearest_rotation(kept[ROTATION], _NO_ROTATION)
    return FaceParameters.from_vector(kept.astype(np.float32), capture_time=time % TICKS_MODULUS)
