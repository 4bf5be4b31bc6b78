import numpy as np
import pytest

from benchmarks.face_observer import (
    FaceMotion,
    FaceObserver,
    euler_angles,
    expression_distance,
    pose_distance,
)
from shared.face_model import FaceModel
from shared.parameters import FaceParameters, FloatArray
from shared.rotation import rotation_vector_from_matrix
from tests.faces import MEAN_IDENTITY, face_parameters

MODEL = FaceModel.load()
NEUTRAL = MODEL.neutral(MEAN_IDENTITY)
SIZE = 200


def about(axis: int, degrees: float) -> FloatArray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = c
    matrix[second, first], matrix[first, second] = s, -s
    return matrix.astype(np.float32)


def observe(parameters: FaceParameters) -> FaceMotion:
    points = (MODEL.vertices(NEUTRAL, parameters) + np.array([1, 1, 0], np.float32)) * (SIZE / 2)
    return FaceObserver(MODEL).motion(points.astype(np.float32), NEUTRAL, SIZE)


def test_euler_angles_are_those_that_a_rotation_was_made_of() -> None:
    matrix = about(1, 35) @ about(0, -20) @ about(2, 12)
    angles = euler_angles(rotation_vector_from_matrix(matrix).astype(np.float32))
    assert angles == pytest.approx([35, -20, 12], abs=1e-3)


def test_pose_and_expression_are_found_again() -> None:
    rotation = rotation_vector_from_matrix(about(1, 20) @ about(0, 10))
    parameters = face_parameters(
        rotation=tuple(rotation), translation=(0.1, -0.2), expression={0: 1.5, 3: -1.0}
    )
    seen = observe(parameters)
    assert seen.angles == pytest.approx([20, 10, 0], abs=0.3)
    assert np.abs(seen.expression - parameters.expression).max() < 0.1


def test_distances_are_means_of_absolute_differences() -> None:
    one = FaceMotion(np.zeros(28, np.float32), np.array([179, 0, 0], np.float32))
    other = FaceMotion(np.full(28, -0.5, np.float32), np.array([-178, 6, -3], np.float32))
    assert expression_distance(one, other) == pytest.approx(0.5)
    assert pose_distance(one, other) == pytest.approx((3 + 6 + 3) / 3)


def test_a_picture_lends_the_next_nothing() -> None:
    observer = FaceObserver(MODEL)
    points = ((MODEL.mean + np.array([1, 1, 0], np.float32) * 2) * 50).astype(np.float32)
    open_mouth = MODEL.vertices(NEUTRAL, face_parameters(expression={0: 3.0}))
    first = observer.motion(points, NEUTRAL, SIZE)
    observer.motion(((open_mouth + 1) * 100).astype(np.float32), NEUTRAL, SIZE)
    again = observer.motion(points, NEUTRAL, SIZE)
    np.testing.assert_array_equal(first.expression, again.expression)
