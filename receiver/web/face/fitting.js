// @ts-check
/**
 * Fitting the face model to tracked landmarks; `shared/fitting.py` says how and why.
 *
 * Gauss-Newton steps lower the weighted distance of every vertex to its landmark, in x and y, with
 * depth counting little and a Gaussian prior on the coefficients. Everything is solved in model
 * axes, where the derivative by a coefficient is the basis itself.
 */

import { roundHalfEven } from "../send/rounding.js";
import { IDENTITY_SIZE, VertexGroup } from "./face_model.js";
import { FitProblem, inModelAxes } from "./fit_problem.js";
import { rotationVectorFromMatrix } from "./rotation.js";

/**
 * @typedef {import("./face_model.js").FaceModel} FaceModel
 * @typedef {import("./face_model.js").FaceParameters} FaceParameters
 * @typedef {import("./face_model.js").Identity} Identity
 * @typedef {import("./similarity.js").Pose} Pose
 */

/**
 * Of a vertex's squared residual, by its group.
 *
 * @type {{ [group: number]: number }}
 */
const GROUP_WEIGHTS = {
  [VertexGroup.SKIN]: 1,
  [VertexGroup.LIPS]: 3,
  [VertexGroup.LIDS]: 3,
  [VertexGroup.IRISES]: 8,
};
const FRAME_STEPS = 2;
const REFERENCE_STEPS = 8;

/** Fits one model; making one takes some ten milliseconds. */
export class FaceFitter {
  #model;
  #expression;
  #person;

  /** @param {FaceModel} model */
  constructor(model) {
    this.#model = model;
    const weights = vertexWeights(model);
    this.#expression = new FitProblem(Float64Array.from(model.expressionBasis), weights);
    const both = new Float64Array(model.identityBasis.length + model.expressionBasis.length);
    both.set(model.identityBasis);
    both.set(model.expressionBasis, model.identityBasis.length);
    this.#person = new FitProblem(both, weights);
  }

  /**
   * Pose and expression of one frame.
   *
   * @param {Float32Array} points (478, 3) tracked landmarks in image coordinates, finite
   * @param {Float32Array} neutral (478, 3) the person's own shape
   * @param {number} captureTime
   * @param {FaceParameters | null} [previous] a recent frame of the same person to start from
   * @returns {FaceParameters}
   */
  fit(points, neutral, captureTime, previous = null) {
    const { pose, coefficients } = this.#expression.solve(
      points,
      neutral,
      previous?.expression ?? null,
      FRAME_STEPS,
    );
    return parametersOf(pose, coefficients, captureTime);
  }

  /**
   * Identity, pose and expression from one frame.
   *
   * The identity's residual takes up what the model cannot say, so that the frame itself projects
   * onto its landmarks' x and y to int8 precision.
   *
   * @param {Float32Array} points (478, 3) as in `fit`
   * @param {number} captureTime
   * @returns {{ identity: Identity, parameters: FaceParameters }}
   */
  fitReference(points, captureTime) {
    const { mean } = this.#model;
    const { pose, coefficients } = this.#person.solve(points, mean, null, REFERENCE_STEPS);
    const parameters = parametersOf(pose, coefficients.subarray(IDENTITY_SIZE), captureTime);
    const person = {
      coefficients: Float32Array.from(coefficients.subarray(0, IDENTITY_SIZE)),
      residual: new Int8Array(mean.length),
      residualStep: 0,
    };
    const neutral = this.#model.neutral(person);
    const rest = unexplained(pose, points, this.#model.shape(neutral, parameters.expression));
    const largest = rest.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const residualStep = largest / 127;
    const residual = Int8Array.from(rest, (value) =>
      roundHalfEven(value / Math.max(residualStep, 1e-12)),
    );
    return { identity: { ...person, residual, residualStep }, parameters };
  }
}

/**
 * Weight of each vertex's squared residual, sum 1.
 *
 * @param {FaceModel} model
 */
function vertexWeights({ vertexGroups }) {
  const weights = Float64Array.from(vertexGroups, (group) => GROUP_WEIGHTS[group]);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * What a shape leaves of the points in model axes. Exact in what is seen; a tracker's guess of one
 * frame's depth would only add its noise, so there is none in the image's z.
 *
 * @param {Pose} pose
 * @param {Float32Array} points (V, 3)
 * @param {Float32Array} shape (V, 3)
 */
function unexplained(pose, points, shape) {
  const { rotation: r } = pose;
  const rest = inModelAxes(pose, points);
  for (let v = 0; v < rest.length; v += 3) {
    for (let i = 0; i < 3; i++) rest[v + i] -= shape[v + i];
    const depth = r[6] * rest[v] + r[7] * rest[v + 1] + r[8] * rest[v + 2];
    for (let i = 0; i < 3; i++) rest[v + i] -= depth * r[6 + i];
  }
  return rest;
}

/**
 * @param {Pose} pose
 * @param {Float64Array} expression
 * @param {number} captureTime
 * @returns {FaceParameters}
 */
function parametersOf({ rotation, logScale, translation: [x, y] }, expression, captureTime) {
  return {
    captureTime,
    expression: Float32Array.from(expression),
    camera: Float32Array.of(logScale, ...rotationVectorFromMatrix(rotation), x, y, 0),
  };
}
