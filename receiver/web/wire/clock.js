// @ts-check
// Capture times: 90 kHz ticks of this machine's NTP clock, modulo 2^32.

export const TICKS_PER_MS = 90;
export const TICKS_PER_SECOND = 90_000;

/** From 1900 (NTP, RFC 5905 section 6) to 1970 (Unix). */
const NTP_UNIX_OFFSET_MS = 2_208_988_800_000;

/**
 * Rounds down; exact to the tick, for 2^53 ticks are three thousand years.
 *
 * @param {number} milliseconds of NTP time; may have a fraction
 */
export function ticksFromNtpMs(milliseconds) {
  // >>> is modulo 2^32, also of what is larger.
  return Math.floor(milliseconds * TICKS_PER_MS) >>> 0;
}

/**
 * The capture time of a moment on the page's monotonic clock, which no step of the wall clock
 * moves.
 *
 * @param {number} [performanceMs] as `performance.now()` and frame callbacks give it
 */
export function captureTimeAt(performanceMs = performance.now()) {
  return ticksFromNtpMs(NTP_UNIX_OFFSET_MS + performance.timeOrigin + performanceMs);
}

/**
 * later - earlier in [-2^31, 2^31), right across the wrap.
 *
 * @param {number} later
 * @param {number} earlier
 */
export function ticksDifference(later, earlier) {
  return (later - earlier) | 0;
}
