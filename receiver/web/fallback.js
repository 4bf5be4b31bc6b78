// @ts-check
/** How long the face must be unusable, and then usable again, before the picture changes. */
const GIVE_UP_MS = 2000;
const RETURN_MS = 2000;

/** Below this the tracker is guessing. */
export const LEAST_SCORE = 0.75;

/**
 * When the camera's own picture takes the place of the rebuilt one, and when it leaves it again.
 * Pure; one for a call.
 */
export class Fallback {
  /** Since when the face is unlike what is shown; null: it is alike. */
  #since = /** @type {number | null} */ (null);
  #isFailing = false;

  /** The user's wish: true, or false to let tracking decide. */
  byHand = false;
  /** Whether tracking may decide. */
  automatic = true;

  /** @param {number} leastScore of the tracker, 0.5..1 */
  constructor(leastScore = LEAST_SCORE) {
    /** May change at any time. */
    this.leastScore = leastScore;
  }

  /** Whether the camera's own picture is to be shown now. */
  get wantsVideo() {
    return this.byHand || (this.automatic && this.#isFailing);
  }

  /**
   * @param {string} face tracked, lost, several, border, ...; as it is told to the other side
   * @param {number} score of the tracker for the face, 0..1
   * @param {number} timeMs
   * @param {boolean} [isCovered] something is before the face
   * @returns {boolean} `wantsVideo`
   */
  update(face, score, timeMs, isCovered = false) {
    const isUnsure = isCovered || score < this.leastScore;
    const fails = face === "lost" || face === "several" || isUnsure;
    if (fails === this.#isFailing) {
      this.#since = null;
    } else {
      this.#since ??= timeMs;
      if (timeMs - this.#since >= (fails ? GIVE_UP_MS : RETURN_MS)) {
        this.#isFailing = fails;
        this.#since = null;
      }
    }
    return this.wantsVideo;
  }
}
