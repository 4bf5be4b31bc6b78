// @ts-check
/**
 * Rotation vectors and matrices (9 numbers, row by row).
 *
 * A rotation vector r turns by |r| radians about r / |r|, right-handed.
 */

/** Below this the series of sin(a)/a and (1 - cos a)/a^2 to a^2 are exact in float64. */
const SMALL_ANGLE = 1e-4;
/** Cosine of half the angle that counts as a half turn; rounding leaves about 1e-16 of it. */
const HALF_TURN = 1e-12;

/**
 * The rotation matrix of a rotation vector in radians, of any norm (Rodrigues).
 *
 * @param {number} x
 * @param {number} y
 * @param {number} z
 * @returns {Float64Array} (3, 3)
 */
export function matrixFromRotationVector(x, y, z) {
  const squared = x * x + y * y + z * z;
  const angle = Math.sqrt(squared);
  const isSmall = angle < SMALL_ANGLE;
  const first = isSmall ? 1 - squared / 6 : Math.sin(angle) / angle;
  const second = isSmall ? 0.5 - squared / 24 : (1 - Math.cos(angle)) / squared;
  return Float64Array.of(
    1 - second * (y * y + z * z),
    second * x * y - first * z,
    second * x * z + first * y,
    second * x * y + first * z,
    1 - second * (x * x + z * z),
    second * y * z - first * x,
    second * x * z - first * y,
    second * y * z + first * x,
    1 - second * (x * x + y * y),
  );
}

/**
 * The rotation vector of a rotation matrix, norm in [0, pi].
 *
 * Goes through the unit quaternion, whose largest component is found first (Shepperd's method), so
 * that angles near 0 and near pi are both exact. Of the two vectors of a half turn the one whose
 * first non-zero component is positive is given.
 *
 * @param {ArrayLike<number>} m (3, 3)
 * @returns {[number, number, number]}
 */
export function rotationVectorFromMatrix(m) {
  let quaternion = quaternionFromMatrix(m);
  const [real, ...axis] = quaternion;
  if (Math.abs(real) < HALF_TURN * Math.hypot(...quaternion)) {
    quaternion[0] = 0;
    const leading = axis.find((component) => Math.abs(component) > HALF_TURN) ?? 0;
    if (leading < 0) quaternion = quaternion.map((component) => -component);
  } else if (real < 0) {
    quaternion = quaternion.map((component) => -component);
  }
  const [w, x, y, z] = quaternion;
  const length = Math.hypot(x, y, z);
  if (length === 0) return [0, 0, 0];
  const factor = (2 * Math.atan2(length, w)) / length;
  return [x * factor, y * factor, z * factor];
}

/**
 * @param {ArrayLike<number>} m (3, 3)
 * @returns {number[]} real part first, of any length
 */
function quaternionFromMatrix(m) {
  const trace = m[0] + m[4] + m[8];
  const largest = Math.max(trace, m[0], m[4], m[8]);
  if (largest === trace) return [1 + trace, m[7] - m[5], m[2] - m[6], m[3] - m[1]];
  if (largest === m[0]) return [m[7] - m[5], 1 + m[0] - m[4] - m[8], m[3] + m[1], m[6] + m[2]];
  if (largest === m[4]) return [m[2] - m[6], m[1] + m[3], 1 + m[4] - m[8] - m[0], m[7] + m[5]];
  return [m[3] - m[1], m[2] + m[6], m[5] + m[7], 1 + m[8] - m[0] - m[4]];
}

/**
 * @param {ArrayLike<number>} a (3, 3)
 * @param {ArrayLike<number>} b (3, 3)
 * @returns {Float64Array} a b
 */
export function matrixProduct(a, b) {
  const product = new Float64Array(9);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      product[3 * i + j] =
        a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
    }
  }
  return product;
}
