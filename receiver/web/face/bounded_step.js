// @ts-check
import { solveCholesky } from "./cholesky.js";
import { POSE_SIZE } from "./normal_equations.js";

/**
 * The step (7 + K,) that solves the equations while |coefficients + step| stays <= limit.
 *
 * Coefficients that would leave are put on the limit and the others solved again: they are few and
 * rare, and one round leaves the rest optimal.
 *
 * @param {Float64Array} matrix (7 + K, 7 + K), its lower triangle
 * @param {Float64Array} right (7 + K,)
 * @param {Float64Array} coefficients (K,)
 * @param {number} limit
 * @returns {Float64Array}
 */
export function boundedStep(matrix, right, coefficients, limit) {
  const size = right.length;
  const step = right.slice();
  solveCholesky(matrix.slice(), step);
  /** @type {Map<number, number>} unknown to how far it may move */
  const moves = new Map();
  coefficients.forEach((before, k) => {
    const after = before + step[POSE_SIZE + k];
    if (Math.abs(after) > limit) moves.set(POSE_SIZE + k, Math.sign(after) * limit - before);
  });
  if (moves.size === 0) return step;
  const reduced = matrix.slice();
  const side = right.slice();
  for (const [k, move] of moves) {
    for (let a = 0; a < size; a++) side[a] -= matrix[a > k ? a * size + k : k * size + a] * move;
  }
  for (const [k, move] of moves) {
    for (let a = 0; a < size; a++) reduced[a > k ? a * size + k : k * size + a] = 0;
    reduced[k * (size + 1)] = 1;
    side[k] = move;
  }
  solveCholesky(reduced, side);
  coefficients.forEach((before, k) => {
    const after = Math.min(Math.max(before + side[POSE_SIZE + k], -limit), limit);
    side[POSE_SIZE + k] = after - before;
  });
  return side;
}
