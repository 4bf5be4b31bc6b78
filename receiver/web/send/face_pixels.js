// @ts-check
/** What the pixels of a crop tell about its quality: detail, and skin that is not seen. */

import { areaTaps, resample } from "./resample.js";
import { roundHalfEven } from "./rounding.js";

/** @typedef {import("./crop_image.js").Picture} Picture */

/** The face is brought to this size before its sharpness is measured: distances do not count. */
const FACE_SIDE_PX = 96;
/** Forehead, cheeks, nose, upper lip's sides, chin and jaw: where bare skin is expected. */
const SKIN_SPOTS = [
  151, 108, 337, 50, 280, 205, 425, 4, 195, 203, 423, 152, 199, 170, 395, 135, 364, 187, 411,
];
/** Distance of chromas (Cr, Cb) from which a colour is not the face's. */
const OTHER_CHROMA = 14;

/**
 * Energy of fine detail in the face against its contrast; about 0.02 (blurred) to 0.3.
 *
 * @param {Picture} image square
 * @param {Float32Array} pixels (V, 2) the mesh in pixels
 */
export function sharpness(image, pixels) {
  const face = grayFace(image, pixels);
  const scale = FACE_SIDE_PX / Math.max(face.width, face.height);
  const { values, width, height } = scale < 1 ? shrunk(face, scale) : face;
  const detail = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    const above = mirrored(y - 1, height) * width;
    const below = mirrored(y + 1, height) * width;
    for (let x = 0; x < width; x++) {
      const here = y * width;
      const sides = values[here + mirrored(x - 1, width)] + values[here + mirrored(x + 1, width)];
      detail[here + x] = sides + values[above + x] + values[below + x] - 4 * values[here + x];
    }
  }
  return deviation(detail) / Math.max(deviation(values), 1);
}

/**
 * Share of the skin spots whose colour is not the face's: a hand, a cup, a microphone. By chroma,
 * which light and shade change little.
 *
 * @param {Picture} image square
 * @param {Float32Array} pixels (V, 2)
 */
export function skinOutliers(image, pixels) {
  const size = image.width;
  const chromas = SKIN_SPOTS.map((spot) => {
    const x = Math.trunc(clamp(pixels[2 * spot], 0, size - 1));
    const y = Math.trunc(clamp(pixels[2 * spot + 1], 0, size - 1));
    return chroma(meanColour(image, x, y));
  });
  const red = median(chromas.map(([cr]) => cr));
  const blue = median(chromas.map(([, cb]) => cb));
  const others = chromas.filter(([cr, cb]) => Math.hypot(cr - red, cb - blue) > OTHER_CHROMA);
  return others.length / chromas.length;
}

/**
 * @typedef {object} Gray
 * @property {Uint8Array} values
 * @property {number} width
 * @property {number} height
 */

/**
 * The mesh's bounding box, in shades of gray.
 *
 * @param {Picture} image
 * @param {Float32Array} pixels
 * @returns {Gray}
 */
function grayFace(image, pixels) {
  const size = image.width;
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < pixels.length; i++) {
    low[i % 2] = Math.min(low[i % 2], pixels[i]);
    high[i % 2] = Math.max(high[i % 2], pixels[i]);
  }
  const [left, top] = low.map((value) => Math.trunc(clamp(value, 0, size - 2)));
  const [right, bottom] = high.map((value) => Math.trunc(clamp(value, 2, size)));
  const width = Math.max(right, left + 2) - left;
  const height = Math.max(bottom, top + 2) - top;
  const values = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * ((top + y) * size + left + x);
      const [r, g, b] = [image.data[at], image.data[at + 1], image.data[at + 2]];
      values[y * width + x] = (r * 9798 + g * 19235 + b * 3735 + (1 << 14)) >> 15;
    }
  }
  return { values, width, height };
}

/**
 * @param {Gray} face
 * @param {number} scale < 1
 * @returns {Gray}
 */
function shrunk(face, scale) {
  const width = Math.max(roundHalfEven(face.width * scale), 1);
  const height = Math.max(roundHalfEven(face.height * scale), 1);
  const across = areaTaps(face.width, width, 1 / scale);
  const down = areaTaps(face.height, height, 1 / scale);
  const values = Uint8Array.from(resample(face.values, face.width, 1, across, down), roundHalfEven);
  return { values, width, height };
}

/**
 * Of 5 x 5 pixels.
 *
 * @param {Picture} image
 * @param {number} x
 * @param {number} y
 */
function meanColour(image, x, y) {
  const sums = [0, 0, 0];
  for (let dy = -2; dy <= 2; dy++) {
    const row = mirrored(y + dy, image.height) * image.width;
    for (let dx = -2; dx <= 2; dx++) {
      const at = 4 * (row + mirrored(x + dx, image.width));
      for (let channel = 0; channel < 3; channel++) sums[channel] += image.data[at + channel];
    }
  }
  return sums.map((sum) => Math.round(sum / 25));
}

/**
 * Cr and Cb in OpenCV's integers.
 *
 * @param {number[]} colour RGB
 * @returns {[number, number]}
 */
function chroma([r, g, b]) {
  const luma = (r * 4899 + g * 9617 + b * 1868 + (1 << 13)) >> 14;
  const half = (128 << 14) + (1 << 13);
  const red = ((r - luma) * 11682 + half) >> 14;
  const blue = ((b - luma) * 9241 + half) >> 14;
  return [clamp(red, 0, 255), clamp(blue, 0, 255)];
}

/**
 * The pixel that stands for one beyond the border, which itself is not repeated.
 *
 * @param {number} index
 * @param {number} length > 1
 */
function mirrored(index, length) {
  if (index < 0) return -index;
  return index < length ? index : 2 * length - 2 - index;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** @param {ArrayLike<number>} values */
function deviation(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2;
  return Math.sqrt(squares / values.length);
}

/** @param {number[]} values an odd number of them */
function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
