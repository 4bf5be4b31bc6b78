import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

vectors = arrays(np.float64, 3, elements=st.floats(-1.8, 1.8))


@given(vectors)
@settings(deadline=None, max_examples=200)
def test_vector_survives_the_matrix(vector: np.ndarray) -> None:
    if np.linalg.norm(vector) > math.pi - 1e-6:
        vector = vector * 0.5
    back = rotation_vector_from_matrix(matrix_from_rotation_vector(vector))
    np.testing.assert_allclose(back, vector, atol=1e-9)


@given(arrays(np.float64, 3, elements=st.floats(-20, 20)))
@settings(deadline=None, max_examples=200)
def test_matrix_survives_the_vector(vector: np.ndarray) -> None:
    matrix = matrix_from_rotation_vector(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    back = rotation_vector_from_matrix(matrix)
    assert np.linalg.norm(back) <= math.pi + 1e-12
    np.testing.assert_allclose(matrix_from_rotation_vector(back), matrix, atol=1e-8)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -2, 3)])
@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-5, 3.0, math.pi - 1e-9, math.pi])
def test_angles_near_nothing_and_near_a_half_turn(
    axis: tuple[float, float, float], angle: float
) -> None:
    vector = np.asarray(axis, np.float64) / np.linalg.norm(axis) * angle
    back = rotation_vector_from_matrix(matrix_from_rotation_vector(vector))
    np.testing.assert_allclose(back, vector, atol=1e-7)


def test_positive_turns_are_right_handed() -> None:
    quarter = math.pi / 2
    np.testing.assert_allclose(
        matrix_from_rotation_vector(np.array([0, 0, quarter])) @ [1, 0, 0], [0, 1, 0], atol=1e-12
    )
    np.testing.assert_allclose(
        matrix_from_rotation_vector(np.array([quarter, 0, 0])) @ [0, 1, 0], [0, 0, 1], atol=1e-12
    )
    np.testing.assert_allclose(
        matrix_from_rotation_vector(np.array([0, quarter, 0])) @ [0, 0, 1], [1, 0, 0], atol=1e-12
    )
