// @ts-check
/** Whether a picture is good enough to be a reference, judged against what is usual in the call. */

/** @typedef {import("./frame_quality.js").FrameQuality} FrameQuality */

const ACCEPTABLE_PENALTY_PX = 2.5;
const MEMORY = 100;

/** Before anything is known only what is surely blurred, shut or hidden counts as bad. */
const UNKNOWN = { sharpness: 0.15, eyeOpenness: 0.2, skinOutliers: 0.2 };

/** Judges quality against what is usual for this person, camera and light. Outlives the sets. */
export class QualityScale {
  /** @type {FrameQuality[]} */
  #seen = [];
  /** @type {typeof UNKNOWN | null} of `#seen`; null until asked for */
  #normal = null;

  /** @param {FrameQuality} quality */
  note(quality) {
    this.#seen.push(quality);
    if (this.#seen.length > MEMORY) this.#seen.shift();
    this.#normal = null;
  }

  /**
   * Whether this can be a picture that the other side sees.
   *
   * @param {FrameQuality} quality
   */
  acceptable(quality) {
    return (
      quality.faceScore >= 0.5 &&
      quality.turn < 0.8 &&
      quality.margin > 0.01 &&
      this.penalty(quality) < ACCEPTABLE_PENALTY_PX
    );
  }

  /**
   * Cost, in pixels of distance between embeddings, of showing frames from this picture; >= 0.
   * A picture with open eyes, sharp and unhidden, costs nothing.
   *
   * @param {FrameQuality} quality
   */
  penalty(quality) {
    this.#normal ??= this.#measureNormal();
    const normal = this.#normal;
    const blur = Math.max(0, 0.85 - quality.sharpness / normal.sharpness);
    const shut = Math.max(0, 0.75 - quality.eyeOpenness / normal.eyeOpenness);
    const hidden = Math.max(0, quality.skinOutliers - normal.skinOutliers - 0.1);
    const moving = Math.max(0, quality.motion - 0.3);
    const cut = Math.max(0, -quality.margin);
    const doubt = Math.max(0, 0.9 - quality.faceScore);
    return 6 * blur + 6 * shut + 20 * hidden + 2 * moving + 20 * cut + 5 * doubt;
  }

  #measureNormal() {
    const seen = this.#seen;
    if (seen.length < 5) return UNKNOWN;
    return {
      sharpness: Math.max(percentile(seen.map((quality) => quality.sharpness), 70), 1e-3),
      eyeOpenness: Math.max(percentile(seen.map((quality) => quality.eyeOpenness), 70), 0.12),
      skinOutliers: percentile(seen.map((quality) => quality.skinOutliers), 30),
    };
  }
}

/**
 * Linear between neighbours.
 *
 * @param {number[]} values at least one
 * @param {number} percent
 */
function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
