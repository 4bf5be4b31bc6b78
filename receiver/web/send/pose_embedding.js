// @ts-check
/**
 * How unlike two frames of a person are for warping one to the other, in pixels of 256.
 *
 * The RMS distance in x, y of the vertices on the mean face, lips counting double, once both faces
 * are moved onto each other; and, added in squares, 0.45 of that move. An embedding is a vector
 * whose Euclidean distances are these.
 *
 * @typedef {object} EmbeddedModel what is needed of a face model with V vertices
 * @property {Float32Array} mean (V, 3)
 * @property {Float32Array} expressionBasis (28, V, 3)
 * @property {ArrayLike<number>} vertexGroups (V,)
 */

/**
 * @typedef {object} FaceParameters
 * @property {number} captureTime 90 kHz ticks modulo 2^32
 * @property {Float32Array} expression (28,) standard deviations
 * @property {Float32Array} camera (7,) log scale, rotation vector (3), translation (3)
 */

/** Of one image unit at 256 x 256. */
const PIXELS = 128;
/** A head that only moves is warped well, but neck and background are not. */
const TRANSLATION_WEIGHT = 0.45;
/** Over other vertices: teeth that a reference does not show cannot be warped. */
const LIP_WEIGHT = 2;
const LIPS = 1;
const IRISES = 3;
const SMALL_ANGLE = 1e-4;

/** Embeds frames; holds no state between them. */
export class PoseEmbedder {
  #model;
  #weights;

  /** @param {EmbeddedModel} model */
  constructor(model) {
    this.#model = model;
    const weights = Float64Array.from(model.vertexGroups, weightOf);
    const sum = weights.reduce((a, b) => a + b, 0);
    this.#weights = Float32Array.from(weights, (weight) => Math.sqrt(weight / sum));
  }

  /**
   * @param {FaceParameters} parameters
   * @returns {Float32Array} (2 V + 2,)
   */
  embed(parameters) {
    const { mean, expressionBasis } = this.#model;
    const { expression, camera } = parameters;
    const shape = Float64Array.from(mean);
    for (let k = 0; k < expression.length; k++) {
      const amount = expression[k];
      const start = k * shape.length;
      for (let i = 0; i < shape.length; i++) shape[i] += amount * expressionBasis[start + i];
    }
    const [right, down] = firstRows(camera[1], camera[2], camera[3]);
    const scale = PIXELS * Math.exp(camera[0]);
    const count = this.#weights.length;
    const embedding = new Float32Array(2 * count + 2);
    for (let v = 0; v < count; v++) {
      const x = shape[3 * v];
      const y = shape[3 * v + 1];
      const z = shape[3 * v + 2];
      const weight = this.#weights[v] * scale;
      embedding[2 * v] = weight * (right[0] * x + right[1] * y + right[2] * z);
      embedding[2 * v + 1] = weight * (down[0] * x + down[1] * y + down[2] * z);
    }
    embedding[2 * count] = camera[4] * PIXELS * TRANSLATION_WEIGHT;
    embedding[2 * count + 1] = camera[5] * PIXELS * TRANSLATION_WEIGHT;
    return embedding;
  }
}

/**
 * @param {Float32Array} one
 * @param {Float32Array} other of the same length
 */
export function embeddingDistance(one, other) {
  let squares = 0;
  for (let i = 0; i < one.length; i++) {
    const difference = one[i] - other[i];
    squares += difference * difference;
  }
  return Math.sqrt(squares);
}

/** @param {number} group of a vertex */
function weightOf(group) {
  if (group === IRISES) return 0;
  return group === LIPS ? LIP_WEIGHT : 1;
}

/**
 * The rows for x and y of the matrix of a rotation vector (Rodrigues).
 *
 * @param {number} x
 * @param {number} y
 * @param {number} z
 */
function firstRows(x, y, z) {
  const angle = Math.hypot(x, y, z);
  const small = angle < SMALL_ANGLE;
  const sine = small ? 1 - (angle * angle) / 6 : Math.sin(angle) / angle;
  const cosine = small ? 0.5 - (angle * angle) / 24 : (1 - Math.cos(angle)) / (angle * angle);
  return [
    [1 - cosine * (y * y + z * z), cosine * x * y - sine * z, cosine * x * z + sine * y],
    [cosine * x * y + sine * z, 1 - cosine * (x * x + z * z), cosine * y * z - sine * x],
  ];
}
