"""What a quality run says of one generator on one clip, and means over clips."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from statistics import stdev
from typing import Any, TypeVar

import numpy as np


@dataclass(frozen=True, slots=True)
class SelfScores:
    """Self-reenactment: rebuilt pictures against the true ones; NaN where nothing was measured.

    Means over measured frames, at 256 x 256. `benchmarks.face_observer` and `benchmarks.flicker`
    define AED, APD and flicker.
    """

    frames: int
    """Measured: references themselves and frames without a face are left out."""

    l1: float
    """Mean absolute difference, levels of 255, RGB (HeadGAN, appendix E)."""

    psnr_db: float
    """Mean of the frames' PSNR."""

    ssim: float
    ms_ssim: float

    csim: float
    """Cosine of the recognition network's vectors, rebuilt and driving frame of the same time;
    NaN without the network."""

    akd_px: float
    """Mean distance of the 478 landmarks that our tracker sees in both pictures (GDPW 4.2)."""

    aed: float
    """Expression, standard deviations."""

    apd_deg: float
    """Yaw, pitch, roll, degrees."""

    sharpness: float
    """Mean gradient inside the face over that of the driving frame; 1 is as sharp."""

    flicker: float
    """Over the driving clip's, in the head; 1 is as restless."""

    faces_lost: int
    """Measured frames in whose rebuilt picture the tracker finds no face."""

    beside_share: float = float("nan")
    """Of the squared error over all measured frames, what lies beside the driving head (face,
    skull, ears and the hair on it): on neck, shoulders and background. NaN in older results."""


@dataclass(frozen=True, slots=True)
class CrossScores:
    """Cross-reenactment: one person moved by another; there is no true picture."""

    frames: int

    csim: float
    """Rebuilt picture to the reference it was made from (HeadGAN, appendix E)."""

    aed: float
    """Expression of the rebuilt to that of the driving person, each from their own neutral."""

    apd_deg: float
    faces_lost: int


@dataclass(frozen=True, slots=True)
class SelfRow:
    """One generator on one clip with one choice of references."""

    clip: str
    references: str
    generator: str
    scores: SelfScores


@dataclass(frozen=True, slots=True)
class CrossRow:
    """One generator, the person of one clip moved by that of another."""

    clip: str
    """Whose appearance."""

    driving: str
    """Whose motion."""

    references: str
    generator: str
    scores: CrossScores


_AnyScores = TypeVar("_AnyScores", SelfScores, CrossScores)


def mean_scores(scores: Sequence[_AnyScores]) -> _AnyScores:
    """Every clip counts alike; counts are summed; what is missing is left out."""
    return _combined(scores, finite_mean)


def deviations(scores: Sequence[_AnyScores]) -> _AnyScores:
    """Standard deviations over clips (of a sample); counts are summed."""
    return _combined(scores, _deviation)


def finite_mean(values: Iterable[float]) -> float:
    """NaN where no value is finite."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _combined(
    scores: Sequence[_AnyScores], combine: Callable[[Sequence[float]], float]
) -> _AnyScores:
    combined: dict[str, Any] = {}
    for field in fields(scores[0]):
        values = [getattr(one, field.name) for one in scores]
        combined[field.name] = sum(values) if field.name in _COUNTS else combine(values)
    return type(scores[0])(**combined)


_COUNTS = ("frames", "faces_lost")


def _deviation(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return stdev(finite) if len(finite) > 1 else float("nan")
