"""How far a rebuilt picture is from the true one: L1, PSNR, SSIM, sharpness, landmarks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.parameters import FloatArray, Image

_SSIM_WINDOW, _SSIM_SIGMA = 11, 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def mean_absolute_error(picture: Image, truth: Image) -> float:
    """L1 in levels of 255, over all pixels and channels."""
    return float(np.mean(np.abs(picture.astype(np.int16) - truth.astype(np.int16))))


def peak_signal_to_noise(picture: Image, truth: Image) -> float:
    """PSNR in dB over all pixels and channels; infinite for equal pictures."""
    difference = picture.astype(np.float64) - truth.astype(np.float64)
    error = float(np.mean(difference * difference))
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def structural_similarity(picture: Image, truth: Image) -> float:
    """SSIM of the luma (BT.601) in [-1, 1]: Wang et al. 2004.

    Gaussian window 11 x 11 of sigma 1.5, K = 0.01 and 0.03, only windows inside the picture.
    """
    x, y = luma(picture), luma(truth)
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x * mean_x
    variance_y = _window(y * y) - mean_y * mean_y
    covariance = _window(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + _SSIM_C1) * (2 * covariance + _SSIM_C2)) / (
        (mean_x * mean_x + mean_y * mean_y + _SSIM_C1) * (variance_x + variance_y + _SSIM_C2)
    )
    return float(similarity.mean())


def sharpness(picture: Image) -> float:
    """Standard deviation of the luma's Laplacian, in levels; blur lowers it."""
    return float(cv2.Laplacian(luma(picture), cv2.CV_64F).std())


def landmark_distance(points: FloatArray, truth: FloatArray) -> float:
    """AKD: mean distance in x, y between two sets of landmarks (N, 2 or 3), in their unit."""
    return float(np.linalg.norm(points[:, :2] - truth[:, :2], axis=1).mean())


def luma(picture: Image) -> NDArray[np.float64]:
    """(H, W) BT.601 luma in [0, 255]."""
    weights = np.array([0.299, 0.587, 0.114])
    result: NDArray[np.float64] = picture.astype(np.float64) @ weights
    return result


def _window(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    size = (_SSIM_WINDOW, _SSIM_WINDOW)
    blurred = np.asarray(cv2.GaussianBlur(plane, size, _SSIM_SIGMA), np.float64)
    margin = _SSIM_WINDOW // 2
    return blurred[margin:-margin, margin:-margin]
