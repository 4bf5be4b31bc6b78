"""Between two frames of parameters."""

import math

import numpy as np
from numpy.typing import NDArray

from shared.parameters import EXPRESSION_SIZE
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

Vector = NDArray[np.float64]

ROTATION = slice(EXPRESSION_SIZE + 1, EXPRESSION_SIZE + 4)
"""Where the rotation vector lies among the 35 floats."""


def nearest_rotation(rotation: Vector, anchor: Vector) -> Vector:
    """The vector of the same rotation that lies nearest to `anchor`: norms may exceed pi.

    Rotation vectors jump at norm pi; differences of vectors are small turns only after this.
    """
    x, y, z = rotation.tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    if angle < 1e-9:
        return rotation
    anchor_x, anchor_y, anchor_z = anchor.tolist()
    along = (x * anchor_x + y * anchor_y + z * anchor_z) / angle
    turns = round((along - angle) / (2 * math.pi))
    if turns == 0:
        return rotation
    nearest: Vector = rotation + rotation / angle * (2 * math.pi * turns)
    return nearest


def interpolate(start: Vector, end: Vector, weight: float) -> Vector:
    """(35,) between two frames, weight in [0, 1]: linear, the rotation along the great arc."""
    vector = start + (end - start) * weight
    vector[ROTATION] = interpolate_rotation(start[ROTATION], end[ROTATION], weight)
    return vector


def interpolate_rotation(start: Vector, end: Vector, weight: float) -> Vector:
    """(3,) rotation vector between two, at constant angular velocity (slerp)."""
    first = matrix_from_rotation_vector(start)
    between = rotation_vector_from_matrix(first.T @ matrix_from_rotation_vector(end))
    turned: Vector = rotation_vector_from_matrix(
        first @ matrix_from_rotation_vector(between * weight)
    )
    return turned
