// @ts-check
import { REFERENCE_CHUNK_MAX_BYTES } from "./limits.js";

/**
 * A reference in chunks over the `control` channel, paced so that it never delays the parameters
 * and the sound that share the link: one waits at most, no longer than 40 ms of the current rate.
 */

const CHUNK_DURATION_MS = 40;

/** Smaller ones would mostly carry what is around them. */
const CHUNK_MIN_BYTES = 128;

/** Headers of the wire and of the message. */
const CHUNK_AROUND_BYTES = 107;

/** Of the first message on the wire, about. */
const BEGIN_BYTES = 300;

/** Hands out the messages of one reference, each when the link is free for it. */
export class ReferenceSender {
  /** @type {import("./control_message.js").ReferenceBegin | null} */
  #begin;
  #data;
  #digest;
  #offset = 0;
  #ended = false;
  #nextMs = -Infinity;

  /**
   * @param {import("./control_message.js").ReferenceBegin} begin its `imageBytes` are those of:
   * @param {Uint8Array} data the compressed picture
   * @param {Uint8Array} digest `digestOf(data)`
   */
  constructor(begin, data, digest) {
    if (begin.imageBytes !== data.length) throw new RangeError("a picture of another length");
    this.#begin = begin;
    this.#data = data;
    this.#digest = digest;
  }

  /** Whether all messages were handed out. */
  get done() {
    return this.#ended;
  }

  /**
   * The next message to send now; null: done, or it is not time yet. Call again every few
   * milliseconds.
   *
   * @param {number} nowMs monotonic
   * @param {object} link
   * @param {number} link.rateBps what references may take of the link now, headers included
   * @param {number} link.bufferedBytes what waits in the control channel
   * @returns {import("./control_message.js").SentMessage | null}
   */
  nextMessage(nowMs, { rateBps, bufferedBytes }) {
    if (this.#ended || bufferedBytes > 0 || nowMs < this.#nextMs) return null;
    if (this.#begin !== null) {
      const begin = this.#begin;
      this.#begin = null;
      this.#pause(BEGIN_BYTES, rateBps, nowMs);
      return begin;
    }
    if (this.#offset === this.#data.length) {
      this.#ended = true;
      return { type: "end", digest: this.#digest };
    }
    const fitting = Math.trunc((rateBps * CHUNK_DURATION_MS) / 8e3) - CHUNK_AROUND_BYTES;
    const size = Math.min(Math.max(fitting, CHUNK_MIN_BYTES), REFERENCE_CHUNK_MAX_BYTES);
    const offset = this.#offset;
    const data = this.#data.slice(offset, offset + size);
    this.#offset += data.length;
    this.#pause(data.length + CHUNK_AROUND_BYTES, rateBps, nowMs);
    return { type: "chunk", offset, data };
  }

  /**
   * The next message follows when this one has left the link.
   *
   * @param {number} wireBytes
   * @param {number} rateBps
   * @param {number} nowMs
   */
  #pause(wireBytes, rateBps, nowMs) {
    this.#nextMs = nowMs + Math.max((wireBytes * 8e3) / rateBps, CHUNK_DURATION_MS);
  }
}
