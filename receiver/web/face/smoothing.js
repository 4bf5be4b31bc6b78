// @ts-check
/**
 * Temporal smoothing of landmarks without visible lag; `shared/smoothing.py` says how.
 *
 *     estimate += gain * (measurement - estimate),  gain = rest + (1 - rest) e^2 / (e^2 + tau^2)
 *
 * with e the vertex's distance from its estimate, raised to the mean of all vertices' where that is
 * larger, so that a turning head moves as one.
 */

/** Of the filter at rest. */
const TIME_CONSTANT_MS = 80;
/** tau, in RMS distances of the face's vertices from their centre. */
const MOTION = 0.016;
/** After a longer gap smoothing begins anew. */
const GAP_MS = 300;

/** Smooths the landmarks of one face, in any unit. Pure: the caller gives the time. */
export class LandmarkSmoother {
  /** @type {Float32Array | null} */
  #estimate = null;
  #timeMs = 0;

  /** Forget the past: the next landmarks come out as they go in. */
  reset() {
    this.#estimate = null;
    this.#timeMs = 0;
  }

  /**
   * Smoothed landmarks; not to be written to. Depth follows with the gain of x and y.
   *
   * @param {Float32Array} points (V, 3)
   * @param {number} timeMs the capture time, monotonic
   * @returns {Float32Array} (V, 3)
   */
  update(points, timeMs) {
    const previous = this.#estimate;
    const elapsedMs = timeMs - this.#timeMs;
    this.#timeMs = timeMs;
    if (previous === null || previous.length !== points.length || elapsedMs > GAP_MS) {
      this.#estimate = points.slice();
      return this.#estimate;
    }
    const distances = squaredDistances(points, previous);
    const mean = distances.reduce((sum, value) => sum + value, 0) / distances.length;
    const motion = Math.max(MOTION * MOTION * spread(points), 1e-30);
    const rest = 1 - Math.exp(-Math.max(elapsedMs, 0) / TIME_CONSTANT_MS);
    const estimate = new Float32Array(points.length);
    distances.forEach((own, v) => {
      const distance = Math.max(own, mean);
      const gain = rest + ((1 - rest) * distance) / (distance + motion);
      for (let i = 3 * v; i < 3 * v + 3; i++) {
        estimate[i] = previous[i] + gain * (points[i] - previous[i]);
      }
    });
    this.#estimate = estimate;
    return estimate;
  }
}

/**
 * In x and y.
 *
 * @param {Float32Array} points (V, 3)
 * @param {Float32Array} others (V, 3)
 * @returns {Float64Array} (V,)
 */
function squaredDistances(points, others) {
  return Float64Array.from(
    { length: points.length / 3 },
    (_, v) => (points[3 * v] - others[3 * v]) ** 2 + (points[3 * v + 1] - others[3 * v + 1]) ** 2,
  );
}

/**
 * Mean squared distance from the centre, in x and y.
 *
 * @param {Float32Array} points (V, 3)
 */
function spread(points) {
  const count = points.length / 3;
  let [x, y] = [0, 0];
  for (let i = 0; i < points.length; i += 3) {
    x += points[i] / count;
    y += points[i + 1] / count;
  }
  let total = 0;
  for (let i = 0; i < points.length; i += 3) {
    total += (points[i] - x) ** 2 + (points[i + 1] - y) ** 2;
  }
  return total / count;
}
