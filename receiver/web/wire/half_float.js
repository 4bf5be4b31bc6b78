// @ts-check
// IEEE 754 half precision, which browsers read and write only lately.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The 16 bits nearest to a number, ties to even, as numpy rounds float32.
 *
 * @param {number} value
 */
export function halfBitsOf(value) {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const exponent = (bits[0] >>> 23) & 0xff;
  const mantissa = bits[0] & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa ? 0x200 : 0);
  const unbiased = exponent - 127;
  if (unbiased > 15) return sign | 0x7c00;
  // A carry out of the mantissa raises the exponent, up to infinity: that is what rounding means.
  if (unbiased >= -14) return sign | rounded(((unbiased + 15) << 23) | mantissa, 13);
  if (unbiased < -25) return sign;
  return sign | rounded(mantissa | 0x800000, -unbiased - 1);
}

/** @param {number} half 16 bits */
export function numberOfHalf(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return mantissa ? NaN : sign * Infinity;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/**
 * number / 2^shift to the nearest integer, ties to even.
 *
 * @param {number} number in [0, 2^31)
 * @param {number} shift 1..24
 */
function rounded(number, shift) {
  const whole = number >> shift;
  const rest = number & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && whole & 1) ? whole + 1 : whole;
}

/**
 * Big endian.
 *
 * @param {ArrayLike<number>} values
 */
export function packHalves(values) {
  const data = new Uint8Array(2 * values.length);
  const view = new DataView(data.buffer);
  for (let index = 0; index < values.length; index++) {
    view.setUint16(2 * index, halfBitsOf(values[index]));
  }
  return data;
}

/**
 * @param {Uint8Array} data of an even length
 * @returns {Float32Array}
 */
export function parseHalves(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Float32Array.from({ length: data.length / 2 }, (_, index) =>
    numberOfHalf(view.getUint16(2 * index)),
  );
}
