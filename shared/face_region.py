"""The turned square around a face that the mesh network looks at."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from shared.face_detector import LEFT_EYE_KEY_POINT, RIGHT_EYE_KEY_POINT, FaceDetection
from shared.parameters import FloatArray, Image

_MARGIN = 1.5
"""Side of the region over the longer side of the face's box, what the network was trained with."""

_OUTER_EYE_CORNERS = (33, 263)
"""Mesh vertices: the person's right eye (left in the picture), then the left one."""


@dataclass(frozen=True, slots=True)
class FaceRegion:
    """A square in pixels of the frame (continuous; pixel centres at i + 0.5)."""

    x: float
    """Centre."""

    y: float
    """Centre."""

    size: float
    """Side; > 0."""

    angle: float
    """Radians from the frame's x axis to the square's, clockwise as seen (y is down)."""

    @classmethod
    def from_detection(cls, detection: FaceDetection) -> "FaceRegion":
        """The detector's box with a margin, upright as the eyes are."""
        left, top, right, bottom = detection.box
        across = (
            detection.key_points[LEFT_EYE_KEY_POINT] - detection.key_points[RIGHT_EYE_KEY_POINT]
        )
        return cls(
            x=(left + right) / 2,
            y=(top + bottom) / 2,
            size=_MARGIN * max(right - left, bottom - top),
            angle=math.atan2(across[1], across[0]),
        )

    @classmethod
    def from_points(cls, points: FloatArray) -> "FaceRegion":
        """The box of (478, 3) landmarks with a margin, upright as the outer eye corners are."""
        left, top = points[:, :2].min(axis=0).tolist()
        right, bottom = points[:, :2].max(axis=0).tolist()
        first, second = (points[vertex] for vertex in _OUTER_EYE_CORNERS)
        return cls(
            x=(left + right) / 2,
            y=(top + bottom) / 2,
            size=_MARGIN * max(right - left, bottom - top),
            angle=math.atan2(second[1] - first[1], second[0] - first[0]),
        )

    def to_frame(self, side: int) -> np.ndarray:
        """(2, 3) float64: from coordinates of the cut-out, 0 to `side`, to the frame's."""
        scale = self.size / side
        cosine, sine = scale * math.cos(self.angle), scale * math.sin(self.angle)
        half = side / 2
        return np.array(
            [
                [cosine, -sine, self.x - half * (cosine - sine)],
                [sine, cosine, self.y - half * (sine + cosine)],
            ]
        )

    def cut_out(self, image: Image, side: int) -> Image:
        """The region resampled to (side, side, 3); beyond the frame its border is repeated."""
        matrix = self.to_frame(side)
        # cv2 counts pixel centres from 0, we count them from 0.5.
        matrix[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
        pixels = cv2.warpAffine(
            image,
            matrix,
            (side, side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(pixels, np.uint8)

    def overlap(self, other: "FaceRegion") -> float:
        """Shared area over united area, in [0, 1], of the two squares set upright."""
        width = _shared(self.x, self.size, other.x, other.size)
        height = _shared(self.y, self.size, other.y, other.size)
        shared = width * height
        return shared / (self.size**2 + other.size**2 - shared)


def _shared(first: float, first_size: float, second: float, second_size: float) -> float:
    """Length that two intervals share, given by centre and length."""
    end = min(first + first_size / 2, second + second_size / 2)
    start = max(first - first_size / 2, second - second_size / 2)
    return max(0.0, end - start)
