"""What is done to the pictures of a sample: the same to all, and to the reference alone."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import features

from shared.parameters import FloatArray, Image

_ZOOM_MAX = 1.3
_GAIN, _GAMMA = 0.2, 0.25

_QUALITIES = {"AVIF": (34, 62), "WEBP": (30, 70), "JPEG": (35, 80)}
"""Around those that a reference of 2.6 to 3.6 KB has."""


class PictureChange:
    """A random change of view and colour, the same for every picture of a sample."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.mirrored = bool(rng.random() < 0.5)
        self._zoom = float(rng.uniform(1.0, _ZOOM_MAX)) if rng.random() < 0.5 else 1.0
        room = 1 - 1 / self._zoom
        self._centre = rng.uniform(-room, room, 2) if self._zoom > 1 else np.zeros(2)
        self._table = _colour_table(rng)
        self._blur = float(rng.uniform(0.4, 0.9)) if rng.random() < 0.1 else 0.0

    def picture(self, image: Image) -> Image:
        """The changed picture, mirrored last."""
        if self._zoom > 1:
            side = image.shape[0]
            # Pixel i has its centre at (2 i + 1) / side - 1.
            shift = (self._zoom - 1) * (0.5 - side / 2) - self._zoom * self._centre * side / 2
            matrix = np.array([[self._zoom, 0, shift[0]], [0, self._zoom, shift[1]]])
            warped = cv2.warpAffine(
                image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            image = np.asarray(warped, np.uint8)
        if self._blur:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self._blur), np.uint8)
        image = np.asarray(cv2.LUT(image, self._table), np.uint8)
        return np.ascontiguousarray(image[:, ::-1]) if self.mirrored else image

    def zoomed(self, points: FloatArray) -> FloatArray:
        """(N, 3) image coordinates under the change of view, mirroring left out."""
        moved = points * np.float32(self._zoom)
        moved[:, :2] -= (self._centre * self._zoom * (-1 if self.mirrored else 1, 1)).astype(
            np.float32
        )
        return moved


def degrade_reference(image: Image, rng: np.random.Generator) -> Image:
    """A reference as a receiver decodes it: compressed, now and then blurred before."""
    if rng.random() < 0.15:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2)), np.uint8)
    choice = rng.random()
    if choice < 0.1:
        return image
    codec = "AVIF" if choice < 0.75 else "WEBP" if choice < 0.9 else "JPEG"
    if codec == "AVIF" and not _HAS_AVIF:
        codec = "WEBP"
    low, high = _QUALITIES[codec]
    fast = {"AVIF": {"speed": 10, "max_threads": 1}, "WEBP": {"method": 0}, "JPEG": {}}[codec]
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, codec, quality=int(rng.integers(low, high)), **fast)
    with PillowImage.open(buffer) as decoded:
        return np.array(decoded.convert("RGB"))


def move_picture(image: Image, displacement: FloatArray) -> Image:
    """The picture sampled at each pixel plus displacement (2, S, S), image units."""
    side = image.shape[0]
    line = np.arange(side, dtype=np.float32)
    column = line[None, :] + displacement[0] * np.float32(side / 2)
    row = line[:, None] + displacement[1] * np.float32(side / 2)
    moved = cv2.remap(image, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _colour_table(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(1, 256, 3): gain and gamma of each channel; none for a quarter of the samples."""
    levels = np.linspace(0, 1, 256)[:, None]
    if rng.random() < 0.25:
        return np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    shared = np.exp(rng.uniform(-_GAMMA, _GAMMA))
    gains = np.exp(rng.uniform(-_GAIN, _GAIN) + rng.uniform(-_GAIN, _GAIN, 3) / 2)
    return (255 * levels**shared * gains + 0.5).clip(0, 255).astype(np.uint8)[None]


_HAS_AVIF = bool(features.check("avif"))
