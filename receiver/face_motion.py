"""How far a face moves between two frames, in pixels, and whether a face can move so at all."""

import math

import numpy as np

from receiver.interpolation import ROTATION, Vector, nearest_rotation
from shared.clock import TICKS_PER_SECOND
from shared.face_model import FaceModel, VertexGroup
from shared.parameters import CROP_SIZE, EXPRESSION_SIZE, PARAMETER_SIZE

EXPRESSION = slice(0, EXPRESSION_SIZE)
HEAD = slice(EXPRESSION_SIZE, PARAMETER_SIZE)
"""Where they lie among the 35 floats."""

MAX_SPEED_PX_S = 250.0
"""Of a head or of lips, in RMS pixels of 256. Of 6 calls and the 16 clips of faces/test (3700
frames), in 40, 80, 120, 200 and 400 ms one head in a thousand moves further than 12, 20, 28, 37
and 56 px."""

MAX_JUMP_PX = 80.0
"""In any time: one head in a thousand is further from where it was two seconds ago."""

_TYPICAL_LOG_SCALE = -1.05
"""Of a face that fills its crop as the sender cuts it."""


def _motion_px(model: FaceModel) -> Vector:
    scale_px = math.exp(_TYPICAL_LOG_SCALE) * CROP_SIZE / 2
    lips = model.expression_basis[:, model.vertex_groups == VertexGroup.LIPS, :2]
    expression = np.sqrt(np.mean(np.sum(lips.astype(np.float64) ** 2, axis=2), axis=1))
    x, y, z = np.sqrt(np.mean(model.mean.astype(np.float64) ** 2, axis=0)).tolist()
    camera = [math.hypot(x, y), math.hypot(y, z), math.hypot(x, z), math.hypot(x, y)]
    moved = [CROP_SIZE / 2, CROP_SIZE / 2, 0.0]
    return np.array([*(scale_px * expression), *(scale_px * size for size in camera), *moved])


MOTION_PX = _motion_px(FaceModel.load())
"""(35,) RMS motion in pixels of 256 that a unit of each parameter makes, seen frontally.

Of the lips by the expression, of all vertices by the camera.
"""


def size_px(change: Vector, group: slice) -> float:
    """RMS motion that a change (35,) of the parameters makes, of the head or of the lips."""
    return math.hypot(*(change[group] * MOTION_PX[group]).tolist())


def is_cut(earlier: Vector, later: Vector, ticks: int) -> bool:
    """Whether a face cannot get from one to the other in so many ticks, > 0.

    The film behind the camera was cut, then, or began anew: nothing lies between the two.
    """
    change = later - earlier
    rotation = later[ROTATION]
    nearest = nearest_rotation(rotation, earlier[ROTATION])
    if nearest is not rotation:
        change[ROTATION] = nearest - earlier[ROTATION]
    reach_px = min(MAX_SPEED_PX_S * ticks / TICKS_PER_SECOND, MAX_JUMP_PX)
    moved_px = (change * MOTION_PX).tolist()
    return math.hypot(*moved_px[HEAD]) > reach_px or math.hypot(*moved_px[EXPRESSION]) > reach_px
