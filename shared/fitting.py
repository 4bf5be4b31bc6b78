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
from shared.normal_equations import (
    POSE_SIZE,
    Float64Array,
    add_coefficients,
    bounded_step,
    normal_equations,
)
from shared.parameters import (
    EXPRESSION_SIZE,
    IDENTITY_SIZE,
    FaceParameters,
    FloatArray,
    Identity,
)
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

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
    """Fits one model. Holds precomputed products only, so threads may share it.

    Making one compiles the kernels (or loads them compiled), so that no frame waits for them.
    """

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._weights = vertex_weights(model)
        self._expression = _Problem(model.expression_basis, self._weights)
        both = np.concatenate([model.identity_basis, model.expression_basis])
        self._person = _Problem(both, self._weights)
        self.fit_reference(model.mean, 0)
        self.fit(model.mean, model.mean, capture_time=0)

    def fit(
        self,
        points: FloatArray,
        neutral: FloatArray,
        *,
        capture_time: int,
        previous: FaceParameters | None = None,
    ) -> FaceParameters:
        """Pose and expression of one frame, about 0.2 ms.

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
        self._basis = np.ascontiguousarray(basis.reshape(count, -1), np.float64)
        self._weights = weights
        axes = [self._basis[:, axis::3] for axis in range(3)]
        self._products = np.array(
            [[(first * weights) @ other.T for other in axes] for first in axes]
        )

    def solve(
        self, target: Float64Array, base: Float64Array, start: NDArray, steps: int
    ) -> tuple[_Pose, Float64Array]:
        """Best pose and coefficients for image points `target` (V, 3) on `base` (V, 3)."""
        coefficients = np.array(start, np.float64)
        shape = add_coefficients(base, coefficients, self._basis)
        pose = similarity(shape, target, self._weights)
        for _ in range(steps):
            pose, coefficients = self._step(target, shape, pose, coefficients)
            shape = add_coefficients(base, coefficients, self._basis)
        return pose, coefficients

    def _step(
        self, target: Float64Array, shape: Float64Array, pose: _Pose, coefficients: Float64Array
    ) -> tuple[_Pose, Float64Array]:
        scale = np.exp(pose.log_scale)
        residual = (target - pose.translation) @ (pose.rotation / scale) - shape
        metric = (pose.rotation.T * (1.0, 1.0, DEPTH_WEIGHT)) @ pose.rotation
        matrix, right = normal_equations(
            self._basis,
            self._products,
            self._weights,
            shape,
            residual,
            metric,
            NOISE * NOISE,
            coefficients,
        )
        step = bounded_step(matrix, right, coefficients, COEFFICIENT_LIMIT)
        rotation = pose.rotation @ matrix_from_rotation_vector(step[:3])
        translation = pose.translation + pose.rotation @ step[4:POSE_SIZE] * scale
        return (
            _Pose(rotation, pose.log_scale + step[3], translation),
            coefficients + step[POSE_SIZE:],
        )


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
