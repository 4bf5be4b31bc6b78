// @ts-check
/**
 * Where the whole head is, in frame pixels; the mesh itself stops at the hairline.
 *
 * Rounded to float32 where the Python sender is, so that both choose the same crops.
 */

/** Vertices of the mesh on the midline: top of the forehead and bottom of the chin. */
const FOREHEAD = 10;
const CHIN = 152;

export class HeadBox {
  /**
   * @param {number} left
   * @param {number} top
   * @param {number} right
   * @param {number} bottom
   * @param {number} faceHeight forehead to chin in space, so that a nod does not shorten it
   */
  constructor(left, top, right, bottom, faceHeight) {
    this.left = left;
    this.top = top;
    this.right = right;
    this.bottom = bottom;
    this.faceHeight = faceHeight;
  }

  /**
   * @param {Float32Array} points (478, 3) landmarks in frame pixels
   * @returns {HeadBox}
   */
  static fromLandmarks(points) {
    const axis = [0, 1, 2].map((k) => Math.fround(points[3 * FOREHEAD + k] - points[3 * CHIN + k]));
    const length = Math.fround(Math.sqrt(axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2));
    const height = Math.max(length, 1);
    let left = Infinity;
    let top = Infinity;
    let right = -Infinity;
    let bottom = -Infinity;
    for (let i = 0; i < points.length; i += 3) {
      left = Math.min(left, points[i]);
      right = Math.max(right, points[i]);
      top = Math.min(top, points[i + 1]);
      bottom = Math.max(bottom, points[i + 1]);
    }
    // Hair stands about a quarter of a face above the forehead, in the direction of the axis.
    const crownX = Math.fround(points[3 * FOREHEAD] + 0.25 * axis[0]);
    const crownY = Math.fround(points[3 * FOREHEAD + 1] + 0.25 * axis[1]);
    const rim = 0.06 * height;
    return new HeadBox(
      Math.min(left, crownX) - rim,
      Math.min(top, crownY) - rim,
      Math.max(right, crownX) + rim,
      Math.max(bottom, crownY) + rim,
      height,
    );
  }

  get center() {
    return { x: (this.left + this.right) / 2, y: (this.top + this.bottom) / 2 };
  }

  /**
   * Pixels that the crop cuts off the head as far as the frame shows it; <= 0: nothing.
   *
   * @param {import("./crop_policy.js").Crop} crop
   * @param {number} width of the frame
   * @param {number} height
   */
  outside(crop, width, height) {
    return Math.max(
      crop.x - Math.max(this.left, 0),
      crop.y - Math.max(this.top, 0),
      Math.min(this.right, width) - crop.x - crop.size,
      Math.min(this.bottom, height) - crop.y - crop.size,
    );
  }
}
