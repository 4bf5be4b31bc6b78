// @ts-check
/**
 * Faces followed from frame to frame, as `shared/tracker.py` does: the detector gives a first
 * region, each frame's landmarks give the next frame's, and the detector runs again when a face is
 * lost.
 */

import { FaceDetector } from "./face_detector.js";
import { FaceMesh } from "./face_mesh.js";
import { FaceRegion } from "./face_region.js";

/**
 * @typedef {import("./face_mesh.js").Landmarks} Landmarks
 * @typedef {import("./picture.js").Picture} Picture
 */

/** Regions that overlap more are taken for one face, as MediaPipe's association does. */
const SAME_FACE_OVERLAP = 0.5;
/** Frames between two looks for further faces: one second of a call. */
const DETECTION_INTERVAL = 25;
/**
 * Frames between two looks at a further face, whose landmarks nobody draws: that it is still there
 * is all that a call asks, and each look costs as much as the main face.
 */
const FURTHER_FACE_INTERVAL = 5;

/** Follows up to `maxFaces` faces of one camera, one frame at a time. */
export class FaceTracker {
  #detector;
  #mesh;
  #maxFaces;
  /** @type {Landmarks[]} */
  #faces = [];
  #framesSinceDetection = 0;

  /**
   * @param {Pick<FaceDetector, "detect" | "close">} detector
   * @param {Pick<FaceMesh, "look" | "close">} mesh
   * @param {number} maxFaces >= 1
   */
  constructor(detector, mesh, maxFaces = 2) {
    this.#detector = detector;
    this.#mesh = mesh;
    this.#maxFaces = maxFaces;
  }

  /**
   * With the project's own networks, from the receiver.
   *
   * @param {number} [maxFaces]
   * @throws {import("./errors.js").ArtifactError} for a file that is missing or damaged
   */
  static async load(maxFaces = 2) {
    const [detector, mesh] = await Promise.all([FaceDetector.load(), FaceMesh.load()]);
    return new FaceTracker(detector, mesh, maxFaces);
  }

  /** Forget the faces: the next frame begins with a detection. */
  reset() {
    this.#faces = [];
    this.#framesSinceDetection = 0;
  }

  /**
   * The faces seen in the next frame. Await it before handing over another one.
   *
   * The main face comes first: the largest when tracking began, then the same one until it is
   * lost. Further faces are looked for once a second and looked at five times a second; in between,
   * their last landmarks stand for them.
   *
   * @param {Picture} picture of any size
   * @returns {Promise<Landmarks[]>}
   * @throws {import("./errors.js").InferenceError} where a network fails; the tracker can go on
   *   with the next frame
   */
  async track(picture) {
    const previous = this.#faces;
    this.#faces = [];
    this.#framesSinceDetection += 1;
    /** @type {Landmarks[]} */
    let faces = [];
    for (const [index, face] of previous.entries()) {
      const isDue = index === 0 || this.#framesSinceDetection % FURTHER_FACE_INTERVAL === 0;
      const seen = isDue ? await this.#mesh.look(picture, regionOf(face)) : face;
      if (seen !== null && isNew(seen, faces)) faces.push(seen);
    }
    if (faces.length === 0 || this.#framesSinceDetection >= DETECTION_INTERVAL) {
      faces = await this.#findFurther(picture, faces);
    }
    this.#faces = faces;
    return [...faces];
  }

  /** Gives the networks' memory back. */
  async close() {
    await Promise.all([this.#detector.close(), this.#mesh.close()]);
  }

  /**
   * `known` and those the detector finds besides, the largest first, up to the limit.
   *
   * @param {Picture} picture
   * @param {Landmarks[]} known
   */
  async #findFurther(picture, known) {
    this.#framesSinceDetection = 0;
    if (known.length >= this.#maxFaces) return known;
    const faces = [...known];
    const detections = await this.#detector.detect(picture);
    for (const detection of detections.sort((a, b) => sizeOf(b) - sizeOf(a))) {
      const region = FaceRegion.fromDetection(detection);
      if (faces.some((face) => region.overlap(regionOf(face)) > SAME_FACE_OVERLAP)) continue;
      const rough = await this.#mesh.look(picture, region);
      // The detector's box is rough; a second look sees the face as tracking will.
      const seen = rough && (await this.#mesh.look(picture, regionOf(rough)));
      if (seen !== null && isNew(seen, faces)) {
        faces.push(seen);
        if (faces.length === this.#maxFaces) break;
      }
    }
    return faces;
  }
}

/** @param {Landmarks} face */
function regionOf(face) {
  return FaceRegion.fromPoints(face.points);
}

/** @param {import("./face_detector.js").FaceDetection} detection */
function sizeOf({ box: [left, top, right, bottom] }) {
  return Math.max(right - left, bottom - top);
}

/**
 * Whether no track in `faces` follows the same face.
 *
 * @param {Landmarks} seen
 * @param {Landmarks[]} faces
 */
function isNew(seen, faces) {
  const region = regionOf(seen);
  return faces.every((face) => region.overlap(regionOf(face)) <= SAME_FACE_OVERLAP);
}
