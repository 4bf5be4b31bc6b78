// @ts-check
/**
 * When parameters are sent and how many frames share a message; time is handed in.
 *
 * @typedef {import("./parameters.js").FaceParameters} FaceParameters
 *
 * @typedef {object} OutgoingMessage What the encoder is to make a message of
 * @property {FaceParameters[]} frames 1 to 3, oldest first
 * @property {number} setId
 * @property {boolean} hold the last one before a pause
 * @property {number} repeated the first so many frames were in the message before
 */

import { FRAMES_PER_MESSAGE_MAX } from "./limits.js";
import { StillnessDetector } from "./stillness.js";

const KEEP_ALIVE_MS = 1000;

/** The pause is announced twice: a receiver that missed it would ease the face to rest. */
const FIRST_KEEP_ALIVE_MS = 160;

const NORMAL_FRAMES_PER_MESSAGE = 2;

/**
 * Groups frames into messages and stops while the face is still or gone.
 *
 *     moving --still for 0.6 s, or no face--> holding --stirs--> moving
 *                                               |  ^
 *                                               '--' keep-alive, soon and then each second
 */
export class MessagePlanner {
  #embed;
  /** @type {FaceParameters[]} */
  #waiting = [];
  #setId = 0;
  /** @type {FaceParameters | null} */
  #newest = null;
  /**
   * Of the same set and the same movement: what a message may repeat.
   *
   * @type {FaceParameters | null}
   */
  #lastSent = null;
  #stillness = new StillnessDetector();
  #holding = false;
  #sentMs = 0;
  /** Whether the last message announced a pause. */
  #announced = false;
  /** From the last message to the next of a pause. */
  #keepAliveMs = KEEP_ALIVE_MS;

  /**
   * @param {(parameters: FaceParameters) => Float32Array} embed
   *   `pose_expression_embedding` of `shared/reference_set.py`; a fresh array each time
   */
  constructor(embed) {
    this.#embed = embed;
    /** 1..3; may change at any time. */
    this.framesPerMessage = NORMAL_FRAMES_PER_MESSAGE;
    /** Frames of the message before to send again, 0 or 1; may change at any time. */
    this.repeated = 0;
  }

  get holding() {
    return this.#holding;
  }

  /**
   * The messages that are due with this frame, none to two.
   *
   * @param {FaceParameters} parameters
   * @param {number} setId
   * @param {number} timeMs monotonic
   * @returns {OutgoingMessage[]}
   */
  add(parameters, setId, timeMs) {
    /** @type {OutgoingMessage[]} */
    const due = [];
    if (setId !== this.#setId) {
      if (this.#waiting.length > 0) due.push(this.#message(false, timeMs));
      this.#forgetMovement();
    }
    this.#setId = setId;
    this.#newest = parameters;
    const still = this.#stillness.update(this.#embed(parameters), timeMs);
    if (this.#holding && still) return [...due, ...this.poll(parameters.captureTime, timeMs)];
    this.#holding = still;
    this.#waiting.push(parameters);
    if (still || this.#waiting.length >= this.framesPerMessage) {
      due.push(this.#message(still, timeMs));
    }
    return due;
  }

  /**
   * There is no face in the frame of this time: say so once, then keep alive.
   *
   * @param {number} captureTime
   * @param {number} timeMs
   * @returns {OutgoingMessage[]}
   */
  faceGone(captureTime, timeMs) {
    if (this.#newest === null || this.#holding) return this.poll(captureTime, timeMs);
    this.#holding = true;
    this.#stillness.reset();
    if (this.#waiting.length === 0) this.#waiting.push({ ...this.#newest, captureTime });
    return [this.#message(true, timeMs)];
  }

  /**
   * A keep-alive when one is due in a pause; call it also when no frames come.
   *
   * @param {number} captureTime
   * @param {number} timeMs
   * @returns {OutgoingMessage[]}
   */
  poll(captureTime, timeMs) {
    if (this.#newest === null || timeMs - this.#sentMs < this.#keepAliveMs) return [];
    // The same face at another time: it was held until then.
    this.#waiting.push({ ...this.#newest, captureTime });
    this.#waiting = this.#waiting.slice(-FRAMES_PER_MESSAGE_MAX);
    this.#holding = true;
    return [this.#message(true, timeMs)];
  }

  /** A new receiver: whatever waits is of no use to it. */
  restart() {
    this.#waiting = [];
    this.#forgetMovement();
  }

  #forgetMovement() {
    this.#holding = false;
    this.#lastSent = null;
    this.#stillness.reset();
  }

  /**
   * @param {boolean} hold
   * @param {number} timeMs
   * @returns {OutgoingMessage}
   */
  #message(hold, timeMs) {
    const frames = this.#waiting;
    this.#waiting = [];
    this.#keepAliveMs = hold && !this.#announced ? FIRST_KEEP_ALIVE_MS : KEEP_ALIVE_MS;
    this.#announced = hold;
    this.#sentMs = timeMs;
    const again = this.repeated > 0 ? this.#lastSent : null;
    // A message of a pause is repeated itself; what came before it is long shown.
    this.#lastSent = hold ? null : frames[frames.length - 1];
    const isAlone = again === null || frames.length === FRAMES_PER_MESSAGE_MAX;
    return {
      frames: isAlone ? frames : [again, ...frames],
      setId: this.#setId,
      hold,
      repeated: isAlone ? 0 : 1,
    };
  }
}
