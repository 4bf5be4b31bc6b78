"""Anchors, decoding and suppression of the face detector, and the detector on real pictures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import shared.face_detector
from shared.errors import InferenceError
from shared.face_detector import FaceDetector, anchors, decode, weighted_suppression
from shared.inference.ort import open_session
from shared.inference.session import TensorInfo
from shared.parameters import FloatArray
from tests.material import call_clip, clip_frames, faces_test_clip

_NETWORK = (
    Path(shared.face_detector.__file__).parent
    / "assets"
    / "tracker"
    / "face_detection_short_range.onnx"
)


class FixedSession:
    """Gives the same outputs whatever it is shown, and keeps what it was shown."""

    def __init__(self, logits: FloatArray, regressors: FloatArray) -> None:
        self.inputs = (TensorInfo("input", (1, 128, 128, 3), np.dtype(np.float32)),)
        self.outputs: tuple[TensorInfo, ...] = ()
        self.shown: np.ndarray = np.empty(0)
        self._answer = {"classificators": logits[None, :, None], "regressors": regressors[None]}

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.shown = inputs["input"]
        return self._answer

    def close(self) -> None:
        pass


def _one_face(anchor: int) -> tuple[FloatArray, FloatArray]:
    """Raw outputs with one face: a 32 x 40 box on the anchor, key points 2 pixels right of it."""
    logits = np.full(896, -200, np.float32)
    regressors = np.zeros((896, 16), np.float32)
    logits[anchor] = 200
    regressors[anchor, 2:4] = 32, 40
    regressors[anchor, 4::2] = 2
    return logits, regressors


def test_anchors() -> None:
    centres = anchors()
    assert centres.shape == (896, 2)
    assert centres[:4].tolist() == [[4, 4], [4, 4], [12, 4], [12, 4]]
    assert centres[2 * 16].tolist() == [4, 12]  # rows of 16 cells, two anchors each
    assert centres[512:519].tolist() == [[8, 8]] * 6 + [[24, 8]]
    assert centres[-1].tolist() == [120, 120]


def test_decode_places_box_and_key_points() -> None:
    boxes, key_points, scores = decode(*_one_face(512), anchors())
    assert boxes.tolist() == [[8 - 16, 8 - 20, 8 + 16, 8 + 20]]
    assert key_points.tolist() == [[[10, 8]] * 6]
    assert scores.tolist() == [1]


def test_decode_keeps_what_is_more_likely_a_face_than_not() -> None:
    logits = np.full(896, -0.1, np.float32)
    logits[3] = 0
    _, _, scores = decode(logits, np.zeros((896, 16), np.float32), anchors())
    assert scores.tolist() == [0.5]


def test_overlapping_boxes_become_their_weighted_mean() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [2, 0, 12, 10]], np.float32)
    points = np.zeros((3, 6, 2), np.float32)
    points[2] = 4
    faces = weighted_suppression(boxes, points, np.array([0.6, 0.7, 0.9], np.float32))
    assert [score for _, _, score in faces] == pytest.approx([0.9, 0.7])
    merged, merged_points, _ = faces[0]
    assert merged.tolist() == pytest.approx([1.2, 0, 11.2, 10])
    assert merged_points.ravel().tolist() == pytest.approx([2.4] * 12)
    assert faces[1][0].tolist() == [50, 50, 60, 60]


def test_boxes_that_barely_overlap_stay_apart() -> None:
    boxes = np.array([[0, 0, 10, 10], [6, 0, 16, 10]], np.float32)  # 40 of 160: below 0.3
    faces = weighted_suppression(boxes, np.zeros((2, 6, 2), np.float32), np.ones(2, np.float32))
    assert len(faces) == 2


@settings(deadline=None, max_examples=100)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(0, 12), st.just(4)),
        elements=st.floats(-100, 200, width=32),
    ),
    st.integers(0, 100),
)
def test_suppression_ends_with_falling_scores(boxes: FloatArray, seed: int) -> None:
    """Boxes turned inside out and empty ones, too."""
    scores = np.random.default_rng(seed).uniform(0.5, 1, len(boxes)).astype(np.float32)
    faces = weighted_suppression(boxes, np.zeros((len(boxes), 6, 2), np.float32), scores)
    found = [score for _, _, score in faces]
    assert found == sorted(found, reverse=True)
    assert len(found) <= len(boxes)
    assert (len(found) > 0) == (len(boxes) > 0)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 480), (256, 256), (64, 64)])
def test_letterbox_and_back(height: int, width: int) -> None:
    """A face near the middle of the network's input is near the middle of the frame."""
    anchor = 512 + 6 * (8 * 3 + 3)  # its centre is (56, 56)
    session = FixedSession(*_one_face(anchor))
    [face] = FaceDetector(session).detect(np.full((height, width, 3), 255, np.uint8))
    scale = max(height, width) / 128
    left, top, right, bottom = face.box
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx(
        (width / 2 - 8 * scale, height / 2 - 8 * scale)
    )
    assert face.size == pytest.approx(40 * scale)
    assert face.key_points[0].tolist() == pytest.approx(
        [width / 2 - 6 * scale, height / 2 - 8 * scale]
    )
    assert session.shown.shape == (1, 128, 128, 3)
    assert session.shown[0, 64, 64].tolist() == [1, 1, 1]
    bars = (session.shown == -1).all(axis=-1).mean()
    assert bars == pytest.approx(1 - min(height, width) / max(height, width))


def test_numbers_that_are_not_finite() -> None:
    logits, regressors = _one_face(600)
    regressors[600, 0] = np.nan
    with pytest.raises(InferenceError) as caught:
        FaceDetector(FixedSession(logits, regressors)).detect(np.zeros((10, 10, 3), np.uint8))
    assert str(caught.value) == "the face detector returned numbers that are not finite"


def test_finds_the_face_of_a_call() -> None:
    detector = FaceDetector(open_session(_NETWORK))
    [frame] = clip_frames(call_clip("dfdc_lyna"), 1)
    [face] = detector.detect(frame)
    assert face.score > 0.6
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.key_points
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert right_eye[1] < nose[1] < mouth[1]
    left, top, right, bottom = face.box
    assert left < right_eye[0] < left_eye[0] < right
    assert top < right_eye[1] < mouth[1] < bottom


def test_finds_two_faces_and_none() -> None:
    detector = FaceDetector(open_session(_NETWORK))
    [first] = clip_frames(faces_test_clip("elle_1"), 1)
    [second] = clip_frames(faces_test_clip("flake_1"), 1)
    faces = detector.detect(np.concatenate([first, second], axis=1))
    middles = sorted((face.box[0] + face.box[2]) / 2 for face in faces)
    assert len(middles) == 2
    assert middles[0] < 256 < middles[1]
    assert detector.detect(np.zeros_like(first)) == []
