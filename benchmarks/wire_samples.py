"""What one call of the wire benchmark sent, showed and left frozen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.link_model import LinkCount
from benchmarks.played_call import monotonic_ns
from benchmarks.wire_lane import MeasuredCall
from benchmarks.wire_track import RecordedTrack
from receiver.parameter_track import SampleKind
from shared.face_model import FaceModel
from shared.parameters import FaceParameters, FloatArray

FROZEN_MS = 120.0
STILL_PX = 0.2
MOVING_PX = 1.0

_PIXELS = 256 / 2
"""Pixels at 256 x 256 of one image unit."""

_WINDOW_TICKS = 50
"""A longer freeze is seen as several that overlap."""


@dataclass(frozen=True, slots=True, eq=False)
class DrivenFace:
    """Where the face of a recording really is, in pixels at 256 x 256."""

    model: FaceModel
    neutral: FloatArray
    fitted: FloatArray
    """(F, V, 2) the sender's own vertices."""

    landmarks: FloatArray
    """(F, V, 2) tracked."""

    @classmethod
    def of(cls, track: RecordedTrack, model: FaceModel) -> "DrivenFace":
        neutral = model.neutral(track.identity)
        return cls(
            model, neutral, shown_points(model, neutral, track.vectors), track.landmarks[..., :2]
            * np.float32(_PIXELS),
        )  # fmt: skip


def shown_points(model: FaceModel, neutral: FloatArray, vectors: FloatArray) -> FloatArray:
    """(N, V, 2) pixels at 256 x 256 of (N, 35) parameters; NaN where they are."""
    frames = [
        model.vertices(neutral, FaceParameters.from_vector(vector, capture_time=0))[:, :2]
        for vector in vectors
    ]
    return np.stack(frames) * np.float32(_PIXELS)


@dataclass(frozen=True, slots=True, eq=False)
class CallSamples:
    """Of one call, while it was measured."""

    seconds: float
    forward: LinkCount
    reverse: LinkCount

    arrival_ms: NDArray[np.float64]
    shown_ms: NDArray[np.float64]
    frozen: NDArray[np.bool_]
    """By tick, those that should have been included."""

    error_px: NDArray[np.float64]
    """By tick with a face."""

    reprojection_px: NDArray[np.float64]
    sent_reprojection_px: NDArray[np.float64]
    coded: int
    delivered: int
    messages: int
    payload_bytes: int
    ridden_bytes: int
    kinds: list[SampleKind]
    late_ms: NDArray[np.float64]


def take_samples(call: MeasuredCall, face: DrivenFace) -> CallSamples:
    """`face`: of the recording that the call played."""
    sent, shown = call.sent, call.shown
    delay_ms = call.plan.conditions.delay_ms

    def within(times: NDArray[np.int64]) -> NDArray[np.bool_]:
        return (times >= call.start_ns) & (times < call.end_ns)

    def capture_ns(capture_time: int, near_ns: int) -> int:
        return monotonic_ns(capture_time, sent.ticks_at_zero, near_ns)

    coded = sent.coded[within(sent.coded[:, 0])]
    wanted = {int(time) for time in coded[:, 1]}
    came = {int(time) for time in shown.arrivals[:, 1]} & wanted
    first_arrivals: dict[int, int] = {}
    for arrival_ns, time, again in shown.arrivals.tolist():
        if time in wanted and not again:
            first_arrivals.setdefault(time, arrival_ns)
    messages = sent.messages[within(sent.messages[:, 0])]
    chosen = within(shown.ticks[:, 0])
    ticks = shown.ticks[chosen]
    captured = np.array([capture_ns(time, now) for now, time, _ in ticks.tolist()], np.int64)
    points = shown_points(face.model, face.neutral, shown.vectors[chosen]) if len(ticks) else None
    frames = sent.frames
    period_ms = float(np.median(np.diff(frames[:, 0]))) / 1e6
    if points is None:
        # Nothing was shown at all: frozen, for want of a better word, all the time.
        none = np.zeros(0)
        errors, reprojection, own, frozen = none, none, none, np.ones(1, np.bool_)
    else:
        driven = at_times(face.fitted, frames, captured)
        landmarks = at_times(face.landmarks, frames, captured)
        errors = _distances(points, driven)
        reprojection, own = _distances(points, landmarks), _distances(driven, landmarks)
        frozen = frozen_ticks(ticks[:, 0] / 1e6, points, driven, period_ms)
    return CallSamples(
        seconds=(call.end_ns - call.start_ns) / 1e9,
        forward=call.forward,
        reverse=call.reverse,
        arrival_ms=np.array(
            [(ns - capture_ns(time, ns)) / 1e6 - delay_ms for time, ns in first_arrivals.items()]
        ),
        shown_ms=(ticks[:, 0] - captured) / 1e6 - delay_ms,
        frozen=frozen,
        error_px=errors[np.isfinite(errors)],
        reprojection_px=reprojection[np.isfinite(reprojection)],
        sent_reprojection_px=own[np.isfinite(own)],
        coded=len(wanted),
        delivered=len(came),
        messages=len(messages),
        payload_bytes=int(messages[:, 1].sum()),
        ridden_bytes=int(sent.rides[within(sent.rides[:, 0]), 1].sum()),
        kinds=[kind for kind, is_chosen in zip(shown.kinds(), chosen, strict=True) if is_chosen],
        late_ms=(frames[:, 2] - frames[:, 0])[within(frames[:, 2])] / 1e6,
    )


