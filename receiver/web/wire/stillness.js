// @ts-check
/**
 * Whether a face is still: that it stays where it is, apart from the tracker's noise, which is seen
 * in second differences. `sender/stillness.py` explains the limits.
 */

/** Distance at 256 x 256 within which a face stays in one place. */
const STILL_PX = 0.25;

/** A still face that leaves it further is not. */
const STIRRED_PX = 0.4;
const STILL_MS = 600;

/** Standard deviations of noise that a single frame may lie from the place. */
const NOISE_FACTOR = 4;

/** Standard deviation: what trembles more is taken for motion. */
const NOISE_MAX_PX = 0.25;

/** Time constants of the measure of noise and of the mean that must stay. */
const NOISE_MS = 1000;
const MEAN_MS = 150;

/** Watches one face, as points whose Euclidean distances are pixels. */
export class StillnessDetector {
  /** @type {Float32Array | null} */
  #place = null;
  #mean = /** @type {Float32Array} */ (new Float32Array(0));
  #last = /** @type {Float32Array} */ (new Float32Array(0));
  #beforeLast = /** @type {Float32Array} */ (new Float32Array(0));
  /** Of the noise, px^2. */
  #variance = 0;
  #still = false;
  #sinceMs = 0;
  #timeMs = 0;

  /** Forget the place, not the noise: the next frame is of another crop or after a break. */
  reset() {
    this.#place = null;
  }

  /**
   * Whether the face is still at this frame: once it has kept its place for a while, until it
   * leaves it.
   *
   * @param {Float32Array} now `pose_expression_embedding` of the frame; kept
   * @param {number} timeMs monotonic
   */
  update(now, timeMs) {
    if (this.#place === null) {
      this.#last = this.#beforeLast = now;
      this.#timeMs = timeMs;
      return this.#startAt(now, timeMs);
    }
    const limit = this.#still ? STIRRED_PX : STILL_PX;
    const noise = Math.min(Math.sqrt(this.#variance), NOISE_MAX_PX);
    const elapsedMs = Math.max(timeMs - this.#timeMs, 0);
    this.#timeMs = timeMs;
    this.#measureNoise(now, elapsedMs);
    if (distance(now, this.#place) > Math.max(limit, NOISE_FACTOR * noise)) {
      return this.#startAt(now, timeMs);
    }
    const gain = gainOf(elapsedMs, MEAN_MS);
    this.#mean = this.#mean.map((mean, index) => mean + gain * (now[index] - mean));
    if (distance(this.#mean, this.#place) > limit) return this.#startAt(this.#mean, timeMs);
    if (!this.#still && timeMs - this.#sinceMs >= STILL_MS) {
      // From here on this is what is shown.
      this.#still = true;
      this.#place = this.#mean;
    }
    return this.#still;
  }

  /**
   * @param {Float32Array} place
   * @param {number} timeMs
   */
  #startAt(place, timeMs) {
    this.#place = this.#mean = place;
    this.#sinceMs = timeMs;
    this.#still = false;
    return false;
  }

  /**
   * White noise of variance s^2 has second differences of 6 s^2.
   *
   * @param {Float32Array} now
   * @param {number} elapsedMs
   */
  #measureNoise(now, elapsedMs) {
    let square = 0;
    for (let index = 0; index < now.length; index++) {
      square += (now[index] - 2 * this.#last[index] + this.#beforeLast[index]) ** 2;
    }
    this.#beforeLast = this.#last;
    this.#last = now;
    this.#variance += gainOf(elapsedMs, NOISE_MS) * (square / 6 - this.#variance);
  }
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
function distance(a, b) {
  return Math.sqrt(a.reduce((sum, value, index) => sum + (value - b[index]) ** 2, 0));
}

/**
 * @param {number} elapsedMs
 * @param {number} constantMs
 */
function gainOf(elapsedMs, constantMs) {
  return 1 - Math.exp(-elapsedMs / constantMs);
}
