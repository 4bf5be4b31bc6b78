// @ts-check
/**
 * A picture becomes parameters, and now and then a reference.
 *
 *     frame - track - smooth - crop - fit against the set's neutral --> parameters
 *                                \--- quality - reference policy - compress --> reference
 *
 * @typedef {object} Analysis what one frame of a source shows
 * @property {import("./face_state.js").FaceState} state debounced
 * @property {number} setId the set that `parameters` are in
 * @property {Crop | null} crop the crop that `parameters` are in; null before the first face
 * @property {FaceParameters | null} parameters null while no face is followed, or before there is a
 *   first reference
 * @property {import("./reference_encoder.js").EncodedReference | null} reference to be sent now
 * @property {Float32Array | null} landmarks (478, 3) frame pixels, smoothed; null without a face
 */

import { ByteBudget } from "./byte_budget.js";
import { CropPolicy, toImage } from "./crop_policy.js";
import { FaceStateTracker, observedState } from "./face_state.js";
import { HeadBox } from "./head_box.js";
import { PoseEmbedder } from "./pose_embedding.js";
import { PublishedSets } from "./published_sets.js";
import { QualityScale } from "./quality_scale.js";
import { ReferenceChooser } from "./reference_chooser.js";
import { ReferenceEncoder } from "./reference_encoder.js";
import { ReferencePolicy } from "./reference_policy.js";

/** @typedef {import("./crop_image.js").Picture} Picture */
/** @typedef {import("./crop_policy.js").Crop} Crop */
/** @typedef {import("./pose_embedding.js").FaceParameters} FaceParameters */
/** @typedef {import("./reference_encoder.js").Identity} Identity */

/** @typedef {{ points: Float32Array, score: number }} TrackedFace points (478, 3) in frame pixels */
/** @typedef {{ track(image: Picture): Promise<TrackedFace[]> }} Tracker the main face first */

/**
 * @typedef {object} Fitter
 * @property {(points: Float32Array, neutral: Float32Array, captureTime: number,
 *   previous: FaceParameters | null) => FaceParameters} fit
 * @property {(points: Float32Array, captureTime: number) =>
 *   { identity: Identity, parameters: FaceParameters }} fitReference
 */

/**
 * @typedef {object} Smoother
 * @property {(points: Float32Array, timeMs: number) => Float32Array} update a fresh array
 * @property {() => void} reset
 */

/** @typedef {import("./pose_embedding.js").EmbeddedModel & { neutral(identity: Identity): Float32Array }} FaceModel */

/**
 * @typedef {object} Parts what an analyser is made of
 * @property {Tracker} tracker
 * @property {Fitter} fitter
 * @property {Smoother} smoother
 * @property {FaceModel} model
 * @property {(identity: Identity) => Identity} identityAsReceived rounded as the wire does
 * @property {(parameters: FaceParameters) => FaceParameters} parametersAsReceived of a reference
 * @property {number} [size] side S of the picture
 * @property {ByteBudget} [budget]
 * @property {typeof import("./reference_picture.js").compressPicture} [compress]
 * @property {(name: string, increment?: number) => void} [count] what happened, for statistics
 * @property {(stage: "track" | "fit", milliseconds: number) => void} [took]
 * @property {(quality: import("./frame_quality.js").FrameQuality) => void} [noted] of a frame that
 *   was looked at closely, a few a second
 */

/** Everything the sender computes from pictures. */
export class FaceAnalyser {
  #parts;
  #took;
  #encoder;
  #sets;
  #chooser;
  #cropPolicy;
  #states = new FaceStateTracker();
  /** @type {FaceParameters | null} of the frame before */
  #previous = null;
  /** @type {import("./reference_chooser.js").Place | null} */
  #before = null;
  /** @type {[setId: number, referenceId: number][]} told since the last frame */
  #held = [];

