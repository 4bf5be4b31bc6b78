"""The crop holds while the head stays inside, and moves once when it has left."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sender.crop_image import crop_image
from sender.crop_policy import CropPolicy, HeadBox, wanted_crop
from shared.parameters import Crop

FRAME_NS = 40_000_000


def mesh(x: float, y: float, height: float) -> np.ndarray:
    """(478, 3) points of an upright face whose middle is at (x, y), forehead to chin `height`."""
    generator = np.random.default_rng(1)
    points = np.zeros((478, 3), np.float32)
    points[:, 0] = x + generator.uniform(-0.38, 0.38, 478) * height
    points[:, 1] = y + generator.uniform(-0.5, 0.5, 478) * height
    points[10] = (x, y - height / 2, 0)
    points[152] = (x, y + height / 2, 0)
    return points


def test_crop_is_a_square_of_2_2_face_heights_around_the_head() -> None:
    crop = CropPolicy(size=256).update(mesh(640, 360, 200), width=1280, height=720, time_ns=0)
    assert crop.size == 440
    head = HeadBox.from_landmarks(mesh(640, 360, 200))
    assert head.outside(crop, width=1280, height=720) < 0
    assert abs(crop.x + crop.size / 2 - 640) < 10
    assert 300 < crop.y + crop.size / 2 < 360  # above the face's middle: there is hair


def test_a_frame_that_is_already_a_crop_is_kept_whole() -> None:
    crop = CropPolicy(size=256).update(mesh(60, 60, 100), width=256, height=256, time_ns=0)
    assert crop == Crop(x=0, y=0, size=256)


def test_small_motion_does_not_move_the_crop() -> None:
    policy = CropPolicy(size=256)
    first = policy.update(mesh(640, 360, 200), width=1280, height=720, time_ns=0)
    for frame in range(1, 200):
        x = 640 + 60 * np.sin(frame / 7)
        points = mesh(x, 360, 200 + 10 * np.sin(frame / 5))
        crop = policy.update(points, width=1280, height=720, time_ns=frame * FRAME_NS)
        assert crop == first


def test_a_head_that_left_moves_the_crop_once_and_after_a_while() -> None:
    policy = CropPolicy(size=256)
    policy.update(mesh(400, 360, 200), width=1280, height=720, time_ns=0)
    crops = [
        policy.update(mesh(700, 360, 200), width=1280, height=720, time_ns=frame * FRAME_NS)
        for frame in range(1, 60)
    ]
    assert len(set(crops)) == 2
    moved_after = next(i for i, crop in enumerate(crops) if crop != crops[0])
    assert 9 <= moved_after <= 12  # 0.4 s
    head = HeadBox.from_landmarks(mesh(700, 360, 200))
    assert head.outside(crops[-1], width=1280, height=720) < 0


def test_a_glance_outside_does_not_move_the_crop() -> None:
    policy = CropPolicy(size=256)
    first = policy.update(mesh(400, 360, 200), width=1280, height=720, time_ns=0)
    for frame in range(1, 60):
        x = 650 if frame % 20 < 5 else 400
        points = mesh(x, 360, 200)
        crop = policy.update(points, width=1280, height=720, time_ns=frame * FRAME_NS)
    assert crop == first


def test_a_head_that_came_near_gets_a_larger_crop() -> None:
    policy = CropPolicy(size=256)
    policy.update(mesh(640, 360, 100), width=1280, height=720, time_ns=0)
    for frame in range(1, 60):
        points = mesh(640, 360, 180)
        crop = policy.update(points, width=1280, height=720, time_ns=frame * FRAME_NS)
    assert crop.size == 396


def test_a_head_at_the_border_does_not_make_the_crop_jump_about() -> None:
    policy = CropPolicy(size=256)
    crops = {
        policy.update(mesh(20, 240, 200), width=640, height=480, time_ns=frame * FRAME_NS)
        for frame in range(100)
    }
    assert len(crops) == 1


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(-500, 2500),
    y=st.floats(-500, 1500),
    height=st.floats(1, 3000),
    width=st.integers(16, 4000),
    rows=st.integers(16, 3000),
)
def test_any_head_gives_a_usable_crop(
    x: float, y: float, height: float, width: int, rows: int
) -> None:
    crop = wanted_crop(HeadBox.from_landmarks(mesh(x, y, height)), width=width, height=rows)
    assert crop.size >= 1
    assert crop.x == round(crop.x)
    assert crop.size == round(crop.size)
    if crop.size <= min(width, rows):
        assert 0 <= crop.x <= width - crop.size
        assert 0 <= crop.y <= rows - crop.size


def test_a_head_that_the_frame_itself_cuts_off_is_no_reason_to_move() -> None:
    policy = CropPolicy(size=256)
    crops = {
        policy.update(
            mesh(640 + 40 * np.sin(frame / 9), 210, 430),
            width=1280,
            height=720,
            time_ns=frame * FRAME_NS,
        )
        for frame in range(200)
    }
    assert len(crops) == 1


def test_crop_image_keeps_pixel_centres() -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    picture = crop_image(ramp, Crop(x=20, y=10, size=64), 32)
    # Output pixel i covers frame pixels 20 + 2 i and 21 + 2 i.
    expected = 20.5 + 2 * np.arange(32)
    assert np.abs(picture[5, :, 0] - expected).max() <= 0.5


def test_beyond_the_frame_is_black() -> None:
    frame = np.full((40, 60, 3), 200, np.uint8)
    picture = crop_image(frame, Crop(x=-20, y=-10, size=80), 80)
    assert picture.shape == (80, 80, 3)
    assert picture[:10].max() == 0
    assert picture[10:50, 20:80].min() == 200
    outside = crop_image(frame, Crop(x=500, y=0, size=64), 32)
    assert outside.max() == 0


@pytest.mark.parametrize("size", [16, 256])
def test_crop_of_the_same_size_is_a_copy(size: int) -> None:
    frame = np.zeros((size, size, 3), np.uint8)
    picture = crop_image(frame, Crop(x=0, y=0, size=size), size)
    assert not np.shares_memory(frame, picture)
