// @ts-check
import { boundedStep } from "./bounded_step.js";
import { withCoefficients } from "./face_model.js";
import { NormalEquations, POSE_SIZE } from "./normal_equations.js";
import { matrixFromRotationVector, matrixProduct } from "./rotation.js";
import { similarity } from "./similarity.js";

/** @typedef {import("./similarity.js").Pose} Pose */

/** Standard deviations. */
const COEFFICIENT_LIMIT = 4;
/** Of a squared z residual, against 1 for x and y. */
const DEPTH_WEIGHT = 0.1;
/** Model units: the residual, RMS over the face, that counts as one standard deviation. */
const NOISE = 0.002;

/** Least squares over a pose and the coefficients of one basis (K, V, 3). */
export class FitProblem {
  #basis;
  #weights;
  #equations;

  /**
   * @param {Float64Array} basis
   * @param {Float64Array} weights
   */
  constructor(basis, weights) {
    this.#basis = basis;
    this.#weights = weights;
    this.#equations = new NormalEquations(basis, weights);
  }

  /**
   * Best pose and coefficients for image points on a base shape.
   *
   * @param {Float32Array} target (V, 3)
   * @param {Float32Array} base (V, 3)
   * @param {Float32Array | null} start coefficients; null for none
   * @param {number} steps
   */
  solve(target, base, start, steps) {
    let coefficients = new Float64Array(this.#basis.length / base.length);
    if (start !== null) coefficients.set(start);
    let shape = withCoefficients(base, coefficients, this.#basis);
    let pose = similarity(shape, target, this.#weights);
    for (let i = 0; i < steps; i++) {
      const step = this.#step(target, shape, pose, coefficients);
      pose = moved(pose, step);
      coefficients = coefficients.map((value, k) => value + step[POSE_SIZE + k]);
      shape = withCoefficients(base, coefficients, this.#basis);
    }
    return { pose, coefficients };
  }

  /**
   * @param {Float32Array} target
   * @param {Float64Array} shape
   * @param {Pose} pose
   * @param {Float64Array} coefficients
   */
  #step(target, shape, pose, coefficients) {
    const { rotation: r } = pose;
    const metric = new Float64Array(9);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        metric[3 * i + j] =
          r[i] * r[j] + r[3 + i] * r[3 + j] + DEPTH_WEIGHT * r[6 + i] * r[6 + j];
      }
    }
    const residual = inModelAxes(pose, target);
    for (let i = 0; i < residual.length; i++) residual[i] -= shape[i];
    const { matrix, right } = this.#equations.build(
      shape,
      residual,
      metric,
      NOISE * NOISE,
      coefficients,
    );
    return boundedStep(matrix, right, coefficients, COEFFICIENT_LIMIT);
  }
}

/**
 * Image points where they are in the model's axes and units.
 *
 * @param {Pose} pose
 * @param {ArrayLike<number>} points (V, 3)
 */
export function inModelAxes({ rotation: r, logScale, translation: t }, points) {
  const scale = Math.exp(logScale);
  const found = new Float64Array(points.length);
  for (let v = 0; v < points.length; v += 3) {
    const x = (points[v] - t[0]) / scale;
    const y = (points[v + 1] - t[1]) / scale;
    const z = (points[v + 2] - t[2]) / scale;
    for (let i = 0; i < 3; i++) found[v + i] = r[i] * x + r[3 + i] * y + r[6 + i] * z;
  }
  return found;
}

/**
 * @param {Pose} pose
 * @param {Float64Array} step
 * @returns {Pose}
 */
function moved({ rotation: r, logScale, translation }, step) {
  const scale = Math.exp(logScale);
  const [x, y, z] = step.subarray(4, POSE_SIZE);
  return {
    rotation: matrixProduct(r, matrixFromRotationVector(step[0], step[1], step[2])),
    logScale: logScale + step[3],
    translation: translation.map(
      (place, i) => place + scale * (r[3 * i] * x + r[3 * i + 1] * y + r[3 * i + 2] * z),
    ),
  };
}
