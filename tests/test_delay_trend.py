"""A queue that grows is seen, jitter and drift are not."""

import random

import pytest

from sender.delay_trend import DelayTrend

STEP_NS = 330_000_000


def fed(transits_ms: list[float]) -> DelayTrend:
    trend = DelayTrend()
    for index, transit_ms in enumerate(transits_ms):
        trend.add(index * STEP_NS, transit_ms)
    return trend


def test_a_growing_queue_has_its_slope() -> None:
    trend = fed([40.0] * 10 + [40 + 33.0 * i for i in range(1, 13)])
    assert trend.slope == pytest.approx(0.1, rel=0.05)
    assert trend.rise_ms() == pytest.approx(0.1 * 2970, rel=0.05)
    assert trend.standing_ms == pytest.approx(9 * 33, abs=1)


def test_one_late_message_is_no_queue() -> None:
    trend = fed([40.0] * 10 + [240.0])
    assert trend.standing_ms == 0
    assert trend.newest_ms == 200
    assert trend.rise_ms() == 0


def test_jitter_rises_seldom() -> None:
    rng = random.Random(1)
    trend, rises = DelayTrend(), 0
    for index in range(3000):
        trend.add(index * STEP_NS, 50 + rng.uniform(-30, 30))
        rises += trend.rise_ms() > 40
        assert trend.standing_ms < 61
    assert rises < 60


def test_clocks_that_drift_are_no_queue() -> None:
    trend = fed([40 + 0.0001 * 330 * index for index in range(2000)])  # 100 ppm
    assert trend.standing_ms < 7
    assert trend.rise_ms() < 1


def test_a_longer_way_can_be_taken_for_granted() -> None:
    trend = fed([40.0] * 10 + [140.0] * 10)
    assert trend.standing_ms == 100
    trend.rebase()
    assert trend.standing_ms == 0
    trend.forget_window()
    assert (trend.count, trend.standing_ms, trend.slope) == (0, 0.0, 0.0)
