// @ts-check
import { FaceEncoder } from "../wire/face_encoder.js";
import { ticksFromNtpMs } from "../wire/clock.js";
import { CoverDetector } from "./cover_detector.js";
import { MessagePlanner } from "../wire/message_planner.js";
import { fromWire, toWire } from "./wire_parameters.js";

const NTP_UNIX_OFFSET_MS = 2_208_988_800_000;
/** As far apart as this, pixels of a face are looked at for its brightness. */
const BRIGHTNESS_STEP = 4;

/**
 * @typedef {import("./reference_encoder.js").EncodedReference} EncodedReference
 *
 * @typedef {object} SentMessage
 * @property {Uint8Array<ArrayBuffer>} data
 * @property {boolean} hold the last one before a pause
 *
 * @typedef {object} FrameOutput what one frame, or a pause without one, led to
 * @property {SentMessage[]} messages
 * @property {EncodedReference | null} reference to be sent now
 * @property {import("./face_state.js").FaceState} face state, debounced
 * @property {number} score of the tracker, 0..1
 * @property {number} size height of the face in shorter sides of the frame; 0 without a face
 * @property {number} brightness of the face, 0..255
 * @property {boolean} isCovered something is before the face
 * @property {Took} took by this frame
 *
 * @typedef {{ track: number, fit: number, encode: number }} Took milliseconds
 */

/** Analyses frames and encodes what is to be sent of them. Idle while nobody listens. */
export class FrameSender {
  #analyser;
  #tables;
  #planner;
  #encoder;
  #listening = false;
  #last = { face: /** @type {import("./face_state.js").FaceState} */ ("lost"), score: 0, size: 0, brightness: 0 };
  /** @type {number} of the tracker's last look */
  score = 0;
  #cover = new CoverDetector();
  /** @type {Took} */
  #took = { track: 0, fit: 0, encode: 0 };

  /**
   * @param {import("./analysis.js").FaceAnalyser} analyser
   * @param {import("../wire/codec_tables.js").CodecTables} tables
   * @param {import("./pose_embedding.js").PoseEmbedder} embedder
   */
  constructor(analyser, tables, embedder) {
    this.#analyser = analyser;
    this.#tables = tables;
    this.#planner = new MessagePlanner((parameters) => embedder.embed(fromWire(parameters)));
    this.#encoder = new FaceEncoder(tables);
  }

  /**
   * A stage of the frame that is being worked on is over.
   *
   * @param {"track" | "fit"} stage
   * @param {number} milliseconds
   */
  note(stage, milliseconds) {
    this.#took[stage] += milliseconds;
  }

  /** @param {import("./frame_quality.js").FrameQuality} quality of a frame looked at closely */
  look({ skinOutliers }) {
    this.#cover.look(skinOutliers);
  }

  /** Another analyser, which begins with a new reference; what was sent is void. */
  replaceAnalyser(/** @type {import("./analysis.js").FaceAnalyser} */ analyser) {
    this.#analyser = analyser;
    this.#planner.restart();
    this.#cover.reset();
  }

  /** A receiver is there that holds nothing yet. */
  startSession() {
    this.#encoder = new FaceEncoder(this.#tables);
    this.#planner.restart();
    this.#listening = true;
    return this.#analyser.sentReferences();
  }

  endSession() {
    this.#listening = false;
  }

  /** What a receiver that lost its references needs. */
  sentReferences() {
    return this.#analyser.sentReferences();
  }

  forceIntra() {
    this.#encoder.forceIntra();
  }

  /** @param {import("../wire/receiver_report.js").ReceiverReport} report */
  acknowledge(report) {
    this.#encoder.acknowledge(report);
  }

  /**
   * @param {number} setId
   * @param {number} referenceId
   */
  referenceHeld(setId, referenceId) {
    this.#analyser.referenceHeld(setId, referenceId);
  }

  /**
   * @param {number} framesPerMessage 1..3
   * @param {number} repeated 0 or 1
   */
  plan(framesPerMessage, repeated) {
    this.#planner.framesPerMessage = framesPerMessage;
    this.#planner.repeated = repeated;
  }

  /**
   * @param {import("./crop_image.js").Picture} picture
   * @param {number} wallMs when it was captured, Unix time in ms
   * @returns {Promise<FrameOutput>}
   */
  async step(picture, wallMs) {
    const captureTime = ticksFromNtpMs(NTP_UNIX_OFFSET_MS + wallMs);
    this.#took = { track: 0, fit: 0, encode: 0 };
    const analysis = await this.#analyser.analyse(picture, captureTime, wallMs);
    const { parameters, landmarks } = analysis;
    this.#last = {
      face: analysis.state,
      score: landmarks === null ? 0 : this.score,
      size: landmarks === null ? 0 : height(landmarks) / Math.min(picture.width, picture.height),
      brightness: landmarks === null ? 0 : brightness(picture, landmarks),
    };
    if (!this.#listening) return this.#output([], analysis.reference);
    const planned =
      parameters === null
        ? this.#planner.faceGone(captureTime, wallMs)
        : this.#planner.add(toWire(parameters), analysis.setId, wallMs);
    return this.#output(this.#encode(planned), analysis.reference);
  }

  /**
   * What goes with a reference that is sent once more; nothing is encoded for it.
   *
   * @param {EncodedReference} reference
   */
  again(reference) {
    return this.#output([], reference);
  }

  /** @param {number} wallMs now; no frame has come for a while */
  pause(wallMs) {
    if (!this.#listening) return this.#output([], null);
    const captureTime = ticksFromNtpMs(NTP_UNIX_OFFSET_MS + wallMs);
    return this.#output(this.#encode(this.#planner.poll(captureTime, wallMs)), null);
  }

  /**
   * @param {SentMessage[]} messages
   * @param {EncodedReference | null} reference
   * @returns {FrameOutput}
   */
  #output(messages, reference) {
    const { isCovered } = this.#cover;
    return { messages, reference, isCovered, took: this.#took, ...this.#last };
  }

  /** @param {import("../wire/message_planner.js").OutgoingMessage[]} planned */
  #encode(planned) {
    const start = performance.now();
    const messages = planned.map(({ frames, setId, hold, repeated }) => ({
      data: /** @type {Uint8Array<ArrayBuffer>} */ (
        this.#encoder.encode(frames, { setId, hold, repeated })
      ),
      hold,
    }));
    this.#took.encode += performance.now() - start;
    return messages;
  }
}

/** @param {Float32Array} points (478, 3) */
function height(points) {
  let [top, bottom] = [Infinity, -Infinity];
  for (let i = 1; i < points.length; i += 3) {
    top = Math.min(top, points[i]);
    bottom = Math.max(bottom, points[i]);
  }
  return bottom - top;
}

/**
 * Mean luma where the landmarks are.
 *
 * @param {import("./crop_image.js").Picture} picture
 * @param {Float32Array} points (478, 3)
 */
function brightness({ data, width, height: rows }, points) {
  let [sum, count] = [0, 0];
  for (let i = 0; i < points.length; i += 3 * BRIGHTNESS_STEP) {
    const [x, y] = [Math.floor(points[i]), Math.floor(points[i + 1])];
    if (x < 0 || y < 0 || x >= width || y >= rows) continue;
    const at = 4 * (y * width + x);
    sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
    count += 1;
  }
  return count === 0 ? 0 : sum / count;
}