def at_times(
    points: FloatArray, frames: NDArray[np.int64], times_ns: NDArray[np.int64]
) -> FloatArray:
    """(T, V, 2) the recording's points at capture times, linear between its frames.

    `frames`: (F, 2 or more) capture ns and index into `points` of each frame played.
    """
    later = np.clip(np.searchsorted(frames[:, 0], times_ns), 1, len(frames) - 1)
    start, end = frames[later - 1], frames[later]
    weight = np.clip((times_ns - start[:, 0]) / (end[:, 0] - start[:, 0]), 0, 1)
    mixed = points[start[:, 1]] * (1 - weight)[:, None, None]
    mixed += points[end[:, 1]] * weight[:, None, None]
    # A neighbour without a face does not matter at the very time of the other.
    exact = np.abs(weight - np.round(weight)) < 0.05
    nearest = np.where(weight < 0.5, start[:, 1], end[:, 1])
    mixed[exact] = points[nearest[exact]]
    return np.asarray(mixed, np.float32)


def frozen_ticks(
    times_ms: NDArray[np.float64], shown: FloatArray, driven: FloatArray, period_ms: float
) -> NDArray[np.bool_]:
    """Which of the ticks that were due belong to a freeze: a run of more than FROZEN_MS in which
    the shown face stays within STILL_PX of where it was and the driver's leaves MOVING_PX.

    Ticks that the receiver left out are put in: the last picture stood, the driver went on to
    where the next tick found it.
    """
    gaps = np.maximum(np.round(np.diff(times_ms) / period_ms).astype(int), 1)
    shown = np.repeat(shown, np.append(gaps, 1), axis=0)
    steps = [
        driven[i] + (driven[i + 1] - driven[i]) * np.float32(step / gap)
        for i, gap in enumerate(gaps)
        for step in range(gap)
    ]
    driven = np.stack([*steps, driven[-1]])
    frozen = np.zeros(len(shown), np.bool_)
    for start in range(len(shown)):
        window = slice(start, start + _WINDOW_TICKS)
        moved = _distances(shown[window], shown[start]) >= STILL_PX
        count = int(moved.argmax()) if moved.any() else len(moved)
        if count * period_ms <= FROZEN_MS:
            continue
        travelled = _distances(driven[start : start + count], driven[start])
        if np.nanmax(travelled, initial=0) > MOVING_PX:
            frozen[start : start + count] = True
    return frozen


def _distances(points: FloatArray, others: FloatArray) -> NDArray[np.float64]:
    """(T,) mean distance over vertices."""
    return np.asarray(np.linalg.norm(points - others, axis=-1).mean(axis=-1), np.float64)
