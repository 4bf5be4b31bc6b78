"""Rotation vectors and matrices.

A rotation vector r turns by |r| radians about r / |r|, right-handed: `R(r) = exp([r]x)`. With x
right, y down and z away from the viewer the axes are right-handed too, so a positive turn about
an axis is clockwise seen along it.
"""

import math

import numpy as np
from numpy.typing import NDArray

_SMALL_ANGLE = 1e-4
"""Below this the series of sin(a)/a and (1 - cos a)/a^2 to a^2 are exact in float64."""

_HALF_TURN = 1e-12
"""Cosine of half the angle that counts as a half turn; rounding leaves about 1e-16 of it."""


def cross_product_matrix(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    """[v]x of `vector` (3,): the (3, 3) matrix with [v]x w = v x w."""
    x, y, z = (float(component) for component in vector)
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def matrix_from_rotation_vector(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3, 3) rotation matrix of a rotation vector (3,) in radians, of any norm (Rodrigues)."""
    cross = cross_product_matrix(vector)
    angle = math.sqrt(float(np.dot(vector, vector)))
    if angle < _SMALL_ANGLE:
        first, second = 1.0 - angle * angle / 6.0, 0.5 - angle * angle / 24.0
    else:
        first, second = math.sin(angle) / angle, (1.0 - math.cos(angle)) / (angle * angle)
    return np.eye(3) + first * cross + second * (cross @ cross)


def rotation_vector_from_matrix(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3,) rotation vector of a (3, 3) rotation matrix, norm in [0, pi].

    Goes through the unit quaternion, whose largest component is found first (Shepperd's
    method), so that angles near 0 and near pi are both exact. Of the two vectors of a half
    turn the one whose first non-zero component is positive is given.
    """
    m = np.asarray(matrix, np.float64)
    trace = float(np.trace(m))
    squares = np.array([trace, m[0, 0], m[1, 1], m[2, 2]])
    largest = int(np.argmax(squares))
    if largest == 0:
        quaternion = np.array(
            [1.0 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]]
        )
    else:
        i = largest - 1
        j, k = (i + 1) % 3, (i + 2) % 3
        quaternion = np.empty(4)
        quaternion[0] = m[k, j] - m[j, k]
        quaternion[1 + i] = 1.0 + m[i, i] - m[j, j] - m[k, k]
        quaternion[1 + j] = m[j, i] + m[i, j]
        quaternion[1 + k] = m[k, i] + m[i, k]
    if abs(quaternion[0]) < _HALF_TURN * float(np.linalg.norm(quaternion)):
        axis = quaternion[1:]
        quaternion[0] = 0.0
        if axis[np.flatnonzero(np.abs(axis) > _HALF_TURN)[0]] < 0.0:
            quaternion = -quaternion
    elif quaternion[0] < 0.0:
        quaternion = -quaternion
    length = float(np.linalg.norm(quaternion[1:]))
    if length == 0.0:
        return np.zeros(3)
    angle = 2.0 * math.atan2(length, float(quaternion[0]))
    return quaternion[1:] * (angle / length)
