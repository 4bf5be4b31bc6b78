// @ts-check
/**
 * What the frames seen would cost from some references.
 *
 * Distances are kept with each entry and added to pose by pose: computed anew for every choice
 * they would be a few million products five times a second.
 *
 * @typedef {object} Entry
 * @property {import("./reference_policy.js").Candidate} candidate
 * @property {Float32Array} embedding
 * @property {number[]} distances to each pose seen, oldest first
 */

import { embeddingDistance } from "./pose_embedding.js";

const POOL_SIZE = 20;
const SEEN_SIZE = 240;

/** The poses seen lately. */
export class SeenPoses {
  #embedder;
  /** @type {Float32Array[]} */
  #embeddings = [];

  /** @param {import("./pose_embedding.js").PoseEmbedder} embedder */
  constructor(embedder) {
    this.#embedder = embedder;
  }

  /**
   * @param {import("./pose_embedding.js").FaceParameters} parameters
   * @param {Entry[]} entries all that are still in use
   */
  note(parameters, entries) {
    const embedding = this.#embedder.embed(parameters);
    const full = this.#embeddings.length >= SEEN_SIZE;
    this.#embeddings.push(embedding);
    if (full) this.#embeddings.shift();
    for (const entry of entries) {
      entry.distances.push(embeddingDistance(entry.embedding, embedding));
      if (full) entry.distances.shift();
    }
  }

  /**
   * @param {import("./reference_policy.js").Candidate} candidate
   * @returns {Entry}
   */
  entry(candidate) {
    const embedding = this.#embedder.embed(candidate.parameters);
    const distances = this.#embeddings.map((seen) => embeddingDistance(embedding, seen));
    return { candidate, embedding, distances };
  }
}

/** Good pictures that were not sent; the most dispensable one makes room. */
export class CandidatePool {
  #scale;
  /** @type {Entry[]} oldest first */
  entries = [];

  /** @param {import("./quality_scale.js").QualityScale} scale */
  constructor(scale) {
    this.#scale = scale;
  }

  /** @param {Entry} entry */
  add(entry) {
    this.entries.push(entry);
    if (this.entries.length > POOL_SIZE) this.entries.splice(this.#mostDispensable(), 1);
  }

  /** @param {import("./reference_policy.js").Candidate} candidate */
  remove(candidate) {
    this.entries = this.entries.filter((entry) => entry.candidate !== candidate);
  }

  /** Of the two candidates most alike, the one of lower quality. */
  #mostDispensable() {
    let nearest = Infinity;
    let pair = [0, 1];
    for (let i = 0; i < this.entries.length; i++) {
      for (let j = i + 1; j < this.entries.length; j++) {
        const apart = embeddingDistance(this.entries[i].embedding, this.entries[j].embedding);
        if (apart >= nearest) continue;
        nearest = apart;
        pair = [i, j];
      }
    }
    const [first, second] = pair.map((i) => this.#scale.penalty(this.entries[i].candidate.quality));
    return second > first ? pair[1] : pair[0];
  }
}

/**
 * Mean over the poses seen of what their nearest reference (as the receiver picks) costs.
 *
 * @param {Entry[]} entries at least one
 * @param {import("./quality_scale.js").QualityScale} scale
 */
export function cost(entries, scale) {
  const penalties = entries.map((entry) => scale.penalty(entry.candidate.quality));
  const count = entries[0].distances.length;
  let sum = 0;
  for (let pose = 0; pose < count; pose++) {
    let nearest = 0;
    for (let i = 1; i < entries.length; i++) {
      if (entries[i].distances[pose] < entries[nearest].distances[pose]) nearest = i;
    }
    sum += entries[nearest].distances[pose] + penalties[nearest];
  }
  return sum / count;
}
