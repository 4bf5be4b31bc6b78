// @ts-check
/**
 * What a frame says about a face. `shared/parameters.py` states the conventions.
 *
 * @typedef {object} FaceParameters
 * @property {number} captureTime 90 kHz ticks of the sender's NTP clock, modulo 2^32
 * @property {Float32Array} vector (35): expression (28), log scale, rotation vector (3),
 *   translation (3, the last always 0)
 *
 * @typedef {object} Identity
 * @property {Float32Array} coefficients (40), standard deviations
 * @property {Int8Array} residual (478 x 3), row after row: x, y, z of a vertex
 * @property {number} residualStep model units of one step of the residual
 *
 * @typedef {object} Crop A square window of the camera frame, in its pixels
 * @property {number} x left edge
 * @property {number} y top edge
 * @property {number} size side; > 0
 */

import { EXPRESSION_MAX, LOG_SCALE_MAX, ROTATION_MAX_RAD, TRANSLATION_MAX } from "./limits.js";

export const EXPRESSION_SIZE = 28;
export const PARAMETER_SIZE = 35;
export const IDENTITY_SIZE = 40;
export const VERTEX_COUNT = 478;

/** All but the last of the parameters, which is always 0 and never sent. */
export const SENT_COUNT = PARAMETER_SIZE - 1;

/** Largest magnitude of each parameter that is sent. */
export const PARAMETER_LIMITS = Object.freeze([
  ...Array(EXPRESSION_SIZE).fill(EXPRESSION_MAX),
  LOG_SCALE_MAX,
  ...Array(3).fill(ROTATION_MAX_RAD),
  ...Array(2).fill(TRANSLATION_MAX),
]);
