"""Faces followed through real pictures: geometry, loss and return, two faces, bad assets."""

import math
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

import shared.tracker
from shared.errors import ArtifactError, ConfigError, InferenceError
from shared.parameters import Image
from shared.tracker import FaceTracker, Landmarks
from tests.material import call_clip, clip_frames, faces_test_clip

_PORTRAIT = Path(shared.tracker.__file__).parent / "assets" / "portrait" / "portrait.webp"
_SETTLED = 4
"""Looks at one still after which the region no longer moves."""


@pytest.fixture(scope="module")
def tracker() -> FaceTracker:
    return FaceTracker()


@pytest.fixture(autouse=True)
def _forget_faces(tracker: FaceTracker) -> None:
    tracker.reset()


def _still() -> Image:
    """The face that the project contains, (256, 256, 3)."""
    with PIL.Image.open(_PORTRAIT) as picture:
        return np.asarray(picture.convert("RGB").resize((256, 256)), np.uint8)


def _other_still() -> Image:
    """Another face, (256, 256, 3)."""
    [image] = clip_frames(faces_test_clip("flake_1"), 1)
    return image


def _settled(tracker: FaceTracker, image: Image) -> Landmarks:
    tracker.reset()
    for _ in range(_SETTLED):
        faces = tracker.track(image)
    [face] = faces
    return face


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(first[:, :2] - second[:, :2], axis=1)


def test_follows_a_clip(tracker: FaceTracker) -> None:
    previous = None
    for image in clip_frames(faces_test_clip("flake_1"), 60):
        [face] = tracker.track(image)
        assert face.points.shape == (478, 3)
        assert face.points.dtype == np.float32
        assert not face.points.flags.writeable
        assert 0.5 <= face.score <= 1
        if previous is not None:
            assert np.median(_distances(face.points, previous)) < 8
        previous = face.points


def test_the_face_of_a_wide_frame(tracker: FaceTracker) -> None:
    """Left and right are the person's; the nose is nearer than the cheeks; irises in their eyes."""
    [image] = clip_frames(call_clip("dfdc_lyna"), 1)
    points = _settled(tracker, image).points
    right_eye, left_eye = points[[33, 133]], points[[362, 263]]
    assert right_eye[:, 0].max() < points[1, 0] < left_eye[:, 0].min()
    assert points[10, 1] < points[1, 1] < points[13, 1] < points[152, 1]
    assert points[1, 2] < min(points[234, 2], points[454, 2])
    for iris, corners in ((468, right_eye), (473, left_eye)):
        assert corners[:, 0].min() < points[iris, 0] < corners[:, 0].max()
        assert np.abs(points[iris : iris + 5, 2] - corners[:, 2].mean()).max() < 10
        assert np.ptp(points[iris : iris + 5, 2]) == 0


def test_pixel_centres_lie_at_one_half(tracker: FaceTracker) -> None:
    """Continuous coordinates double with the picture; counted from pixel centres they would be
    half a pixel off."""
    image = _still()
    large = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    small_points = _settled(tracker, image).points
    large_points = _settled(tracker, np.asarray(large, np.uint8)).points
    offset = (large_points - 2 * small_points)[:, :2].mean(axis=0)
    assert np.abs(offset).max() < 0.2
    assert np.median(_distances(large_points, 2 * small_points)) < 0.4


