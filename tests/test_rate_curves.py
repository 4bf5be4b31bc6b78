"""Where curves cross, and how much rate one takes beyond another."""

import numpy as np
import pytest

from benchmarks.rate_curves import (
    Crossover,
    CurvePoint,
    Reach,
    bd_rate,
    crossover,
    monotone_cubic,
)

_CURVE = [CurvePoint(4_000, 20.0), CurvePoint(16_000, 30.0), CurvePoint(64_000, 34.0)]


def test_a_curve_reaches_a_goodness_between_two_rates() -> None:
    found = crossover(_CURVE, 25.0)
    assert found.reach is Reach.AT
    assert found.rate_bps == pytest.approx(8_000)
    assert crossover(list(reversed(_CURVE)), 32.0).rate_bps == pytest.approx(32_000)


def test_a_curve_may_be_better_from_its_start_or_never() -> None:
    assert crossover(_CURVE, 19.0) == Crossover(Reach.BELOW_FLOOR, 4_000)
    assert crossover(_CURVE, 34.5) == Crossover(Reach.NEVER, 64_000)
    assert crossover(_CURVE[:1], 21.0) == Crossover(Reach.NEVER, 4_000)


def test_bd_rate_is_the_share_of_rate_beyond_the_anchor() -> None:
    dearer = [CurvePoint(1.25 * point.rate_bps, point.goodness) for point in _CURVE]
    assert bd_rate(dearer, _CURVE) == pytest.approx(0.25)
    assert bd_rate(_CURVE, dearer) == pytest.approx(-0.2)
    # A point that is no better than a cheaper one says nothing.
    assert bd_rate([*dearer, CurvePoint(90_000, 33.0)], _CURVE) == pytest.approx(0.25)


def test_bd_rate_needs_goodness_in_common() -> None:
    worse = [CurvePoint(point.rate_bps, point.goodness - 20) for point in _CURVE]
    assert bd_rate(worse, _CURVE) is None
    assert bd_rate(_CURVE[:1], _CURVE) is None


def test_the_cubic_goes_through_its_points_and_never_beyond_them() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.1, 5.0, 5.0])
    np.testing.assert_allclose(monotone_cubic(x, y, x), y, atol=1e-12)
    found = monotone_cubic(x, y, np.linspace(0, 3, 301))
    assert (np.diff(found) >= -1e-12).all()
    assert found.max() <= 5 + 1e-12
    # Slopes 0.1 and 4.9 meet in 2 * 0.1 * 4.9 / 5 (harmonic mean of equal steps).
    step = 1e-6
    slope = np.diff(monotone_cubic(x, y, np.array([1.0, 1.0 + step])))[0] / step
    assert slope == pytest.approx(0.196, rel=1e-3)
    line = monotone_cubic(x, 2 * x, np.array([0.3, 1.7]))
    np.testing.assert_allclose(line, [0.6, 3.4])
