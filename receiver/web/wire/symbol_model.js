// @ts-check
/**
 * How likely each symbol of a frame is, given what both ends know: `shared/symbol_model.py`, which
 * explains it, in the same integers.
 *
 * Fixed point as there; products may pass 2^32, so what Python shifts is divided and rounded down.
 *
 * @typedef {object} SymbolChoice Where one residual is coded: by `table`, less `centre`
 * @property {import("./signed_table.js").SignedTable} table
 * @property {number} centre
 * @property {boolean} isMirrored
 * @property {number} shift low bits that are coded as they are
 */

import { gapClass, gapNorm, log2Of } from "./codec_tables.js";
import { SENT_COUNT } from "./parameters.js";

const RATIO_ONE = 64;

/** Residuals as large as expected that count before the first. */
const RATIO_PRIOR = 4;

const RATIO_MAX = 8 * RATIO_ONE;
const ACTIVITY_OFFSET = 26;

/** Of the scale index, half octaves from 2^-5: larger scales halve values until they are there. */
const SHIFTED_FROM = 14;

const SCALE_INDEX_MAX = 40;

/** In quarter symbols: twice the finest alphabet's levels, which no residual passes. */
const PLACE_MAX = 4 << 14;

/** 64 * 4096 / (64 b + 6) by scale index. */
const RECIPROCALS = Array.from({ length: SCALE_INDEX_MAX + 1 }, (_, index) => {
  const scale = Math.floor((2 ** Math.floor((index + 2) / 2) * (index % 2 ? 91 : 64)) / 64);
  return Math.floor((RATIO_ONE * 4096) / (scale + 6));
});

/** What a prediction may use of an earlier frame. */
export class FrameState {
  /**
   * @param {Int32Array} symbols (34)
   * @param {Float64Array} velocity (34) 1/64 symbol per 40 ms
   * @param {Float64Array} activity (34) mean magnitude of the residual of a 40 ms prediction,
   *   lately, in 1/256 symbol
   * @param {import("./quantization.js").PrecisionValue} precision
   */
  constructor(symbols, velocity, activity, precision) {
    this.symbols = symbols;
    this.velocity = velocity;
    this.activity = activity;
    this.precision = precision;
  }

  /**
   * Of a frame before which nothing is known.
   *
   * @param {Int32Array} symbols
   * @param {import("./quantization.js").PrecisionValue} precision
   * @param {import("./codec_tables.js").CodecTables} tables
   */
  static intra(symbols, precision, tables) {
    const activity = Float64Array.from(tables.startActivity, (value) => (value * 2) >> precision);
    return new FrameState(symbols, new Float64Array(SENT_COUNT), activity, precision);
  }

  /**
   * Of the frame `intervalMs` >= 1 later whose symbols are these plus `residuals`.
   *
   * @param {Int32Array} residuals
   * @param {number} intervalMs
   */
  next(residuals, intervalMs) {
    const norm = gapNorm(intervalMs);
    const symbols = new Int32Array(SENT_COUNT);
    const velocity = new Float64Array(SENT_COUNT);
    const activity = new Float64Array(SENT_COUNT);
    for (let index = 0; index < SENT_COUNT; index++) {
      const residual = residuals[index];
      const before = this.activity[index];
      symbols[index] = this.symbols[index] + residual;
      velocity[index] = Math.floor((residual * 64 * 40) / intervalMs);
      activity[index] = before + Math.floor((Math.abs(residual) * norm - before) / 4);
    }
    return new FrameState(symbols, velocity, activity, this.precision);
  }
}

/** The running context of one frame: `choice` of a symbol, then `settle` it, in order. */
export class FramePrediction {
  #tables;
  #weights;
  #places = new Float64Array(SENT_COUNT);
  #scales = new Int32Array(SENT_COUNT);
  #excess = RATIO_PRIOR * RATIO_ONE;
  #settled = 0;
  #place = 0;
  #reciprocal = 0;

  /**
   * @param {import("./codec_tables.js").CodecTables} tables
   * @param {FrameState | null} base the frame that is predicted from; null: intra
   * @param {import("./quantization.js").PrecisionValue} precision
   * @param {number} intervalMs since the base
   */
  constructor(tables, base, precision, intervalMs) {
    this.#tables = tables.tables;
    const weights = base === null ? tables.intra : tables.predicted[gapClass(intervalMs)];
    this.#weights = weights;
    for (let index = 0; index < SENT_COUNT; index++) {
      let place = (weights.bias[index] * 2) >> precision;
      let logarithm = 0;
      if (base !== null) {
        place += Math.floor((weights.velocity[index] * base.velocity[index]) / 64);
        place += weights.shrink[index] * base.symbols[index];
        logarithm = log2Of(base.activity[index] + ACTIVITY_OFFSET) - 128;
      }
      this.#places[index] = place;
      this.#scales[index] =
        weights.scale[precision][index] + ((weights.activity[index] * logarithm) >> 6);
    }
  }

  /**
   * Of the residual of parameter `index`.
   *
   * @param {number} index
   * @returns {SymbolChoice}
   */
  choice(index) {
    const expected = Math.floor((this.#places[index] + 128) / 256);
    const place = Math.min(Math.max(expected, -PLACE_MAX), PLACE_MAX);
    const scale = this.#scales[index];
    this.#place = place;
    this.#reciprocal = RECIPROCALS[scaleIndexOf(scale)];
    const ratio = Math.floor(this.#excess / (RATIO_PRIOR + this.#settled));
    const spread = (this.#weights.spread[index] * (log2Of(ratio) - 96)) >> 6;
    const scaleIndex = scaleIndexOf(scale + spread);
    const centre = Math.floor((place + 2) / 4);
    if (scaleIndex > SHIFTED_FROM) {
      const shift = (scaleIndex - SHIFTED_FROM + 1) >> 1;
      return { table: this.#tables[scaleIndex - 2 * shift][0], centre, isMirrored: false, shift };
    }
    const offset = place - 4 * centre;
    const table = this.#tables[scaleIndex][Math.abs(offset)];
    return { table, centre, isMirrored: offset < 0, shift: 0 };
  }

  /**
   * What came.
   *
   * @param {number} index as in the `choice` before
   * @param {number} residual
   */
  settle(index, residual) {
    const distance = Math.abs(4 * residual - this.#place);
    const ratio = Math.floor(((distance * 16 + 6) * this.#reciprocal) / 4096);
    this.#excess += Math.min(ratio, RATIO_MAX);
    this.#settled++;
    if (residual === 0) return;
    for (const [later, weight] of this.#weights.cross[index]) {
      this.#places[later] += weight * residual;
    }
  }
}

/**
 * Half octaves from 2^-5 of a scale in 1/16 octaves.
 *
 * @param {number} scale
 */
function scaleIndexOf(scale) {
  return Math.min(Math.max((scale + 84) >> 3, 0), SCALE_INDEX_MAX);
}
