"""Temporal flicker: change from picture to picture that is not motion.

    mean over the head of | A(t-1) - 2 B(t) + A(t+1) |

B is the middle picture's luma, A the others' after each was moved onto it along the picture's own
optical flow, all of them lightly blurred. What moves evenly gives nothing, nor does light that
grows evenly; texture that boils, blotches and flashes do, camera noise little.

Why so: seven validation clips were spoilt on purpose, after the warp, with boiling texture
(0.4 px, 6 px wide) and blotches (2 levels, 5 px wide). This measure rose by factors of 1.9 to 3.3
and 2.1 to 3.9; without moving anything it rose by 1.1 to 2.3 and 1.1 to 2.0, as a talking head's
own motion outweighs all else. Along the driving clip's flow instead of its own, a still picture
seemed to flicker up to three times as much as the driving clip. Alone, the warp is at 0.6 to 1.0
of the driving clip and a blurred driving clip at 0.7 to 0.8. A head that shakes as a whole is
motion to this measure: AKD and APD see that.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from benchmarks.picture_metrics import Mask, luma
from shared.parameters import FloatArray, Image

_BLUR_PX = 1.0
"""Standard deviation, against camera noise, which a rebuilt picture need not have."""

_FLOW_CELL_PX, _FLOW_BLUR_CELLS = 4, 2.0
"""The flow is blurred, in larger cells: boiling texture must not pass for motion."""


class FlickerMeter:
    """Measures three pictures at a time. Not thread-safe."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def measure(self, pictures: Sequence[Image], mask: Mask) -> float:
        """Of three consecutive pictures (H, W, 3), in levels, over `mask` of the middle one.

        NaN for an empty mask.
        """
        before, middle, after = (luma(picture).astype(np.float32) for picture in pictures)
        smooth = _blurred(middle, _BLUR_PX)
        change = self._moved(before, middle) - 2 * smooth + self._moved(after, middle)
        inside = np.abs(change)[mask]
        return float(inside.mean()) if inside.size else float("nan")

    def _moved(self, other: FloatArray, middle: FloatArray) -> FloatArray:
        """`other`, blurred, with every point where `middle` shows it."""
        found = self._flow.calc(_bytes(middle), _bytes(other), None)  # type: ignore[call-overload]
        flow = np.asarray(found, np.float32)
        height, width = middle.shape
        cells = (max(width // _FLOW_CELL_PX, 1), max(height // _FLOW_CELL_PX, 1))
        coarse = np.asarray(cv2.resize(flow, cells, interpolation=cv2.INTER_AREA), np.float32)
        flow = np.asarray(
            cv2.resize(_blurred(coarse, _FLOW_BLUR_CELLS), (width, height)), np.float32
        )
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        moved = cv2.remap(
            _blurred(other, _BLUR_PX),
            x + flow[..., 0],
            y + flow[..., 1],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(moved, np.float32)


def _blurred(planes: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma), np.float32)


def _bytes(plane: FloatArray) -> Image:
    return np.rint(plane).astype(np.uint8)
