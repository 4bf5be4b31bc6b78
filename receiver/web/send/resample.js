// @ts-check
/**
 * Resampling of pictures with separable weights; pixel centres lie at i + 0.5 on both sides.
 *
 * The weights are those of OpenCV's INTER_AREA and INTER_CUBIC, which the Python sender uses.
 *
 * @typedef {object} Taps for each output pixel of one axis, what it takes from which source pixels
 * @property {Int32Array} starts (length + 1,) where each one's taps begin
 * @property {Int32Array} sources
 * @property {Float32Array} weights
 */

/** A smaller share of a pixel is left out. */
const LEAST_SHARE = 1e-3;
/** Of the cubic kernel. */
const SHARPNESS = -0.75;

/**
 * Means over areas, for an axis that shrinks.
 *
 * @param {number} from length of the source
 * @param {number} to length of the result
 * @param {number} scale source pixels to a pixel of the result
 * @returns {Taps}
 */
export function areaTaps(from, to, scale = from / to) {
  return collect(to, (index, add) => {
    const begin = index * scale;
    const end = begin + scale;
    const width = Math.min(scale, from - begin);
    const last = Math.min(Math.floor(end), from - 1);
    const first = Math.min(Math.ceil(begin), last);
    if (first - begin > LEAST_SHARE) add(first - 1, (first - begin) / width);
    for (let source = first; source < last; source++) add(source, 1 / width);
    if (end - last > LEAST_SHARE) add(last, Math.min(end - last, 1, width) / width);
  });
}

/**
 * A cubic through the four pixels around, for an axis that grows; borders repeat.
 *
 * @param {number} from
 * @param {number} to
 * @returns {Taps}
 */
export function cubicTaps(from, to) {
  return collect(to, (index, add) => {
    const place = (index + 0.5) * (from / to) - 0.5;
    const base = Math.floor(place);
    const beyond = place - base;
    const weights = [outer(beyond + 1), inner(beyond), inner(1 - beyond)];
    weights.push(1 - weights[0] - weights[1] - weights[2]);
    weights.forEach((weight, k) => add(Math.min(Math.max(base - 1 + k, 0), from - 1), weight));
  });
}

/**
 * @param {ArrayLike<number>} pixels (height, width, channels)
 * @param {number} width of the source
 * @param {number} channels
 * @param {Taps} across
 * @param {Taps} down
 * @returns {Float32Array} (down, across, channels), not rounded
 */
export function resample(pixels, width, channels, across, down) {
  const columns = across.starts.length - 1;
  const rows = down.starts.length - 1;
  const stride = columns * channels;
  const result = new Float32Array(rows * stride);
  // Neighbouring rows of the result share source rows: these are resampled across only once.
  /** @type {Map<number, Float32Array>} */
  const ready = new Map();
  for (let row = 0; row < rows; row++) {
    for (const known of ready.keys()) if (known < down.sources[down.starts[row]]) ready.delete(known);
    for (let tap = down.starts[row]; tap < down.starts[row + 1]; tap++) {
      const source = down.sources[tap];
      let line = ready.get(source);
      if (line === undefined) {
        line = resampleLine(pixels, source * width * channels, channels, across);
        ready.set(source, line);
      }
      const weight = down.weights[tap];
      for (let i = 0; i < stride; i++) result[row * stride + i] += weight * line[i];
    }
  }
  return result;
}

/**
 * @param {ArrayLike<number>} pixels
 * @param {number} offset of the line
 * @param {number} channels
 * @param {Taps} across
 */
function resampleLine(pixels, offset, channels, across) {
  const columns = across.starts.length - 1;
  const line = new Float32Array(columns * channels);
  for (let column = 0; column < columns; column++) {
    for (let tap = across.starts[column]; tap < across.starts[column + 1]; tap++) {
      const weight = across.weights[tap];
      const source = offset + across.sources[tap] * channels;
      for (let channel = 0; channel < channels; channel++) {
        line[column * channels + channel] += weight * pixels[source + channel];
      }
    }
  }
  return line;
}

/**
 * @param {number} count
 * @param {(index: number, add: (source: number, weight: number) => void) => void} tell
 * @returns {Taps}
 */
function collect(count, tell) {
  /** @type {number[]} */
  const sources = [];
  /** @type {number[]} */
  const weights = [];
  const starts = new Int32Array(count + 1);
  for (let index = 0; index < count; index++) {
    tell(index, (source, weight) => {
      sources.push(source);
      weights.push(weight);
    });
    starts[index + 1] = sources.length;
  }
  return { starts, sources: Int32Array.from(sources), weights: Float32Array.from(weights) };
}

/** @param {number} distance 0 to 1 */
function inner(distance) {
  return ((SHARPNESS + 2) * distance - (SHARPNESS + 3)) * distance * distance + 1;
}

/** @param {number} distance 1 to 2 */
function outer(distance) {
  return ((SHARPNESS * distance - 5 * SHARPNESS) * distance + 8 * SHARPNESS) * distance - 4 * SHARPNESS;
}
