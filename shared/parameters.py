"""What a frame says about a face: the 35 floats, the identity, the crop and the reference.

Conventions (the one place that states them; `tests/test_conventions.py` pins them)

    picture       (H, W, 3) uint8 RGB; pixel centres lie at i + 0.5
    crop          the square window of the camera frame that the call shows, resampled to S x S
    image         coordinates normalised to the crop: x right, y down, both in [-1, 1];
                  normalised = 2 x / S - 1, what `grid_sample(align_corners=False)` means.
                  z grows away from the viewer in the same unit; the smaller z is seen
    model         mean shape centred, RMS vertex distance 1, symmetric about x = 0, same axes
                  as the image; rotation 0 is the mean training pose seen frontally
    projection    X = s R(r) (mean + U_id p_id + residual + U_exp p_exp) + t, then drop z
                  (HeadGAN Eq. 1 and appendix A; F3A-GAN Eq. 1-2)
    camera        log s, rotation vector r (radians, norm <= pi), translation t; t_z = 0 always:
                  dropping z makes it unobservable. The slot stays for the 35-float interface
    pose          r_x > 0 looks down, < 0 up; r_y > 0 turns to the person's own right (the
                  picture's left), < 0 to their left; r_z > 0 tilts the head towards their left
                  shoulder (clockwise in the picture), < 0 towards their right
    expression    28 coefficients in standard deviations of the training set. A greater
                  symmetric one opens the mouth more, the first by far the most; a greater
                  antisymmetric one moves the lips to the person's left
    time          90 kHz ticks of the sender's NTP clock modulo 2^32 (`shared.clock`)
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

EXPRESSION_SIZE = 28
CAMERA_SIZE = 7
PARAMETER_SIZE = EXPRESSION_SIZE + CAMERA_SIZE
IDENTITY_SIZE = 40
VERTEX_COUNT = 478
"""468 vertices of the MediaPipe face mesh and 10 iris points."""

CROP_SIZE = 256
"""Default side S of the picture in pixels; a bundle's S may differ."""

FloatArray = NDArray[np.float32]
Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""


def read_only(array: np.ndarray, dtype: type) -> np.ndarray:
    """A private, contiguous, read-only copy of `array` as `dtype`."""
    copy: np.ndarray = np.array(array, dtype=dtype, order="C", copy=True)
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, slots=True, eq=False)
class FaceParameters:
    """One frame of a face: the 35 floats and when they were captured."""

    capture_time: int
    """90 kHz ticks of the sender's NTP clock, modulo 2^32."""

    expression: FloatArray
    """(28,) float32, standard deviations."""

    camera: FloatArray
    """(7,) float32: log scale, rotation vector (rad), translation (image units; t_z = 0)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", read_only(self.expression, np.float32))
        object.__setattr__(self, "camera", read_only(self.camera, np.float32))
        assert self.expression.shape == (EXPRESSION_SIZE,)
        assert self.camera.shape == (CAMERA_SIZE,)

    @classmethod
    def from_vector(cls, vector: FloatArray, *, capture_time: int) -> "FaceParameters":
        """From (35,): expression (28), then camera (7)."""
        return cls(
            capture_time=capture_time,
            expression=vector[:EXPRESSION_SIZE],
            camera=vector[EXPRESSION_SIZE:],
        )

    @property
    def vector(self) -> FloatArray:
        """(35,) float32: expression, then camera; a fresh array."""
        return np.concatenate([self.expression, self.camera])

    @property
    def log_scale(self) -> float:
        return float(self.camera[0])

    @property
    def rotation(self) -> FloatArray:
        """(3,) rotation vector, model to image axes, radians, norm in [0, pi]."""
        return self.camera[1:4]

    @property
    def translation(self) -> FloatArray:
        """(3,) in image units."""
        return self.camera[4:7]


@dataclass(frozen=True, slots=True)
class Crop:
    """A square window of the camera frame. May reach beyond the frame: what lies there is black."""

    x: float
    """Left edge in pixels of the camera frame, continuous (pixel i covers [i, i + 1])."""

    y: float
    """Top edge, likewise."""

    size: float
    """Side in pixels; > 0."""

    def to_image(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """(N, 2 or 3) frame pixels -> image coordinates; z is scaled alike, not shifted."""
        scaled = points * (2.0 / self.size)
        scaled[:, 0] -= 2.0 * self.x / self.size + 1.0
        scaled[:, 1] -= 2.0 * self.y / self.size + 1.0
        return scaled

    def to_frame(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """(N, 2 or 3) image coordinates -> frame pixels; the inverse of `to_image`."""
        scaled = points * (self.size / 2.0)
        scaled[:, 0] += self.x + self.size / 2.0
        scaled[:, 1] += self.y + self.size / 2.0
        return scaled


def _no_residual() -> NDArray[np.int8]:
    return np.zeros((VERTEX_COUNT, 3), np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """The neutral shape of a person: mean + U_id coefficients + residual * residual_step."""

    coefficients: FloatArray
    """(40,) float32, standard deviations."""

    residual: NDArray[np.int8] = field(default_factory=_no_residual)
    """(478, 3) int8, model axes."""

    residual_step: float = 0.0
    """Model units of one residual step; >= 0."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", read_only(self.coefficients, np.float32))
        object.__setattr__(self, "residual", read_only(self.residual, np.int8))
        assert self.coefficients.shape == (IDENTITY_SIZE,)
        assert self.residual.shape == (VERTEX_COUNT, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One picture of the person, with where its face is.

    References come in sets of up to four of one crop and one identity: that of the set's first
    reference. Parameters name the set; the receiver picks the reference nearest in pose and
    expression for each frame it renders.
    """

    set_id: int
    """0..255; a crop move starts the next set, modulo 256."""

    reference_id: int
    """0..255, unique inside its set; a new one with an id already held replaces it."""

    crop: Crop
    identity: Identity
    parameters: FaceParameters
    """The reference frame itself, in its own crop and identity."""

    image: Image
    """(S, S, 3) uint8 RGB, as the receiver decodes it (artefacts of compression included)."""
