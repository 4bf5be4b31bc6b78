// @ts-check
/**
 * Which square of the camera frame the call shows.
 *
 * The square is 2.2 times the face from forehead to chin, around the head. It stays where it is
 * while the head stays inside it, because a move costs a new reference picture: a move is wanted
 * when the head has left the square, or has become far too small or large for it, for a while.
 */

import { HeadBox } from "./head_box.js";
import { roundHalfEven } from "./rounding.js";

/**
 * A square window of the camera frame; what lies beyond the frame is black.
 *
 * @typedef {object} Crop
 * @property {number} x left edge in frame pixels; pixel i covers [i, i + 1]
 * @property {number} y top edge
 * @property {number} size side, > 0
 */

/** Side of the crop in face heights (forehead to chin). */
const FACE_HEIGHTS = 2.2;
/** The least side of the crop in face heights: the head with its hair and a rim. */
const HEAD_HEIGHTS = 1.4;
/** A face further away is shown small rather than blown up from nothing. */
const SMALLEST_CROP_PX = 64;
/** How long the head must be out of the crop before a move is wanted. */
const OUTSIDE_MS = 400;
/** How long it must be too small or too large. */
const SIZE_MS = 1500;
/** Bounds of wanted side to present side of the crop within which it stays. */
const SMALLEST_RATIO = 0.68;
const LARGEST_RATIO = 1.45;
/** Face heights a second; a faster head is still on its way, the move waits for it. */
const SETTLED_SPEED = 0.6;
/** The longest wait for a head that does not settle. */
const SETTLING_MS = 1000;

/** The crop of a call, with hysteresis. Pure: landmarks, frame size and time in, crop out. */
export class CropPolicy {
  #size;
  /** @type {Crop | null} */
  #crop = null;
  /** @type {number | null} */
  #unfitSinceMs = null;
  /** @type {number | null} */
  #movingSinceMs = null;
  /** @type {{ x: number, y: number } | null} */
  #lastCenter = null;
  #lastMs = 0;
  /** @type {{ width: number, height: number } | null} */
  #frame = null;

  /** @param {number} size side S of the picture; a frame that is already S x S is its own crop */
  constructor(size) {
    this.#size = size;
  }

  /** Forget the crop: the next face starts a new one at once. */
  reset() {
    this.#crop = null;
    this.#lastCenter = null;
    this.#settle();
  }

  /**
   * The crop to show from now on; the very same object as before unless a move is due.
   *
   * @param {Float32Array} points (478, 3) landmarks in frame pixels
   * @param {number} width of the frame
   * @param {number} height
   * @param {number} timeMs
   * @returns {Crop}
   */
  update(points, width, height, timeMs) {
    const before = this.#frame;
    if (before !== null && (before.width !== width || before.height !== height)) this.reset();
    this.#frame = { width, height };
    if (width === this.#size && height === this.#size) {
      const crop = this.#crop;
      const same = crop !== null && crop.x === 0 && crop.y === 0 && crop.size === width;
      this.#crop = same ? crop : { x: 0, y: 0, size: width };
      return this.#crop;
    }
    const head = HeadBox.fromLandmarks(points);
    const speed = this.#speed(head, timeMs);
    const wanted = wantedCrop(head, width, height);
    if (this.#crop === null) {
      this.#crop = wanted;
    } else {
      const outside = head.outside(this.#crop, width, height) > 0;
      if (this.#moveDue(outside, wanted.size / this.#crop.size, speed, timeMs)) {
        this.#crop = wanted;
        this.#settle();
      }
    }
    return this.#crop;
  }

  #settle() {
    this.#unfitSinceMs = null;
    this.#movingSinceMs = null;
  }

  /**
   * Face heights a second since the last call.
   *
   * @param {HeadBox} head
   * @param {number} timeMs
   */
  #speed(head, timeMs) {
    const center = head.center;
    const last = this.#lastCenter;
    const elapsedMs = timeMs - this.#lastMs;
    this.#lastCenter = center;
    this.#lastMs = timeMs;
    if (last === null || elapsedMs <= 0) return 0;
    const moved = Math.hypot(center.x - last.x, center.y - last.y);
    return moved / head.faceHeight / (elapsedMs / 1000);
  }

  /**
   * Whether it is time to move for a head that is outside, or `ratio` too large or small.
   *
   * @param {boolean} outside
   * @param {number} ratio
   * @param {number} speed
   * @param {number} timeMs
   */
  #moveDue(outside, ratio, speed, timeMs) {
    if (!outside && ratio >= SMALLEST_RATIO && ratio <= LARGEST_RATIO) {
      this.#settle();
      return false;
    }
    this.#unfitSinceMs ??= timeMs;
    if (timeMs - this.#unfitSinceMs < (outside ? OUTSIDE_MS : SIZE_MS)) return false;
    this.#movingSinceMs ??= timeMs;
    return speed <= SETTLED_SPEED || timeMs - this.#movingSinceMs >= SETTLING_MS;
  }
}

/**
 * The crop for this head, on whole pixels; inside the frame where the head allows it.
 *
 * @param {HeadBox} head
 * @param {number} width of the frame
 * @param {number} height
 * @returns {Crop}
 */
export function wantedCrop(head, width, height) {
  let side = Math.max(FACE_HEIGHTS * head.faceHeight, SMALLEST_CROP_PX);
  const shorter = Math.min(width, height);
  if (side > shorter) side = Math.max(shorter, HEAD_HEIGHTS * head.faceHeight);
  const size = Math.max(roundHalfEven(side), 1);
  const { x, y } = head.center;
  return { x: keepWithin(x - size / 2, size, width), y: keepWithin(y - size / 2, size, height), size };
}

/**
 * @param {Crop} one
 * @param {Crop} other
 */
export function sameCrop(one, other) {
  return one.x === other.x && one.y === other.y && one.size === other.size;
}

/**
 * Frame pixels to image coordinates: [-1, 1] across the crop; z is scaled alike, not shifted.
 *
 * @param {Crop} crop
 * @param {Float32Array} points (N, 3)
 * @returns {Float32Array}
 */
export function toImage(crop, points) {
  const scale = Math.fround(2 / crop.size);
  const shifts = [(2 * crop.x) / crop.size + 1, (2 * crop.y) / crop.size + 1, 0].map(Math.fround);
  return points.map((value, index) => Math.fround(value * scale) - shifts[index % 3]);
}

/**
 * @param {number} start
 * @param {number} size
 * @param {number} length
 */
function keepWithin(start, size, length) {
  if (size >= length) return roundHalfEven((length - size) / 2);
  return roundHalfEven(Math.min(Math.max(start, 0), length - size));
}
