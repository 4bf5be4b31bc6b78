"""How far a rebuilt picture is from the true one: L1, PSNR, sharpness, landmarks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.parameters import FloatArray, Image

Mask = NDArray[np.bool_]
"""(H, W), True inside."""


def mean_absolute_error(picture: Image, truth: Image, mask: Mask | None = None) -> float:
    """L1 in levels of 255, over all pixels and channels, or those of the mask (NaN if empty)."""
    error = np.abs(picture.astype(np.int16) - truth.astype(np.int16))
    return _mean(error if mask is None else error[mask])


def peak_signal_to_noise(picture: Image, truth: Image) -> float:
    """PSNR in dB over all pixels and channels; infinite for equal pictures."""
    error = squared_error(picture, truth) / picture.size
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def squared_error(picture: Image, truth: Image, mask: Mask | None = None) -> float:
    """Sum over all pixels and channels, or those of the mask, in squared levels of 255."""
    error = picture.astype(np.float64) - truth.astype(np.float64)
    return float(np.sum((error if mask is None else error[mask]) ** 2))


def sharpness(picture: Image, mask: Mask) -> float:
    """Mean magnitude of the luma's gradient (Sobel) inside the mask, in levels a pixel.

    NaN for an empty mask. Blur lowers it, and so does noise that is missing.
    """
    plane = luma(picture)
    x = cv2.Sobel(plane, cv2.CV_64F, 1, 0, ksize=3, scale=1 / 8)
    y = cv2.Sobel(plane, cv2.CV_64F, 0, 1, ksize=3, scale=1 / 8)
    return _mean(np.hypot(x, y)[mask])


def landmark_distance(points: FloatArray, truth: FloatArray) -> float:
    """AKD: mean distance in x, y between two sets of landmarks (N, 2 or 3), in their unit."""
    return float(np.linalg.norm(points[:, :2] - truth[:, :2], axis=1).mean())


def luma(picture: Image) -> NDArray[np.float64]:
    """(H, W) BT.601 luma in [0, 255]."""
    weights = np.array([0.299, 0.587, 0.114])
    result: NDArray[np.float64] = picture.astype(np.float64) @ weights
    return result


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if values.size else float("nan")
