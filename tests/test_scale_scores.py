"""Lateness, the steps of calls, the rule that stops them, and what one more call costs."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.scale_scores import (
    calls_held,
    cost_per_call,
    lateness_ms,
    mean_render_ms,
    steps,
)
from benchmarks.wire_scores import Percentiles
from shared.metrics import Metrics, Stage
from shared.trace import TraceRecord
from tests.scale_steps import step

_PERIOD_TICKS, _PERIOD_NS = 3600, 40_000_000
_MODULUS = 2**32


def _dues(first: int, count: int) -> NDArray[np.int64]:
    numbers = np.arange(count)
    return np.stack([(first + numbers * _PERIOD_TICKS) % _MODULUS, numbers * _PERIOD_NS], axis=1)


def test_each_picture_is_held_against_its_own_tick_across_the_clock_s_wrap() -> None:
    dues = _dues(_MODULUS - 2 * _PERIOD_TICKS, 6)
    pictures = dues.copy()
    pictures[:, 0] = (pictures[:, 0] + 1) % _MODULUS
    pictures[:, 1] += np.array([5, 6, 7, 8, 9, 10]) * 1_000_000
    pictures = np.delete(pictures, 2, axis=0)
    late = lateness_ms(dues, pictures, 0, 10 * _PERIOD_NS)
    assert late.tolist() == [5, 6, 8, 9, 10]


def test_only_what_was_due_in_the_time_that_is_measured_counts() -> None:
    dues = _dues(100, 10)
    pictures = dues + np.array([0, 50_000_000])
    late = lateness_ms(dues, pictures, 2 * _PERIOD_NS, 5 * _PERIOD_NS)
    assert late.tolist() == [50, 50, 50]
    one = lateness_ms(dues, pictures, 2 * _PERIOD_NS, 3 * _PERIOD_NS)
    assert one.tolist() == [50]


def test_a_picture_that_no_tick_showed_is_left_out() -> None:
    dues = _dues(100, 4)
    pictures = dues + np.array([_PERIOD_TICKS // 2, 0])
    assert len(lateness_ms(dues, pictures, 0, _PERIOD_NS * 4)) == 0
    assert len(lateness_ms(dues[:0], pictures, 0, _PERIOD_NS * 4)) == 0
    assert len(lateness_ms(dues, pictures[:0], 0, _PERIOD_NS * 4)) == 0


def test_calls_rise_by_one_and_then_by_a_quarter() -> None:
    assert list(steps(1)) == [1]
    assert list(steps(2)) == [1, 2]
    assert list(steps(20)) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 20]


def test_a_step_misses_by_time_or_by_pictures() -> None:
    assert step(1).why_missed is None
    assert step(1, p95=40.0, pictures=24.0).why_missed is None
    assert step(1, p95=40.6).why_missed == "p95 40.6 ms of 40"
    assert step(1, pictures=23.9).why_missed == "23.9 pictures/s of 25"
    assert replace(step(1), late_ms=Percentiles(np.nan, np.nan, np.nan)).why_missed is not None


def test_what_holds_ends_with_the_first_step_that_missed() -> None:
    assert calls_held([]) == 0
    assert calls_held([step(1, p95=50)]) == 0
    assert calls_held([step(1), step(2), step(3, p95=41), step(4)]) == 2


def test_cost_is_a_slope_over_what_held() -> None:
    idle = step(0, cores=0.01)
    found = [step(1, cores=0.21), step(2, cores=0.41), step(3, cores=0.45, p95=90)]
    assert cost_per_call(idle, found) == pytest.approx((0.2, 4.0))
    cores, memory = cost_per_call(idle, [step(1, cores=0.81, p95=90)])
    assert cores == pytest.approx(0.8)
    assert memory is None


def test_the_cost_of_a_picture_is_that_between_two_records() -> None:
    metrics = Metrics()
    for stage in (Stage.CONDITION, Stage.GENERATE, Stage.VIDEO):
        metrics.observe_ms(stage, 1000.0)
    before = TraceRecord(0, metrics.snapshot(), None)
    assert np.isnan(mean_render_ms(before, before))
    for stage, duration in ((Stage.CONDITION, 1.0), (Stage.GENERATE, 20.0), (Stage.VIDEO, 0.5)):
        for _ in range(4):
            metrics.observe_ms(stage, duration)
    after = TraceRecord(10**9, metrics.snapshot(), None)
    assert mean_render_ms(before, after) == pytest.approx(21.5)
