import random

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.clock_map import ClockMap
from shared.clock import TICKS_MODULUS, ns_from_ticks

SECOND_NS = 1_000_000_000


def test_the_fastest_message_sets_the_offset() -> None:
    clock_map = ClockMap()
    assert not clock_map.ready
    assert clock_map.observe(0, 5_000_000) == 0
    assert clock_map.observe(3600, 43_000_000) == 0  # 2 ms faster
    assert clock_map.observe(7200, 90_000_000) == 7_000_000
    assert clock_map.offset_ns == 3_000_000
    assert clock_map.local_ns(9000) == 103_000_000


def test_a_minimum_leaves_with_its_window() -> None:
    clock_map = ClockMap(window_ns=SECOND_NS)
    clock_map.observe(0, 0)
    for second in (1, 2):
        clock_map.observe(second * 90_000, second * SECOND_NS + 4_000_000)
    assert clock_map.offset_ns == 4_000_000


@given(ppm=st.integers(-200, 200), seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_drift_costs_no_more_than_what_the_window_collects(ppm: int, seed: int) -> None:
    jitter = random.Random(seed)
    clock_map = ClockMap()
    for frame in range(1000):
        time = frame * 7200
        true_ns = int(ns_from_ticks(time) * (1 + ppm / 1e6))
        clock_map.observe(time, true_ns + int(jitter.expovariate(1 / 3e6)))
        if frame > 125:
            assert -2_100_000 < clock_map.local_ns(time) - true_ns < 4_000_000


@given(start=st.integers(0, TICKS_MODULUS - 1), step=st.integers(1, 2**30))
def test_times_are_unwrapped(start: int, step: int) -> None:
    clock_map = ClockMap()
    time = clock_map.extend(start)
    clock_map.observe(time, 0)
    assert clock_map.extend((start + step) % TICKS_MODULUS) == time + step
    assert clock_map.extend((start - step) % TICKS_MODULUS) == time - step


def test_one_implausible_time_is_refused_and_many_are_a_restarted_clock() -> None:
    clock_map = ClockMap()
    clock_map.observe(0, 0)
    far = 90_000 * 3600
    assert clock_map.observe(far, 40_000_000) is None
    assert clock_map.observe(3600, 40_000_000) == 0
    results = [clock_map.observe(far + i * 3600, 40_000_000 * (i + 2)) for i in range(8)]
    assert results == [None] * 7 + [0]
    assert clock_map.restarts == 1


def test_a_moment_has_the_capture_time_that_the_fastest_message_would_bring() -> None:
    clock = ClockMap()
    assert clock.capture_time(0) is None
    clock.observe(90_000, 5_000_000_000)
    clock.observe(180_000, 5_900_000_000)  # a tenth of a second faster
    assert clock.capture_time(5_900_000_000) == 180_000
    assert clock.capture_time(6_000_000_000) == 189_000
    assert clock.capture_time(clock.local_ns(2**32 + 7) + 1) == 7
