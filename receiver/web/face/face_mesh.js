// @ts-check
/** 478 landmarks of one face in one region: MediaPipe's face mesh with attention. */

import { fetchAsset } from "./assets.js";
import { ArtifactError } from "./errors.js";
import { VERTEX_COUNT } from "./face_model.js";
import { Network } from "./network.js";
import { resample } from "./picture.js";

/**
 * One face in one frame.
 *
 * @typedef {object} Landmarks
 * @property {Float32Array} points (478, 3) frame pixels, continuous, pixel centres at i + 0.5; z in
 *   the same unit, growing away from the viewer, 0 near the middle of the head
 * @property {number} score the network's belief that it sees a face, [0.5, 1]
 */

const FILE = "tracker/face_landmark_with_attention.onnx";
const REFINED_FILE = "tracker/face_landmark_with_attention.json";
const REFINED_KEYS = ["", "_1", "_2"].map((suffix) => "landmarks_to_transform_matrix_v2" + suffix);

/** Side of the network's input in pixels. */
const SIDE = 192;
/** So many of the first vertices of a refined eye are the rim of its opening. */
const EYE_CONTOUR = 16;
const FIRST_IRIS = 468;
const SECOND_IRIS = 473;
const IRIS_POINTS = 5;
const SCORE_THRESHOLD = 0.5;

export class FaceMesh {
  #network;
  #refined;
  #input = new Float32Array(SIDE * SIDE * 3);

  /**
   * @param {Network} network face_landmark_with_attention.onnx
   * @param {number[][]} refined mesh vertices that the network's lips (80) and eyes (71 each)
   *   replace, in its order
   */
  constructor(network, refined) {
    this.#network = network;
    this.#refined = refined;
  }

  /** @throws {ArtifactError} */
  static async load() {
    const [file, lists] = await Promise.all([fetchAsset(FILE), fetchAsset(REFINED_FILE)]);
    const refined = readRefined(new TextDecoder().decode(lists));
    return new FaceMesh(await Network.open("the face mesh", file, [1, SIDE, SIDE, 3]), refined);
  }

  /**
   * The face in a region; null where there is none.
   *
   * @param {import("./picture.js").Picture} picture
   * @param {import("./face_region.js").FaceRegion} region
   * @returns {Promise<Landmarks | null>}
   * @throws {import("./errors.js").InferenceError} where the network fails
   */
  async look(picture, region) {
    const [a, b, c, d, e, f] = region.toFrame(SIDE);
    resample(picture, [a, b, c, d, e, f], this.#input, SIDE);
    const outputs = await this.#network.run(this.#input);
    const logit = /** @type {Float32Array} */ (outputs.get("conv_faceflag"))[0];
    const score = 1 / (1 + Math.exp(-logit));
    if (score < SCORE_THRESHOLD) return null;
    const points = this.#assemble(outputs);
    const depth = region.size / SIDE;
    for (let i = 0; i < points.length; i += 3) {
      const [x, y] = [points[i], points[i + 1]];
      points[i] = a * x + b * y + c;
      points[i + 1] = d * x + e * y + f;
      points[i + 2] *= depth;
    }
    return { points: Float32Array.from(points), score };
  }

  async close() {
    await this.#network.close();
  }

  /**
   * The mesh in pixels of the cut-out, its refined parts put in place.
   *
   * These have x and y alone. Lips and lids keep the mesh's z; the irises take the mean of their
   * eye's rim (MediaPipe's tensors_to_face_landmarks_with_attention).
   *
   * @param {Map<string, Float32Array>} outputs
   * @returns {Float64Array} (478, 3)
   */
  #assemble(outputs) {
    /** @param {string} name */
    const output = (name) => /** @type {Float32Array} */ (outputs.get(name));
    const [lips, firstEye, secondEye] = this.#refined;
    const points = new Float64Array(3 * VERTEX_COUNT);
    points.set(output("output_mesh_identity"));
    place(points, output("output_lips"), lips);
    place(points, output("output_left_eye"), firstEye);
    place(points, output("output_right_eye"), secondEye);
    placeIris(points, output("output_left_iris"), FIRST_IRIS, firstEye);
    placeIris(points, output("output_right_iris"), SECOND_IRIS, secondEye);
    return points;
  }
}

/**
 * @param {Float64Array} points (478, 3)
 * @param {Float32Array} refined (N, 2)
 * @param {number[]} vertices (N,)
 */
function place(points, refined, vertices) {
  vertices.forEach((vertex, i) => {
    points[3 * vertex] = refined[2 * i];
    points[3 * vertex + 1] = refined[2 * i + 1];
  });
}

/**
 * @param {Float64Array} points (478, 3)
 * @param {Float32Array} iris (5, 2)
 * @param {number} start its first vertex
 * @param {number[]} eye vertices around it
 */
function placeIris(points, iris, start, eye) {
  const rim = eye.slice(0, EYE_CONTOUR);
  const depth = rim.reduce((sum, vertex) => sum + points[3 * vertex + 2], 0) / EYE_CONTOUR;
  const vertices = Array.from({ length: IRIS_POINTS }, (_, i) => start + i);
  place(points, iris, vertices);
  for (const vertex of vertices) points[3 * vertex + 2] = depth;
}

/** @param {string} text */
function readRefined(text) {
  /** @type {unknown[]} */
  let lists;
  try {
    const object = JSON.parse(text);
    lists = REFINED_KEYS.map((key) => object[key]);
  } catch {
    throw new ArtifactError(`${REFINED_FILE} is no JSON object`);
  }
  const isVertex = (/** @type {unknown} */ value) =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) < FIRST_IRIS;
  if (!lists.every((list) => Array.isArray(list) && list.every(isVertex))) {
    throw new ArtifactError(`${REFINED_FILE} does not list vertices of the mesh`);
  }
  return /** @type {number[][]} */ (lists);
}
