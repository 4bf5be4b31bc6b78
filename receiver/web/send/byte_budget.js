// @ts-check
/** How many bytes references may still take. */

const WINDOW_MS = 60_000;
/** 2 kbit/s over a minute, everything that travels with a reference counted. */
export const WINDOW_BYTES = 15_000;

/**
 * At most so many bytes in any window of a minute, not only on average: a token bucket of the same
 * rate would allow twice as much in its first minute.
 */
export class ByteBudget {
  #windowBytes;
  #windowMs;
  /** @type {{ timeMs: number, count: number }[]} in the window */
  #spent = [];

  constructor(windowBytes = WINDOW_BYTES, windowMs = WINDOW_MS) {
    this.#windowBytes = windowBytes;
    this.#windowMs = windowMs;
  }

  /**
   * Count bytes that are sent now.
   *
   * @param {number} count
   * @param {number} timeMs
   */
  spend(count, timeMs) {
    this.#spent.push({ timeMs, count });
  }

  /**
   * Bytes that may be sent now; negative after an overdraft.
   *
   * @param {number} timeMs
   */
  available(timeMs) {
    while (this.#spent.length > 0 && timeMs - this.#spent[0].timeMs >= this.#windowMs) {
      this.#spent.shift();
    }
    return this.#spent.reduce((left, { count }) => left - count, this.#windowBytes);
  }
}
