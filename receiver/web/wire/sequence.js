// @ts-check
// Serial numbers of 16 bits that wrap (RFC 1982).

export const SEQUENCE_BITS = 16;
export const SEQUENCE_MODULUS = 1 << SEQUENCE_BITS;

/**
 * later - earlier in [-2^15, 2^15), right across the wrap.
 *
 * @param {number} later
 * @param {number} earlier
 */
export function sequenceDifference(later, earlier) {
  return ((later - earlier) << 16) >> 16;
}

/**
 * The unbounded number congruent to `number` that lies nearest to `nearest`.
 *
 * @param {number} number
 * @param {number} nearest
 */
export function extendSequence(number, nearest) {
  return nearest + sequenceDifference(number, nearest);
}
