"""The inner loops of the fit: normal equations and their bounded solution, on one core.

numpy would hand products of this size to all cores, and on a machine whose other cores encode and
draw, waiting for them costs more than the product itself.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

POSE_SIZE = 7
"""Unknowns of a pose: turn (3), log scale, shift (3), all in model axes."""

# Sums may be reordered, so that they run in vectors; the result is not part of any contract.
_FAST = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, fastmath=_FAST)
def add_coefficients(base: Float64Array, coefficients: Float64Array, basis: Float64Array):  # type: ignore[no-untyped-def]
    """(V, 3): base (V, 3) + sum_k coefficients[k] basis[k], with basis (K, 3V)."""
    shape = base.copy()
    flat = shape.reshape(-1)
    for k in range(len(coefficients)):
        amount, row = coefficients[k], basis[k]
        for i in range(len(flat)):
            flat[i] += amount * row[i]
    return shape


@njit(cache=True, nogil=True, fastmath=_FAST)
def normal_equations(basis, products, weights, shape, residual, metric, prior, coefficients):  # type: ignore[no-untyped-def]
    """Matrix (7 + K, 7 + K) and right side (7 + K,) of one Gauss-Newton step.

    basis (K, 3V); products (3, 3, K, K) with products[i, j] = U_i diag(weights) U_j^T of the
    axes' rows; weights (V,); shape and residual (V, 3) in model axes; metric (3, 3), the weights
    of a residual's axes; prior, of a squared coefficient (K,).
    """
    count, vertex_count = basis.shape[0], shape.shape[0]
    size = POSE_SIZE + count
    matrix, right = np.zeros((size, size)), np.zeros(size)
    columns = np.zeros((POSE_SIZE + 1, 3))
    columns[4, 0] = columns[5, 1] = columns[6, 2] = 1.0
    weighted = np.empty((POSE_SIZE + 1, vertex_count, 3))
    for v in range(vertex_count):
        x, y, z = shape[v, 0], shape[v, 1], shape[v, 2]
        columns[0, 1], columns[0, 2] = -z, y
        columns[1, 0], columns[1, 2] = z, -x
        columns[2, 0], columns[2, 1] = -y, x
        columns[3, 0], columns[3, 1], columns[3, 2] = x, y, z
        for axis in range(3):
            columns[7, axis] = residual[v, axis]
        for c in range(POSE_SIZE + 1):
            for i in range(3):
                total = 0.0
                for j in range(3):
                    total += metric[i, j] * columns[c, j]
                weighted[c, v, i] = weights[v] * total
        for a in range(POSE_SIZE):
            for c in range(a + 1):
                for i in range(3):
                    matrix[a, c] += columns[a, i] * weighted[c, v, i]
            for i in range(3):
                right[a] += columns[a, i] * weighted[7, v, i]
    rows = weighted.reshape(POSE_SIZE + 1, -1)
    for k in range(count):
        column = basis[k]
        for c in range(POSE_SIZE + 1):
            row = rows[c]
            total = 0.0
            for i in range(len(row)):
                total += column[i] * row[i]
            if c < POSE_SIZE:
                matrix[POSE_SIZE + k, c] = total
            else:
                right[POSE_SIZE + k] = total - prior * coefficients[k]
    for i in range(3):
        for j in range(3):
            for k in range(count):
                for m in range(k + 1):
                    matrix[POSE_SIZE + k, POSE_SIZE + m] += metric[i, j] * products[i, j, k, m]
    for k in range(count):
        matrix[POSE_SIZE + k, POSE_SIZE + k] += prior
    for a in range(size):
        for c in range(a):
            matrix[c, a] = matrix[a, c]
    return matrix, right


@njit(cache=True, nogil=True, fastmath=_FAST)
def bounded_step(matrix, right, coefficients, limit):  # type: ignore[no-untyped-def]
    """The step (7 + K,) that solves the equations while |coefficients + step| stays <= limit.

    Coefficients that would leave are put on the limit and the others solved again: they are few
    and rare, and one round leaves the rest optimal.
    """
    step = _solve(matrix.copy(), right.copy())
    size, outside = len(right), False
    reduced, side = matrix.copy(), right.copy()
    for k in range(POSE_SIZE, size):
        after = coefficients[k - POSE_SIZE] + step[k]
        if abs(after) > limit:
            outside = True
            move = np.sign(after) * limit - coefficients[k - POSE_SIZE]
            for a in range(size):
                side[a] -= matrix[a, k] * move
    if not outside:
        return step
    for k in range(POSE_SIZE, size):
        after = coefficients[k - POSE_SIZE] + step[k]
        if abs(after) > limit:
            reduced[k, :] = 0.0
            reduced[:, k] = 0.0
            reduced[k, k] = 1.0
            side[k] = np.sign(after) * limit - coefficients[k - POSE_SIZE]
    step = _solve(reduced, side)
    for k in range(POSE_SIZE, size):
        before = coefficients[k - POSE_SIZE]
        step[k] = min(max(before + step[k], -limit), limit) - before
    return step


@njit(cache=True, nogil=True, fastmath=_FAST)
def _solve(matrix, right):  # type: ignore[no-untyped-def]
    """Solve a symmetric positive definite system by Cholesky; both arguments are overwritten."""
    size = len(right)
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                matrix[i, i] = np.sqrt(total)
            else:
                matrix[i, j] = total / matrix[j, j]
    for i in range(size):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]
    return right
