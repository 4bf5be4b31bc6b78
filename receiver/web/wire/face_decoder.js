// @ts-check
/**
 * Messages to face parameters; the mirror image of `face_encoder.js`.
 *
 * @typedef {object} DecodedMessage
 * @property {import("./parameters.js").FaceParameters[]} frames 1 to 3, oldest first
 * @property {number} setId the set of references whose crop and identity the frames are in
 * @property {number} sequence 0..65535
 * @property {boolean} hold the last message before a pause
 * @property {boolean} intra
 * @property {number} repeated the first so many frames were sent before
 */

import { BitstreamError, MissingBaseError } from "./errors.js";
import { decodeFirst } from "./frame_chain.js";
import {
  BASE_DISTANCE_MAX,
  HEADER_BYTES,
  HEADER_SEQUENCE_BITS,
  MessageKind,
  USUAL_LAYOUT,
  decodeBaseDistance,
  decodeIntraPrefix,
  decodeLayout,
  framesAhead,
  headerSequence,
  messageKind,
} from "./parameter_message.js";
import { RangeDecoder } from "./range_coder.js";
import { HELD_BITS } from "./receiver_report.js";
import { SEQUENCE_MODULUS, sequenceDifference } from "./sequence.js";

/** Messages that are held, by sequence number: twice as far back as a base may lie. */
const HISTORY_MESSAGES = 128;

/** An intra message this far from the newest begins anew: no network delays one so long. */
const RESTART_DISTANCE = 1024;

/** The receiver's side of one parameters channel; constant memory. */
export class FaceDecoder {
  #tables;
  /** @type {number | null} */
  #newest = null;
  /**
   * By unwrapped sequence number: of the last HISTORY_MESSAGES, those that came.
   *
   * @type {Map<number, import("./frame_chain.js").ChainState>}
   */
  #history = new Map();

  /** @param {import("./codec_tables.js").CodecTables} tables */
  constructor(tables) {
    this.#tables = tables;
  }

  /**
   * The frames of a message, which may come late or twice.
   *
   * @param {Uint8Array} message
   * @returns {DecodedMessage}
   * @throws {BitstreamError} for bytes that are no valid message, MissingBaseError for a message
   *   whose base is not held; either leaves the decoder as it was
   */
  decode(message) {
    const low = headerSequence(message);
    const decoder = new RangeDecoder(message.subarray(HEADER_BYTES));
    const isIntra = messageKind(message) === MessageKind.INTRA;
    const begun = isIntra ? this.#beginIntra(decoder, low) : this.#beginPredicted(decoder, low);
    const { sequence, distance, base, layout, hold } = begun;
    const states = isIntra ? [base] : [];
    let before = base;
    while (states.length < layout.frameCount) {
      const ahead = states.length > 0 ? 1 : framesAhead(layout, distance);
      before = before.decodeNext(decoder, ahead);
      states.push(before);
    }
    decoder.finish();
    const frames = states.map((state) => state.parameters());
    const last = before.asBase(base, distance, layout);
    this.#remember(sequence, last);
    return {
      frames,
      setId: last.setId,
      sequence: sequence % SEQUENCE_MODULUS,
      hold,
      intra: isIntra,
      repeated: layout.repeated,
    };
  }

  /** What a receiver report says; null before the first message. */
  held() {
    const newest = this.#newest;
    if (newest === null) return null;
    let held = 0;
    for (let bit = 0; bit < HELD_BITS; bit++) {
      if (this.#history.has(newest - 1 - bit)) held |= 1 << bit;
    }
    return { newest: newest % SEQUENCE_MODULUS, held: held >>> 0 };
  }

  /**
   * @param {RangeDecoder} decoder
   * @param {number} low
   */
  #beginIntra(decoder, low) {
    const prefix = decodeIntraPrefix(decoder, low);
    const sequence = this.#unwrapIntra(prefix.sequence);
    const { layout, hold } = decodeLayout(decoder, USUAL_LAYOUT);
    const base = decodeFirst(decoder, { ...prefix, tables: this.#tables });
    return { sequence, distance: 0, base, layout, hold };
  }

  /**
   * @param {RangeDecoder} decoder
   * @param {number} low
   */
  #beginPredicted(decoder, low) {
    const sequence = this.#unwrapPredicted(low);
    const distance = decodeBaseDistance(decoder);
    const base = this.#history.get(sequence - distance);
    if (base === undefined) {
      throw new MissingBaseError(
        `base ${distance} messages before message ${sequence % SEQUENCE_MODULUS} is not held`,
      );
    }
    return { sequence, distance, base, ...decodeLayout(decoder, base.layout) };
  }

  /** @param {number} sequence */
  #unwrapIntra(sequence) {
    if (this.#newest === null) return sequence;
    const age = -sequenceDifference(sequence, this.#newest);
    // Congruent, and so far ahead that nothing held can be named as a base.
    if (Math.abs(age) > RESTART_DISTANCE) return this.#newest - age + SEQUENCE_MODULUS;
    return this.#newest - checked(age);
  }

  /** @param {number} low */
  #unwrapPredicted(low) {
    if (this.#newest === null) {
      throw new MissingBaseError("predicted from a message that is not held: none is");
    }
    const modulus = 1 << HEADER_SEQUENCE_BITS;
    const ahead = (low - this.#newest) & (modulus - 1);
    // Its base is held or was, so it lies no further ahead of the newest than of that.
    return this.#newest - checked(ahead > BASE_DISTANCE_MAX ? modulus - ahead : -ahead);
  }

  /**
   * @param {number} sequence
   * @param {import("./frame_chain.js").ChainState} state
   */
  #remember(sequence, state) {
    if (this.#newest === null || sequence > this.#newest) {
      this.#newest = sequence;
      for (const old of this.#history.keys()) {
        if (old <= sequence - HISTORY_MESSAGES) this.#history.delete(old);
      }
    }
    this.#history.set(sequence, state);
  }
}

/** @param {number} age */
function checked(age) {
  if (age >= HISTORY_MESSAGES) {
    throw new BitstreamError(
      `message ${age} messages late, at most ${HISTORY_MESSAGES - 1} are allowed`,
    );
  }
  return age;
}
