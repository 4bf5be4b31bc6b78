"""SSIM and MS-SSIM of two pictures' luma.

Wang, Bovik, Sheikh, Simoncelli 2004; Wang, Simoncelli, Bovik 2003. Gaussian window of 11 x 11,
sigma 1.5, K = 0.01 and 0.03, only windows inside the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.picture_metrics import luma
from shared.parameters import Image

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, the picture itself first, each half the one before (2003, section 4)."""

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

SMALLEST_SIDE = _WINDOW << (len(SCALE_WEIGHTS) - 1)
"""Pixels that the last scale needs."""


@dataclass(frozen=True, slots=True)
class StructuralSimilarity:
    """1 for equal pictures."""

    ssim: float
    """Mean over all windows, [-1, 1]."""

    ms_ssim: float
    """Product over the scales of the mean contrast and structure, at the last one of the mean
    SSIM, each to its weight; [0, 1]: a negative mean counts as 0."""


def structural_similarity(picture: Image, truth: Image) -> StructuralSimilarity:
    """Of two pictures (H, W, 3) of one size, no side below `SMALLEST_SIDE`."""
    assert min(picture.shape[:2]) >= SMALLEST_SIDE
    x, y = luma(picture), luma(truth)
    single, structure = _one_scale(x, y)
    product = max(structure, 0.0) ** SCALE_WEIGHTS[0]
    for scale, weight in enumerate(SCALE_WEIGHTS[1:], start=2):
        x, y = _halved(x), _halved(y)
        similarity, structure = _one_scale(x, y)
        factor = similarity if scale == len(SCALE_WEIGHTS) else structure
        product *= max(factor, 0.0) ** weight
    return StructuralSimilarity(single, product)


def _one_scale(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Mean SSIM, and the mean of its factor of contrast and structure alone."""
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x * mean_x
    variance_y = _window(y * y) - mean_y * mean_y
    covariance = _window(x * y) - mean_x * mean_y
    structure = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
    squares = mean_x * mean_x + mean_y * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (squares + _C1)
    return float((luminance * structure).mean()), float(structure.mean())


def _window(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = np.asarray(cv2.GaussianBlur(plane, (_WINDOW, _WINDOW), _SIGMA), np.float64)
    margin = _WINDOW // 2
    return blurred[margin:-margin, margin:-margin]


def _halved(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    even = plane[: plane.shape[0] & ~1, : plane.shape[1] & ~1]
    size = (even.shape[1] // 2, even.shape[0] // 2)
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.float64)
