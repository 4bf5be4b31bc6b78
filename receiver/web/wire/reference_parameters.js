// @ts-check
/**
 * The parameters of a reference as bytes: 34 big-endian float16 (t_z is always 0). Finer than the
 * symbols of a driving frame, because an error here stays in every picture made from it.
 */

import { BitstreamError } from "./errors.js";
import { packHalves, parseHalves } from "./half_float.js";
import { PARAMETER_LIMITS, PARAMETER_SIZE, SENT_COUNT } from "./parameters.js";

export const REFERENCE_PARAMETERS_BYTES = 2 * SENT_COUNT;

/** @param {import("./parameters.js").FaceParameters} parameters */
export function packReferenceParameters({ vector }) {
  return packHalves(
    PARAMETER_LIMITS.map((limit, index) => Math.min(Math.max(vector[index], -limit), limit)),
  );
}

/**
 * @param {Uint8Array} data REFERENCE_PARAMETERS_BYTES
 * @param {number} captureTime
 * @returns {import("./parameters.js").FaceParameters}
 * @throws {BitstreamError} for parameters that are not finite or out of range
 */
export function parseReferenceParameters(data, captureTime) {
  const vector = new Float32Array(PARAMETER_SIZE);
  vector.set(parseHalves(data));
  PARAMETER_LIMITS.forEach((limit, index) => {
    if (Math.abs(vector[index]) <= limit) return; // not for NaN
    throw new BitstreamError(
      `parameter ${index} of the reference is ${vector[index]}, at most ${limit} in magnitude`,
    );
  });
  return { captureTime, vector };
}

/**
 * What the receiver will hold; the sender uses the same.
 *
 * @param {import("./parameters.js").FaceParameters} parameters
 */
export function parametersAsReceived(parameters) {
  return parseReferenceParameters(packReferenceParameters(parameters), parameters.captureTime);
}
