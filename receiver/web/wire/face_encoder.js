// @ts-check
/**
 * Face parameters to messages, over a channel that loses, reorders and repeats them.
 *
 * A message is predicted only from a message that the receiver has said it holds, so that no loss
 * pattern corrupts a later frame; inside a message each frame is predicted from the one before.
 */

import { TICKS_PER_MS, ticksDifference } from "./clock.js";
import { encodeFirst } from "./frame_chain.js";
import { FRAMES_PER_MESSAGE_MAX, FRAME_INTERVAL_MAX_MS } from "./limits.js";
import {
  BASE_DISTANCE_MAX,
  HEADER_BYTES,
  MessageKind,
  USUAL_LAYOUT,
  encodeBaseDistance,
  encodeIntraPrefix,
  encodeLayout,
  framesAhead,
  headerOf,
} from "./parameter_message.js";
import { Precision } from "./quantization.js";
import { RangeEncoder } from "./range_coder.js";
import { HELD_BITS } from "./receiver_report.js";
import { SEQUENCE_MODULUS, extendSequence } from "./sequence.js";

/** The sender's side of one parameters channel, for its whole life. */
export class FaceEncoder {
  #tables;
  #nextSequence;
  /**
   * By unwrapped sequence number: the last BASE_DISTANCE_MAX messages.
   *
   * @type {Map<number, import("./frame_chain.js").ChainState>}
   */
  #sent = new Map();
  /**
   * The newest message that the receiver is known to hold; a key of `#sent`.
   *
   * @type {number | null}
   */
  #base = null;
  /** @type {import("./parameters.js").FaceParameters[]} */
  #reconstructed = [];

  /**
   * @param {import("./codec_tables.js").CodecTables} tables
   * @param {object} [options]
   * @param {number} [options.firstSequence]
   * @param {import("./quantization.js").PrecisionValue} [options.precision]
   */
  constructor(tables, { firstSequence = 0, precision = Precision.STANDARD } = {}) {
    this.#tables = tables;
    this.#nextSequence = firstSequence;
    /** Of the next message; a change makes it intra. */
    this.precision = precision;
  }

  /** Sequence number of the next message, 0..65535. */
  get nextSequence() {
    return this.#nextSequence % SEQUENCE_MODULUS;
  }

  /** The frames of the last message, bit for bit as the receiver decodes them. */
  get reconstructed() {
    return this.#reconstructed;
  }

  /**
   * One message of 1 to 3 frames, oldest first; capture times are kept to a millisecond. Intra
   * unless the receiver is known to hold a recent message of the same set and precision.
   *
   * @param {import("./parameters.js").FaceParameters[]} frames
   * @param {object} options
   * @param {number} options.setId 0..255
   * @param {boolean} [options.hold] the last message before a pause
   * @param {number} [options.repeated] the first so many frames, fewer than all, were in the
   *   message before; those that the receiver is known to hold are left out
   * @throws {RangeError} when a parameter is not finite or the counts are impossible
   */
  encode(frames, { setId, hold = false, repeated = 0 }) {
    if (repeated < 0 || repeated >= frames.length || frames.length > FRAMES_PER_MESSAGE_MAX) {
      throw new RangeError(`${frames.length} frames in a message, ${repeated} of them repeated`);
    }
    const encoder = new RangeEncoder();
    const found = this.#findBase(setId, frames[repeated]);
    const distance = found === null ? 0 : this.#nextSequence - found.sequence;
    /** @type {import("./frame_chain.js").ChainState[]} */
    const states = [];
    let base = found?.state;
    let layout = { frameCount: frames.length, repeated };
    if (base === undefined) {
      const { precision } = this;
      const { captureTime } = frames[0];
      const prefix = { sequence: this.nextSequence, setId, captureTime, precision };
      encodeIntraPrefix(encoder, prefix);
      encodeLayout(encoder, layout, { hold, expected: USUAL_LAYOUT });
      base = encodeFirst(encoder, frames[0], { tables: this.#tables, precision, setId });
      states.push(base);
    } else {
      while (repeated > 0 && elapsedMs(base, frames[0]) <= 0) {
        frames = frames.slice(1);
        repeated--;
      }
      layout = { frameCount: frames.length, repeated };
      encodeBaseDistance(encoder, distance);
      encodeLayout(encoder, layout, { hold, expected: base.layout });
    }
    let before = base;
    for (const frame of frames.slice(states.length)) {
      const ahead = states.length > 0 ? 1 : framesAhead(layout, distance);
      before = before.encodeNext(encoder, frame, ahead);
      states.push(before);
    }
    const kind = distance > 0 ? MessageKind.PREDICTED : MessageKind.INTRA;
    const message = messageOf(headerOf(kind, this.#nextSequence), encoder.finish());
    this.#reconstructed = states.map((state) => state.parameters());
    this.#remember(before.asBase(base, distance, layout));
    return message;
  }

  /**
   * Learns which messages the receiver holds. Reports may come late, twice or never.
   *
   * @param {Pick<import("./receiver_report.js").ReceiverReport, "newest" | "held">} report
   */
  acknowledge({ newest, held }) {
    const last = extendSequence(newest, this.#nextSequence - 1);
    for (let age = 0; age <= HELD_BITS; age++) {
      if (age > 0 && ((held >>> (age - 1)) & 1) === 0) continue;
      const sequence = last - age;
      if (!this.#sent.has(sequence)) continue;
      if (this.#base === null || sequence > this.#base) this.#base = sequence;
      return;
    }
  }

  /** Predict from nothing sent so far: the receiver asked for a refresh. */
  forceIntra() {
    this.#sent.clear();
    this.#base = null;
  }

  /**
   * The base of a message; null: intra.
   *
   * @param {number} setId
   * @param {import("./parameters.js").FaceParameters} firstNew
   */
  #findBase(setId, firstNew) {
    const sequence = this.#base;
    const state = sequence === null ? undefined : this.#sent.get(sequence);
    if (sequence === null || state === undefined) return null;
    const elapsed = elapsedMs(state, firstNew);
    const isAlike = state.setId === setId && state.frame.precision === this.precision;
    return isAlike && elapsed > 0 && elapsed < FRAME_INTERVAL_MAX_MS ? { sequence, state } : null;
  }

  /** @param {import("./frame_chain.js").ChainState} state */
  #remember(state) {
    this.#sent.set(this.#nextSequence, state);
    this.#nextSequence++;
    this.#sent.delete(this.#nextSequence - BASE_DISTANCE_MAX - 1);
    if (this.#base !== null && !this.#sent.has(this.#base)) this.#base = null;
  }
}

/**
 * @param {import("./frame_chain.js").ChainState} base
 * @param {import("./parameters.js").FaceParameters} frame
 */
function elapsedMs(base, frame) {
  return Math.floor(ticksDifference(frame.captureTime, base.captureTime) / TICKS_PER_MS);
}

/**
 * @param {number} header
 * @param {Uint8Array} body
 */
function messageOf(header, body) {
  const message = new Uint8Array(HEADER_BYTES + body.length);
  message[0] = header >> 8;
  message[1] = header & 0xff;
  message.set(body, HEADER_BYTES);
  return message;
}
