// @ts-check
/**
 * Which pictures to send as references, and when. Pure; causal.
 *
 * 1. The first acceptable frame at once: the other side has a picture.
 * 2. Then the set grows to four that together lie near all poses and expressions seen, each sent
 *    when it pays (facility location over the receiver's own distance, greedy).
 * 3. Then one is exchanged now and then, when the poses seen have become others.
 *
 * @typedef {object} Candidate a picture that could be sent
 * @property {import("./pose_embedding.js").FaceParameters} parameters
 * @property {import("./frame_quality.js").FrameQuality} quality
 * @property {import("./crop_image.js").Picture} image S x S, the crop as captured
 */

import { CandidatePool, SeenPoses, cost } from "./reference_costs.js";

/** @typedef {import("./reference_costs.js").Entry} Entry */
/** @typedef {{ candidate: Candidate, referenceId: number }} Choice a picture to send now */

export const SET_SIZE = 4;
/** Poses are noted five times a second: the set serves the last 48 s. */
const SEEN_PERIOD_MS = 200;
/** When the n-th reference of a set may be sent, after its first. */
const EARLIEST_MS = [0, 1200, 3000, 6000];
/** Share of the mean distance that the n-th reference must save to be sent. */
const GROWTH_GAIN = [0, 0.06, 0.06, 0.06];
/** And at least so much, in pixels: below, the face hardly moves. */
const LEAST_GAIN_PX = 0.2;
/** A full set changes only when it pays well, and seldom. */
const EXCHANGE_GAIN = 0.12;
const EXCHANGE_PERIOD_MS = 8000;
/** After so long without an acceptable frame any tracked one will do as the first. */
const PATIENCE_MS = 1500;

/** The references of one set. All candidates share its crop and identity. */
export class ReferencePolicy {
  #startMs;
  #scale;
  /** @type {number | null} */
  #firstMs = null;
  #sentMs = 0;
  /** @type {number | null} */
  #seenMs = null;
  #seen;
  /** @type {Map<number, Entry>} by reference id */
  #held = new Map();
  #pool;

  /**
   * @param {number} startMs
   * @param {import("./quality_scale.js").QualityScale} scale
   * @param {import("./pose_embedding.js").PoseEmbedder} embedder
   */
  constructor(startMs, scale, embedder) {
    this.#startMs = startMs;
    this.#scale = scale;
    this.#seen = new SeenPoses(embedder);
    this.#pool = new CandidatePool(scale);
  }

  /**
   * Note the pose of a tracked frame; true when a candidate of this moment is welcome.
   *
   * @param {import("./pose_embedding.js").FaceParameters} parameters
   * @param {number} timeMs
   */
  observe(parameters, timeMs) {
    if (this.#seenMs !== null && timeMs - this.#seenMs < SEEN_PERIOD_MS) {
      return this.#firstMs === null;
    }
    this.#seenMs = timeMs;
    this.#seen.note(parameters, [...this.#held.values(), ...this.#pool.entries]);
    return true;
  }

  /**
   * Keep a candidate for later if it is good.
   *
   * @param {Candidate} candidate
   */
  offer(candidate) {
    if (this.#scale.acceptable(candidate.quality)) this.#pool.add(this.#seen.entry(candidate));
  }

  /**
   * What to send now, or null. Until `sent` is called the answer may be the same again.
   *
   * @param {number} timeMs
   * @param {Candidate} offered this moment's candidate, for a first picture
   * @returns {Choice | null}
   */
  choose(timeMs, offered) {
    if (this.#firstMs === null) {
      const impatient = timeMs - this.#startMs >= PATIENCE_MS;
      const good = impatient || this.#scale.acceptable(offered.quality);
      return good ? { candidate: offered, referenceId: 0 } : null;
    }
    if (this.#pool.entries.length === 0) return null;
    if (this.#held.size < SET_SIZE) {
      return timeMs >= this.#firstMs + EARLIEST_MS[this.#held.size] ? this.#grow() : null;
    }
    return timeMs - this.#sentMs >= EXCHANGE_PERIOD_MS ? this.#exchange() : null;
  }

  /**
   * The choice is on its way.
   *
   * @param {Choice} choice
   * @param {number} timeMs
   */
  sent({ candidate, referenceId }, timeMs) {
    this.#firstMs ??= timeMs;
    this.#sentMs = timeMs;
    this.#held.set(referenceId, this.#seen.entry(candidate));
    this.#pool.remove(candidate);
  }

  /** @returns {Choice | null} */
  #grow() {
    const held = [...this.#held.values()];
    const pool = this.#pool.entries;
    const costs = pool.map((entry) => this.#cost([...held, entry]));
    const best = costs.indexOf(Math.min(...costs));
    if (costs[best] > worthIt(this.#cost(held), GROWTH_GAIN[held.length])) return null;
    let free = 0;
    while (this.#held.has(free)) free++;
    return { candidate: pool[best].candidate, referenceId: free };
  }

  /** @returns {Choice | null} */
  #exchange() {
    const held = [...this.#held.values()];
    let bestCost = worthIt(this.#cost(held), EXCHANGE_GAIN);
    /** @type {Choice | null} */
    let best = null;
    for (const [referenceId, leaving] of this.#held) {
      const rest = held.filter((entry) => entry !== leaving);
      for (const entry of this.#pool.entries) {
        const found = this.#cost([...rest, entry]);
        if (found >= bestCost) continue;
        bestCost = found;
        best = { candidate: entry.candidate, referenceId };
      }
    }
    return best;
  }

  /** @param {Entry[]} entries */
  #cost(entries) {
    return cost(entries, this.#scale);
  }
}

/**
 * The cost below which a picture is worth its bytes.
 *
 * @param {number} present
 * @param {number} gain
 */
function worthIt(present, gain) {
  return Math.min((1 - gain) * present, present - LEAST_GAIN_PX);
}
