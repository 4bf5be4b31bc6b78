// @ts-check
/**
 * Face parameters as integer symbols: uniform quantizers with steps that are powers of two.
 *
 *     q = clip(floor(x / step + 1/2), -levels, levels)        x_hat = q * step
 */

import { BitstreamError } from "./errors.js";
import { PARAMETER_LIMITS, PARAMETER_SIZE, SENT_COUNT } from "./parameters.js";

/** How finely a stream is quantized; each next one doubles every step. A change needs an intra. */
export const Precision = Object.freeze({ FINE: 0, STANDARD: 1, COARSE: 2, COARSEST: 3 });

/** @typedef {0 | 1 | 2 | 3} PrecisionValue */

/** Of the standard precision; `shared/quantization.py` says where they come from. */
const STEPS = [
  ...Array(2).fill(0.25),
  ...Array(7).fill(0.5),
  ...Array(11).fill(1),
  ...Array(8).fill(2),
  2 ** -8,
  ...[2 ** -6, 2 ** -6, 2 ** -8],
  ...[2 ** -10, 2 ** -10],
];

/** @type {number[][]} by precision */
const STEPS_OF = [0, 1, 2, 3].map((precision) => STEPS.map((step) => step * 2 ** (precision - 1)));

/** @type {number[][]} largest symbol magnitudes by precision */
export const LEVELS = STEPS_OF.map((steps) =>
  steps.map((step, index) => Math.floor(PARAMETER_LIMITS[index] / step)),
);

/**
 * (34) parameters in units of their steps; saturates outside the limits.
 *
 * @param {import("./parameters.js").FaceParameters} parameters
 * @param {PrecisionValue} precision
 * @throws {RangeError} when a parameter is not finite
 */
export function parametersInSteps({ vector }, precision) {
  const scaled = new Float64Array(SENT_COUNT);
  for (let index = 0; index < SENT_COUNT; index++) {
    // Parameters are float32 on both sides, also where the caller computes in float64.
    const value = Math.fround(vector[index]) / STEPS_OF[precision][index];
    if (!Number.isFinite(value)) throw new RangeError("face parameters that are not finite");
    const levels = LEVELS[precision][index];
    scaled[index] = Math.min(Math.max(value, -levels), levels);
  }
  return scaled;
}

/**
 * The frame that (34) symbols stand for. One product in float64 and one rounding: what the sender
 * predicts from is bit-equal to what the receiver decodes.
 *
 * @param {Int32Array} symbols
 * @param {PrecisionValue} precision
 * @param {number} captureTime
 * @returns {import("./parameters.js").FaceParameters}
 * @throws {BitstreamError} for a symbol outside its alphabet
 */
export function dequantizeParameters(symbols, precision, captureTime) {
  const vector = new Float32Array(PARAMETER_SIZE);
  for (let index = 0; index < SENT_COUNT; index++) {
    const levels = LEVELS[precision][index];
    if (Math.abs(symbols[index]) > levels) {
      throw new BitstreamError(
        `symbol ${symbols[index]} of parameter ${index}, ` +
          `at most ${levels} in magnitude is allowed`,
      );
    }
    vector[index] = symbols[index] * STEPS_OF[precision][index];
  }
  return { captureTime, vector };
}
