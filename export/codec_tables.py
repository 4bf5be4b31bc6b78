"""The constants of the parameter codec, from tracked clips: steps and tables.

They are part of the bitstream version, so they stand in `shared/quantization.py` and
`shared/residual_coder.py` as numbers; this shows where the numbers come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.entropy import LAPLACE_TABLES
from shared.face_model import FaceModel
from shared.fitting import FaceFitter, vertex_weights
from shared.identity_message import identity_as_received
from shared.parameters import CROP_SIZE, FaceParameters, FloatArray
from shared.quantization import SYMBOL_COUNT
from shared.smoothing import LandmarkSmoother

FRAME_NS = 40_000_000
FRAME_TICKS = 3600
_PX = CROP_SIZE / 2
_STEP_EFFECT_PX = 0.175
_FRAMES_PER_CLIP = 3
_GROUPS = (slice(0, 28), slice(28, SYMBOL_COUNT))
"""Parameters that share a scale: expression and camera."""

_SCALES = 8
_BASE_DISTANCES_FRAMES = (1, 2, 5)


@dataclass(frozen=True, slots=True, eq=False)
class FittedClip:
    """A clip as the sender would send it."""

    neutral: FloatArray
    """(V, 3) of the identity as received."""

    frames: tuple[FaceParameters, ...]


def fit_clip(model: FaceModel, points: NDArray[np.float32]) -> FittedClip:
    """Smooth and fit (F, V, 3) landmarks in image coordinates; identity from the middle frame."""
    smoother, fitter = LandmarkSmoother(), FaceFitter(model)
    identity, _ = fitter.fit_reference(points[len(points) // 2], 0)
    neutral = model.neutral(identity_as_received(identity))
    frames: list[FaceParameters] = []
    for index, frame in enumerate(points):
        smooth = smoother.update(frame, index * FRAME_NS)
        previous = frames[-1] if frames else None
        frames.append(
            fitter.fit(smooth, neutral, capture_time=index * FRAME_TICKS, previous=previous)
        )
    return FittedClip(neutral, tuple(frames))


def pixel_effects(model: FaceModel, clips: Sequence[FittedClip]) -> NDArray[np.float64]:
    """(SYMBOL_COUNT,) RMS motion in pixels of a 256-pixel crop by one unit of each parameter."""
    weights, difference = vertex_weights(model), 1e-3
    squares, count = np.zeros(SYMBOL_COUNT), 0
    for clip in clips:
        for index in np.linspace(0, len(clip.frames) - 1, _FRAMES_PER_CLIP).astype(int):
            start = clip.frames[index].vector
            before = _pixels(model, clip, start)
            for parameter in range(SYMBOL_COUNT):
                moved = start.copy()
                moved[parameter] += np.float32(difference)
                motion = (_pixels(model, clip, moved) - before) / difference
                squares[parameter] += np.sum(motion**2, 1) @ weights
            count += 1
    return np.asarray(np.sqrt(squares / count))


def steps_from_effects(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Powers of two that move the vertices alike: the cheapest split of an error."""
    return np.asarray(2.0 ** np.round(np.log2(_STEP_EFFECT_PX / effects)))


def added_error_px(
    model: FaceModel, clips: Sequence[FittedClip], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(V,) mean distance in pixels that quantization moves each vertex."""
    errors = []
    for clip in clips:
        for index in np.linspace(0, len(clip.frames) - 1, _FRAMES_PER_CLIP).astype(int):
            start = clip.frames[index].vector
            coded = start.copy()
            coded[:SYMBOL_COUNT] = np.floor(start[:SYMBOL_COUNT] / steps + 0.5) * steps
            motion = _pixels(model, clip, coded) - _pixels(model, clip, start)
            errors.append(np.linalg.norm(motion, axis=1))
    return np.asarray(np.mean(errors, 0))


def best_tables(
    clips: Sequence[FittedClip], steps: NDArray[np.float64]
) -> tuple[list[int], list[int]]:
    """Indices into LAPLACE_TABLES at scale 0, of intra and of predicted frames."""
    symbols = [
        np.floor(np.array([f.vector[:SYMBOL_COUNT] for f in clip.frames]) / steps + 0.5)
        for clip in clips
    ]
    differences = [
        values[frames:] - values[:-frames]
        for frames in _BASE_DISTANCES_FRAMES
        for values in symbols
        if len(values) > frames
    ]
    return _tables(np.concatenate(symbols)), _tables(np.concatenate(differences))


def _pixels(model: FaceModel, clip: FittedClip, vector: FloatArray) -> NDArray[np.float64]:
    parameters = FaceParameters.from_vector(vector, capture_time=0)
    return model.vertices(clip.neutral, parameters)[:, :2].astype(np.float64) * _PX


def _tables(values: NDArray[np.float64]) -> list[int]:
    """The shortest code: each parameter's best table, then all of a group shifted down."""
    magnitude_max = 600
    costs = np.array([[t.cost(m) for m in range(magnitude_max + 1)] for t in LAPLACE_TABLES])
    magnitudes = np.abs(values).astype(int).clip(max=magnitude_max)
    best = np.array(
        [
            (costs @ np.bincount(column, minlength=magnitude_max + 1)).argmin()
            for column in magnitudes.T
        ]
    )
    magnitudes = magnitudes[:: max(1, len(magnitudes) // 4000)]
    for group in _GROUPS:
        lengths = []
        for shift in range(_SCALES):
            scaled = np.maximum(best[group] - shift, 0) + np.arange(_SCALES)[:, None]
            chosen = np.minimum(scaled, len(LAPLACE_TABLES) - 1)
            per_scale = costs[chosen[:, None, :], magnitudes[None, :, group]].sum(2)
            lengths.append(per_scale.min(0).mean())
        best[group] = np.maximum(best[group] - int(np.argmin(lengths)), 0)
    return [int(index) for index in best]
