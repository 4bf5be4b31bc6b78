import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.cross_reenactment import pair_clips, transfer
from shared.errors import ConfigError
from tests.faces import face_parameters


@settings(deadline=None, max_examples=50)
@given(st.sets(st.integers(0, 40), min_size=2, max_size=20), st.integers(0, 5))
def test_each_clip_is_moved_once_and_moves_another_once(numbers: set[int], seed: int) -> None:
    names = [f"person{number}_1" for number in numbers]
    pairs = pair_clips(names, seed)
    assert sorted(one for one, _ in pairs) == sorted(other for _, other in pairs) == sorted(names)
    assert all(one != other for one, other in pairs)
    assert pairs == pair_clips(names[::-1], seed)


def test_clips_of_one_person_never_meet() -> None:
    names = ["anna_1", "anna_2", "ben_1", "carl_3", "dora"]
    seen = set()
    for seed in range(20):
        pairs = pair_clips(names, seed)
        assert not {("anna_1", "anna_2"), ("anna_2", "anna_1")} & set(pairs)
        seen.add(tuple(pairs))
    assert len(seen) > 3


def test_one_person_alone_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        pair_clips(["anna_1", "anna_2"], 0)
    assert str(caught.value) == (
        "2 clips of 1 people for cross-reenactment, a circle in which no one meets themselves "
        "is needed"
    )


def test_motion_goes_over_in_head_sizes() -> None:
    rest = face_parameters(scale=0.4, translation=(0.1, 0.0), rotation=(0.2, 0, 0))
    moved = face_parameters(
        scale=0.5, translation=(0.3, -0.1), rotation=(0, 0.5, 0), expression={0: 2.0}
    )
    onto = face_parameters(scale=0.2, translation=(-0.2, 0.4), rotation=(0, 0, 0.3))
    result = transfer(moved, rest=rest, onto=onto)
    assert np.exp(result.log_scale) == pytest.approx(0.2 * 0.5 / 0.4)
    assert result.translation[:2] == pytest.approx([-0.2 + 0.5 * 0.2, 0.4 - 0.5 * 0.1])
    assert result.rotation == pytest.approx([0, 0.5, 0])
    np.testing.assert_array_equal(result.expression, moved.expression)
    same = transfer(rest, rest=rest, onto=onto)
    assert same.translation == pytest.approx(onto.translation)
