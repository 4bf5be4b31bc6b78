"""The weightless generator: the reference's picture, warped by the displacement."""

import cv2
import numpy as np
from numba import njit

from shared.conditions import Channel
from shared.features import Features
from shared.parameters import CROP_SIZE, FloatArray, Image


class WarpGenerator:
    """Samples the reference where each point of the driving frame was (backward warping).

    Shows nothing that the reference did not: no teeth from a closed mouth, no far cheek.
    """

    name = "warp"
    channels = (Channel.DISPLACEMENT,)
    history = 0

    def __init__(self, size: int = CROP_SIZE) -> None:
        self.size = size
        self.condition_size = (size, size)

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        """Keep the picture; `conditions` of the reference itself are not needed."""
        return Features({"image": np.ascontiguousarray(image)})

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        """(S, S, 3) uint8 from the displacement (2, h, w)."""
        image = features.tensors["image"]
        column, row = np.empty((2, self.size, self.size), np.float32)
        planes = [self._resized(plane) for plane in conditions]
        _sampling_positions(planes[0], planes[1], image.shape[1], image.shape[0], column, row)
        warped = cv2.remap(image, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, np.uint8)

    def _resized(self, plane: FloatArray) -> FloatArray:
        if plane.shape == (self.size, self.size):
            return plane
        resized = cv2.resize(plane, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        return np.asarray(resized, np.float32)

    def close(self) -> None:
        """Nothing to release."""


@njit(cache=True, nogil=True)
def _sampling_positions(dx, dy, reference_width, reference_height, column, row):  # type: ignore[no-untyped-def]
    """Pixel indices in the reference (centres at whole numbers, as cv2.remap counts)."""
    height, width = column.shape
    for y in range(height):
        for x in range(width):
            column[y, x] = ((x + 0.5) / width + 0.5 * dx[y, x]) * reference_width - 0.5
            row[y, x] = ((y + 0.5) / height + 0.5 * dy[y, x]) * reference_height - 0.5
