"""The parameter codec's steps and prices, from what each parameter moves in tracked clips.

Steps are part of the bitstream version, so they stand in `shared/quantization.py` as numbers; this
shows where the numbers come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.face_model import FaceModel
from shared.fitting import FaceFitter, vertex_weights
from shared.identity_message import identity_as_received
from shared.parameters import CROP_SIZE, EXPRESSION_SIZE, FaceParameters, FloatArray
from shared.quantization import SYMBOL_COUNT
from shared.smoothing import LandmarkSmoother

FRAME_NS = 40_000_000
FRAME_TICKS = 3600
_PX = CROP_SIZE / 2
_STEP_EFFECT = 0.7
"""Of the error budget: what one step moves the vertices by."""

_FRAMES_PER_CLIP = 3

CodecFields: TypeAlias = dict[str, Any]
"""The JSON object of `shared/assets/parameter_codec.json`."""

CODING_ORDER = (*range(EXPRESSION_SIZE, SYMBOL_COUNT), *range(EXPRESSION_SIZE))
"""The camera first: the head proxy moves with it alone, so its errors are not traded."""

_ERROR_PRICE = 520.0
"""Bits a square pixel, in the mean over the face, at the standard precision: so that the mean error
on the validation clips is the budget."""

_FEEDBACK_LEAST = 0.03


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


def steps_from_effects(effects: NDArray[np.float64], budget_px: float) -> NDArray[np.float64]:
    """Powers of two that move the vertices alike: the cheapest split of an error."""
    return np.asarray(2.0 ** np.round(np.log2(_STEP_EFFECT * budget_px / effects)))


def _pixels(model: FaceModel, clip: FittedClip, vector: FloatArray) -> NDArray[np.float64]:
    parameters = FaceParameters.from_vector(vector, capture_time=0)
    return model.vertices(clip.neutral, parameters)[:, :2].astype(np.float64) * _PX


def effect_products(
    model: FaceModel, clips: Sequence[FittedClip], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(SYMBOL_COUNT, SYMBOL_COUNT): the mean product of what a step of one and a step of another
    parameter move each vertex by, square pixels.

    Weighted as the fit weights vertices: without, lips and irises paid for the cheeks (0.30 and
    0.36 px against 0.24).
    """
    roots, difference = np.sqrt(vertex_weights(model))[:, None], 1e-3
    products, count = np.zeros((SYMBOL_COUNT, SYMBOL_COUNT)), 0
    for clip in clips:
        for index in np.linspace(0, len(clip.frames) - 1, _FRAMES_PER_CLIP).astype(int):
            start = clip.frames[index].vector
            before = _pixels(model, clip, start)
            motions = []
            for parameter in range(SYMBOL_COUNT):
                moved = start.copy()
                moved[parameter] += np.float32(difference)
                motion = (_pixels(model, clip, moved) - before) / difference
                motions.append((motion * roots).reshape(-1) * steps[parameter])
            matrix = np.array(motions)
            products += matrix @ matrix.T
            count += 1
    return products / count


def encoder_fields(products: NDArray[np.float64]) -> CodecFields:
    """What the encoder alone uses: how errors are undone, and what they are worth.

    With the error of the parameters coded so far fixed, the squared error of the whole is least
    where the later ones are shifted by -G_ll^-1 G_le e (G the products; l later, e coded): the
    nearest-plane rule of lattices (Babai, 1986). What is left of a parameter's effect then is
    1 / (G_ll^-1)_00.
    """
    order = list(CODING_ORDER)
    ordered = products[np.ix_(order, order)]
    feedback: list[list[list[float]]] = [[] for _ in order]
    prices = [0.0] * len(order)
    for place, parameter in enumerate(order):
        inverse = np.linalg.inv(ordered[place:, place:])
        prices[parameter] = round(64 * _ERROR_PRICE / inverse[0, 0], 3)
        undone = -(inverse @ ordered[place:, :place])[0]
        for earlier in range(place):
            if abs(undone[earlier]) >= _FEEDBACK_LEAST:
                feedback[order[earlier]].append([parameter, round(float(undone[earlier]), 4)])
    return {"order": order, "feedback": feedback, "error_prices": prices}
