import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.interpolation import interpolate_rotation, nearest_rotation
from receiver.parameter_track import (
    MAX_FRAMES,
    SPAN_TICKS,
    ParameterTrack,
    SampleKind,
    TrackFrame,
)
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

PERIOD = 3600


def frame(time: int, value: float = 0.0, *, set_id: int = 0, hold: bool = False) -> TrackFrame:
    return TrackFrame(time=time, set_id=set_id, vector=np.full(35, value), hold=hold)


def test_exact_interpolated_and_stale() -> None:
    track = ParameterTrack()
    assert track.sample(0) is None
    track.insert(frame(0, 0.0))
    track.insert(frame(PERIOD, 0.04))
    assert track.sample(-1) is None
    exact = track.sample(PERIOD)
    assert exact is not None
    assert (exact.kind, exact.age_ticks, exact.vector[0]) == (SampleKind.EXACT, 0, 0.04)
    between = track.sample(PERIOD // 4)
    assert between is not None
    assert between.kind is SampleKind.INTERPOLATED
    assert between.vector == pytest.approx(np.full(35, 0.01))
    stale = track.sample(3 * PERIOD)
    assert stale is not None
    assert (stale.kind, stale.age_ticks, stale.vector[0]) == (SampleKind.STALE, 2 * PERIOD, 0.04)


def test_a_held_frame_stays_until_the_next() -> None:
    track = ParameterTrack()
    track.insert(frame(0, 1.0, hold=True))
    track.insert(frame(10 * PERIOD, 2.0))
    sample = track.sample(9 * PERIOD)
    assert sample is not None
    assert (sample.kind, sample.vector[0]) == (SampleKind.HELD, 1.0)


def test_sets_are_never_mixed() -> None:
    track = ParameterTrack()
    track.insert(frame(0, 1.0, set_id=1))
    track.insert(frame(PERIOD, 9.0, set_id=2))
    sample = track.sample(PERIOD // 2)
    assert sample is not None
    assert (sample.kind, sample.set_id, sample.vector[0]) == (SampleKind.STALE, 1, 1.0)
    assert [held.set_id for held in track.before(PERIOD, 4)] == [2]


def test_the_sides_of_a_cut_are_never_mixed() -> None:
    track = ParameterTrack()
    for index, value in enumerate([0.0, 0.01, 0.5, 0.51, 0.52]):
        track.insert(frame(index * PERIOD, value))
    sample = track.sample(3 * PERIOD // 2)
    assert sample is not None
    assert (sample.kind, sample.vector[0]) == (SampleKind.STALE, 0.01)
    assert [known.vector[0] for known in track.before(3 * PERIOD, 9)] == [0.5, 0.51]
    assert [known.vector[0] for known in track.before(PERIOD, 9)] == [0.0, 0.01]
    assert [known.vector[0] for known in track.after(0, 9)] == [0.01]
    assert track.after(PERIOD, 9) == []
    assert [known.vector[0] for known in track.after(2 * PERIOD, 1)] == [0.51]
    assert not track.breaks(0, PERIOD)
    assert track.breaks(PERIOD, 2 * PERIOD)
    assert not track.breaks(2 * PERIOD, 9 * PERIOD)


@given(st.lists(st.integers(0, 4 * SPAN_TICKS), max_size=400), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_in_order_and_bounded_whatever_arrives(times: list[int], seed: int) -> None:
    track = ParameterTrack()
    random.Random(seed).shuffle(times)
    seen: set[int] = set()
    newest = -1
    for time in times:
        fresh = time not in seen and time >= newest - SPAN_TICKS
        accepted = track.insert(frame(time, float(time)))
        assert accepted <= fresh
        seen.add(time)
        newest = max(newest, time)
        held = track._frames
        assert [kept.time for kept in held] == sorted({kept.time for kept in held})
        assert len(track) <= MAX_FRAMES
        assert all(kept.time >= newest - SPAN_TICKS for kept in held[1:])
        sample = track.sample(newest)
        assert sample is not None
        assert sample.vector[0] == newest


@given(st.integers(0, 2**31), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_rotations_turn_at_constant_speed(seed: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    start, turn = rng.normal(size=3), rng.normal(size=3) * 0.4
    first = matrix_from_rotation_vector(start)
    end_matrix = first @ matrix_from_rotation_vector(turn)
    between = interpolate_rotation(start, rotation_vector_from_matrix(end_matrix), weight)
    expected = first @ matrix_from_rotation_vector(turn * weight)
    assert matrix_from_rotation_vector(between) == pytest.approx(expected, abs=1e-9)


def test_rotation_vectors_are_followed_across_half_a_turn() -> None:
    before = np.array([0.0, 3.1, 0.0])
    after = np.array([0.0, -3.1, 0.0])  # the same as 3.183 about +y
    near = nearest_rotation(after, before)
    assert near == pytest.approx([0, 2 * np.pi - 3.1, 0])
    assert nearest_rotation(np.zeros(3), before) == pytest.approx(np.zeros(3))
    middle = interpolate_rotation(before, after, 0.5)
    assert abs(middle[1]) == pytest.approx(np.pi)


def test_after_an_outage_the_last_frame_before_it_is_still_there() -> None:
    track = ParameterTrack()
    for index in range(10):
        track.insert(frame(index * PERIOD, index / 100))
    track.insert(frame(10 * SPAN_TICKS, 0.2))
    assert len(track) == 2
    sample = track.sample(5 * SPAN_TICKS)
    assert sample is not None
    assert sample.kind is SampleKind.INTERPOLATED


def test_breaks_are_known_whatever_order_frames_come_in() -> None:
    frames = [
        frame(PERIOD * index, float(index // 7 % 2), set_id=index // 20) for index in range(40)
    ]
    shuffled = ParameterTrack()
    for index in random.Random(1).sample(range(len(frames)), len(frames)):
        shuffled.insert(frames[index])
    for earlier, later in pairwise(frames):
        breaks = later.set_id != earlier.set_id or later.vector[0] != earlier.vector[0]
        assert shuffled.breaks(earlier.time, later.time) == breaks
