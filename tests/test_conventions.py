"""The conventions that `shared.parameters` states, on numbers and on real pictures."""

from itertools import pairwise

import numpy as np
import pytest

from sender.crop_image import crop_image
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.parameters import CROP_SIZE, Crop, FaceParameters, Image
from shared.tracker import FaceTracker
from tests.material import clip_frames, faces_test_clip

MODEL = FaceModel.load()
WHOLE = Crop(0.0, 0.0, float(CROP_SIZE))


def picture(clip: str, frame: int) -> Image:
    *_, last = clip_frames(faces_test_clip(clip), frame + 1)
    return last


def track(image: Image) -> np.ndarray:
    (face,) = FaceTracker(max_faces=1).track(image)
    return face.points


def fitted(clip: str, frame: int) -> FaceParameters:
    points = WHOLE.to_image(track(picture(clip, frame))).astype(np.float32)
    _, parameters = FaceFitter(MODEL).fit_reference(points, 0)
    return parameters


def test_pixel_centres_lie_half_a_pixel_inside() -> None:
    centres = np.array([[0.5, 0.5], [CROP_SIZE - 0.5, CROP_SIZE / 2]])
    inset = 1 - 1 / CROP_SIZE
    expected = np.array([[-inset, -inset], [inset, 0.0]])
    np.testing.assert_allclose(WHOLE.to_image(centres), expected, atol=1e-12)


def test_a_crop_maps_there_and_back() -> None:
    crop = Crop(x=-12.5, y=40.25, size=310.0)
    points = np.random.default_rng(0).uniform(-50, 500, (20, 3))
    np.testing.assert_allclose(crop.to_frame(crop.to_image(points)), points, atol=1e-9)
    corners = np.array([[-12.5, 40.25, 0.0], [297.5, 350.25, 31.0]])
    expected = np.array([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.2]])
    np.testing.assert_allclose(crop.to_image(corners), expected, atol=1e-12)


def test_what_a_crop_shows_lies_where_its_coordinates_say() -> None:
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[80:84, 150:154] = 255
    crop = Crop(x=100.0, y=30.0, size=128.0)
    shown = crop_image(frame, crop, CROP_SIZE)[:, :, 0].astype(np.float64)
    rows, columns = np.indices(shown.shape) + 0.5
    centre = np.array([(columns * shown).sum(), (rows * shown).sum()]) / shown.sum()
    expected = (crop.to_image(np.array([[152.0, 82.0]]))[0] + 1.0) * CROP_SIZE / 2.0
    np.testing.assert_allclose(centre, expected, atol=0.02)


def test_half_a_pixel_is_seen() -> None:
    image = picture("wojtek_1", 0).astype(np.float64)
    # The mean of two neighbours is the picture moved by half a pixel.
    moved = (image[:, 1:] + image[:, :-1]) / 2.0
    apart = track(np.rint(moved).astype(np.uint8)) - track(image[:, 1:].astype(np.uint8))
    assert np.median(apart[:, 0]) == pytest.approx(0.5, abs=0.1)
    assert np.median(apart[:, 1]) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("clip", "frame", "axis", "sign"),
    [
        ("dfl_608_1", 36, 0, -1.0),  # looks up
        ("dfl_616_1", 184, 0, 1.0),  # looks down
        ("wojtek_1", 168, 1, -1.0),  # turned to his left
        ("pcavs_beckham_1", 92, 1, 1.0),  # turned to his right
        ("hdtf_radio34_1", 76, 2, 1.0),  # head towards her left shoulder
        ("dfdc_lyna_1", 120, 2, -1.0),  # head towards her right shoulder
    ],
)
def test_signs_of_the_pose_in_real_pictures(clip: str, frame: int, axis: int, sign: float) -> None:
    assert fitted(clip, frame).rotation[axis] * sign > 0.2


def test_a_mouth_that_opens_raises_the_first_coefficient() -> None:
    opened, shut = (fitted("vv_interview_r_1", frame) for frame in (24, 148))
    assert opened.expression[0] > shut.expression[0] + 2.0


def test_a_face_nearer_or_further_right_and_down_is_scaled_and_moved() -> None:
    image = picture("wojtek_1", 0)
    fits = []
    for crop in (Crop(20, 20, 236), Crop(0, 20, 236), Crop(0, 0, 236), Crop(0, 0, 256)):
        points = crop.to_image(track(image)).astype(np.float32)
        fits.append(FaceFitter(MODEL).fit_reference(points, 0)[1])
    right, down, smaller = ((a, b) for a, b in pairwise(fits))
    step = 2 * 20 / 236
    assert right[1].translation[0] - right[0].translation[0] == pytest.approx(step, abs=1e-3)
    assert down[1].translation[1] - down[0].translation[1] == pytest.approx(step, abs=1e-3)
    expected = np.log(236 / 256)
    assert smaller[1].log_scale - smaller[0].log_scale == pytest.approx(expected, abs=1e-3)
    assert all(fit.translation[2] == 0.0 for fit in fits)
