import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.face_model import FaceModel, VertexGroup
from shared.fitting import COEFFICIENT_LIMIT, FaceFitter
from shared.parameters import CROP_SIZE, Crop, FaceParameters, FloatArray
from shared.tracker import FaceTracker
from tests.faces import face_parameters
from tests.material import clip_frames, faces_test_clip

MODEL = FaceModel.load()
FITTER = FaceFitter(MODEL)
MEAN = MODEL.mean


def error_px(neutral: FloatArray, parameters: FaceParameters, points: FloatArray) -> np.ndarray:
    """(V,) distances in pixels of a 256-pixel crop."""
    difference = MODEL.vertices(neutral, parameters) - points
    distance: np.ndarray = np.linalg.norm(difference[:, :2], axis=1) * (CROP_SIZE / 2.0)
    return distance


@given(
    pose=arrays(np.float64, 3, elements=st.floats(-0.6, 0.6)),
    scale=st.floats(0.1, 0.6),
    place=arrays(np.float64, 2, elements=st.floats(-0.4, 0.4)),
    expression=arrays(np.float64, 28, elements=st.floats(-2.0, 2.0)),
)
@settings(deadline=None, max_examples=50)
def test_what_the_model_can_say_is_found_again(
    pose: np.ndarray, scale: float, place: np.ndarray, expression: np.ndarray
) -> None:
    x, y, z = pose
    true = face_parameters(
        rotation=(x, y, z),
        translation=(place[0], place[1]),
        scale=scale,
        expression=dict(enumerate(expression)),
    )
    points = MODEL.vertices(MEAN, true)
    found = FITTER.fit(points, MEAN, capture_time=7)
    assert error_px(MEAN, found, points).mean() < 1.2 * scale
    assert found.log_scale == pytest.approx(true.log_scale, abs=0.05)
    np.testing.assert_allclose(found.rotation, true.rotation, atol=0.12)
    assert found.translation[2] == 0.0
    assert found.capture_time == 7


def test_a_previous_frame_changes_the_start_and_hardly_the_end() -> None:
    points = MODEL.vertices(MEAN, face_parameters(rotation=(0.1, 0.2, 0), expression={0: 2.0}))
    previous = face_parameters(rotation=(0.05, 0.1, 0), expression={0: 1.0, 3: -1.0})
    alone = FITTER.fit(points, MEAN, capture_time=0)
    after = FITTER.fit(points, MEAN, capture_time=0, previous=previous)
    np.testing.assert_allclose(after.vector, alone.vector, atol=0.02)


def test_where_depth_begins_does_not_matter_and_how_deep_hardly() -> None:
    points = MODEL.vertices(MEAN, face_parameters(rotation=(0.1, 0.3, 0), expression={1: 1.0}))
    found = FITTER.fit(points, MEAN, capture_time=0)
    moved = FITTER.fit(points + np.array([0, 0, 5], np.float32), MEAN, capture_time=0)
    np.testing.assert_allclose(moved.vector, found.vector, atol=1e-3)
    flatter = FITTER.fit(points * np.array([1, 1, 0.8], np.float32), MEAN, capture_time=0)
    np.testing.assert_allclose(flatter.rotation, found.rotation, atol=0.06)


def test_coefficients_stay_within_their_limit() -> None:
    points = MODEL.vertices(MEAN, face_parameters(expression={0: 9.0, 4: -8.0, 6: 1.0}))
    found = FITTER.fit(points, MEAN, capture_time=0)
    assert np.abs(found.expression).max() <= COEFFICIENT_LIMIT
    assert found.expression[0] == COEFFICIENT_LIMIT


def test_a_mirrored_face_has_mirrored_parameters() -> None:
    true = face_parameters(rotation=(0.1, 0.2, -0.1), expression={0: 1.0, 2: 2.0, 3: -1.0, 6: 1.5})
    points = MODEL.vertices(MEAN, true)
    mirrored = points[MODEL.mirror_vertices] * np.array([-1, 1, 1], np.float32)
    found = FITTER.fit(points, MEAN, capture_time=0)
    other = FITTER.fit(mirrored, MEAN, capture_time=0)
    np.testing.assert_allclose(
        other.expression, found.expression * MODEL.expression_mirror, atol=1e-3
    )
    np.testing.assert_allclose(other.rotation, found.rotation * [1, -1, -1], atol=1e-4)


def test_the_reference_frame_fits_to_the_precision_of_its_residual() -> None:
    rng = np.random.default_rng(3)
    points = MODEL.vertices(MEAN, face_parameters(rotation=(0.1, -0.2, 0.05)))
    points = points + rng.normal(size=points.shape).astype(np.float32) * 0.01
    identity, parameters = FITTER.fit_reference(points, 11)
    neutral = MODEL.neutral(identity)
    half_step_px = identity.residual_step * np.exp(parameters.log_scale) * CROP_SIZE / 4
    assert error_px(neutral, parameters, points).max() < 2.0 * half_step_px
    assert half_step_px < 0.05
    assert np.abs(identity.coefficients).max() <= COEFFICIENT_LIMIT
    assert parameters.capture_time == 11


def test_a_face_that_is_the_mean_leaves_no_residual() -> None:
    points = MODEL.vertices(MEAN, face_parameters())
    identity, parameters = FITTER.fit_reference(points, 0)
    assert np.abs(identity.coefficients).max() < 1e-3
    assert np.abs(parameters.expression).max() < 1e-3
    assert error_px(MODEL.neutral(identity), parameters, points).max() < 1e-2


def test_inputs_are_left_alone() -> None:
    points = MODEL.vertices(MEAN, face_parameters())
    before = points.copy()
    points.flags.writeable = False
    FITTER.fit_reference(points, 0)
    FITTER.fit(points, MEAN, capture_time=0)
    np.testing.assert_array_equal(points, before)


def test_a_real_clip_with_identity_from_its_first_frame() -> None:
    tracker, crop = FaceTracker(max_faces=1), Crop(0.0, 0.0, float(CROP_SIZE))
    neutral = None
    errors = []
    for image in clip_frames(faces_test_clip("wojtek_1"), 50):
        (face,) = tracker.track(image)
        points = crop.to_image(face.points).astype(np.float32)
        if neutral is None:
            identity, _ = FITTER.fit_reference(points, 0)
            neutral = MODEL.neutral(identity)
        errors.append(error_px(neutral, FITTER.fit(points, neutral, capture_time=0), points))
    mean_error = np.mean(errors, 0)
    assert mean_error.mean() < 0.6
    assert mean_error[MODEL.vertex_groups == VertexGroup.LIPS].mean() < 0.6
    assert mean_error[MODEL.vertex_groups == VertexGroup.IRISES].mean() < 0.8
