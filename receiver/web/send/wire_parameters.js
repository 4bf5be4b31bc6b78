// @ts-check
/**
 * The 35 numbers of a frame as the wire has them, in one vector, and as tracking has them.
 *
 * @typedef {import("../wire/parameters.js").FaceParameters} WireParameters
 * @typedef {import("./pose_embedding.js").FaceParameters} FaceParameters
 */
import { EXPRESSION_SIZE, PARAMETER_SIZE } from "../wire/parameters.js";

/**
 * @param {FaceParameters} parameters
 * @returns {WireParameters}
 */
export function toWire({ captureTime, expression, camera }) {
  const vector = new Float32Array(PARAMETER_SIZE);
  vector.set(expression);
  vector.set(camera, EXPRESSION_SIZE);
  return { captureTime, vector };
}

/**
 * @param {WireParameters} parameters
 * @returns {FaceParameters} views of the same numbers
 */
export function fromWire({ captureTime, vector }) {
  return {
    captureTime,
    expression: vector.subarray(0, EXPRESSION_SIZE),
    camera: vector.subarray(EXPRESSION_SIZE),
  };
}
