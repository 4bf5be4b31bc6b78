// @ts-check
/**
 * The sets of references of a call.
 *
 * A set shares one crop and one identity, those of its first reference. When the crop moves, a new
 * set begins beside the old one, which goes on until the other side holds the new set's first
 * reference: until then it could not show the new parameters.
 */

import { sameCrop } from "./crop_policy.js";
import { PublishedSet } from "./reference_encoder.js";

/** @typedef {import("./reference_encoder.js").EncodedReference} EncodedReference */

export class PublishedSets {
  #encoder;
  #makePolicy;
  #count;
  /** @type {PublishedSet | null} what the other side holds, or the very first set */
  #current = null;
  /** @type {PublishedSet | null} after a crop move, until the other side holds its first reference */
  #next = null;
  #nextSetId = 0;

  /**
   * @param {import("./reference_encoder.js").ReferenceEncoder} encoder
   * @param {(timeMs: number) => import("./reference_policy.js").ReferencePolicy} makePolicy
   * @param {(name: string) => void} count
   */
  constructor(encoder, makePolicy, count) {
    this.#encoder = encoder;
    this.#makePolicy = makePolicy;
    this.#count = count;
  }

  get current() {
    return this.#current;
  }

  /** The one that references are chosen for. */
  get newest() {
    return this.#next ?? this.#current;
  }

  /**
   * Those of the sets in use, first sent first.
   *
   * @returns {EncodedReference[]}
   */
  get sent() {
    return [this.#current, this.#next].flatMap((used) => [...(used?.sent.values() ?? [])]);
  }

  /**
   * The other side holds this reference.
   *
   * @param {number} setId
   * @param {number} referenceId
   * @returns {boolean} whether the current set is another one now
   */
  confirm(setId, referenceId) {
    this.#encoder.confirm(setId, referenceId);
    if (this.#next?.setId !== setId || this.#next.sent.size === 0) return false;
    this.#current = this.#next;
    this.#next = null;
    return true;
  }

  /**
   * Begin a set when the crop is another one than that of the newest set.
   *
   * @param {import("./crop_policy.js").Crop} crop
   * @param {number} timeMs
   */
  want(crop, timeMs) {
    if (this.#next !== null && this.#next.sent.size > 0) {
      // Under way: the crop after it waits for its confirmation. Overdue, it never arrived: once
      // more, as another set.
      if (!this.#encoder.overdue(timeMs)) return;
      this.#next = null;
    }
    const { newest } = this;
    if (newest !== null && sameCrop(newest.crop, crop)) return;
    const fresh = new PublishedSet(this.#nextSetId, crop, this.#makePolicy(timeMs));
    this.#nextSetId = (this.#nextSetId + 1) % 256;
    if (newest !== null) this.#encoder.abandon(newest);
    if (this.#current === null || this.#current.sent.size === 0) {
      this.#current = fresh;
    } else {
      if (this.#next === null) this.#count("crop_moves");
      this.#next = fresh;
    }
  }
}
