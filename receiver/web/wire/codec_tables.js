// @ts-check
/**
 * The trained integers of the parameter codec, from the JSON of
 * `shared/assets/parameter_codec.json`. Part of the bitstream version: both sides hold equal ones.
 *
 * @typedef {object} GapWeights The weights of one class of gaps, (34) each
 * @property {number[]} velocity
 * @property {number[]} shrink
 * @property {number[]} bias at the standard precision
 * @property {number[][]} scale by precision
 * @property {number[]} activity
 * @property {number[]} spread
 * @property {[number, number][][]} cross by settled parameter: a later one, its weight in 1/1024
 */

import { bitLength } from "./range_coder.js";
import { SignedTable } from "./signed_table.js";

/** Of header, tables and steps together: any change of output bytes raises it. */
export const BITSTREAM_VERSION = 2;

/** A class of gaps (half octaves around 20, 28, 40 ... 905 ms) ends before its limit. */
const GAP_LIMITS_MS = [24, 34, 48, 68, 96, 136, 192, 272, 384, 543, 768];

/** 256 sqrt(40 ms / gap) by class: what a residual would have been after 40 ms. */
const GAP_NORMS = [362, 304, 256, 215, 181, 152, 128, 108, 91, 76, 64, 54];

/** floor(16 log2 n). */
const LOGARITHMS = Uint8Array.from({ length: 4096 }, (_, number) =>
  number === 0 ? 0 : (BigInt(number) ** 16n).toString(2).length - 1,
);

/**
 * The logarithm of a positive integer in 1/16 octaves, rounded down beyond 12 bits too.
 *
 * @param {number} number in [0, 2^53)
 */
export function log2Of(number) {
  let shift = 0;
  if (number >= 2 ** 32) {
    // Only bytes that no encoder writes come here.
    number = Math.floor(number / 2 ** 21);
    shift = 21;
  }
  const further = Math.max(bitLength(number) - 12, 0);
  return LOGARITHMS[number >>> further] + 16 * (shift + further);
}

/**
 * Index of `predicted` for a frame this much later than the one it is predicted from.
 *
 * @param {number} intervalMs
 */
export function gapClass(intervalMs) {
  let index = 0;
  while (index < GAP_LIMITS_MS.length && intervalMs >= GAP_LIMITS_MS[index]) index++;
  return index;
}

/**
 * 256 for 40 ms, less for longer gaps.
 *
 * @param {number} intervalMs
 */
export function gapNorm(intervalMs) {
  return GAP_NORMS[gapClass(intervalMs)];
}

/** All that was trained. Costs a few milliseconds: make it once. */
export class CodecTables {
  /**
   * @param {any} fields the file's JSON object
   * @throws {Error} for one of another version, or one that holds no tables
   */
  constructor(fields) {
    if (fields?.version !== BITSTREAM_VERSION) {
      throw new Error(`codec tables ${fields?.version}, ${BITSTREAM_VERSION} is expected`);
    }
    /** @type {number[]} parameters in the order of coding */
    this.order = fields.order;
    this.intra = weights(fields.intra, 0);
    /** By class of gaps. */
    this.predicted = GAP_NORMS.map((_, index) => weights(fields.predicted, index));
    /** @type {number[]} after an intra frame of the standard precision */
    this.startActivity = fields.start_activity;
    /**
     * By scale index and by distance of the place from an integer, in quarters: 0, 1, 2.
     *
     * @type {SignedTable[][]}
     */
    this.tables = fields.tables.map((/** @type {number[][]} */ rows) =>
      rows.map((frequencies) => new SignedTable(frequencies)),
    );
    /** @type {[number, number][][]} by parameter: a later one, steps that undo one of error */
    this.feedback = fields.feedback;
    /** @type {number[]} by parameter: 1/64 bits that the square of an error of one step costs */
    this.errorPrices = fields.error_prices;
    // The first frame of a call is as quick as the others.
    for (const table of this.tables.flat()) table.cost(0);
  }
}

/**
 * @param {any} fields
 * @param {number} index
 * @returns {GapWeights}
 */
function weights(fields, index) {
  /** @type {number[]} */
  const scale = fields.scale[index];
  return {
    velocity: fields.velocity[index],
    shrink: fields.shrink[index],
    bias: fields.bias[index],
    scale: fields.precision_scale.map((/** @type {number[]} */ row) =>
      row.map((here, parameter) => here + scale[parameter]),
    ),
    activity: fields.activity,
    spread: fields.spread,
    cross: fields.cross,
  };
}
