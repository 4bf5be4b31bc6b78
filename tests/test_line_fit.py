"""Slopes: exact ones, noisy ones inside their interval, and steps that look like a trend."""

import numpy as np
import pytest

from benchmarks.line_fit import LEAST_POINTS, fit_slope, line_slope


def test_a_line_is_found_exactly() -> None:
    slope = fit_slope([0, 1, 2, 3, 4, 5], [7, 9, 11, 13, 15, 17])
    assert slope is not None
    assert slope.value == pytest.approx(2)
    assert slope.half_width == pytest.approx(0, abs=1e-6)
    assert line_slope([0, 1], [3, 1]) == pytest.approx(-2)


def test_a_constant_has_no_slope_and_no_doubt() -> None:
    slope = fit_slope(range(10), [5.0] * 10)
    assert slope is not None
    assert (slope.value, slope.half_width, slope.points) == (0, 0, 10)


@pytest.mark.parametrize(("x", "y"), [(range(LEAST_POINTS - 1), range(LEAST_POINTS - 1))])
def test_too_few_points_tell_nothing(x: list[float], y: list[float]) -> None:
    assert fit_slope(x, y) is None
    assert fit_slope([1] * 10, range(10)) is None


def test_the_interval_holds_the_true_slope_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    times = np.arange(60.0)
    held = 0
    for _ in range(400):
        slope = fit_slope(times.tolist(), (0.3 * times + random.normal(size=60)).tolist())
        assert slope is not None
        held += slope.low <= 0.3 <= slope.high
    assert 0.92 <= held / 400 <= 0.99


def test_noise_that_lasts_makes_the_interval_wider() -> None:
    random = np.random.default_rng(2)
    times = np.arange(120.0).tolist()
    noise = random.normal(size=120)
    lasting = np.convolve(noise, np.ones(12) / 12**0.5, "same")
    apart, together = fit_slope(times, noise.tolist()), fit_slope(times, lasting.tolist())
    assert apart is not None
    assert together is not None
    assert together.half_width > 2 * apart.half_width
