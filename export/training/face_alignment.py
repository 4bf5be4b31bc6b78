"""Where the recognition network wants a face, as a transform of coordinates in [-1, 1]."""

import numpy as np

from shared.parameters import FloatArray

ALIGNED_HEIGHT, ALIGNED_WIDTH = 112, 96

_POINTS = np.array([[30.29, 51.70], [65.53, 51.50], [48.03, 71.74], [33.55, 92.37], [62.73, 92.20]])
"""Eyes, nose tip and mouth corners of the aligned face, pixels counted from 0."""

_VERTICES = [468, 473, 1, 61, 291]
"""The same among the 478 landmarks."""

_MOUTH_VERTICES = [61, 291, 0, 17]


def alignment(points: FloatArray) -> FloatArray:
    """(2, 3) float32 from coordinates of the aligned picture to those of the whole one.

    Both in [-1, 1] at their edges, as `grid_sample(align_corners=False)` takes them; `points`
    (478, 2 or 3) in the latter. The least-squares similarity through the five points.
    """
    size = np.array([ALIGNED_WIDTH, ALIGNED_HEIGHT])
    target = (_POINTS + 0.5) @ np.array([1, 1j])  # pixels
    source = points[_VERTICES, :2].astype(np.float64) @ np.array([1, 1j])
    centred = source - source.mean()
    # target = a' source + b' fitted, then turned round: source = a target + b.
    a = np.vdot(centred, centred).real / np.vdot(centred, target - target.mean())
    b = source.mean() - a * target.mean()
    turn = np.array([[a.real, -a.imag], [a.imag, a.real]])
    # pixel = (coordinate + 1) * size / 2
    shift = turn @ (size / 2) + np.array([b.real, b.imag])
    return np.hstack([turn * (size / 2), shift[:, None]]).astype(np.float32)


def mouth_centre(points: FloatArray) -> FloatArray:
    """(2,) between corners and lips, in the coordinates of `points`."""
    centre: FloatArray = points[_MOUTH_VERTICES, :2].mean(axis=0).astype(np.float32)
    return centre
