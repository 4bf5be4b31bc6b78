"""The square that the mesh network sees: where it lies, what it cuts out, what overlaps."""

import math

import numpy as np
import pytest

from shared.face_detector import FaceDetection
from shared.face_region import FaceRegion
from shared.parameters import VERTEX_COUNT


def test_from_detection_is_upright_as_the_eyes() -> None:
    key_points = np.zeros((6, 2), np.float32)
    key_points[0], key_points[1] = (40, 50), (60, 70)  # the left eye lies lower: 45 degrees
    detection = FaceDetection(box=(20, 30, 80, 110), key_points=key_points, score=1)
    region = FaceRegion.from_detection(detection)
    assert (region.x, region.y, region.size) == (50, 70, 120)
    assert region.angle == pytest.approx(math.pi / 4)


def test_from_points_is_upright_as_the_eye_corners() -> None:
    points = np.full((VERTEX_COUNT, 3), 50, np.float32)
    points[0, :2], points[1, :2] = (10, 20), (90, 80)
    points[33, :2], points[263, :2] = (40, 50), (60, 30)
    region = FaceRegion.from_points(points)
    assert (region.x, region.y, region.size) == (50, 50, 120)
    assert region.angle == pytest.approx(-math.pi / 4)


def test_to_frame_maps_centre_and_corner() -> None:
    matrix = FaceRegion(x=100, y=60, size=40, angle=math.pi / 2).to_frame(192)
    assert matrix @ [96, 96, 1] == pytest.approx([100, 60])
    assert matrix @ [0, 0, 1] == pytest.approx([120, 40])  # a quarter turn, clockwise as seen


def test_cut_out_of_its_own_size_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole = FaceRegion(x=32, y=32, size=64, angle=0)
    np.testing.assert_array_equal(whole.cut_out(image, 64), image)


def test_cut_out_agrees_with_to_frame_on_pixel_centres() -> None:
    """A linear ramp tells from where each pixel was taken, to a fraction of one."""
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2)
    region = FaceRegion(x=90, y=100, size=150, angle=0.2)
    cut = region.cut_out(ramp, 50)[..., 0]
    columns, rows = np.meshgrid(np.arange(50) + 0.5, np.arange(50) + 0.5)
    matrix = region.to_frame(50)
    expected = matrix[0, 0] * columns + matrix[0, 1] * rows + matrix[0, 2] - 0.5
    inside = (expected > 1) & (expected < 198)
    assert np.abs(cut - expected)[inside].max() <= 0.55
    assert abs((cut - expected)[inside].mean()) < 0.05


def test_cut_out_repeats_the_border() -> None:
    image = np.full((10, 10, 3), 7, np.uint8)
    assert (FaceRegion(x=0, y=0, size=30, angle=0.5).cut_out(image, 16) == 7).all()


@pytest.mark.parametrize(
    ("other", "overlap"),
    [
        (FaceRegion(x=0, y=0, size=10, angle=1), 1),
        (FaceRegion(x=5, y=0, size=10, angle=0), 1 / 3),
        (FaceRegion(x=0, y=0, size=5, angle=0), 1 / 4),
        (FaceRegion(x=20, y=0, size=10, angle=0), 0),
    ],
    ids=["same", "half beside", "inside", "apart"],
)
def test_overlap(other: FaceRegion, overlap: float) -> None:
    region = FaceRegion(x=0, y=0, size=10, angle=0)
    assert region.overlap(other) == pytest.approx(overlap)
    assert other.overlap(region) == pytest.approx(overlap)
