"""The camera of the face model."""

import math

import numpy as np

from shared.parameters import FloatArray
from shared.rotation import matrix_from_rotation_vector


def project(points: FloatArray, camera: FloatArray) -> FloatArray:
    """(N, 3) image coordinates of model points (N, 3) under a camera (7,), z included."""
    rotation = matrix_from_rotation_vector(camera[1:4]) * math.exp(camera[0])
    image: FloatArray = points @ rotation.T.astype(np.float32) + camera[4:7]
    return image
