// @ts-check
// Tables of signed integers for the range coder, made in integers alone.

import { TABLE_BITS, TABLE_TOTAL, bitLength } from "./range_coder.js";

/**
 * In proportion to `weights` (>= 0), each >= 1, together TABLE_TOTAL.
 *
 * @param {number[]} weights
 */
export function frequenciesOf(weights) {
  const total = sum(weights);
  const spread = TABLE_TOTAL - weights.length;
  const frequencies = weights.map((weight) => 1 + Math.floor((weight * spread) / total));
  frequencies[weights.indexOf(Math.max(...weights))] += TABLE_TOTAL - sum(frequencies);
  return frequencies;
}

/**
 * Where the symbols of these frequencies begin in TABLE_TOTAL, and TABLE_TOTAL.
 *
 * @param {number[]} frequencies
 */
export function startsOf(frequencies) {
  const starts = new Int32Array(frequencies.length + 1);
  frequencies.forEach((frequency, index) => {
    starts[index + 1] = starts[index] + frequency;
  });
  if (starts[frequencies.length] !== TABLE_TOTAL || Math.min(...frequencies) < 1) {
    throw new RangeError("frequencies that make no table");
  }
  return starts;
}

/** Signed integers near 0 by their frequencies; larger ones by an escape. */
export class SignedTable {
  #starts;
  /** @type {Int32Array | null} */
  #costs = null;

  /** @param {number[]} frequencies of -largest .. largest, then of the escape */
  constructor(frequencies) {
    this.largest = (frequencies.length - 2) >> 1;
    this.#starts = startsOf(frequencies);
  }

  /**
   * Two-sided geometric: P(v + 1) / P(v) for v >= 0 is `ratio` / 2^16; in (0, 1).
   *
   * @param {number} ratio
   */
  static laplace(ratio) {
    const weights = [2 ** 24];
    let last = weights[0];
    while (weights.length < 2 || last > 2 ** 16) {
      last = Math.floor((last * ratio) / 2 ** 16);
      weights.push(last);
    }
    const escape = 2 * Math.floor((last * ratio) / (2 ** 16 - ratio));
    return new SignedTable(
      frequenciesOf([...weights.slice(1).reverse(), ...weights, escape]),
    );
  }

  /**
   * @param {import("./range_coder.js").RangeEncoder} encoder
   * @param {number} value of any magnitude that the decoder's limit allows
   */
  encode(encoder, value) {
    const index = this.#index(value);
    encoder.encode(this.#starts[index], this.#starts[index + 1] - this.#starts[index]);
    if (index <= 2 * this.largest) return;
    encoder.encodeBits(value < 0 ? 1 : 0, 1);
    encoder.encodeGamma(Math.abs(value) - this.largest);
  }

  /**
   * The next value, in [-limit, limit].
   *
   * @param {import("./range_coder.js").RangeDecoder} decoder
   * @param {number} limit
   * @throws {import("./errors.js").BitstreamError} for one beyond
   */
  decode(decoder, limit) {
    const value = decoder.decode(this.#starts) - this.largest;
    if (value <= this.largest) return value;
    const negative = decoder.decodeBits(1);
    const magnitude = this.largest + decoder.decodeGamma(limit - this.largest);
    return negative ? -magnitude : magnitude;
  }

  /**
   * Length of a value in 1/64 bits, rounded up.
   *
   * @param {number} value
   */
  cost(value) {
    this.#costs ??= costsOf(this.#starts);
    const index = this.#index(value);
    if (index <= 2 * this.largest) return this.#costs[index];
    return this.#costs[index] + 64 * 2 * bitLength(Math.abs(value) - this.largest);
  }

  /** @param {number} value */
  #index(value) {
    const isOwn = -this.largest <= value && value <= this.largest;
    return isOwn ? value + this.largest : 2 * this.largest + 1;
  }
}

/** @param {Int32Array} starts */
function costsOf(starts) {
  const costs = new Int32Array(starts.length - 1);
  for (let index = 0; index < costs.length; index++) {
    // floor(64 log2 f) is the bit length of f^64 less one; a logarithm in floats might round up.
    const power = BigInt(starts[index + 1] - starts[index]) ** 64n;
    costs[index] = 64 * TABLE_BITS - (power.toString(2).length - 1);
  }
  return costs;
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** round(2^16 exp(-1 / b)) for scales b of 2^(i/2 - 2) symbols. */
const RATIOS = [
  1200, 3874, 8869, 15933, 24109, 32314, 39750, 46019, 51039,
  54917, 57835, 59992, 61565, 62703, 63520, 64104, 64520, 64816,
];

/** By scale in half octaves: mean |v| about 0.04 (index 0) to 90 (index 17). */
export const LAPLACE_TABLES = Object.freeze(RATIOS.map((ratio) => SignedTable.laplace(ratio)));
