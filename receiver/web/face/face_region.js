// @ts-check
/** The turned square around a face that the mesh network looks at. */

/** Side of the region over the longer side of the face's box, what the network was trained with. */
const MARGIN = 1.5;
/** Mesh vertices: the person's right eye (left in the picture), then the left one. */
const OUTER_EYE_CORNERS = [33, 263];

/** A square in pixels of the frame (continuous; pixel centres at i + 0.5). */
export class FaceRegion {
  /**
   * @param {number} x centre
   * @param {number} y centre
   * @param {number} size side, > 0
   * @param {number} angle radians from the frame's x axis to the square's, clockwise as seen
   */
  constructor(x, y, size, angle) {
    this.x = x;
    this.y = y;
    this.size = size;
    this.angle = angle;
  }

  /**
   * The detector's box with a margin, upright as the eyes are.
   *
   * @param {import("./face_detector.js").FaceDetection} detection
   */
  static fromDetection({ box, keyPoints }) {
    const [left, top, right, bottom] = box;
    // The right eye, then the left one.
    const angle = Math.atan2(keyPoints[3] - keyPoints[1], keyPoints[2] - keyPoints[0]);
    return FaceRegion.#around(left, top, right, bottom, angle);
  }

  /**
   * The box of landmarks with a margin, upright as the outer eye corners are.
   *
   * @param {Float32Array} points (478, 3)
   */
  static fromPoints(points) {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < points.length; i += 3) {
      left = Math.min(left, points[i]);
      right = Math.max(right, points[i]);
      top = Math.min(top, points[i + 1]);
      bottom = Math.max(bottom, points[i + 1]);
    }
    const [first, second] = OUTER_EYE_CORNERS.map((vertex) => 3 * vertex);
    const angle = Math.atan2(
      points[second + 1] - points[first + 1],
      points[second] - points[first],
    );
    return FaceRegion.#around(left, top, right, bottom, angle);
  }

  /**
   * @param {number} left
   * @param {number} top
   * @param {number} right
   * @param {number} bottom
   * @param {number} angle
   */
  static #around(left, top, right, bottom, angle) {
    const size = MARGIN * Math.max(right - left, bottom - top);
    return new FaceRegion((left + right) / 2, (top + bottom) / 2, size, angle);
  }

  /**
   * From coordinates of the cut-out, 0 to `side`, to the frame's.
   *
   * @param {number} side
   * @returns {import("./picture.js").Affine}
   */
  toFrame(side) {
    const scale = this.size / side;
    const cosine = scale * Math.cos(this.angle);
    const sine = scale * Math.sin(this.angle);
    const half = side / 2;
    return [
      cosine,
      -sine,
      this.x - half * (cosine - sine),
      sine,
      cosine,
      this.y - half * (sine + cosine),
    ];
  }

  /**
   * Shared area over united area, in [0, 1], of the two squares set upright.
   *
   * @param {FaceRegion} other
   */
  overlap(other) {
    const width = sharedLength(this.x, this.size, other.x, other.size);
    const height = sharedLength(this.y, this.size, other.y, other.size);
    const shared = width * height;
    return shared / (this.size ** 2 + other.size ** 2 - shared);
  }
}

/**
 * Length that two intervals share, given by centre and length.
 *
 * @param {number} first
 * @param {number} firstSize
 * @param {number} second
 * @param {number} secondSize
 */
function sharedLength(first, firstSize, second, secondSize) {
  const end = Math.min(first + firstSize / 2, second + secondSize / 2);
  const start = Math.max(first - firstSize / 2, second - secondSize / 2);
  return Math.max(0, end - start);
}
