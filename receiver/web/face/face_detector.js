// @ts-check
/**
 * Faces in a whole frame: MediaPipe's short-range detector (BlazeFace, arXiv 1907.05047).
 *
 * The decoding follows MediaPipe's graph face_detection_short_range: 896 anchors of one fixed size,
 * boxes and six key points relative to them, then weighted non-maximum suppression.
 */

import { fetchAsset } from "./assets.js";
import { roundHalfEven } from "../send/rounding.js";
import { Network } from "./network.js";
import { resize } from "./picture.js";
import { COORDINATES, weightedSuppression } from "./suppression.js";

/**
 * One face, roughly placed, in frame pixels.
 *
 * @typedef {object} FaceDetection
 * @property {[left: number, top: number, right: number, bottom: number]} box may reach beyond the
 *   frame
 * @property {number[]} keyPoints x and y of right eye, left eye, nose, mouth, right ear, left ear
 * @property {number} score [0.5, 1]
 */

const FILE = "tracker/face_detection_short_range.onnx";
/** Side of the network's input in pixels. */
const SIDE = 128;
/** Numbers of an anchor: centre, width and height, six key points. */
const REGRESSORS = 16;
/** Cells a side, anchors a cell: one layer of stride 8, three of stride 16 with two each. */
const GRIDS = [
  [16, 2],
  [8, 6],
];

/** Finds all faces of a frame. Stateless but for its buffers. */
export class FaceDetector {
  #network;
  #anchors = anchors();
  #input = new Float32Array(SIDE * SIDE * 3);

  /** @param {Network} network face_detection_short_range.onnx */
  constructor(network) {
    this.#network = network;
  }

  /** @throws {import("./errors.js").ArtifactError} */
  static async load() {
    const file = await fetchAsset(FILE);
    return new FaceDetector(await Network.open("the face detector", file, [1, SIDE, SIDE, 3]));
  }

  /**
   * Faces by falling score.
   *
   * @param {import("./picture.js").Picture} picture
   * @returns {Promise<FaceDetection[]>}
   * @throws {import("./errors.js").InferenceError} where the network fails
   */
  async detect(picture) {
    const { width, height } = picture;
    const scale = SIDE / Math.max(width, height);
    letterbox(picture, scale, this.#input);
    const outputs = await this.#network.run(this.#input);
    const logits = /** @type {Float32Array} */ (outputs.get("classificators"));
    const regressors = /** @type {Float32Array} */ (outputs.get("regressors"));
    const faces = weightedSuppression(decode(logits, regressors, this.#anchors));
    // The letterbox is centred, as near as whole pixels allow.
    const offset = [width, height].map((length) =>
      Math.floor((SIDE - Math.fround(length * Math.fround(scale))) / 2),
    );
    return faces.map(({ coordinates, score }) => {
      const [left, top, right, bottom, ...keyPoints] = Array.from(
        coordinates,
        (value, i) => (value - offset[i % 2]) / scale,
      );
      return { box: [left, top, right, bottom], keyPoints, score };
    });
  }

  async close() {
    await this.#network.close();
  }
}

/**
 * Centres of the anchors in pixels of the network's input, in the network's order.
 *
 * @returns {Float32Array} (896, 2)
 */
export function anchors() {
  const centres = [];
  for (const [cells, perCell] of GRIDS) {
    for (let cell = 0; cell < cells * cells; cell++) {
      const x = ((cell % cells) + 0.5) * (SIDE / cells);
      const y = (Math.floor(cell / cells) + 0.5) * (SIDE / cells);
      for (let i = 0; i < perCell; i++) centres.push(x, y);
    }
  }
  return Float32Array.from(centres);
}

/**
 * The anchors that may be faces, in network pixels.
 *
 * @param {Float32Array} logits (896,)
 * @param {Float32Array} regressors (896, 16) in pixels from the anchor
 * @param {Float32Array} centres (896, 2)
 * @returns {import("./suppression.js").Candidate[]}
 */
export function decode(logits, regressors, centres) {
  const candidates = [];
  for (let anchor = 0; anchor < logits.length; anchor++) {
    if (logits[anchor] < 0) continue; // where the logistic function gives less than 0.5
    const raw = regressors.subarray(REGRESSORS * anchor, REGRESSORS * (anchor + 1));
    const [x, y] = [centres[2 * anchor], centres[2 * anchor + 1]];
    const coordinates = new Float32Array(COORDINATES);
    coordinates[0] = raw[0] + x - raw[2] / 2;
    coordinates[1] = raw[1] + y - raw[3] / 2;
    coordinates[2] = raw[0] + x + raw[2] / 2;
    coordinates[3] = raw[1] + y + raw[3] / 2;
    for (let i = 4; i < REGRESSORS; i += 2) {
      coordinates[i] = raw[i] + x;
      coordinates[i + 1] = raw[i + 1] + y;
    }
    candidates.push({ coordinates, score: Math.fround(1 / (1 + Math.exp(-logits[anchor]))) });
  }
  return candidates;
}

/**
 * The frame scaled to fit, black around it, in [-1, 1].
 *
 * @param {import("./picture.js").Picture} picture
 * @param {number} scale
 * @param {Float32Array} out (128, 128, 3)
 */
function letterbox(picture, scale, out) {
  const columns = Math.max(1, roundHalfEven(picture.width * scale));
  const rows = Math.max(1, roundHalfEven(picture.height * scale));
  const left = Math.floor((SIDE - columns) / 2);
  const top = Math.floor((SIDE - rows) / 2);
  const scaled = resize(picture, columns, rows);
  out.fill(-1);
  for (let row = 0, from = 0; row < rows; row++) {
    let to = 3 * ((top + row) * SIDE + left);
    for (let i = 0; i < 3 * columns; i++) out[to++] = scaled[from++] * (2 / 255) - 1;
  }
}
