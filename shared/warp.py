"""The weightless generator: the reference's picture, warped by the displacement.

It knows two things that the reference does not show (`shared.hidden_parts`). Teeth, closed eyes
opened and the far side of the head are beyond it.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numba import njit

from shared.channel import Channel
from shared.features import Features
from shared.frame_input import FrameInput
from shared.hidden_parts import WarpPlanes, hidden_background, mouth_shade, paint_hidden
from shared.parameters import CROP_SIZE, FloatArray, Image

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

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        """Keep the picture, the background that its head hides, and a shade for its mouth."""
        own_size = image
        if image.shape[:2] != (self.size, self.size):
            resized = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
            own_size = np.asarray(resized, np.uint8)
        head = np.asarray(conditions[_PNCC].any(axis=0))
        face = conditions[_MASK][0] > 0
        return Features(
            {
                # OpenCV warps four channels in less than half the time that three take.
                "image": np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), np.uint8),
                "background": hidden_background(own_size, head),
                "mouth": mouth_shade(own_size, face),
            }
        )

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        """(S, S, 3) uint8."""
        image = features.tensors["image"]
        dx, dy = conditions[_DISPLACEMENT]
        _locate(dx, dy, image.shape[1], image.shape[0], self._column, self._row)
        warped = cv2.remap(
            image,
            self._column,
            self._row,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        picture = np.asarray(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), np.uint8)
        planes = WarpPlanes(conditions[_PNCC], conditions[_MASK], conditions[_VISIBLE])
        paint_hidden(picture, planes, features.tensors["background"], features.tensors["mouth"])
        return picture

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        """One after the other: there is nothing that frames share."""
        return [self.generate(one.features, one.conditions) for one in frames]

    def close(self) -> None:
        """Nothing to release."""


@njit(cache=True)
def _locate(dx, dy, reference_width, reference_height, column, row):  # type: ignore[no-untyped-def]
    """Pixel indices in the reference (centres at whole numbers, as cv2.remap counts)."""
    height, width = column.shape
    for y in range(height):
        for x in range(width):
            column[y, x] = ((x + 0.5) / width + 0.5 * dx[y, x]) * reference_width - 0.5
            row[y, x] = ((y + 0.5) / height + 0.5 * dy[y, x]) * reference_height - 0.5
