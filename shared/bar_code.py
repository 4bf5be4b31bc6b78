"""A capture time written into the picture, so that a player can tell what it shows and how late.

    +--------------------------------+
    |            picture             |
    |                                |
    +--------------------------------+
    | 32 cells: the time, high bit first, white = 1
    | 16 cells: CRC-16 of the time, likewise
    +--------------------------------+

The strip covers the lowest sixteenth of the picture (two rows of macroblocks' halves at 256),
which is enough for VP8 at 250 kbit/s to keep every cell. Measurements only: a call draws none.
"""

import binascii

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Image

_TIME_BITS = 32
_CHECK_BITS = 16
_SMALLEST_SIDE = 128
"""Below this side a cell would be smaller than 4 x 4 pixels and compression would eat it."""

_LEAST_CONTRAST = 64.0
"""Luma between the darkest and the brightest cell, of 255; less is no bar code."""


def strip_height(picture_height: int) -> int:
    """Rows at the bottom edge that the bar code covers; quality measures leave them out."""
    return 2 * (picture_height // 32)


def draw(image: Image, capture_time: int) -> None:
    """Overwrite the bottom edge of `image` (H, W >= 128, writeable) with a time in [0, 2^32)."""
    height, width = image.shape[:2]
    if min(height, width) < _SMALLEST_SIDE:
        raise ValueError(f"picture {width} x {height}, a bar code needs {_SMALLEST_SIDE} or more")
    row_height = strip_height(height) // 2
    rows = ((capture_time, _TIME_BITS), (_check(capture_time), _CHECK_BITS))
    for row, (value, bits) in enumerate(rows):
        ones = np.array([value >> bit & 1 for bit in reversed(range(bits))], bool)
        cells = np.where(ones, np.uint8(255), np.uint8(0))
        line = cells[np.arange(width) * bits // width]
        top = height - (2 - row) * row_height
        image[top : top + row_height] = line[None, :, None]


def read(image: NDArray[np.uint8]) -> int | None:
    """The time in a picture ((H, W, 3) RGB or (H, W) luma); None where no intact bar code is."""
    height, width = image.shape[:2]
    if min(height, width) < _SMALLEST_SIDE:
        return None
    row_height = strip_height(height) // 2
    top = height - 2 * row_height
    strip = image[top:].astype(np.float32)
    if strip.ndim == 3:
        strip = strip.mean(axis=2)
    # The middle half of each cell: its edges ring.
    edge = row_height // 4
    time_cells = _cells(strip[edge : row_height - edge], _TIME_BITS)
    check_cells = _cells(strip[row_height + edge : 2 * row_height - edge], _CHECK_BITS)
    cells = np.concatenate([time_cells, check_cells])
    if cells.max() - cells.min() < _LEAST_CONTRAST:
        return None
    threshold = (cells.max() + cells.min()) / 2
    capture_time = _number(time_cells > threshold)
    return capture_time if _number(check_cells > threshold) == _check(capture_time) else None


def _cells(row: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Mean luma (bits,) of the middle of each of a row's cells."""
    width = row.shape[1]
    profile = row.mean(axis=0)
    starts = np.arange(bits) * width // bits
    quarter = width // bits // 4
    inner = np.arange(quarter, width // bits - quarter)
    return profile[starts[:, None] + inner].mean(axis=1)


def _number(ones: NDArray[np.bool_]) -> int:
    return int("".join("1" if one else "0" for one in ones), 2)


def _check(capture_time: int) -> int:
    """CRC-16/XMODEM of the four bytes, complemented so that an all-black strip is no code."""
    return binascii.crc_hqx(capture_time.to_bytes(4, "big"), 0xFFFF) ^ 0xFFFF
