// @ts-check
/**
 * The picture that a crop shows.
 *
 * @typedef {object} Picture what `ImageData` is too
 * @property {Uint8ClampedArray} data (height, width, 4) RGBA
 * @property {number} width
 * @property {number} height
 */

import { areaTaps, cubicTaps, resample } from "./resample.js";
import { roundHalfEven } from "./rounding.js";

/**
 * The crop of a frame resampled to `size` x `size`, opaque; beyond the frame it is black.
 *
 * Pixel centres lie at i + 0.5 on both sides. Areas are averaged where the picture shrinks, so
 * that it does not alias. Always a copy.
 *
 * @param {Picture} frame
 * @param {import("./crop_policy.js").Crop} crop on whole pixels
 * @param {number} size
 * @returns {Picture}
 */
export function cropImage(frame, crop, size) {
  const side = Math.max(roundHalfEven(crop.size), 1);
  const window = cutWindow(frame, roundHalfEven(crop.x), roundHalfEven(crop.y), side);
  if (side === size) return { data: toRgba(window), width: size, height: size };
  const taps = side > size ? areaTaps(side, size) : cubicTaps(side, size);
  return { data: toRgba(resample(window, side, 3, taps, taps)), width: size, height: size };
}

/**
 * @param {Picture} frame
 * @param {number} left
 * @param {number} top
 * @param {number} side
 * @returns {Uint8Array} (side, side, 3)
 */
function cutWindow(frame, left, top, side) {
  const window = new Uint8Array(side * side * 3);
  const firstColumn = Math.max(-left, 0);
  const endColumn = Math.min(frame.width - left, side);
  const endRow = Math.min(frame.height - top, side);
  for (let row = Math.max(-top, 0); row < endRow; row++) {
    let from = 4 * ((top + row) * frame.width + left + firstColumn);
    let to = 3 * (row * side + firstColumn);
    for (let column = firstColumn; column < endColumn; column++) {
      window[to] = frame.data[from];
      window[to + 1] = frame.data[from + 1];
      window[to + 2] = frame.data[from + 2];
      from += 4;
      to += 3;
    }
  }
  return window;
}

/**
 * @param {Uint8Array | Float32Array} rgb
 * @returns {Uint8ClampedArray} which rounds, halves to even, and clamps
 */
function toRgba(rgb) {
  const rgba = new Uint8ClampedArray((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from];
    rgba[to + 1] = rgb[from + 1];
    rgba[to + 2] = rgb[from + 2];
    rgba[to + 3] = 255;
  }
  return rgba;
}
