"""What our tracker and our face model see in a picture: landmarks, expression, head pose.

GDPW 4.2 measures motion by 3DMM parameters of the generated and the driving picture: AED, the
average distance of expressions, and APD, of head poses (yaw, pitch and roll; what HeadGAN's
appendix E calls ARD: the mean L1 distance of Euler angles in degrees). The papers fit FLAME by
DECA, or their own model; here both pictures go through our tracker and our model, so the numbers
compare with each other and not with theirs.
"""

from dataclasses import dataclass

import numpy as np

from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.parameters import FloatArray
from shared.rotation import matrix_from_rotation_vector


@dataclass(frozen=True, slots=True, eq=False)
class FaceMotion:
    """A face's pose and expression."""

    expression: FloatArray
    """(28,) standard deviations, from the person's own neutral."""

    angles: FloatArray
    """(3,) yaw, pitch, roll in degrees."""


class FaceObserver:
    """Fits landmarks of single pictures, each from rest: no picture lends another its answer."""

    def __init__(self, model: FaceModel) -> None:
        self._fitter = FaceFitter(model)

    def motion(self, points: FloatArray, neutral: FloatArray, size: int) -> FaceMotion:
        """Of landmarks (478, 3) in pixels of a picture of `size`, against a neutral (478, 3)."""
        target = (points * np.float32(2 / size)).astype(np.float32)
        target[:, :2] -= 1
        fitted = self._fitter.fit(target, neutral, capture_time=0)
        return FaceMotion(fitted.expression, euler_angles(fitted.rotation))


def expression_distance(one: FaceMotion, other: FaceMotion) -> float:
    """AED: mean absolute difference of the coefficients, in standard deviations."""
    return float(np.abs(one.expression - other.expression).mean())


def pose_distance(one: FaceMotion, other: FaceMotion) -> float:
    """APD: mean absolute difference of yaw, pitch and roll, in degrees."""
    turn = (one.angles - other.angles + 180) % 360 - 180
    return float(np.abs(turn).mean())


def euler_angles(rotation: FloatArray) -> FloatArray:
    """(3,) yaw, pitch, roll in degrees of a rotation vector: R = R_y(yaw) R_x(pitch) R_z(roll).

    Signs as in `shared.parameters`: positive turns to the person's right, looks down, tilts
    towards their left shoulder.
    """
    r = matrix_from_rotation_vector(rotation)
    yaw = np.arctan2(r[0, 2], r[2, 2])
    pitch = np.arcsin(np.clip(-r[1, 2], -1, 1))
    roll = np.arctan2(r[1, 0], r[1, 1])
    return np.degrees([yaw, pitch, roll]).astype(np.float32)
