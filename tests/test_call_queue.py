"""The queue of calls in simulated time: what holds for any arrivals and any times of service."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.call_queue import (
    FRAMES_PER_SECOND,
    MOST_CALLS,
    SimulatedTime,
    batch_for,
    frame_arrivals,
    most_calls,
    p99,
    serve_calls,
    simulated_p99_ms,
    simulated_waits_ms,
)


@given(
    st.lists(st.floats(0, 2), max_size=60).map(sorted),
    st.lists(st.floats(0.001, 0.1), min_size=1, max_size=10),
    st.integers(1, 8),
)
def test_the_server_is_never_idle_and_no_frame_is_lost(
    arrivals: list[float], services: list[float], largest: int
) -> None:
    timeline = SimulatedTime()
    batches: list[tuple[float, int, float]] = []

    def serve(count: int) -> None:
        begin = timeline.now_s()
        timeline.wait_until(begin + services[len(batches) % len(services)])
        batches.append((begin, count, timeline.now_s()))

    waits = serve_calls(arrivals, serve, timeline, largest_batch=largest)
    assert len(waits) == len(arrivals) == sum(count for _, count, _ in batches)
    first, free = 0, 0.0
    for begin, count, end in batches:
        assert begin == max(free, arrivals[first])
        waiting = sum(moment <= begin for moment in arrivals[first:])
        assert count == min(waiting, largest)
        for moment, wait in zip(
            arrivals[first : first + count], waits[first : first + count], strict=True
        ):
            assert wait == pytest.approx(1e3 * (end - moment))
        first, free = first + count, end


def test_frames_arrive_at_their_rate_and_late_at_most_by_a_frame() -> None:
    arrivals = frame_arrivals(3, seconds=4, seed=1, start_s=10)
    assert len(arrivals) == 3 * 4 * FRAMES_PER_SECOND
    assert arrivals == sorted(arrivals)
    assert 10 <= arrivals[0] < 10.08
    assert arrivals[-1] < 14.08
    assert arrivals == frame_arrivals(3, seconds=4, seed=1, start_s=10)
    assert arrivals != frame_arrivals(3, seconds=4, seed=2, start_s=10)


def test_one_call_waits_for_its_own_service_alone() -> None:
    waits = simulated_waits_ms(1, {1: [7.0]}, seconds=10, seed=0)
    assert waits == pytest.approx([7.0] * 250)


def test_too_many_calls_fall_behind() -> None:
    short, long = (
        p99(simulated_waits_ms(8, {1: [6.0]}, seconds=seconds, seed=0)) for seconds in (2, 8)
    )
    assert long > 2 * short > 200


def test_batches_keep_more_calls() -> None:
    alone = most_calls(simulated_p99_ms({1: [6.0]}, seconds=5, seed=0))
    together = most_calls(simulated_p99_ms({1: [6.0], 8: [8.0]}, seconds=5, seed=0))
    assert 3 <= alone <= 6  # a server of 167 frames a second
    assert alone < 20 < together <= 40  # 1,000 frames a second, a batch of which takes 8 ms


def test_calls_are_kept_up_to_the_first_number_that_is_not() -> None:
    assert most_calls({1: 5.0, 2: 33.0, 3: 5.0}) == 1
    assert most_calls({1: 33.0}) == 0
    assert most_calls(dict.fromkeys(range(1, MOST_CALLS + 1), 1.0)) == MOST_CALLS


def test_frames_take_the_next_batch_that_was_measured() -> None:
    assert [batch_for(count, (1, 2, 8)) for count in (1, 2, 3, 8)] == [1, 2, 8, 8]


def test_p99_is_a_value_that_one_in_a_hundred_is_above() -> None:
    assert p99(list(range(1, 101))) == 99
    assert p99([3.0]) == 3.0
    assert p99([1.0] * 98 + [9.0] * 2) == 9.0
    assert math.isnan(p99([]))
