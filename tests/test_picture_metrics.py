import numpy as np
import pytest

from benchmarks.picture_metrics import (
    landmark_distance,
    mean_absolute_error,
    peak_signal_to_noise,
    sharpness,
    squared_error,
)
from tests.faces import textured_image

IMAGE = textured_image(64)
EVERYWHERE = np.ones((64, 64), np.bool_)


def test_equal_pictures() -> None:
    assert mean_absolute_error(IMAGE, IMAGE) == 0
    assert peak_signal_to_noise(IMAGE, IMAGE) == float("inf")


def test_a_known_difference() -> None:
    brighter = IMAGE // 2 + 10
    darker = IMAGE // 2
    assert mean_absolute_error(brighter, darker) == 10
    assert mean_absolute_error(darker, brighter) == 10
    assert peak_signal_to_noise(brighter, darker) == pytest.approx(20 * np.log10(255 / 10))


def test_a_mask_limits_the_error() -> None:
    other = IMAGE.copy()
    other[:, 32:] = np.minimum(IMAGE[:, 32:], 200) + 50
    assert mean_absolute_error(other, IMAGE, EVERYWHERE) == mean_absolute_error(other, IMAGE)
    left = EVERYWHERE.copy()
    left[:, 32:] = False
    assert mean_absolute_error(other, IMAGE, left) == 0
    assert np.isnan(mean_absolute_error(other, IMAGE, ~EVERYWHERE))
    assert squared_error(other, IMAGE, left) == 0
    assert squared_error(other, IMAGE, ~left) == squared_error(other, IMAGE) > 0


def test_sharpness_is_the_gradient_of_a_ramp() -> None:
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    ramp = np.repeat((20 + 3 * x[..., None]).astype(np.uint8), 3, axis=2)
    slope = np.repeat((3 * x + 4 * y)[..., None] // 2, 3, axis=2).astype(np.uint8)
    inside = np.zeros((64, 64), np.bool_)
    inside[4:-4, 4:-4] = True
    assert sharpness(ramp, inside) == pytest.approx(3)
    assert sharpness(slope, inside) == pytest.approx(2.5, abs=0.02)
    assert sharpness(np.full_like(IMAGE, 9), EVERYWHERE) == 0
    assert np.isnan(sharpness(IMAGE, ~EVERYWHERE))


def test_blur_lowers_sharpness_where_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, IMAGE.shape, np.uint8)
    blurred = image.copy()
    left = image[:, :32].astype(int)
    blurred[:, :32] = (left + np.roll(left, 1, 0) + np.roll(left, 1, 1)) // 3
    where = np.zeros((64, 64), np.bool_)
    where[:, :30] = True
    assert sharpness(blurred, where) < 0.8 * sharpness(image, where)
    away = np.roll(where, 34, 1)
    assert sharpness(blurred, away) == sharpness(image, away)


def test_landmark_distance_ignores_depth() -> None:
    points = np.zeros((5, 3), np.float32)
    moved = points + np.array([3, 4, 100], np.float32)
    assert landmark_distance(points, moved) == 5
