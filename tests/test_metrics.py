import math

import pytest

from shared.metrics import Histogram, Metrics, Stage


def test_percentiles_are_at_most_a_bucket_off() -> None:
    histogram = Histogram()
    for milliseconds in range(1, 101):
        histogram.observe_ms(milliseconds)
    summary = histogram.summary()
    assert summary.count == 100
    assert summary.sum_ms == 5050
    assert summary.p50_ms == pytest.approx(50, rel=0.095)
    assert summary.p95_ms == pytest.approx(95, rel=0.095)
    assert summary.p50_ms >= 50


def test_an_empty_histogram_has_no_percentile() -> None:
    assert math.isnan(Histogram().percentile_ms(50))


def test_a_duration_that_is_no_number_is_left_out() -> None:
    histogram = Histogram()
    histogram.observe_ms(math.nan)
    assert histogram.summary().count == 0


def test_snapshot_is_a_copy_in_pipeline_order() -> None:
    metrics = Metrics()
    metrics.observe_ms(Stage.GENERATE, 5)
    with metrics.timed(Stage.TRACK):
        pass
    metrics.count("frames_dropped", "stale", 2)
    snapshot = metrics.snapshot()
    metrics.count("frames_dropped", "stale")
    assert list(snapshot.stages) == ["track", "generate"]
    assert snapshot.counters == {("frames_dropped", "stale"): 2}
    metrics.reset()
    assert metrics.snapshot().stages == {}
