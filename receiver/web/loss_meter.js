// @ts-check
/** Above this loss a frame travels alone, and twice; below the other, two share a message again. */
const HIGH_LOSS = 0.1;
const LOW_LOSS = 0.05;
const CALM_MS = 5000;
const WINDOW_BITS = 32;
const SMOOTHING = 0.15;

/** How many of the messages are lost, from what the receiver reports. Pure. */
export class LossMeter {
  /** Share of the messages that never came, 0..1. */
  loss = 0;
  #isLossy = false;
  #calmSince = /** @type {number | null} */ (null);
  #seen = 0;

  /**
   * @param {import("./wire/receiver_report.js").ReceiverReport} report
   * @param {number} timeMs
   * @returns {{ framesPerMessage: number, repeated: number } | null} how to send from now on; null:
   *   as before
   */
  update({ newest, held }, timeMs) {
    this.#seen += 1;
    const window = Math.min(WINDOW_BITS, newest);
    if (window < 8) return null;
    let came = 0;
    for (let bit = 0; bit < window; bit++) came += (held >>> bit) & 1;
    this.loss += (1 - came / window - this.loss) * (this.#seen < 4 ? 0.5 : SMOOTHING);
    if (!this.#isLossy && this.loss > HIGH_LOSS) {
      this.#isLossy = true;
      this.#calmSince = null;
      return { framesPerMessage: 1, repeated: 1 };
    }
    if (!this.#isLossy) return null;
    if (this.loss >= LOW_LOSS) this.#calmSince = null;
    else this.#calmSince ??= timeMs;
    if (this.#calmSince === null || timeMs - this.#calmSince < CALM_MS) return null;
    this.#isLossy = false;
    return { framesPerMessage: 2, repeated: 0 };
  }
}
