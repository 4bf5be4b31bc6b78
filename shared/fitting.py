"""Fitting the face model to tracked landmarks: HeadGAN's Algorithm 1 made exact.

The paper aligns the points to the mean, solves for all coefficients at once and then for the
camera. Here that alignment is only the start; Gauss-Newton steps then lower what is measured: the
weighted distance of every vertex to its landmark, in x and y, with depth counting little (the
tracker guesses it) and a Gaussian prior on the coefficients.

Everything is solved in model axes, where the derivative by a coefficient is the basis itself and
the metric is one 3x3 matrix a frame, so that the large normal equations are sums of nine matrices
that are computed once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.face_model import FaceModel, VertexGroup
from shared.parameters import (
    EXPRESSION_SIZE,
    IDENTITY_SIZE,
    FaceParameters,
    FloatArray,
    Identity,
)
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

Float64Array = NDArray[np.float64]

COEFFICIENT_LIMIT = 4.0
"""Standard deviations."""

DEPTH_WEIGHT = 0.1
"""Of a squared z residual, against 1 for x and y."""

GROUP_WEIGHTS = {
    VertexGroup.SKIN: 1.0,
    VertexGroup.LIPS: 3.0,
    VertexGroup.LIDS: 3.0,
    VertexGroup.IRISES: 8.0,
}
"""Of a vertex's squared residual. An iris has five vertices and is looked at more than a cheek."""

NOISE = 0.002
"""Model units (0.1 px in a usual 256 px crop): the residual, RMS over the face, that counts as
much as one coefficient of one standard deviation. Chosen on clips apart from the training ones:
half of it lowers the error by a tenth and raises the coefficients' jitter by a third."""

FRAME_STEPS = 2
REFERENCE_STEPS = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Pose:
    """Similarity from model to image: rotation (3, 3), log scale, translation (3,)."""

    rotation: Float64Array
    log_scale: float
    translation: Float64Array


class FaceFitter:
    """Fits one model. Holds precomputed products only, so threads may share it."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._weights = vertex_weights(model)
        self._expression = _Problem(model.expression_basis, self._weights)
        both = np.concatenate([model.identity_basis, model.expression_basis])
        self._person = _Problem(both, self._weights)

    def fit(
        self,
        points: FloatArray,
        neutral: FloatArray,
        *,
        capture_time: int,
        previous: FaceParameters | None = None,
    ) -> FaceParameters:
        """Pose and expression of one frame, about 0.3 ms.

        `points` (V, 3) tracked landmarks in image coordinates, finite; `neutral` (V, 3) the
        person's own shape; `previous` a recent frame of the same person to start from.
        """
        target = np.asarray(points, np.float64)
        base = np.asarray(neutral, np.float64)
        start = np.zeros(EXPRESSION_SIZE) if previous is None else previous.expression
        pose, coefficients = self._expression.solve(target, base, start, FRAME_STEPS)
        return _parameters(pose, coefficients, capture_time)

    def fit_reference(
        self, points: FloatArray, capture_time: int
    ) -> tuple[Identity, FaceParameters]:
        """Identity, pose and expression from one frame.

        `points` as in `fit`. The identity's residual takes up what the model cannot say, so
        that the frame itself projects onto its landmarks' x and y to int8 precision.
        """
        target = np.asarray(points, np.float64)
        base = np.asarray(self._model.mean, np.float64)
        start = np.zeros(IDENTITY_SIZE + EXPRESSION_SIZE)
        pose, coefficients = self._person.solve(target, base, start, REFERENCE_STEPS)
        parameters = _parameters(pose, coefficients[IDENTITY_SIZE:], capture_time)
        person = Identity(coefficients[:IDENTITY_SIZE].astype(np.float32))
        shape = self._model.shape(self._model.neutral(person), parameters.expression)
        error = target - pose.translation - np.exp(pose.log_scale) * shape @ pose.rotation.T
        # Exact in what is seen; a tracker's guess of one frame's depth would only add its noise.
        error[:, 2] = 0.0
        residual = error @ pose.rotation * np.exp(-pose.log_scale)
        step = float(np.abs(residual).max()) / 127.0
        symbols = np.round(residual / max(step, 1e-12)).astype(np.int8)
        return Identity(person.coefficients, symbols, step), parameters


def vertex_weights(model: FaceModel) -> Float64Array:
    """(V,) weight of each vertex's squared residual, sum 1."""
    weights = np.array([GROUP_WEIGHTS[VertexGroup(group)] for group in model.vertex_groups])
    normalised: Float64Array = weights / weights.sum()
    return normalised