  /** @param {Parts} parts */
  constructor(parts) {
    const { size = 256, budget = new ByteBudget(), count = () => {}, took = () => {} } = parts;
    const { parametersAsReceived, compress } = parts;
    this.#parts = parts;
    this.#took = took;
    this.#encoder = new ReferenceEncoder({ budget, parametersAsReceived, compress, count });
    const scale = new QualityScale();
    const embedder = new PoseEmbedder(parts.model);
    /** @param {number} timeMs */
    const makePolicy = (timeMs) => new ReferencePolicy(timeMs, scale, embedder);
    this.#sets = new PublishedSets(this.#encoder, makePolicy, count);
    this.#chooser = new ReferenceChooser(parts, size, scale, this.#sets, this.#encoder);
    this.#cropPolicy = new CropPolicy(size);
  }

  /**
   * The other side holds this reference.
   *
   * @param {number} setId
   * @param {number} referenceId
   */
  referenceHeld(setId, referenceId) {
    this.#held.push([setId, referenceId]);
  }

  /** Those of the sets in use, first sent first; a new receiver needs them all again. */
  sentReferences() {
    return this.#sets.sent;
  }

  /**
   * Analyse the next frame; one at a time, times must increase. Rejects when the tracker or the
   * compression of a reference fails; the next frame may be tried all the same.
   *
   * @param {Picture} frame
   * @param {number} captureTime in ticks, goes into the parameters
   * @param {number} timeMs drives the policies
   * @returns {Promise<Analysis>}
   */
  async analyse(frame, captureTime, timeMs) {
    this.#takeConfirmations();
    const startMs = performance.now();
    const faces = await this.#parts.tracker.track(frame);
    this.#took("track", performance.now() - startMs);
    const { width, height } = frame;
    const boxes = faces.map((face) => HeadBox.fromLandmarks(face.points));
    const state = this.#states.update(observedState(boxes, width, height), timeMs);
    if (faces.length === 0) {
      this.#parts.smoother.reset();
      this.#previous = this.#before = null;
      return this.#result(state, null, null, this.#encoder.finished(timeMs));
    }
    const points = this.#parts.smoother.update(faces[0].points, timeMs);
    const moment = { image: frame, score: faces[0].score, points, captureTime, timeMs };
    this.#sets.want(this.#cropPolicy.update(points, width, height, timeMs), timeMs);
    let parameters = this.#fit(moment);
    this.#chooser.consider(moment, this.#before, parameters);
    const reference = this.#encoder.finished(timeMs);
    // The first reference of all was chosen from this very frame.
    parameters ??= this.#fit(moment);
    this.#previous = parameters;
    this.#before = { points, timeMs };
    return this.#result(state, points, parameters, reference);
  }

  /**
   * @param {import("./face_state.js").FaceState} state
   * @param {Float32Array | null} landmarks
   * @param {FaceParameters | null} parameters
   * @param {import("./reference_encoder.js").EncodedReference | null} reference
   * @returns {Analysis}
   */
  #result(state, landmarks, parameters, reference) {
    const { current } = this.#sets;
    const place = { setId: current?.setId ?? 0, crop: current?.crop ?? null };
    return { state, ...place, parameters, reference, landmarks };
  }

  #takeConfirmations() {
    for (const [setId, referenceId] of this.#held.splice(0)) {
      // Parameters of another crop are no start for the next fit.
      if (this.#sets.confirm(setId, referenceId)) this.#previous = null;
    }
  }

  /**
   * In the present set; null before its identity is known.
   *
   * @param {import("./reference_chooser.js").Moment} moment
   */
  #fit({ points, captureTime }) {
    const { current } = this.#sets;
    if (current === null || current.neutral === null) return null;
    const startMs = performance.now();
    const seen = toImage(current.crop, points);
    const found = this.#parts.fitter.fit(seen, current.neutral, captureTime, this.#previous);
    this.#took("fit", performance.now() - startMs);
    return found;
  }
}
