// @ts-check
/**
 * Chosen pictures become references, one after the other, within the byte budget.
 *
 * @typedef {object} Identity the neutral shape of a person
 * @property {Float32Array} coefficients (40,)
 * @property {Int8Array} residual (478, 3)
 * @property {number} residualStep model units of one residual step
 */

import { compressPicture } from "./reference_picture.js";

/** @typedef {import("./crop_policy.js").Crop} Crop */
/** @typedef {import("./pose_embedding.js").FaceParameters} FaceParameters */
/** @typedef {import("./reference_picture.js").EncodedPicture} EncodedPicture */
/** @typedef {import("./reference_policy.js").Choice} Choice */

/**
 * @typedef {object} EncodedReference a reference as it is sent
 * @property {number} setId 0..255
 * @property {number} referenceId unique inside its set; a new one with an id already held replaces it
 * @property {Crop} crop
 * @property {Identity} identity of the set
 * @property {FaceParameters} parameters of the picture itself, as the other side will have them
 * @property {EncodedPicture} picture
 * @property {number} frameWidth of the camera frame that the crop lies in, pixels
 * @property {number} frameHeight
 */

/**
 * @typedef {object} Job a reference that is being compressed
 * @property {PublishedSet} target
 * @property {Choice} choice
 * @property {{ width: number, height: number }} frame
 * @property {EncodedPicture | null} picture once it is done
 * @property {unknown} error once it has failed
 */

const FIRST_IMAGE_BYTES = 3600;
const NEXT_IMAGE_BYTES = 2600;
/** A picture of less is not worth sending; the policy waits for the budget instead. */
const LEAST_IMAGE_BYTES = 1400;
const IDENTITY_BYTES = 1500;
/** Of the control messages around a picture: begin, chunk headers, end. */
const OVERHEAD_BYTES = 250;
/** A reference not confirmed after so long is taken for lost; a thin link takes 25 s for one. */
const CONFIRMATION_MS = 30_000;

/** A set of references of one crop, from the wish for it on. */
export class PublishedSet {
  /** @type {Identity | null} null until its first reference was chosen */
  identity = null;
  /** @type {Float32Array | null} (478, 3) of that identity */
  neutral = null;
  /** @type {Map<number, EncodedReference>} by reference id, in the order of first sending */
  sent = new Map();

  /**
   * @param {number} setId
   * @param {Crop} crop
   * @param {import("./reference_policy.js").ReferencePolicy} policy
   */
  constructor(setId, crop, policy) {
    this.setId = setId;
    this.crop = crop;
    this.policy = policy;
  }
}

/** Compresses one picture at a time, and waits until the other side holds it. */
export class ReferenceEncoder {
  #budget;
  #parametersAsReceived;
  #compress;
  #count;
  /** @type {Job | null} */
  #job = null;
  /** @type {{ setId: number, referenceId: number, timeMs: number } | null} */
  #unconfirmed = null;

  /**
   * @param {object} parts
   * @param {import("./byte_budget.js").ByteBudget} parts.budget
   * @param {(parameters: FaceParameters) => FaceParameters} parts.parametersAsReceived
   * @param {typeof compressPicture} [parts.compress]
   * @param {(name: string, increment?: number) => void} [parts.count] what happened, for statistics
   */
  constructor({ budget, parametersAsReceived, compress = compressPicture, count = () => {} }) {
    this.#budget = budget;
    this.#parametersAsReceived = parametersAsReceived;
    this.#compress = compress;
    this.#count = count;
  }

  /**
   * Whether a reference is under way.
   *
   * @param {number} timeMs
   */
  busy(timeMs) {
    return this.#job !== null || (this.#unconfirmed !== null && !this.overdue(timeMs));
  }

  /**
   * Whether the last reference was sent too long ago and is still not confirmed.
   *
   * @param {number} timeMs
   */
  overdue(timeMs) {
    return this.#unconfirmed !== null && timeMs - this.#unconfirmed.timeMs >= CONFIRMATION_MS;
  }

  /**
   * The other side holds this one.
   *
   * @param {number} setId
   * @param {number} referenceId
   */
  confirm(setId, referenceId) {
    const waiting = this.#unconfirmed;
    if (waiting?.setId === setId && waiting.referenceId === referenceId) this.#unconfirmed = null;
  }

  /**
   * Nobody wants this set any more.
   *
   * @param {PublishedSet} target
   */
  abandon(target) {
    if (this.#job?.target === target) this.#job = null;
  }

  /**
   * Begin to compress a picture of a frame; false: the budget is empty.
   *
   * @param {PublishedSet} target
   * @param {Choice} choice
   * @param {{ width: number, height: number }} frame
   * @param {number} timeMs
   */
  start(target, choice, frame, timeMs) {
    const first = target.sent.size === 0;
    const wanted = first ? FIRST_IMAGE_BYTES : NEXT_IMAGE_BYTES;
    const allowed = Math.min(wanted, this.#budget.available(timeMs) - bytesAround(first));
    if (allowed < LEAST_IMAGE_BYTES) {
      this.#count("references_deferred");
      return false;
    }
    /** @type {Job} */
    const job = { target, choice, frame, picture: null, error: null };
    this.#job = job;
    this.#compress(choice.candidate.image, allowed).then(
      (picture) => (job.picture = picture),
      (error) => (job.error = error ?? new Error("a reference could not be compressed")),
    );
    return true;
  }

  /**
   * The reference that was being compressed, once; it is to be sent now. Throws what compressing
   * it has thrown.
   *
   * @param {number} timeMs
   * @returns {EncodedReference | null}
   */
  finished(timeMs) {
    const job = this.#job;
    if (job === null || (job.picture === null && job.error === null)) return null;
    this.#job = null;
    const { target, choice, picture } = job;
    const { identity } = target;
    if (picture === null || identity === null) {
      // Without a first picture the set has no identity either: the next frame brings both.
      if (target.sent.size === 0) target.identity = target.neutral = null;
      throw job.error;
    }
    const { setId, crop } = target;
    const { candidate, referenceId } = choice;
    const parameters = this.#parametersAsReceived(candidate.parameters);
    const { width: frameWidth, height: frameHeight } = job.frame;
    const place = { setId, referenceId, crop, frameWidth, frameHeight };
    const reference = { ...place, identity, parameters, picture };
    this.#budget.spend(picture.data.length + bytesAround(target.sent.size === 0), timeMs);
    target.sent.set(referenceId, reference);
    target.policy.sent(choice, timeMs);
    this.#unconfirmed = { setId, referenceId, timeMs };
    this.#count("references_sent");
    this.#count("reference_bytes", picture.data.length);
    return reference;
  }
}

/**
 * What goes with a picture, at most.
 *
 * @param {boolean} first of its set
 */
function bytesAround(first) {
  return OVERHEAD_BYTES + (first ? IDENTITY_BYTES : 0);
}
