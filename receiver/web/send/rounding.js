// @ts-check
/** To the nearest whole number, halves to the even one: as Python, numpy and OpenCV round. */

/**
 * @param {number} value
 * @returns {number} never -0
 */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const beyond = value - below;
  if (beyond === 0.5) return below % 2 === 0 ? below + 0 : below + 1;
  return beyond < 0.5 ? below + 0 : below + 1;
}
