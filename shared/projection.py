"""The camera of the face model."""

import math

import numpy as np

from shared.parameters import FloatArray
from shared.rotation import matrix_from_rotation_vector


def scaled_rotation(camera: FloatArray) -> FloatArray:
    """(3, 3) float32: s R(r) of a camera (7,)."""
    rotation = matrix_from_rotation_vector(camera[1:4]) * math.exp(camera[0])
    return rotation.astype(np.float32)


def project(points: FloatArray, camera: FloatArray) -> FloatArray:
    """(N, 3) image coordinates of model points (N, 3) under a camera (7,), z included."""
    image: FloatArray = points @ scaled_rotation(camera).T + camera[4:7]
    return image
