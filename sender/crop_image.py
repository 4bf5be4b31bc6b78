"""The picture that a crop shows."""

import math

import cv2
import numpy as np

from shared.parameters import Crop, Image


def crop_image(frame: Image, crop: Crop, size: int) -> Image:
    """The crop of a frame (H, W, 3) resampled to (size, size, 3); beyond the frame it is black.

    Pixel centres lie at i + 0.5 on both sides. Areas are averaged where the picture shrinks,
    so that it does not alias. Always a copy.
    """
    left, top = round(crop.x), round(crop.y)
    side = max(round(crop.size), 1)
    assert math.isclose(crop.size, side), "crops lie on whole pixels"
    right, bottom = left + side, top + side
    window = frame[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if window.shape[:2] != (side, side):
        padded = np.zeros((side, side, 3), np.uint8)
        if window.size:
            y, x = max(-top, 0), max(-left, 0)
            padded[y : y + window.shape[0], x : x + window.shape[1]] = window
        window = padded
    if side == size:
        return np.ascontiguousarray(window).copy()
    shrinking = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(window, (size, size), interpolation=shrinking), np.uint8)
