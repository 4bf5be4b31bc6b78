// @ts-check
const STEPS_MS = [500, 1000, 2000, 4000, 8000, 15000];

/** Growing pauses between tries. */
export class Backoff {
  #tries = 0;

  /** The pause before the next try. */
  nextMs() {
    const pause = STEPS_MS[Math.min(this.#tries, STEPS_MS.length - 1)];
    this.#tries += 1;
    return pause;
  }

  /** It went well. */
  reset() {
    this.#tries = 0;
  }
}
