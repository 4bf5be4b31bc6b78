"""Generalised Procrustes analysis of tracked faces, with mirror images.

Depth is a guess of the tracker's, so an alignment minimises

    sum_v w_v (dx^2 + dy^2 + q dz^2),    residuals in image axes, q = DEPTH_WEIGHT

which has no closed form; a few Gauss-Newton steps from the isotropic solution reach it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.fitting import DEPTH_WEIGHT

Float64Array = NDArray[np.float64]

_STEPS = 4
_CHUNK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Similarities from model to image of N frames: points = scale * rotation @ shape + shift."""

    rotation: Float64Array
    """(N, 3, 3)."""

    scale: Float64Array
    """(N,), > 0."""

    shift: Float64Array
    """(N, 3)."""

    def to_model(self, points: Float64Array) -> Float64Array:
        """(N, V, 3) image points taken back to model axes."""
        turned: Float64Array = (points - self.shift[:, None]) @ self.rotation
        return turned / self.scale[:, None, None]


def align(points: Float64Array, shapes: Float64Array, weights: Float64Array) -> Alignment:
    """Align `shapes` (N or 1, V, 3) to image `points` (N, V, 3) with vertex weights (V,), sum 1."""
    parts = [
        _align_chunk(
            points[i : i + _CHUNK],
            shapes if len(shapes) == 1 else shapes[i : i + _CHUNK],
            weights,
        )
        for i in range(0, len(points), _CHUNK)
    ]
    return Alignment(
        np.concatenate([part.rotation for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.shift for part in parts]),
    )


def _align_chunk(points: Float64Array, shapes: Float64Array, weights: Float64Array) -> Alignment:
    shapes = np.broadcast_to(shapes, points.shape)
    source_centre = np.einsum("v,nvi->ni", weights, shapes)
    target_centre = np.einsum("v,nvi->ni", weights, points)
    centred = shapes - source_centre[:, None]
    weighted = centred * weights[:, None]
    covariance = np.swapaxes(points - target_centre[:, None], 1, 2) @ weighted
    u, singular, vt = np.linalg.svd(covariance)
    sign = np.ones((len(points), 3))
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[:, None]) @ vt
    scale = np.sum(singular * sign, 1) / np.sum(weighted * centred, (1, 2))
    shift = target_centre - scale[:, None] * np.einsum("nij,nj->ni", rotation, source_centre)
    metric = weights[:, None] * (1.0, 1.0, DEPTH_WEIGHT)
    for _ in range(_STEPS):
        placed = scale[:, None, None] * shapes @ np.swapaxes(rotation, 1, 2)
        columns = np.zeros((*points.shape, 7))
        x, y, z = np.moveaxis(placed, 2, 0)
        columns[:, :, 0, 1], columns[:, :, 0, 2] = z, -y
        columns[:, :, 1, 0], columns[:, :, 1, 2] = -z, x
        columns[:, :, 2, 0], columns[:, :, 2, 1] = y, -x
        columns[..., 3] = placed
        columns[:, :, (0, 1, 2), (4, 5, 6)] = 1.0
        residual = points - placed - shift[:, None]
        flat = columns.reshape(len(points), -1, 7)
        scaled = np.swapaxes((columns * metric[None, :, :, None]).reshape(flat.shape), 1, 2)
        right = scaled @ residual.reshape(len(points), -1, 1)
        step = np.linalg.solve(scaled @ flat, right)[..., 0]
        rotation = _small_rotations(step[:, :3]) @ rotation
        scale = scale * np.exp(step[:, 3])
        shift = shift + step[:, 4:7]
    return Alignment(rotation, scale, shift)


def _small_rotations(vectors: Float64Array) -> Float64Array:
    """(N, 3, 3) matrices of rotation vectors (N, 3): Rodrigues' formula for many."""
    angle = np.linalg.norm(vectors, axis=1)
    cross = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
    cross[:, 1, 0], cross[:, 2, 0], cross[:, 2, 1] = z, -y, x
    first = np.sinc(angle / np.pi)[:, None, None]
    second = (0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2)[:, None, None]
    return np.eye(3) + first * cross + second * (cross @ cross)
