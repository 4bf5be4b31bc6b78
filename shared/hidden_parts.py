"""What a warped picture cannot take from its reference: background behind the head, an open mouth.

A background that lay behind the head is like the background around it, and a mouth that was shut
is dark inside.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from shared.parameters import FloatArray, Image

_HEAD_MARGIN_PX = 8
"""Hair and shadow around the head that do not belong to the background."""

_RIM_PX = 25
"""Window in which the head is looked for: close to it, hidden background is rather its hair."""

_BEHIND_SOFT_PX, _INSIDE_SOFT_PX = 5, 3
"""Windows that soften the edges of what is painted. Their boxes are wider by a window, so that
what the blur mirrors at a box's edge is nothing."""

_FILL_SIZE = 64
"""Side of the grid on which the hidden background is filled: it is smooth in any case."""

_FILL_SIGMAS = (1, 2, 4, 8, 16)
"""Cells of that grid."""

_FILL_DENSITY = 0.15
"""Share of known pixels under the blur from which it is used; else the next wider one is."""

_MOUTH_SHADE = np.array([0.3, 0.18, 0.18], np.float32)
"""Of the mean skin colour, per channel."""

_MOUTH_OPACITY = 0.8

_BEHIND, _INSIDE, _SEEN = range(3)
"""What a pixel is: hidden behind the head, hidden in the mouth, or neither."""


@dataclass(frozen=True, slots=True, eq=False)
class WarpPlanes:
    """Views of a frame's conditions, (h, w) float32 or more."""

    pncc: FloatArray
    """(3, h, w)."""

    mask: FloatArray
    """(2, h, w)."""

    visible: FloatArray


def mouth_shade(image: Image, face: NDArray[np.bool_]) -> FloatArray:
    """(3,) float32: the colour inside the mouth of a reference whose `face` (H, W) is known."""
    skin = image[face].mean(axis=0) if face.any() else np.full(3, 128)
    return (skin * _MOUTH_SHADE).astype(np.float32)


def paint_hidden(picture: Image, planes: WarpPlanes, background: Image, mouth: FloatArray) -> None:
    """Paint what the reference hides into a warped `picture` (h, w, 3).

    Only around the pixels concerned, which are few as a rule.
    """
    parts = np.empty(planes.visible.shape, np.uint8)
    boxes = np.empty((2, 4), np.int64)
    _find_hidden(planes.pncc, planes.mask, planes.visible, parts, boxes)
    if boxes[_BEHIND, 0] < boxes[_BEHIND, 1]:
        margin = _BEHIND_SOFT_PX - 1
        rows, columns = _around(boxes[_BEHIND], margin, picture)
        share = _blurred(parts[rows, columns] == _BEHIND, _BEHIND_SOFT_PX)
        # A half at the head's edge and 0 half a window away from it.
        wide = _around(boxes[_BEHIND], margin + _RIM_PX // 2, picture)
        head = np.asarray(planes.pncc[(slice(None), *wide)].any(axis=0))
        near = _blurred(head, _RIM_PX)
        top, left = rows.start - wide[0].start, columns.start - wide[1].start
        near = near[top : top + share.shape[0], left : left + share.shape[1]]
        share *= np.clip(1 - 3 * near, 0, 1)
        _mix(share, background[rows, columns], picture[rows, columns])
    if boxes[_INSIDE, 0] < boxes[_INSIDE, 1]:
        rows, columns = _around(boxes[_INSIDE], _INSIDE_SOFT_PX - 1, picture)
        share = _blurred(parts[rows, columns] == _INSIDE, _INSIDE_SOFT_PX)
        share *= np.float32(_MOUTH_OPACITY)
        target = picture[rows, columns]
        _mix(share, np.broadcast_to(mouth, target.shape), target)


def _around(box: NDArray[np.int64], margin: int, picture: Image) -> tuple[slice, slice]:
    top, bottom, left, right = box
    height, width = picture.shape[:2]
    return (
        slice(max(int(top) - margin, 0), min(int(bottom) + margin, height)),
        slice(max(int(left) - margin, 0), min(int(right) + margin, width)),
    )


def _blurred(mask: NDArray[np.bool_], window: int) -> FloatArray:
    return np.asarray(cv2.blur(mask.astype(np.float32), (window, window)), np.float32)


def hidden_background(image: Image, head: NDArray[np.bool_]) -> Image:
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


@njit(cache=True)
def _find_hidden(pncc, mask, visible, parts, boxes):  # type: ignore[no-untyped-def]
    """parts (h, w): what each pixel is; boxes (2, 4): top, bottom, left, right of what is hidden
    behind the head, in the mouth."""
    height, width = visible.shape
    boxes[:, 0], boxes[:, 1], boxes[:, 2], boxes[:, 3] = height, 0, width, 0
    for y in range(height):
        for x in range(width):
            if visible[y, x] > 0 or mask[0, y, x] + mask[1, y, x] > 0:
                parts[y, x] = _SEEN
                continue
            part = _INSIDE if pncc[0, y, x] + pncc[1, y, x] + pncc[2, y, x] > 0 else _BEHIND
            parts[y, x] = part
            box = boxes[part]
            box[0], box[1] = min(box[0], y), max(box[1], y + 1)
            box[2], box[3] = min(box[2], x), max(box[3], x + 1)


@njit(cache=True)
def _mix(share, colours, picture):  # type: ignore[no-untyped-def]
    """picture (h, w, 3) towards colours, by share (h, w)."""
    height, width = share.shape
    half = np.float32(0.5)
    for y in range(height):
        for x in range(width):
            s = share[y, x]
            if s > 0:
                for c in range(3):
                    mixed = picture[y, x, c] * (1 - s) + colours[y, x, c] * s
                    picture[y, x, c] = np.uint8(mixed + half)
