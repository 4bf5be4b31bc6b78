// @ts-check
/**
 * One frame's symbols to bytes and back, by the tables that `symbol_model.js` chooses.
 *
 * Which of the two symbols next to the goal is sent is the encoder's to choose, by bits and priced
 * error: `shared/residual_coder.py`. The sums are made in its order, so that the choice is its.
 */

import { LEVELS } from "./quantization.js";
import { SENT_COUNT } from "./parameters.js";
import { FramePrediction } from "./symbol_model.js";

/** Magnitude of what tables code; what it adds up to is checked against the levels. */
export const RESIDUAL_LIMIT = 1 << 16;

/**
 * Encodes the frame that lies nearest to `goal`; its (34) residuals to `base`.
 *
 * @param {import("./range_coder.js").RangeEncoder} encoder
 * @param {Float64Array} goal (34) parameters in steps
 * @param {import("./symbol_model.js").FrameState | null} base null: intra, and the residuals are
 *   the symbols
 * @param {object} options
 * @param {import("./codec_tables.js").CodecTables} options.tables
 * @param {import("./quantization.js").PrecisionValue} options.precision
 * @param {number} [options.intervalMs] since the base
 */
export function encodeFrame(encoder, goal, base, { tables, precision, intervalMs = 0 }) {
  const prediction = new FramePrediction(tables, base, precision, intervalMs);
  const levels = LEVELS[precision];
  const before = base === null ? new Int32Array(SENT_COUNT) : base.symbols;
  const exact = goal.map((value, index) => value - before[index]);
  const wanted = exact.slice();
  const residuals = new Int32Array(SENT_COUNT);
  for (const index of tables.order) {
    const choice = prediction.choice(index);
    const cheapest = cheapestOf(choice, wanted[index], tables.errorPrices[index]);
    const lowest = -levels[index] - before[index];
    const residual = Math.min(Math.max(cheapest, lowest), levels[index] - before[index]);
    encodeResidual(encoder, choice, residual);
    prediction.settle(index, residual);
    residuals[index] = residual;
    const error = residual - exact[index];
    for (const [later, undone] of tables.feedback[index]) wanted[later] += undone * error;
  }
  return residuals;
}

/**
 * The next frame's (34) residuals to `base`.
 *
 * @param {import("./range_coder.js").RangeDecoder} decoder
 * @param {import("./symbol_model.js").FrameState | null} base
 * @param {object} options
 * @param {import("./codec_tables.js").CodecTables} options.tables
 * @param {import("./quantization.js").PrecisionValue} options.precision
 * @param {number} [options.intervalMs]
 * @throws {import("./errors.js").BitstreamError} for bytes that no encoder writes
 */
export function decodeFrame(decoder, base, { tables, precision, intervalMs = 0 }) {
  const prediction = new FramePrediction(tables, base, precision, intervalMs);
  const residuals = new Int32Array(SENT_COUNT);
  for (const index of tables.order) {
    const { table, centre, isMirrored, shift } = prediction.choice(index);
    let value = table.decode(decoder, RESIDUAL_LIMIT >> shift);
    if (shift) value = value * (1 << shift) + decoder.decodeBits(shift) - (1 << (shift - 1));
    else if (isMirrored) value = -value;
    residuals[index] = centre + value;
    prediction.settle(index, residuals[index]);
  }
  return residuals;
}

/**
 * Of the two integers next to `wanted`, the one with the lower sum of bits and error.
 *
 * @param {import("./symbol_model.js").SymbolChoice} choice
 * @param {number} wanted
 * @param {number} errorPrice
 */
function cheapestOf(choice, wanted, errorPrice) {
  if (choice.shift) return Math.floor(wanted + 0.5);
  const low = Math.floor(wanted);
  const beyond = wanted - low;
  const lowPrice = costOf(choice, low) + errorPrice * beyond * beyond;
  const highPrice = costOf(choice, low + 1) + errorPrice * (1 - beyond) * (1 - beyond);
  return lowPrice < highPrice ? low : low + 1;
}

/**
 * 1/64 bits.
 *
 * @param {import("./symbol_model.js").SymbolChoice} choice
 * @param {number} residual
 */
function costOf({ table, centre, isMirrored }, residual) {
  return table.cost(isMirrored ? centre - residual : residual - centre);
}

/**
 * @param {import("./range_coder.js").RangeEncoder} encoder
 * @param {import("./symbol_model.js").SymbolChoice} choice
 * @param {number} residual
 */
function encodeResidual(encoder, { table, centre, isMirrored, shift }, residual) {
  if (shift) {
    const value = residual - centre + (1 << (shift - 1));
    table.encode(encoder, value >> shift);
    encoder.encodeBits(value, shift);
  } else {
    table.encode(encoder, isMirrored ? centre - residual : residual - centre);
  }
}
