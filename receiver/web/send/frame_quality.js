// @ts-check
/**
 * How good a picture would be as a reference: sharp, eyes open, at rest, nothing in front.
 *
 * Higher is better unless said otherwise.
 *
 * @typedef {object} FrameQuality
 * @property {number} sharpness energy of fine detail in the face against its contrast
 * @property {number} eyeOpenness lid distance over eye width, mean of the eyes; 0.05 (shut) to 0.4
 * @property {number} mouthOpenness inner lip distance over mouth width; 0 shut, lower is better
 * @property {number} turn radians away from facing the camera; lower is better
 * @property {number} effort RMS of the expression in standard deviations; lower is nearer to rest
 * @property {number} skinOutliers share of the skin spots whose colour is not the face's, 0..1
 * @property {number} faceScore the tracker's own certainty, 0..1
 * @property {number} motion how fast the face moves, in crop sides a second; lower is better
 * @property {number} margin distance of the mesh to the crop's edge in crop sides; < 0: cut off
 */

import { sharpness, skinOutliers } from "./face_pixels.js";

/** Outer corner, inner corner, and pairs of upper and lower lid, of either eye. */
const EYES = [
  { corners: [33, 133], lids: [[159, 145], [158, 153], [160, 144]] },
  { corners: [263, 362], lids: [[386, 374], [385, 380], [387, 373]] },
];
const INNER_LIPS = [13, 14];
const MOUTH_CORNERS = [78, 308];

/**
 * Of a crop whose mesh lies at `points`.
 *
 * @param {import("./crop_image.js").Picture} image square
 * @param {Float32Array} points (478, 3) image coordinates
 * @param {import("./pose_embedding.js").FaceParameters} parameters
 * @param {{ faceScore: number, motion: number }} known
 * @returns {FrameQuality}
 */
export function measureQuality(image, points, parameters, { faceScore, motion }) {
  const pixels = toPixels(points, image.width);
  const [, turnX, turnY, turnZ] = parameters.camera;
  return {
    sharpness: sharpness(image, pixels),
    eyeOpenness: eyeOpenness(pixels),
    mouthOpenness: ratio(pixels, INNER_LIPS, MOUTH_CORNERS),
    turn: Math.hypot(turnX, turnY, turnZ),
    effort: rootMeanSquare(parameters.expression),
    skinOutliers: skinOutliers(image, pixels),
    faceScore,
    motion,
    margin: (1 - farthest(points)) / 2,
  };
}

/**
 * @param {Float32Array} points (N, 3)
 * @param {number} size
 * @returns {Float32Array} (N, 2)
 */
function toPixels(points, size) {
  const pixels = new Float32Array((points.length / 3) * 2);
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = Math.fround(points[3 * (i >> 1) + (i & 1)] + 1) * (size / 2);
  }
  return pixels;
}

/**
 * @param {Float32Array} pixels
 * @param {number[]} opening two vertices
 * @param {number[]} width two vertices
 */
function ratio(pixels, opening, width) {
  return distance(pixels, opening) / Math.max(distance(pixels, width), 1e-6);
}

/**
 * @param {Float32Array} pixels
 * @param {number[]} pair
 */
function distance(pixels, [a, b]) {
  return Math.hypot(pixels[2 * a] - pixels[2 * b], pixels[2 * a + 1] - pixels[2 * b + 1]);
}

/** @param {Float32Array} pixels */
function eyeOpenness(pixels) {
  const ratios = EYES.flatMap(({ corners, lids }) =>
    lids.map((pair) => ratio(pixels, pair, corners)),
  );
  return ratios.reduce((a, b) => a + b, 0) / ratios.length;
}

/** @param {Float32Array} values */
function rootMeanSquare(values) {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares / values.length);
}

/**
 * The largest |x| or |y|.
 *
 * @param {Float32Array} points (N, 3)
 */
function farthest(points) {
  let most = 0;
  for (let i = 0; i < points.length; i++) {
    if (i % 3 !== 2) most = Math.max(most, Math.abs(points[i]));
  }
  return most;
}
