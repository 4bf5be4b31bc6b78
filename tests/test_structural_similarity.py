"""Against scikit-image 0.26 (SSIM, float64, windows inside the picture) and pytorch-msssim 1.0
(MS-SSIM), run once on these pictures' luma; and against the definition."""

import numpy as np
import pytest

from benchmarks.picture_metrics import luma
from benchmarks.structural_similarity import (
    SCALE_WEIGHTS,
    SMALLEST_SIDE,
    structural_similarity,
)
from shared.parameters import Image
from tests.faces import textured_image

IMAGE = textured_image()


def noisy() -> Image:
    noise = np.random.default_rng(0).normal(size=IMAGE.shape) * 25
    return np.asarray((IMAGE + noise).clip(0, 255), np.uint8)


def blurred() -> Image:
    shifted = IMAGE.astype(int) + np.roll(IMAGE, 3, 0) + np.roll(IMAGE, 3, 1)
    return np.asarray(shifted // 3, np.uint8)


@pytest.mark.parametrize(
    ("other", "ssim", "ms_ssim"),
    [
        (noisy(), 0.3399651378088167, 0.8888912532),
        (np.roll(IMAGE, 6, 1), 0.9676909162819094, 0.9644614361),
        (blurred(), 0.9917844035128925, 0.9913302119),
        (textured_image(seed=1), 0.3933777467951457, 0.0),
    ],
    ids=["noise", "shift", "blur", "another"],
)
def test_values_of_other_implementations(other: Image, ssim: float, ms_ssim: float) -> None:
    found = structural_similarity(other, IMAGE)
    assert found.ssim == pytest.approx(ssim, abs=1e-9)
    assert found.ms_ssim == pytest.approx(ms_ssim, abs=2e-6)  # its window is float32


def test_ssim_equals_its_definition() -> None:
    other = textured_image(SMALLEST_SIDE, seed=2)
    truth = textured_image(SMALLEST_SIDE)
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    a, b = (
        np.lib.stride_tricks.sliding_window_view(luma(picture), (11, 11))
        for picture in (other, truth)
    )
    ma, mb = (np.einsum("yxij,ij->yx", values, window) for values in (a, b))
    va = np.einsum("yxij,ij->yx", (a - ma[..., None, None]) ** 2, window)
    vb = np.einsum("yxij,ij->yx", (b - mb[..., None, None]) ** 2, window)
    product = (a - ma[..., None, None]) * (b - mb[..., None, None])
    cov = np.einsum("yxij,ij->yx", product, window)
    similarity = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    found = structural_similarity(other, truth).ssim
    assert found == pytest.approx(similarity.mean(), abs=1e-9)


def test_equal_pictures_and_known_weights() -> None:
    same = structural_similarity(IMAGE, IMAGE)
    assert same.ssim == pytest.approx(1)
    assert same.ms_ssim == pytest.approx(1)
    assert sum(SCALE_WEIGHTS) == pytest.approx(1, abs=2e-4)  # as published: 1.0001


def test_brightness_counts_at_the_last_scale_alone() -> None:
    darker, brighter = np.full_like(IMAGE, 100), np.full_like(IMAGE, 120)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    found = structural_similarity(brighter, darker)
    assert found.ssim == pytest.approx(luminance)
    assert found.ms_ssim == pytest.approx(luminance ** SCALE_WEIGHTS[-1])
