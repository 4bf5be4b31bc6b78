// @ts-check
/**
 * The byte-wise range coder of `shared/entropy.py`, over 15-bit tables: the same bytes.
 *
 * Quantities reach 2^33, so sums and products are plain numbers (exact below 2^53) and only what
 * is meant modulo 2^32 is shifted.
 */

import { BitstreamError } from "./errors.js";

export const TABLE_BITS = 15;
export const TABLE_TOTAL = 1 << TABLE_BITS;

const RANGE_MAX = 0xffffffff;
const RANGE_MIN = 1 << 24;
const TWO_32 = 2 ** 32;

/** @param {number} number in [0, 2^32) */
export function bitLength(number) {
  return 32 - Math.clz32(number);
}

/** Symbols to bytes. */
export class RangeEncoder {
  #low = 0;
  #range = RANGE_MAX;
  /** @type {number[]} */
  #bytes = [];

  /**
   * Encodes the symbol that owns [start, start + frequency) of TABLE_TOTAL.
   *
   * @param {number} start
   * @param {number} frequency
   */
  encode(start, frequency) {
    const unit = this.#range >>> TABLE_BITS;
    this.#low += unit * start;
    this.#range = unit * frequency;
    this.#normalize();
  }

  /**
   * Encodes the low `count` bits of `value` as they are. In chunks of at most 16, which the
   * decoder must ask for alike: 2 times 1 is not 1 time 2.
   *
   * @param {number} value in [-2^31, 2^32)
   * @param {number} count 0..32
   */
  encodeBits(value, count) {
    while (count > 0) {
      const chunk = Math.min(count, 16);
      count -= chunk;
      this.#range >>>= chunk;
      this.#low += this.#range * ((value >>> count) & ((1 << chunk) - 1));
      this.#normalize();
    }
  }

  /**
   * Elias' gamma code.
   *
   * @param {number} value >= 1
   */
  encodeGamma(value) {
    const length = bitLength(value);
    for (let zero = 1; zero < length; zero++) this.encodeBits(0, 1);
    this.encodeBits(1, 1);
    this.encodeBits(value, length - 1);
  }

  /** The shortest bytes that decode to the symbols, given zeros behind the end. */
  finish() {
    const top = this.#low + this.#range;
    for (let count = 0; count <= 4; count++) {
      const size = 2 ** (32 - 8 * count);
      const shortest = Math.ceil(this.#low / size) * size;
      if (shortest < top) {
        this.#append(shortest, count);
        break;
      }
    }
    let length = this.#bytes.length;
    while (length > 0 && this.#bytes[length - 1] === 0) length--;
    return Uint8Array.from(this.#bytes.slice(0, length));
  }

  #normalize() {
    while (this.#range < RANGE_MIN) {
      this.#append(this.#low, 1);
      this.#low = (this.#low << 8) >>> 0;
      this.#range = (this.#range << 8) >>> 0;
    }
  }

  /**
   * Appends the first bytes of the 32-bit `low`, bit 32 being a carry into those before.
   *
   * @param {number} low
   * @param {number} count
   */
  #append(low, count) {
    if (low >= TWO_32) {
      let index = this.#bytes.length - 1;
      while (this.#bytes[index] === 0xff) this.#bytes[index--] = 0;
      this.#bytes[index]++;
    }
    for (let index = 0; index < count; index++) {
      this.#bytes.push((low >>> (24 - 8 * index)) & 0xff);
    }
  }
}

/** Bytes to symbols; the mirror image of RangeEncoder. */
export class RangeDecoder {
  #data;
  #position = 0;
  #code = 0;
  #range = RANGE_MAX;

  /** @param {Uint8Array} data */
  constructor(data) {
    this.#data = data;
    for (let index = 0; index < 4; index++) this.#code = this.#code * 256 + this.#nextByte();
  }

  /**
   * Index of the next symbol in the table whose symbols begin at `starts`.
   *
   * @param {ArrayLike<number>} starts
   * @throws {BitstreamError} for bytes that no encoder writes, like all below
   */
  decode(starts) {
    const unit = this.#range >>> TABLE_BITS;
    const target = Math.floor(this.#code / unit);
    if (target >= TABLE_TOTAL) throw outside();
    let index = 0;
    let end = starts.length - 1;
    while (end - index > 1) {
      const middle = (index + end) >> 1;
      if (starts[middle] <= target) index = middle;
      else end = middle;
    }
    this.#code -= unit * starts[index];
    this.#range = unit * (starts[index + 1] - starts[index]);
    this.#normalize();
    return index;
  }

  /** @param {number} count 0..32 */
  decodeBits(count) {
    let value = 0;
    while (count > 0) {
      const chunk = Math.min(count, 16);
      count -= chunk;
      this.#range >>>= chunk;
      const bits = Math.floor(this.#code / this.#range);
      if (bits >= 1 << chunk) throw outside();
      this.#code -= this.#range * bits;
      this.#normalize();
      value = value * (1 << chunk) + bits;
    }
    return value;
  }

  /**
   * The next Elias gamma code, in [1, largest].
   *
   * @param {number} largest
   */
  decodeGamma(largest) {
    let length = 1;
    while (this.decodeBits(1) === 0) {
      length++;
      if (length > bitLength(largest)) {
        throw new BitstreamError(`a number of over ${length - 1} bits, ${largest} is allowed`);
      }
    }
    const value = (1 << (length - 1)) | this.decodeBits(length - 1);
    if (value > largest) throw new BitstreamError(`number ${value}, at most ${largest} is allowed`);
    return value;
  }

  finish() {
    const left = this.#data.length - this.#position;
    if (left > 0) throw new BitstreamError(`${left} bytes left after the symbols`);
  }

  #normalize() {
    while (this.#range < RANGE_MIN) {
      this.#code = this.#code * 256 + this.#nextByte();
      this.#range = (this.#range << 8) >>> 0;
    }
  }

  #nextByte() {
    const position = this.#position++;
    return position < this.#data.length ? this.#data[position] : 0;
  }
}

function outside() {
  return new BitstreamError("range-coded bytes outside the table");
}
