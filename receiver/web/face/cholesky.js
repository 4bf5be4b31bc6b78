// @ts-check
/**
 * Solves a symmetric positive definite system.
 *
 * @param {Float64Array} matrix (N, N); overwritten, its lower triangle is what counts
 * @param {Float64Array} right (N,); overwritten by the solution
 */
export function solveCholesky(matrix, right) {
  const size = right.length;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let total = matrix[i * size + j];
      for (let k = 0; k < j; k++) total -= matrix[i * size + k] * matrix[j * size + k];
      matrix[i * size + j] = i === j ? Math.sqrt(total) : total / matrix[j * size + j];
    }
  }
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) right[i] -= matrix[i * size + k] * right[k];
    right[i] /= matrix[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) right[i] -= matrix[k * size + i] * right[k];
    right[i] /= matrix[i * size + i];
  }
}
