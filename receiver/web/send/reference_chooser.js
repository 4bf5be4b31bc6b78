// @ts-check
/** Offers frames as references of the newest set, and starts what its policy chooses. */

import { cropImage } from "./crop_image.js";
import { toImage } from "./crop_policy.js";
import { measureQuality } from "./frame_quality.js";

/** @typedef {import("./crop_policy.js").Crop} Crop */
/** @typedef {import("./pose_embedding.js").FaceParameters} FaceParameters */

/** @typedef {{ points: Float32Array, timeMs: number }} Place where the face was */

/**
 * @typedef {object} Moment the frame that is being analysed
 * @property {import("./crop_image.js").Picture} image
 * @property {number} score the tracker's own certainty
 * @property {Float32Array} points (478, 3) frame pixels, smoothed
 * @property {number} captureTime
 * @property {number} timeMs
 */

/** Holds no state of its own. */
export class ReferenceChooser {
  #parts;
  #size;
  #scale;
  #sets;
  #encoder;

  /**
   * @param {import("./analysis.js").Parts} parts
   * @param {number} size side S of the picture
   * @param {import("./quality_scale.js").QualityScale} scale
   * @param {import("./published_sets.js").PublishedSets} sets
   * @param {import("./reference_encoder.js").ReferenceEncoder} encoder
   */
  constructor(parts, size, scale, sets, encoder) {
    this.#parts = parts;
    this.#size = size;
    this.#scale = scale;
    this.#sets = sets;
    this.#encoder = encoder;
  }

  /**
   * @param {Moment} moment
   * @param {Place | null} before in the frame before, of the same face
   * @param {FaceParameters | null} fitted in the current set
   */
  consider(moment, before, fitted) {
    const { newest: target, current } = this.#sets;
    if (target === null) return;
    const { timeMs, captureTime } = moment;
    const points = toImage(target.crop, moment.points);
    let parameters = fitted;
    /** @type {import("./reference_encoder.js").Identity | null} */
    let identity = null;
    if (target.identity === null) {
      ({ identity, parameters } = this.#parts.fitter.fitReference(points, captureTime));
    } else if (target !== current) {
      return; // its first reference is on its way
    }
    if (parameters === null || !target.policy.observe(parameters, timeMs)) return;
    const image = cropImage(moment.image, target.crop, this.#size);
    const known = { faceScore: moment.score, motion: motion(moment, before, target.crop) };
    const quality = measureQuality(image, points, parameters, known);
    this.#scale.note(quality);
    this.#parts.noted?.(quality);
    const candidate = { parameters, quality, image };
    if (identity === null) target.policy.offer(candidate);
    if (this.#encoder.busy(timeMs)) return;
    const choice = target.policy.choose(timeMs, candidate);
    if (choice === null) return;
    const { width, height } = moment.image;
    const started = this.#encoder.start(target, choice, { width, height }, timeMs);
    if (!started || identity === null) return;
    // As the other side will have it, rounded: both then work with the same neutral.
    target.identity = this.#parts.identityAsReceived(identity);
    target.neutral = this.#parts.model.neutral(target.identity);
  }
}

/**
 * Mean speed of the mesh in crop sides a second.
 *
 * @param {Place} now
 * @param {Place | null} before
 * @param {Crop} crop
 */
function motion({ points, timeMs }, before, crop) {
  if (before === null) return 0;
  let moved = 0;
  for (let i = 0; i < points.length; i += 3) {
    moved += Math.hypot(points[i] - before.points[i], points[i + 1] - before.points[i + 1]);
  }
  const seconds = Math.max((timeMs - before.timeMs) / 1000, 1e-3);
  return moved / (points.length / 3) / crop.size / seconds;
}
