"""Steps of a signal are found where they are, and their latency is what it was made to be."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.source_times import SourceTimes
from benchmarks.step_film import FPS, ROUND_FRAMES, STEPS, Movement, level
from benchmarks.step_latency import (
    SeenFace,
    StepLatency,
    balanced_mean,
    film_steps,
    step_latencies,
)
from benchmarks.step_signal import find_step, signal
from shared.errors import ArtifactError

_MS = 1_000_000
_PERIOD_NS = 1_000_000_000 // FPS


def _film() -> NDArray[np.float64]:
    """Signals of the film as a tracker without error would see them."""
    rows = [[level(movement, frame) for movement in Movement] for frame in range(ROUND_FRAMES)]
    return np.array(rows) * [0.2, 0.1] + [0.1, -0.05]


def _grid(rounds: int = 4, start_ns: int = 7_000_000_000) -> SourceTimes:
    frames = np.arange(rounds * ROUND_FRAMES, dtype=np.int64)
    return SourceTimes(frames, start_ns + frames * _PERIOD_NS)


def _seen(
    source: SourceTimes, *, latency_ms: float, claimed_ms: float | None = None, scale: float = 1.0
) -> list[SeenFace]:
    """The film as it comes to a player that late, a picture a frame."""
    film = _film() * scale
    return [
        SeenFace(int(time_ns + latency_ms * _MS), claimed_ms, film[frame % ROUND_FRAMES])
        for frame, time_ns in zip(source.frames, source.times_ns, strict=True)
    ]


@given(
    half_ns=st.integers(1_000, 2_000).map(lambda ms: ms * _MS),
    ramp_ns=st.integers(60, 160).map(lambda ms: ms * _MS),
    period_ns=st.integers(20, 60).map(lambda ms: ms * _MS),
    height=st.floats(0.01, 5) | st.floats(-5, -0.01),
    rest=st.floats(-3, 3),
)
def test_a_ramp_is_half_done_in_its_middle(
    half_ns: int, ramp_ns: int, period_ns: int, height: float, rest: float
) -> None:
    times = np.arange(0, 3_000 * _MS, period_ns, dtype=np.int64)
    values = rest + height * np.clip((times - half_ns) / ramp_ns + 0.5, 0, 1)
    found = find_step(times, values, half_ns - ramp_ns / 2, 3_000 * _MS)
    assert found is not None
    # Between two pictures the ramp may bend at its ends, where the line between them does not.
    assert found.time_ns == pytest.approx(half_ns, abs=max(1_000, period_ns / 2))
    assert found.height == pytest.approx(height)
    assert times[found.before] <= found.time_ns <= times[found.index]


def test_pictures_without_a_face_are_passed_over() -> None:
    times = np.arange(20, dtype=np.int64) * 100 * _MS
    values = np.where(times < 1_000 * _MS, 0.0, 1.0)
    values[9:11] = np.nan
    found = find_step(times, values, 900 * _MS, 1_900 * _MS)
    assert found is not None
    assert (found.before, found.index, found.weight) == (8, 11, 0.5)
    assert found.time_ns == 950 * _MS


@pytest.mark.parametrize(
    "values", [np.zeros(20), np.full(20, np.nan), np.where(np.arange(20) < 4, 0.0, 1.0)]
)
def test_no_step_is_found_where_there_is_none(values: NDArray[np.float64]) -> None:
    times = np.arange(20, dtype=np.int64) * 100 * _MS
    assert find_step(times, values, 900 * _MS, 1_900 * _MS) is None


def test_what_changes_long_after_a_step_does_not_move_it() -> None:
    times = np.arange(0, 2_000 * _MS, 20 * _MS, dtype=np.int64)
    values = np.clip((times - 900 * _MS) / (100 * _MS) + 0.5, 0, 1)
    later = np.where(times < 1_400 * _MS, 0.0, 0.8)
    found = find_step(times, values + later, 850 * _MS, 1_990 * _MS)
    assert found is not None
    assert found.time_ns == pytest.approx(900 * _MS)
    assert found.height == pytest.approx(1.0)


def test_the_films_steps_are_where_they_were_put() -> None:
    for step, found in zip(STEPS, film_steps(_film()), strict=True):
        assert found.movement is step.movement
        assert found.frame == pytest.approx(step.frame)
        assert (found.height > 0) is step.rises


def test_a_film_without_steps_is_one_clear_error() -> None:
    with pytest.raises(ArtifactError, match=r"the film's step at frame 14\.3 cannot be tracked"):
        film_steps(np.zeros((ROUND_FRAMES, 2)))


@given(latency_ms=st.floats(0, 700), scale=st.floats(0.5, 2))
def test_a_latency_is_what_it_was_made_to_be(latency_ms: float, scale: float) -> None:
    source = _grid()
    seen = _seen(source, latency_ms=latency_ms, claimed_ms=latency_ms - 12.0, scale=scale)
    found = step_latencies(film_steps(_film()), source, seen, from_ns=8_000_000_000)
    # The first step lies before `from_ns`, of the last one the next does not come.
    assert len(found) == 4 * 4 - 2
    for step in found:
        assert step.measured_ms == pytest.approx(latency_ms, abs=0.01)
        assert step.difference_ms == pytest.approx(12.0, abs=0.01)


def test_a_step_that_is_hardly_shown_was_not_seen() -> None:
    source = _grid()
    seen = _seen(source, latency_ms=50, scale=0.3)
    found = step_latencies(film_steps(_film()), source, seen, from_ns=0)
    assert found
    assert all(step.measured_ms is None and step.difference_ms is None for step in found)


def test_without_a_bar_code_there_is_a_latency_and_no_difference() -> None:
    source = _grid()
    found = step_latencies(film_steps(_film()), source, _seen(source, latency_ms=90), from_ns=0)
    assert all(step.measured_ms is not None and step.difference_ms is None for step in found)


def test_numbers_count_on_across_the_end_of_a_round() -> None:
    seen = [(10, 130), (20, 131), (30, 131), (40, 0), (50, 3)]
    source = SourceTimes.from_numbers(seen)
    assert source.frames.tolist() == [130, 131, 132, 135]
    assert source.times_ns.tolist() == [10, 20, 40, 50]
    assert source.time_ns(131.5) == 30.0
    assert source.time_ns(136) == 50 + _PERIOD_NS
    assert source.passages(131) == [20.0, 50 + 128 * _PERIOD_NS]


@given(
    first=st.integers(0, ROUND_FRAMES - 1),
    missing=st.sets(st.integers(0, 299), max_size=120),
    noise=st.floats(0, 0.005),
)
@example(first=131, missing={0}, noise=0.0)
def test_a_recording_tells_which_frames_it_shows(
    first: int, missing: set[int], noise: float
) -> None:
    steps = np.array([index for index in range(300) if index not in missing], np.int64)
    film = _film()
    values = film[(first + steps) % ROUND_FRAMES]
    values = values + noise * np.random.default_rng(1).standard_normal(values.shape)
    values[5] = np.nan
    source = SourceTimes.from_signals(steps * _PERIOD_NS, values, film)
    begun = (first + int(steps[0])) % ROUND_FRAMES  # the recording's first frame is of round 0
    late = source.time_ns(begun + 10) - int(steps[0]) * _PERIOD_NS
    assert late == pytest.approx(10 * _PERIOD_NS, abs=2 * _PERIOD_NS)


def test_a_recording_without_a_face_is_one_clear_error() -> None:
    with pytest.raises(ArtifactError, match="0 faces in the recording, 2 or more expected"):
        SourceTimes.from_signals(np.arange(3), np.full((3, 2), np.nan), _film())


def test_a_signal_knows_neither_crop_nor_tilt() -> None:
    points = np.zeros((478, 3), np.float32)
    points[[33, 263, 1, 13, 14], :2] = [[0, 0], [10, 0], [4, 6], [5, 8], [5, 10]]
    assert signal(points) == pytest.approx([0.2, 0.1])
    turn = np.array([[0.8, -0.6], [0.6, 0.8]], np.float32)
    moved = points.copy()
    moved[:, :2] = 3 * points[:, :2] @ turn.T + 50
    assert signal(moved) == pytest.approx([0.2, 0.1], abs=1e-5)


def test_rises_and_falls_count_alike() -> None:
    """What a face errs on its way there and back cancels out, however many of each were seen."""
    steps = [
        StepLatency(Movement.TURN, rises, 0.0, 100.0 + (-20 if rises else 20), None)
        for rises in (True, True, True, False)
    ]
    unseen = StepLatency(Movement.MOUTH, True, 0.0, None, None)
    assert balanced_mean([*steps, unseen], lambda step: step.measured_ms) == 100.0
    assert balanced_mean(steps, lambda step: step.difference_ms) is None
