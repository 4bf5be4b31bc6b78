// @ts-check
/** Pictures as networks want them: resampled, red, green and blue alone. */

import { roundHalfEven } from "../send/rounding.js";

/**
 * What `ImageData` is, and a worker can make without one.
 *
 * @typedef {object} Picture
 * @property {Uint8Array | Uint8ClampedArray} data RGBA, row by row; opaque
 * @property {number} width
 * @property {number} height
 */

/**
 * From a picture's coordinates to another's: x' = a x + b y + c, y' = d x + e y + f.
 *
 * @typedef {[a: number, b: number, c: number, d: number, e: number, f: number]} Affine
 */

/**
 * Resamples bilinearly; beyond the picture its border is repeated. As in OpenCV each value is
 * rounded to a whole number first.
 *
 * @param {Picture} picture
 * @param {Affine} toPicture from the result's coordinates, pixel centres at i + 0.5 in both
 * @param {Float32Array} out (side, side, 3), values 0 to 1
 * @param {number} side
 */
export function resample({ data, width, height }, toPicture, out, side) {
  const [a, b, c, d, e, f] = toPicture;
  const right = width - 1;
  const bottom = height - 1;
  let at = 0;
  for (let row = 0; row < side; row++) {
    // Indices count pixel centres from 0.
    const startX = 0.5 * a + b * (row + 0.5) + c - 0.5;
    const startY = 0.5 * d + e * (row + 0.5) + f - 0.5;
    for (let column = 0; column < side; column++) {
      const x = startX + a * column;
      const y = startY + d * column;
      const left = Math.floor(x);
      const top = Math.floor(y);
      const fx = x - left;
      const fy = y - top;
      const x0 = left < 0 ? 0 : left > right ? right : left;
      const x1 = left < -1 ? 0 : left >= right ? right : left + 1;
      const y0 = (top < 0 ? 0 : top > bottom ? bottom : top) * width;
      const y1 = (top < -1 ? 0 : top >= bottom ? bottom : top + 1) * width;
      const p = 4 * (y0 + x0);
      const q = 4 * (y0 + x1);
      const r = 4 * (y1 + x0);
      const s = 4 * (y1 + x1);
      for (let channel = 0; channel < 3; channel++) {
        const upper = data[p + channel] + fx * (data[q + channel] - data[p + channel]);
        const lower = data[r + channel] + fx * (data[s + channel] - data[r + channel]);
        out[at++] = Math.round(upper + fy * (lower - upper)) / 255;
      }
    }
  }
}

/**
 * Scales to a given size: the mean over each pixel's area where that is smaller, bilinearly where
 * it is larger. Rounded as OpenCV does, because the detector answers one step of a few pixels with
 * a tenth of a pixel of its box.
 *
 * @param {Picture} picture
 * @param {number} columns
 * @param {number} rows
 * @returns {Uint8Array} (rows, columns, 3)
 */
export function resize({ data, width, height }, columns, rows) {
  const across = taps(width, columns);
  const down = taps(height, rows);
  const factor = Math.fround(1 / (Math.max(1, width / columns) * Math.max(1, height / rows)));
  const isHalved = width === 2 * columns && height === 2 * rows;
  const round = isHalved ? Math.round : roundHalfEven;
  const line = new Float64Array(3 * width);
  const scaled = new Uint8Array(3 * columns * rows);
  let at = 0;
  for (const { first, weights } of down) {
    line.fill(0);
    weights.forEach((weight, i) => addLine(line, data, 4 * width * (first + i), weight));
    for (const { first: start, weights: along } of across) {
      let [red, green, blue] = [0, 0, 0];
      for (let i = 0, from = 3 * start; i < along.length; i++, from += 3) {
        red += along[i] * line[from];
        green += along[i] * line[from + 1];
        blue += along[i] * line[from + 2];
      }
      scaled[at++] = round(Math.fround(red * factor));
      scaled[at++] = round(Math.fround(green * factor));
      scaled[at++] = round(Math.fround(blue * factor));
    }
  }
  return scaled;
}

/**
 * @param {Float64Array} line (width, 3)
 * @param {Uint8Array | Uint8ClampedArray} data RGBA
 * @param {number} from where its line begins
 * @param {number} weight
 */
function addLine(line, data, from, weight) {
  for (let to = 0; to < line.length; to += 3, from += 4) {
    line[to] += weight * data[from];
    line[to + 1] += weight * data[from + 1];
    line[to + 2] += weight * data[from + 2];
  }
}

/**
 * Which of `length` pixels make each of `count` ones, and how much of each.
 *
 * @param {number} length
 * @param {number} count
 * @returns {{ first: number, weights: number[] }[]}
 */
function taps(length, count) {
  const ratio = length / count;
  return Array.from({ length: count }, (_, index) => {
    if (ratio < 1) {
      const middle = (index + 0.5) * ratio - 0.5;
      const first = Math.max(0, Math.min(length - 2, Math.floor(middle)));
      const second = Math.max(0, Math.min(1, middle - first));
      return length === 1 ? { first: 0, weights: [1] } : { first, weights: [1 - second, second] };
    }
    const start = index * ratio;
    const end = Math.min(length, start + ratio);
    const first = Math.floor(start);
    // What is left of a pixel after rounding errors is none.
    const last = Math.ceil(end - 1e-3);
    const weights = Array.from(
      { length: last - first },
      (_, i) => Math.min(end, first + i + 1) - Math.max(start, first + i),
    );
    return { first, weights };
  });
}
