import numpy as np
import pytest

from benchmarks.picture_metrics import (
    landmark_distance,
    luma,
    mean_absolute_error,
    peak_signal_to_noise,
    sharpness,
    structural_similarity,
)
from shared.parameters import Image
from tests.faces import textured_image

IMAGE = textured_image(64)


def noisy(sigma: float = 10, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).normal(size=IMAGE.shape) * sigma
    noisy: Image = (IMAGE + noise).clip(0, 255).astype(np.uint8)
    return noisy


def slow_ssim(picture: Image, truth: Image) -> float:
    """Wang et al. 2004 written out: every 11 x 11 window, sigma 1.5."""
    x, y = luma(picture), luma(truth)
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            a = x[row : row + 11, column : column + 11]
            b = y[row : row + 11, column : column + 11]
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
            cov = (window * (a - ma) * (b - mb)).sum()
            luminance = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
            values.append(luminance * (2 * cov + c2) / (va + vb + c2))
    return float(np.mean(values))


def test_equal_pictures() -> None:
    assert mean_absolute_error(IMAGE, IMAGE) == 0
    assert peak_signal_to_noise(IMAGE, IMAGE) == float("inf")
    assert structural_similarity(IMAGE, IMAGE) == pytest.approx(1)


def test_a_known_difference() -> None:
    brighter = IMAGE // 2 + 10
    darker = IMAGE // 2
    assert mean_absolute_error(brighter, darker) == 10
    assert mean_absolute_error(darker, brighter) == 10
    assert peak_signal_to_noise(brighter, darker) == pytest.approx(20 * np.log10(255 / 10))


def test_ssim_equals_its_definition() -> None:
    for other in (noisy(), noisy(40, 1), IMAGE[::-1], np.full_like(IMAGE, 128)):
        expected = slow_ssim(IMAGE, other)
        assert structural_similarity(IMAGE, other) == pytest.approx(expected, abs=1e-9)


def test_blur_lowers_sharpness() -> None:
    image = noisy()
    blurred = (image.astype(int) + np.roll(image, 1, 0) + np.roll(image, 1, 1)) // 3
    assert sharpness(blurred.astype(np.uint8)) < sharpness(image)
    assert sharpness(np.full_like(IMAGE, 9)) == 0


def test_landmark_distance_ignores_depth() -> None:
    points = np.zeros((5, 3), np.float32)
    moved = points + np.array([3, 4, 100], np.float32)
    assert landmark_distance(points, moved) == 5
