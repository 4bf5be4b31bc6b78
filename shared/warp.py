"""The weightless generator: the reference's picture, warped by the displacement.

It knows two things that the reference does not show: a background that lay behind the head is
like the background around it, and a mouth that was shut is dark inside. Teeth, closed eyes
opened and the far side of the head are beyond it.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from shared.channel import Channel
from shared.features import Features
from shared.frame_input import FrameInput
from shared.parameters import CROP_SIZE, FloatArray, Image

_HEAD_MARGIN_PX = 8
"""Hair and shadow around the head that do not belong to the background."""

_RIM_PX = 25
"""Window in which the head is looked for: close to it, hidden background is rather its hair."""

_FILL_SIZE = 64
"""Side of the grid on which the hidden background is filled: it is smooth in any case."""

_FILL_SIGMAS = (1, 2, 4, 8, 16)
"""Cells of that grid."""

_FILL_DENSITY = 0.15
"""Share of known pixels under the blur from which it is used; else the next wider one is."""

_MOUTH_SHADE = np.array([0.3, 0.18, 0.18], np.float32)
"""Of the mean skin colour, per channel."""

_MOUTH_OPACITY = 0.8

_CHANNELS = (Channel.PNCC, Channel.DISPLACEMENT, Channel.MASK, Channel.REFERENCE_VISIBLE)
_PNCC, _DISPLACEMENT, _MASK, _VISIBLE = slice(0, 3), slice(3, 5), slice(5, 7), 7


class WarpGenerator:
    """Samples the reference where each point of the driving frame was (backward warping)."""

    name = "warp"
    channels = _CHANNELS
    history = 0
    largest_batch = 1

    def __init__(self, size: int = CROP_SIZE) -> None:
        self.size = size
        self.condition_size = (size, size)
        self._column, self._row = np.empty((2, size, size), np.float32)
        self._behind, self._inside, self._head = np.empty((3, size, size), np.float32)

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        """Keep the picture, the background that its head hides, and a shade for its mouth."""
        own_size = image
        if image.shape[:2] != (self.size, self.size):
            resized = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
            own_size = np.asarray(resized, np.uint8)
        head = np.asarray(conditions[_PNCC].any(axis=0))
        face = conditions[_MASK][0] > 0
        skin = own_size[face].mean(axis=0) if face.any() else np.full(3, 128)
        return Features(
            {
                "image": np.ascontiguousarray(image),
                "background": _background(own_size, head),
                "mouth": (skin * _MOUTH_SHADE).astype(np.float32),
            }
        )

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        """(S, S, 3) uint8."""
        image = features.tensors["image"]
        dx, dy = conditions[_DISPLACEMENT]
        _locate(dx, dy, image.shape[1], image.shape[0], self._column, self._row)
        warped = np.asarray(
            cv2.remap(
                image,
                self._column,
                self._row,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )
        if _find_hidden(conditions, self._behind, self._inside, self._head):
            behind = np.asarray(cv2.blur(self._behind, (5, 5)), np.float32)
            inside = np.asarray(cv2.blur(self._inside, (3, 3)), np.float32)
            near = np.asarray(cv2.blur(self._head, (_RIM_PX, _RIM_PX)), np.float32)
            background, mouth = features.tensors["background"], features.tensors["mouth"]
            _paint_hidden(behind, inside, near, background, mouth, warped)
        return warped

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        """One after the other: there is nothing that frames share."""
        return [self.generate(one.features, one.conditions) for one in frames]

    def close(self) -> None:
        """Nothing to release."""


def _background(image: Image, head: NDArray[np.bool_]) -> Image:
    """The picture without its head: what lies around it, blurred the farther the more."""
    side = 2 * _HEAD_MARGIN_PX + 1
    hidden = cv2.dilate(head.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    known = (~hidden).astype(np.float32)
    weighted = np.dstack([image * known[..., np.newaxis], known]).astype(np.float32)
    grid = (_FILL_SIZE, _FILL_SIZE)
    weighted = np.asarray(cv2.resize(weighted, grid, interpolation=cv2.INTER_AREA), np.float32)
    total = weighted.sum(axis=(0, 1))
    filled = np.tile(total[:3] / max(total[3], 1e-3), (*grid, 1)).astype(np.float32)
    # From wide to narrow, so that the narrowest blur that knows enough has the last word.
    for sigma in reversed(_FILL_SIGMAS):
        blurred = cv2.GaussianBlur(weighted, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        enough = blurred[..., 3] > _FILL_DENSITY
        filled[enough] = blurred[enough, :3] / blurred[enough, 3:]
    smooth = cv2.GaussianBlur(filled, (0, 0), 1)
    wide = cv2.resize(smooth, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    levels = np.asarray(wide, np.float32).clip(0, 255) + np.float32(0.5)
    return np.where(hidden[..., np.newaxis], levels.astype(np.uint8), image)


@njit(cache=True, nogil=True)
def _locate(dx, dy, reference_width, reference_height, column, row):  # type: ignore[no-untyped-def]
    """Pixel indices in the reference (centres at whole numbers, as cv2.remap counts)."""
    height, width = column.shape
    for y in range(height):
        for x in range(width):
            column[y, x] = ((x + 0.5) / width + 0.5 * dx[y, x]) * reference_width - 0.5
            row[y, x] = ((y + 0.5) / height + 0.5 * dy[y, x]) * reference_height - 0.5


@njit(cache=True, nogil=True)
def _find_hidden(conditions, behind, inside, head):  # type: ignore[no-untyped-def]
    """Mark the head, and background and mouth that the reference hides; whether there is any."""
    height, width = behind.shape
    found = False
    for y in range(height):
        for x in range(width):
            pncc = conditions[0, y, x] + conditions[1, y, x] + conditions[2, y, x]
            masked = conditions[5, y, x] + conditions[6, y, x] > 0
            hidden = not masked and conditions[7, y, x] == 0
            found = found or hidden
            head[y, x] = 1.0 if pncc > 0 else 0.0
            behind[y, x] = 1.0 if hidden and pncc == 0 else 0.0
            inside[y, x] = 1.0 if hidden and pncc > 0 else 0.0
    return found


@njit(cache=True, nogil=True)
def _paint_hidden(behind, inside, near, background, mouth, picture):  # type: ignore[no-untyped-def]
    height, width = behind.shape
    half = np.float32(0.5)
    for y in range(height):
        for x in range(width):
            # `near` is a half at the head's edge and 0 half a window away from it.
            share = behind[y, x] * min(max(1 - 3 * near[y, x], 0), 1)
            if share > 0:
                for c in range(3):
                    mixed = picture[y, x, c] * (1 - share) + background[y, x, c] * share
                    picture[y, x, c] = np.uint8(mixed + half)
            share = inside[y, x] * np.float32(_MOUTH_OPACITY)
            if share > 0:
                for c in range(3):
                    mixed = picture[y, x, c] * (1 - share) + mouth[c] * share
                    picture[y, x, c] = np.uint8(mixed + half)
