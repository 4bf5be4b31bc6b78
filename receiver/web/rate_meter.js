// @ts-check
const WINDOW_MS = 2000;

/** How often something happens, over the last two seconds. */
export class RateMeter {
  /** @type {number[]} */
  #times = [];

  /** @param {number} timeMs */
  add(timeMs) {
    this.#times.push(timeMs);
    while (timeMs - this.#times[0] > WINDOW_MS) this.#times.shift();
  }

  get perSecond() {
    const count = this.#times.length;
    if (count < 2) return 0;
    const lasted = this.#times[count - 1] - this.#times[0];
    return lasted > 0 ? ((count - 1) * 1000) / lasted : 0;
  }
}
