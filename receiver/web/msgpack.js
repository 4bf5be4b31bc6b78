// @ts-check
/**
 * Reads msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md) as our receiver writes
 * it: no extension types, text keys. `wire/msgpack_writer.js` writes it.
 *
 * @typedef {null | boolean | number | string | Uint8Array | MsgpackArray | MsgpackMap} Msgpack
 * @typedef {Msgpack[]} MsgpackArray
 * @typedef {{ [key: string]: Msgpack }} MsgpackMap
 */

export { Float64, encodeMsgpack } from "./wire/msgpack_writer.js";

/**
 * @typedef {import("./wire/msgpack_writer.js").Writable} Writable
 * @typedef {import("./wire/msgpack_writer.js").WritableMap} WritableMap
 */

const DEPTH_MAX = 8;

/** Bytes that are no msgpack message that we read. */
export class MsgpackError extends Error {}

/**
 * The value that all of the bytes stand for. Integers beyond 2^53 lose their last digits.
 *
 * @param {ArrayBuffer | Uint8Array} data
 * @returns {Msgpack}
 * @throws {MsgpackError} for any other bytes; never allocates more than they can fill
 */
export function decodeMsgpack(data) {
  const reader = new Reader(data instanceof Uint8Array ? data : new Uint8Array(data));
  const value = reader.value(0);
  reader.finish();
  return value;
}

class Reader {
  #bytes;
  #view;
  #position = 0;
  #text = new TextDecoder("utf-8", { fatal: true });

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  finish() {
    if (this.#position !== this.#bytes.length) {
      throw new MsgpackError(`${this.#bytes.length - this.#position} bytes after the value`);
    }
  }

  /**
   * @param {number} depth
   * @returns {Msgpack}
   */
  value(depth) {
    if (depth > DEPTH_MAX) throw new MsgpackError(`deeper than ${DEPTH_MAX}`);
    const first = this.#unsigned(1);
    if (first <= 0x7f) return first;
    if (first >= 0xe0) return first - 0x100;
    if (first <= 0x8f) return this.#map(first & 0x0f, depth);
    if (first <= 0x9f) return this.#array(first & 0x0f, depth);
    if (first <= 0xbf) return this.#string(first & 0x1f);
    switch (first) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.#take(this.#unsigned(1)).slice();
      case 0xc5: return this.#take(this.#unsigned(2)).slice();
      case 0xc6: return this.#take(this.#unsigned(4)).slice();
      case 0xca: return this.#view.getFloat32(this.#advance(4));
      case 0xcb: return this.#view.getFloat64(this.#advance(8));
      case 0xcc: return this.#unsigned(1);
      case 0xcd: return this.#unsigned(2);
      case 0xce: return this.#unsigned(4);
      case 0xcf: return Number(this.#view.getBigUint64(this.#advance(8)));
      case 0xd0: return this.#view.getInt8(this.#advance(1));
      case 0xd1: return this.#view.getInt16(this.#advance(2));
      case 0xd2: return this.#view.getInt32(this.#advance(4));
      case 0xd3: return Number(this.#view.getBigInt64(this.#advance(8)));
      case 0xd9: return this.#string(this.#unsigned(1));
      case 0xda: return this.#string(this.#unsigned(2));
      case 0xdb: return this.#string(this.#unsigned(4));
      case 0xdc: return this.#array(this.#unsigned(2), depth);
      case 0xdd: return this.#array(this.#unsigned(4), depth);
      case 0xde: return this.#map(this.#unsigned(2), depth);
      case 0xdf: return this.#map(this.#unsigned(4), depth);
      default: throw new MsgpackError(`type 0x${first.toString(16)}, no extensions are read`);
    }
  }

  /**
   * @param {number} count
   * @param {number} depth
   */
  #array(count, depth) {
    /** @type {Msgpack[]} */
    const items = [];
    for (let index = 0; index < count; index++) items.push(this.value(depth + 1));
    return items;
  }

  /**
   * @param {number} count
   * @param {number} depth
   */
  #map(count, depth) {
    /** @type {[string, Msgpack][]} */
    const entries = [];
    for (let index = 0; index < count; index++) {
      const key = this.value(depth + 1);
      if (typeof key !== "string") throw new MsgpackError("a key that is no text");
      entries.push([key, this.value(depth + 1)]);
    }
    // Unlike an assignment, this takes "__proto__" for a key like any other.
    return Object.fromEntries(entries);
  }

  /** @param {number} length */
  #string(length) {
    try {
      return this.#text.decode(this.#take(length));
    } catch (error) {
      if (error instanceof MsgpackError) throw error;
      throw new MsgpackError("text that is not UTF-8");
    }
  }

  /** @param {number} length */
  #take(length) {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** @param {1 | 2 | 4} size */
  #unsigned(size) {
    const start = this.#advance(size);
    if (size === 1) return this.#view.getUint8(start);
    return size === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  /** @param {number} length */
  #advance(length) {
    const start = this.#position;
    if (start + length > this.#bytes.length) throw new MsgpackError("bytes are missing");
    this.#position += length;
    return start;
  }
}
