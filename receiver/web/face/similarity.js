// @ts-check
/** The similarity that takes points nearest to others. */

/**
 * Similarity from model to image.
 *
 * @typedef {object} Pose
 * @property {Float64Array} rotation (3, 3)
 * @property {number} logScale
 * @property {number[]} translation (3,)
 */

/** Rounds of the eigenvector's search; it ends sooner. */
const SWEEPS = 30;
/** Of the largest number: what counts as nothing left off the diagonal. */
const PRECISION = 1e-15;

/**
 * The pose that takes `source` nearest to `target`, by Horn's quaternions (1987): the largest
 * eigenvalue of a 4 x 4 matrix is Umeyama's sum of signed singular values, its vector the turn.
 *
 * @param {ArrayLike<number>} source (V, 3)
 * @param {ArrayLike<number>} target (V, 3)
 * @param {Float64Array} weights (V,), sum 1
 * @returns {Pose}
 */
export function similarity(source, target, weights) {
  const from = centre(source, weights);
  const to = centre(target, weights);
  // s[3 i + j] is the weighted sum of source's axis i times target's axis j.
  const s = new Float64Array(9);
  let spread = 0;
  for (let v = 0; v < weights.length; v++) {
    for (let i = 0; i < 3; i++) {
      const offset = source[3 * v + i] - from[i];
      spread += weights[v] * offset * offset;
      for (let j = 0; j < 3; j++) s[3 * i + j] += weights[v] * offset * (target[3 * v + j] - to[j]);
    }
  }
  const { value, vector } = largestEigenvector([
    [s[0] + s[4] + s[8], s[5] - s[7], s[6] - s[2], s[1] - s[3]],
    [s[5] - s[7], s[0] - s[4] - s[8], s[1] + s[3], s[6] + s[2]],
    [s[6] - s[2], s[1] + s[3], s[4] - s[0] - s[8], s[5] + s[7]],
    [s[1] - s[3], s[6] + s[2], s[5] + s[7], s[8] - s[0] - s[4]],
  ]);
  const rotation = matrixFromQuaternion(vector);
  const scale = value / spread;
  const translation = to.map(
    (place, i) =>
      place -
      scale *
        (rotation[3 * i] * from[0] + rotation[3 * i + 1] * from[1] + rotation[3 * i + 2] * from[2]),
  );
  return { rotation, logScale: Math.log(scale), translation };
}

/**
 * @param {ArrayLike<number>} points
 * @param {Float64Array} weights
 */
function centre(points, weights) {
  const sums = [0, 0, 0];
  for (let v = 0; v < weights.length; v++) {
    for (let i = 0; i < 3; i++) sums[i] += weights[v] * points[3 * v + i];
  }
  return sums;
}

/**
 * Jacobi's method for a symmetric 4 x 4 matrix.
 *
 * @param {number[][]} a overwritten
 * @returns {{ value: number, vector: number[] }} the vector of length 1
 */
function largestEigenvector(a) {
  const vectors = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 1 : 0)));
  const limit = PRECISION * Math.max(...a.flat().map(Math.abs));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let isDone = true;
    for (let p = 0; p < 3; p++) {
      for (let q = p + 1; q < 4; q++) {
        if (Math.abs(a[p][q]) <= limit) continue;
        isDone = false;
        rotate(a, vectors, p, q);
      }
    }
    if (isDone) break;
  }
  const values = a.map((row, i) => row[i]);
  const value = Math.max(...values);
  const column = values.indexOf(value);
  return { value, vector: vectors.map((row) => row[column]) };
}

/**
 * Turns the plane of two axes so that their element becomes 0.
 *
 * @param {number[][]} a
 * @param {number[][]} vectors
 * @param {number} p
 * @param {number} q
 */
function rotate(a, vectors, p, q) {
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (const row of [...a, ...vectors]) {
    [row[p], row[q]] = [cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]];
  }
  for (let k = 0; k < 4; k++) {
    [a[p][k], a[q][k]] = [cosine * a[p][k] - sine * a[q][k], sine * a[p][k] + cosine * a[q][k]];
  }
}

/** @param {number[]} quaternion of length 1, real part first */
function matrixFromQuaternion([w, x, y, z]) {
  return Float64Array.of(
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  );
}