class _Problem:
    """Least squares over a pose and the coefficients of one basis (K, V, 3)."""

    def __init__(self, basis: FloatArray, weights: Float64Array) -> None:
        count = len(basis)
        self._count = count
        self._basis = np.ascontiguousarray(basis.reshape(count, -1), np.float64)
        self._weights = weights
        self._weights3 = np.repeat(weights, 3)[:, None]
        axes = [self._basis[:, axis::3] for axis in range(3)]
        self._products = np.stack(
            [(axes[i] * weights) @ axes[j].T for i in range(3) for j in range(3)]
        ).reshape(9, -1)
        self._prior = NOISE * NOISE * np.eye(count)

    def solve(
        self, target: Float64Array, base: Float64Array, start: NDArray, steps: int
    ) -> tuple[_Pose, Float64Array]:
        """Best pose and coefficients for image points `target` (V, 3) on `base` (V, 3)."""
        coefficients = np.asarray(start, np.float64)
        shape = base + (coefficients @ self._basis).reshape(-1, 3)
        pose = similarity(shape, target, self._weights)
        for _ in range(steps):
            pose, coefficients = self._step(target, shape, pose, coefficients)
            shape = base + (coefficients @ self._basis).reshape(-1, 3)
        return pose, coefficients

    def _step(
        self, target: Float64Array, shape: Float64Array, pose: _Pose, coefficients: Float64Array
    ) -> tuple[_Pose, Float64Array]:
        count = self._count
        scale = np.exp(pose.log_scale)
        # Unknowns: turn (3), log scale, shift (3, model axes), then the coefficients.
        columns = np.zeros((shape.shape[0], 3, 8))
        x, y, z = shape.T
        columns[:, 0, 1], columns[:, 0, 2] = z, -y
        columns[:, 1, 0], columns[:, 1, 2] = -z, x
        columns[:, 2, 0], columns[:, 2, 1] = y, -x
        columns[:, :, 3] = shape
        columns[:, (0, 1, 2), (4, 5, 6)] = 1.0
        columns[:, :, 7] = (target - pose.translation) @ (pose.rotation / scale) - shape
        metric = (pose.rotation.T * (1.0, 1.0, DEPTH_WEIGHT)) @ pose.rotation
        flat = columns.reshape(-1, 8)
        weighted = np.matmul(metric, columns).reshape(-1, 8) * self._weights3
        small = flat.T @ weighted
        cross = self._basis @ weighted
        matrix = np.empty((7 + count, 7 + count))
        matrix[:7, :7] = small[:7, :7]
        matrix[7:, :7] = cross[:, :7]
        matrix[:7, 7:] = cross[:, :7].T
        matrix[7:, 7:] = (metric.reshape(9) @ self._products).reshape(count, count) + self._prior
        right = np.concatenate([small[:7, 7], cross[:, 7] - self._prior @ coefficients])
        step = _bounded_solve(matrix, right, coefficients)
        rotation = pose.rotation @ matrix_from_rotation_vector(step[:3])
        translation = pose.translation + pose.rotation @ step[4:7] * scale
        return _Pose(rotation, pose.log_scale + step[3], translation), coefficients + step[7:]


def _bounded_solve(
    matrix: Float64Array, right: Float64Array, coefficients: Float64Array
) -> NDArray[np.floating]:
    """The step that solves the normal equations, coefficients kept within the limit.

    Those that would leave are put on the limit and the others solved again: they are few and
    rare, and one round leaves the rest optimal.
    """
    step = np.linalg.solve(matrix, right)
    limited = np.clip(coefficients + step[7:], -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT)
    outside = np.flatnonzero(limited != coefficients + step[7:]) + 7
    if outside.size:
        inside = np.setdiff1d(np.arange(len(step)), outside)
        step[outside] = (limited - coefficients)[outside - 7]
        rest = right[inside] - matrix[np.ix_(inside, outside)] @ step[outside]
        step[inside] = np.linalg.solve(matrix[np.ix_(inside, inside)], rest)
        step[7:] = (
            np.clip(coefficients + step[7:], -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT) - coefficients
        )
    return step


def similarity(source: Float64Array, target: Float64Array, weights: Float64Array) -> _Pose:
    """The similarity that takes `source` (V, 3) nearest to `target` (V, 3) (Umeyama, 1991).

    Depth counts like x and y here: only a start.
    """
    source_centre, target_centre = weights @ source, weights @ target
    centred = source - source_centre
    covariance = (target - target_centre).T @ (centred * weights[:, None])
    u, singular, vt = np.linalg.svd(covariance)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * sign) @ vt
    scale = float(singular @ sign) / float(weights @ np.sum(centred * centred, 1))
    return _Pose(rotation, float(np.log(scale)), target_centre - scale * rotation @ source_centre)


def _parameters(pose: _Pose, expression: Float64Array, capture_time: int) -> FaceParameters:
    camera = np.zeros(7)
    camera[0] = pose.log_scale
    camera[1:4] = rotation_vector_from_matrix(pose.rotation)
    camera[4:6] = pose.translation[:2]
    return FaceParameters(
        capture_time=capture_time,
        expression=expression.astype(np.float32),
        camera=camera.astype(np.float32),
    )
