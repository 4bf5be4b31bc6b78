// @ts-check
/** The inner loops of the fit: the normal equations of a Gauss-Newton step. */

/** Unknowns of a pose: turn (3), log scale, shift (3), all in model axes. */
export const POSE_SIZE = 7;
/** Columns of a vertex: the pose's derivatives, then the residual. */
const COLUMNS = POSE_SIZE + 1;

/**
 * U_i diag(weights) U_j^T of the axes' rows, computed once a basis.
 *
 * @param {Float64Array} basis (K, V, 3)
 * @param {Float64Array} weights (V,)
 * @returns {Float64Array} (3, 3, K, K)
 */
export function axisProducts(basis, weights) {
  const vertexCount = weights.length;
  const count = basis.length / (3 * vertexCount);
  const products = new Float64Array(9 * count * count);
  for (let k = 0; k < count; k++) {
    for (let m = 0; m < count; m++) {
      const sums = new Float64Array(9);
      let first = 3 * vertexCount * k;
      let second = 3 * vertexCount * m;
      for (let v = 0; v < vertexCount; v++, first += 3, second += 3) {
        for (let i = 0; i < 3; i++) {
          const amount = weights[v] * basis[first + i];
          for (let j = 0; j < 3; j++) sums[3 * i + j] += amount * basis[second + j];
        }
      }
      for (let pair = 0; pair < 9; pair++) products[(pair * count + k) * count + m] = sums[pair];
    }
  }
  return products;
}

/** Matrix and right side of Gauss-Newton steps on one basis. Holds buffers: one thread. */
export class NormalEquations {
  #basis;
  #products;
  #weights;
  #count;
  #columns;
  #weighted;

  /**
   * @param {Float64Array} basis (K, V, 3)
   * @param {Float64Array} weights (V,)
   */
  constructor(basis, weights) {
    this.#basis = basis;
    this.#weights = weights;
    this.#products = axisProducts(basis, weights);
    this.#count = basis.length / (3 * weights.length);
    this.#columns = new Float64Array(3 * COLUMNS);
    /** By vertex and axis, the columns next to each other. */
    this.#weighted = new Float64Array(3 * COLUMNS * weights.length);
  }

  /**
   * @param {Float64Array} shape (V, 3) model axes
   * @param {Float64Array} residual (V, 3) model axes
   * @param {Float64Array} metric (3, 3) symmetric, the weights of a residual's axes
   * @param {number} prior of a squared coefficient
   * @param {Float64Array} coefficients (K,)
   * @returns {{ matrix: Float64Array, right: Float64Array }} (7 + K, 7 + K), its lower triangle,
   *   and (7 + K,)
   */
  build(shape, residual, metric, prior, coefficients) {
    const size = POSE_SIZE + this.#count;
    const matrix = new Float64Array(size * size);
    const right = new Float64Array(size);
    this.#addPose(matrix, right, shape, residual, metric);
    this.#addCoupling(matrix, right);
    this.#addProducts(matrix, metric);
    for (let k = 0; k < this.#count; k++) {
      matrix[(POSE_SIZE + k) * (size + 1)] += prior;
      right[POSE_SIZE + k] -= prior * coefficients[k];
    }
    return { matrix, right };
  }

  /**
   * Pose by pose; leaves the weighted columns of every vertex behind.
   *
   * @param {Float64Array} matrix
   * @param {Float64Array} right
   * @param {Float64Array} shape
   * @param {Float64Array} residual
   * @param {Float64Array} metric
   */
  #addPose(matrix, right, shape, residual, metric) {
    const size = right.length;
    const columns = this.#columns;
    columns[3 * 4] = columns[3 * 5 + 1] = columns[3 * 6 + 2] = 1;
    for (let v = 0; v < this.#weights.length; v++) {
      const [x, y, z] = [shape[3 * v], shape[3 * v + 1], shape[3 * v + 2]];
      columns[1] = -z;
      columns[2] = y;
      columns[3] = z;
      columns[5] = -x;
      columns[6] = -y;
      columns[7] = x;
      columns[9] = x;
      columns[10] = y;
      columns[11] = z;
      for (let axis = 0; axis < 3; axis++) columns[3 * POSE_SIZE + axis] = residual[3 * v + axis];
      const start = 3 * COLUMNS * v;
      for (let i = 0; i < 3; i++) {
        const [p, q, r] = [metric[3 * i], metric[3 * i + 1], metric[3 * i + 2]];
        for (let c = 0; c < COLUMNS; c++) {
          const total = p * columns[3 * c] + q * columns[3 * c + 1] + r * columns[3 * c + 2];
          this.#weighted[start + COLUMNS * i + c] = this.#weights[v] * total;
        }
      }
      for (let a = 0; a < POSE_SIZE; a++) {
        for (let i = 0; i < 3; i++) {
          const amount = columns[3 * a + i];
          if (amount === 0) continue;
          const row = start + COLUMNS * i;
          for (let c = 0; c <= a; c++) matrix[a * size + c] += amount * this.#weighted[row + c];
          right[a] += amount * this.#weighted[row + POSE_SIZE];
        }
      }
    }
  }

  /**
   * Coefficient by pose. All columns at once, so that the sums do not wait for each other.
   *
   * @param {Float64Array} matrix
   * @param {Float64Array} right
   */
  #addCoupling(matrix, right) {
    const basis = this.#basis;
    const weighted = this.#weighted;
    const size = right.length;
    const length = weighted.length / COLUMNS;
    for (let k = 0; k < this.#count; k++) {
      let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
      for (let i = 0, from = k * length, at = 0; i < length; i++, from++, at += COLUMNS) {
        const amount = basis[from];
        s0 += amount * weighted[at];
        s1 += amount * weighted[at + 1];
        s2 += amount * weighted[at + 2];
        s3 += amount * weighted[at + 3];
        s4 += amount * weighted[at + 4];
        s5 += amount * weighted[at + 5];
        s6 += amount * weighted[at + 6];
        s7 += amount * weighted[at + 7];
      }
      matrix.set([s0, s1, s2, s3, s4, s5, s6], (POSE_SIZE + k) * size);
      right[POSE_SIZE + k] = s7;
    }
  }

  /**
   * Coefficient by coefficient.
   *
   * @param {Float64Array} matrix
   * @param {Float64Array} metric
   */
  #addProducts(matrix, metric) {
    const count = this.#count;
    const size = POSE_SIZE + count;
    for (let pair = 0; pair < 9; pair++) {
      const amount = metric[pair];
      for (let k = 0; k < count; k++) {
        const to = (POSE_SIZE + k) * size + POSE_SIZE;
        const from = (pair * count + k) * count;
        for (let m = 0; m <= k; m++) matrix[to + m] += amount * this.#products[from + m];
      }
    }
  }
}
