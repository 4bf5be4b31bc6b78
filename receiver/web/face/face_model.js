// @ts-check
/**
 * The 3D morphable face model: what the sender needs of `shared/face_model.py`, whose file it reads.
 *
 *     X = s R(r) (mean + U_id p_id + residual + U_exp p_exp) + t
 *
 * `shared/parameters.py` states the axes, units and signs.
 */

import { fetchAsset } from "./assets.js";
import { ArtifactError } from "./errors.js";
import { readNpz } from "./npz.js";
import { matrixFromRotationVector } from "./rotation.js";

/**
 * One frame of a face: the 35 floats and when they were captured.
 *
 * @typedef {object} FaceParameters
 * @property {number} captureTime 90 kHz ticks modulo 2^32
 * @property {Float32Array} expression (28,) standard deviations
 * @property {Float32Array} camera (7,) log scale, rotation vector (3), translation (3)
 */

/**
 * The neutral shape of a person: mean + U_id coefficients + residual * residualStep.
 *
 * @typedef {object} Identity
 * @property {Float32Array} coefficients (40,) standard deviations
 * @property {Int8Array} residual (478, 3) model axes
 * @property {number} residualStep model units of one residual step; >= 0
 */

export const VERTEX_COUNT = 478;
export const EXPRESSION_SIZE = 28;
export const IDENTITY_SIZE = 40;

/** What a vertex belongs to. */
export const VertexGroup = Object.freeze({ SKIN: 0, LIPS: 1, LIDS: 2, IRISES: 3 });

const FILE = "face_model.npz";
const FILE_VERSION = 1;
const MAX_FILE_BYTES = 16_000_000;

/** Shapes of faces; immutable. Points are (478, 3) row by row. */
export class FaceModel {
  /**
   * @param {object} arrays
   * @param {Float32Array} arrays.mean (478, 3)
   * @param {Float32Array} arrays.identityBasis (40, 478, 3)
   * @param {Float32Array} arrays.expressionBasis (28, 478, 3)
   * @param {Uint8Array} arrays.vertexGroups (478,)
   * @param {string} digest SHA-256 of the file, hex; both sides of a call compare it
   */
  constructor({ mean, identityBasis, expressionBasis, vertexGroups }, digest) {
    this.mean = mean;
    this.identityBasis = identityBasis;
    this.expressionBasis = expressionBasis;
    this.vertexGroups = vertexGroups;
    this.version = FILE_VERSION;
    this.digest = digest;
  }

  /**
   * The project's own model, from the receiver. Needs a secure context, as a camera does.
   *
   * @throws {ArtifactError}
   */
  static async load() {
    return FaceModel.fromFile(await fetchAsset(FILE));
  }

  /**
   * @param {ArrayBuffer} file an .npz; see `shared/face_model_file.py`
   * @throws {ArtifactError}
   */
  static async fromFile(file) {
    const arrays = await readNpz(file, MAX_FILE_BYTES);
    const version = arrays.get("version")?.data[0];
    if (version !== BigInt(FILE_VERSION)) {
      throw new ArtifactError(`face model version ${version}, this page reads ${FILE_VERSION}`);
    }
    /** @param {string} key @param {string} type @param {number[]} shape */
    const take = (key, type, shape) => {
      const found = arrays.get(key);
      if (found?.type !== type || found.shape.join() !== shape.join()) {
        throw new ArtifactError(
          `${key} of the face model is ${found?.type} (${found?.shape}), ` +
            `expected ${type} (${shape})`,
        );
      }
      if (found.data instanceof Float32Array && !found.data.every(Number.isFinite)) {
        throw new ArtifactError(`${key} of the face model holds numbers that are not finite`);
      }
      return found.data;
    };
    /** @param {string} key @param {number[]} shape */
    const floats = (key, ...shape) =>
      /** @type {Float32Array} */ (take(key, "<f4", [...shape, VERTEX_COUNT, 3]));
    const groups = /** @type {Uint8Array} */ (take("vertex_groups", "|u1", [VERTEX_COUNT]));
    return new FaceModel(
      {
        mean: floats("mean"),
        identityBasis: floats("identity_basis", IDENTITY_SIZE),
        expressionBasis: floats("expression_basis", EXPRESSION_SIZE),
        vertexGroups: groups,
      },
      await sha256(file),
    );
  }

  /**
   * The person's shape without expression, model units.
   *
   * @param {Identity} identity
   * @returns {Float32Array} (478, 3)
   */
  neutral({ coefficients, residual, residualStep }) {
    const shape = withCoefficients(this.mean, coefficients, this.identityBasis);
    for (let i = 0; i < shape.length; i++) shape[i] += residual[i] * residualStep;
    return Float32Array.from(shape);
  }

  /**
   * `neutral` with an expression, model units.
   *
   * @param {ArrayLike<number>} neutral (478, 3)
   * @param {ArrayLike<number>} expression (28,)
   * @returns {Float32Array} (478, 3)
   */
  shape(neutral, expression) {
    return Float32Array.from(withCoefficients(neutral, expression, this.expressionBasis));
  }

  /**
   * Image coordinates of one frame of the person with that `neutral`, z included.
   *
   * @param {ArrayLike<number>} neutral (478, 3)
   * @param {FaceParameters} parameters
   * @returns {Float32Array} (478, 3)
   */
  vertices(neutral, { expression, camera }) {
    const points = this.shape(neutral, expression);
    const r = matrixFromRotationVector(camera[1], camera[2], camera[3]);
    const scale = Math.exp(camera[0]);
    for (let i = 0; i < points.length; i += 3) {
      const [x, y, z] = [points[i], points[i + 1], points[i + 2]];
      for (let k = 0; k < 3; k++) {
        const turned = r[3 * k] * x + r[3 * k + 1] * y + r[3 * k + 2] * z;
        points[i + k] = scale * turned + camera[4 + k];
      }
    }
    return points;
  }
}

/**
 * base (V, 3) + sum_k coefficients[k] basis[k], with basis (K, V, 3).
 *
 * @param {ArrayLike<number>} base
 * @param {ArrayLike<number>} coefficients
 * @param {ArrayLike<number>} basis
 * @returns {Float64Array} (V, 3)
 */
export function withCoefficients(base, coefficients, basis) {
  const shape = Float64Array.from(base);
  const size = shape.length;
  for (let k = 0; k < coefficients.length; k++) {
    const amount = coefficients[k];
    for (let i = 0, at = k * size; i < size; i++, at++) shape[i] += amount * basis[at];
  }
  return shape;
}

/** @param {ArrayBuffer} bytes */
async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
