"""Which square of the camera frame the call shows.

The square is 2.2 times the face from forehead to chin, around the head. It stays where it is
while the head stays inside it, because a move costs a new reference picture:

              +-----------------------+  crop: 2.2 face heights
              |    .-----------.      |
              |    |   head    |      |  head: about 1.3 face heights
              |    '-----------'      |  a move is wanted when the head has left the square, or
              +-----------------------+  has become far too small or large for it, for a while
"""

import math
from dataclasses import dataclass

import numpy as np

from shared.parameters import Crop, FloatArray

FACE_HEIGHTS = 2.2
"""Side of the crop in face heights (forehead to chin)."""

HEAD_HEIGHTS = 1.4
"""The least side of the crop in face heights: the head with its hair and a rim."""

SMALLEST_CROP_PX = 64
"""A face further away is shown small rather than blown up from nothing."""

OUTSIDE_NS = 400_000_000
"""How long the head must be out of the crop before a move is wanted."""

SIZE_NS = 1_500_000_000
"""How long it must be too small or too large."""

SMALLEST_RATIO = 0.68
LARGEST_RATIO = 1.45
"""Bounds of wanted side to present side of the crop within which it stays."""

SETTLED_SPEED = 0.6
"""Face heights a second; a faster head is still on its way, the move waits for it."""

SETTLING_NS = 1_000_000_000
"""The longest wait for a head that does not settle."""

_FOREHEAD, _CHIN = 10, 152
"""Vertices of the mesh on the midline: top of the forehead and bottom of the chin."""


@dataclass(frozen=True, slots=True)
class HeadBox:
    """Where the whole head is, in frame pixels; the mesh itself stops at the hairline."""

    left: float
    top: float
    right: float
    bottom: float

    face_height: float
    """Forehead to chin in space, so that a nod does not shorten it."""

    @classmethod
    def from_landmarks(cls, points: FloatArray) -> "HeadBox":
        """From landmarks (478, 3) in frame pixels."""
        axis = points[_FOREHEAD] - points[_CHIN]
        height = max(float(np.linalg.norm(axis)), 1.0)
        left, top = points[:, :2].min(axis=0)
        right, bottom = points[:, :2].max(axis=0)
        # Hair stands about a quarter of a face above the forehead, in the direction of the axis.
        crown = points[_FOREHEAD, :2] + 0.25 * axis[:2]
        rim = 0.06 * height
        return cls(
            left=min(float(left), float(crown[0])) - rim,
            top=min(float(top), float(crown[1])) - rim,
            right=max(float(right), float(crown[0])) + rim,
            bottom=max(float(bottom), float(crown[1])) + rim,
            face_height=height,
        )

    @property
    def center(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def outside(self, crop: Crop, *, width: int, height: int) -> float:
        """Pixels that the crop cuts off the head as far as the frame shows it; <= 0: nothing."""
        return max(
            crop.x - max(self.left, 0.0),
            crop.y - max(self.top, 0.0),
            min(self.right, float(width)) - crop.x - crop.size,
            min(self.bottom, float(height)) - crop.y - crop.size,
        )


class CropPolicy:
    """The crop of a call, with hysteresis. Pure: landmarks, frame size and time in, crop out."""

    def __init__(self, *, size: int) -> None:
        """`size`: side S of the picture; a frame that is already S x S is its own crop."""
        self._size = size
        self._crop: Crop | None = None
        self._unfit_since_ns: int | None = None
        self._moving_since_ns: int | None = None
        self._last_center: tuple[float, float] | None = None
        self._last_ns = 0
        self._frame_size: tuple[int, int] | None = None

    def reset(self) -> None:
        """Forget the crop: the next face starts a new one at once."""
        self._crop = None
        self._unfit_since_ns = None
        self._moving_since_ns = None
        self._last_center = None

    def update(self, points: FloatArray, *, width: int, height: int, time_ns: int) -> Crop:
        """The crop to show from now on; the same as before unless a move is due.

        `points` (478, 3) landmarks in frame pixels, of a frame of `width` x `height`.
        """
        if self._frame_size not in {None, (width, height)}:
            self.reset()
        self._frame_size = (width, height)
        if width == height == self._size:
            self._crop = Crop(x=0.0, y=0.0, size=float(self._size))
            return self._crop
        head = HeadBox.from_landmarks(points)
        speed = self._speed(head, time_ns)
        wanted = wanted_crop(head, width=width, height=height)
        if self._crop is None:
            self._crop = wanted
        elif self._move_due(
            head.outside(self._crop, width=width, height=height) > 0.0,
            wanted.size / self._crop.size,
            speed=speed,
            time_ns=time_ns,
        ):
            self._crop = wanted
            self._unfit_since_ns = None
            self._moving_since_ns = None
        return self._crop

    def _speed(self, head: HeadBox, time_ns: int) -> float:
        """Face heights a second since the last call."""
        center, last, elapsed_ns = head.center, self._last_center, time_ns - self._last_ns
        self._last_center, self._last_ns = center, time_ns
        if last is None or elapsed_ns <= 0:
            return 0.0
        return math.dist(center, last) / head.face_height / (elapsed_ns / 1e9)

    def _move_due(self, outside: bool, ratio: float, *, speed: float, time_ns: int) -> bool:
        """Whether it is time to move for a head that is outside, or `ratio` too large or small."""
        if not outside and SMALLEST_RATIO <= ratio <= LARGEST_RATIO:
            self._unfit_since_ns = None
            self._moving_since_ns = None
            return False
        if self._unfit_since_ns is None:
            self._unfit_since_ns = time_ns
        if time_ns - self._unfit_since_ns < (OUTSIDE_NS if outside else SIZE_NS):
            return False
        if self._moving_since_ns is None:
            self._moving_since_ns = time_ns
        return speed <= SETTLED_SPEED or time_ns - self._moving_since_ns >= SETTLING_NS


def wanted_crop(head: HeadBox, *, width: int, height: int) -> Crop:
    """The crop for this head in a frame of `width` x `height`, on whole pixels.

    Kept inside the frame where the head allows it, for what lies beyond is black.
    """
    side = max(FACE_HEIGHTS * head.face_height, SMALLEST_CROP_PX)
    shorter = min(width, height)
    if side > shorter:
        side = max(shorter, HEAD_HEIGHTS * head.face_height)
    size = float(max(round(side), 1))
    x, y = (center - size / 2 for center in head.center)
    return Crop(x=_keep_within(x, size, width), y=_keep_within(y, size, height), size=size)


def _keep_within(start: float, size: float, length: int) -> float:
    if size >= length:
        return float(round((length - size) / 2))
    return float(round(min(max(start, 0.0), length - size)))
