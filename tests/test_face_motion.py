import numpy as np
import pytest

from receiver.face_motion import (
    EXPRESSION,
    HEAD,
    MAX_JUMP_PX,
    MAX_SPEED_PX_S,
    MOTION_PX,
    is_cut,
    size_px,
)
from receiver.interpolation import ROTATION
from shared.clock import TICKS_PER_SECOND


def test_a_shift_moves_all_of_the_face_alike() -> None:
    shift = np.zeros(35)
    shift[32] = 0.5  # a quarter of the crop
    assert size_px(shift, HEAD) == pytest.approx(64)
    assert size_px(shift, EXPRESSION) == 0
    assert (MOTION_PX[:-1] > 0).all()
    assert MOTION_PX[-1] == 0  # towards the camera is not seen


@pytest.mark.parametrize("frames", [1, 2, 5, 100])
@pytest.mark.parametrize("index", [0, 32])
def test_what_is_faster_than_a_face_is_a_cut(frames: int, index: int) -> None:
    ticks = frames * 3600
    reach_px = min(MAX_SPEED_PX_S * ticks / TICKS_PER_SECOND, MAX_JUMP_PX)
    start, end = np.full(35, 0.1), np.full(35, 0.1)
    end[index] += 0.99 * reach_px / MOTION_PX[index]
    assert not is_cut(start, end, ticks)
    end[index] += 0.02 * reach_px / MOTION_PX[index]
    assert is_cut(start, end, ticks)


def test_rotation_vectors_across_half_a_turn_are_no_cut() -> None:
    start, end = np.zeros(35), np.zeros(35)
    start[ROTATION] = 0.0, 0.0, np.pi - 0.02
    end[ROTATION] = 0.0, 0.0, -np.pi + 0.02
    assert not is_cut(start, end, 3600)