def test_landmarks_move_with_the_picture(tracker: FaceTracker) -> None:
    image = _still()
    shift = np.array([[1, 0, 5.5], [0, 1, -3.25]])
    moved = cv2.warpAffine(image, shift, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    difference = _settled(tracker, np.asarray(moved, np.uint8)).points
    difference = difference - _settled(tracker, image).points
    assert difference[:, :2].mean(axis=0) == pytest.approx([5.5, -3.25], abs=0.15)


@pytest.mark.parametrize("degrees", [-30, 30])
def test_tilted_head(tracker: FaceTracker, degrees: float) -> None:
    """The region turns with the eyes, so that a tilt changes the landmarks' places alone."""
    image = _still()
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), degrees, 1)
    turned = cv2.warpAffine(image, matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    points = _settled(tracker, image).points[:, :2] - 128
    radians = math.radians(degrees)
    rotation = np.array(
        [[math.cos(radians), math.sin(radians)], [-math.sin(radians), math.cos(radians)]]
    )
    found = _settled(tracker, np.asarray(turned, np.uint8)).points[:, :2] - 128
    assert np.median(_distances(points @ rotation.T, found)) < 1


def test_first_frame_is_as_good_as_later_ones(tracker: FaceTracker) -> None:
    image = _still()
    [first] = tracker.track(image)
    assert np.median(_distances(first.points, _settled(tracker, image).points)) < 0.5


def test_lost_and_found_again(tracker: FaceTracker) -> None:
    image = _still()
    assert len(tracker.track(image)) == 1
    for _ in range(3):
        assert tracker.track(np.zeros_like(image)) == ()
    assert len(tracker.track(image)) == 1


def test_found_in_the_frame_in_which_it_jumped(tracker: FaceTracker) -> None:
    image = _still()
    dark = np.zeros_like(image)
    tracker.track(np.concatenate([image, dark, dark], axis=1))
    [face] = tracker.track(np.concatenate([dark, dark, image], axis=1))
    assert face.points[1, 0] > 512


def test_further_face_is_told_within_a_second(tracker: FaceTracker) -> None:
    """The face first followed stays the main one, though the other is larger."""
    image, dark = _still(), np.zeros((512, 256, 3), np.uint8)
    dark[128:384] = image
    other = np.asarray(cv2.resize(_other_still(), (512, 512)), np.uint8)
    alone = np.concatenate([dark, np.zeros_like(other)], axis=1)
    both = np.concatenate([dark, other], axis=1)
    assert len(tracker.track(alone)) == 1
    counts = [len(tracker.track(both)) for _ in range(60)]
    assert counts[25:] == [2] * 35
    main, further = tracker.track(both)
    assert main.points[1, 0] < 256 < further.points[1, 0]
    counts = [len(tracker.track(alone)) for _ in range(6)]
    assert counts[-1] == 1


def test_largest_face_is_the_main_one(tracker: FaceTracker) -> None:
    small, large = _still(), np.asarray(cv2.resize(_other_still(), (512, 512)), np.uint8)
    padded = np.zeros((512, 256, 3), np.uint8)
    padded[128:384] = small
    main, further = tracker.track(np.concatenate([padded, large], axis=1))
    assert main.points[1, 0] > 256 > further.points[1, 0]


def test_main_face_leaves(tracker: FaceTracker) -> None:
    """The face that stays becomes the main one."""
    image, other = _still(), _other_still()
    both = np.concatenate([image, other], axis=1)
    main, _ = tracker.track(both)
    left = main.points[1, 0] < 256
    dark = np.zeros_like(image)
    rest = [dark, other] if left else [image, dark]
    for _ in range(6):
        faces = tracker.track(np.concatenate(rest, axis=1))
    [face] = faces
    assert (face.points[1, 0] > 256) == left


def test_one_face_wanted_one_given() -> None:
    both = np.concatenate([_still(), _other_still()], axis=1)
    single = FaceTracker(max_faces=1)
    assert [len(single.track(both)) for _ in range(30)] == [1] * 30


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (720, 1280, 3)])
def test_pictures_without_a_face(tracker: FaceTracker, shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert tracker.track(noise) == ()


def test_no_faces_wanted() -> None:
    with pytest.raises(ConfigError) as caught:
        FaceTracker(max_faces=0)
    assert str(caught.value) == "0 faces to track, at least 1 is needed"


def test_changed_asset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "face_detection_short_range.onnx"
    path.write_bytes(b"something else")
    monkeypatch.setattr(shared.tracker, "_ASSETS", tmp_path)
    with pytest.raises(ArtifactError) as caught:
        FaceTracker()
    assert str(caught.value) == f"{path}: SHA-256 f41f3fa625ff, 9b3e2773959d is needed"


def test_missing_asset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.tracker, "_ASSETS", tmp_path)
    with pytest.raises(ArtifactError, match="No such file or directory"):
        FaceTracker()


def test_mesh_that_is_not_finite_harms_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = FaceTracker()
    image = _still()
    tracker.track(image)
    run = tracker._mesh.run

    def broken(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = run(inputs)
        outputs["output_lips"][..., 0] = np.nan
        return outputs

    with monkeypatch.context() as patch:
        patch.setattr(tracker._mesh, "run", broken)
        with pytest.raises(InferenceError) as caught:
            tracker.track(image)
    assert str(caught.value) == "the face mesh returned numbers that are not finite"
    assert len(tracker.track(image)) == 1
