// @ts-check
import { toWire } from "./send/wire_parameters.js";
import { ReferenceSender } from "./wire/reference_transfer.js";
import { digestOf, packControl } from "./wire/control_message.js";
import { parseControl } from "./wire/control_reader.js";
import { BitstreamError, VersionError } from "./wire/errors.js";
import { LossMeter } from "./loss_meter.js";
import { parseReceiverReport } from "./wire/receiver_report.js";
import { WhipSession } from "./whip.js";

/**
 * @typedef {import("./tracking.js").WorkerOutput} WorkerOutput
 * @typedef {import("./send/reference_encoder.js").EncodedReference} EncodedReference
 *
 * @typedef {object} Told what the other side is told of this one
 * @property {"rebuilt" | "video"} mode
 * @property {import("./wire/control_message.js").FaceState} face
 * @property {boolean} muted
 */

const PACING_MS = 10;
const SIGN_OF_LIFE_MS = 1000;
/** A shorter silence is nothing to look into. */
const SILENCE_CHECKED_MS = 500;
/** Beside the call's own rate: leaves room on a link of 100 kbit/s. */
const REFERENCE_BPS = 64_000;
const PICTURE_MAX_BPS = 300_000;
/** Two sets; more means that the link takes none, and the oldest is given up. */
const REFERENCES_MAX = 8;
/** Reasons of a goodbye that another try would not change. */
const FINAL = new Set(["replaced", "version", "limit"]);

/** One connection to a receiver: what is said on it, in both directions. */
export class SendSession {
  #options;
  #whip;
  #loss = new LossMeter();
  /** @type {Told | null} */
  #told = null;
  #toldText = "";
  #sentAt = 0;
  /** @type {EncodedReference[]} */
  #references = [];
  /** @type {Set<number>} whose identity went out on this connection */
  #identified = new Set();
  /** @type {ReferenceSender | null} */
  #transfer = null;
  #isPreparing = false;
  #timer = 0;
  #isOpen = false;
  /** When something of the receiver came last, by `performance.now()`. */
  #heardAt = performance.now();
  #received = 0;

  /**
   * @param {object} options
   * @param {string} options.endpoint
   * @param {string} options.token
   * @param {RTCIceTransportPolicy} options.policy
   * @param {number} options.frameRate
   * @param {string} options.name
   * @param {import("./tracking.js").Tracking} options.tracking
   * @param {(reason: string, isFinal: boolean) => void} options.onEnd
   */
  constructor(options) {
    this.#options = options;
    this.#whip = new WhipSession({
      endpoint: options.endpoint,
      token: options.token,
      policy: options.policy,
      onControl: (data) => this.#read(data, (bytes) => this.#onControl(bytes)),
      onParameters: (data) => this.#read(data, (bytes) => this.#onReport(bytes)),
      onState: (state) => {
        if (state === "failed") options.onEnd("lost", false);
      },
    });
  }

  /**
   * Returns when both sides can talk.
   *
   * @param {MediaStreamTrack | null} microphone
   * @throws {import("./signaling.js").SignalingError}
   */
  async open(microphone) {
    await this.#whip.open(microphone);
    this.#isOpen = true;
    this.#heardAt = performance.now();
    const { faceModel } = this.#options.tracking;
    // Without tracking there is nothing that a model would be agreed on for, only video.
    if (faceModel !== null) this.#greet(faceModel);
    this.#toldText = "";
    if (this.#told !== null) this.tell(this.#told);
    this.#options.tracking.tell({ kind: "start" });
    this.#timer = setInterval(() => this.#pace(), PACING_MS);
  }

  /** @param {Told} told sent when it changes, and now and then as a sign of life */
  tell(told) {
    this.#told = told;
    const text = JSON.stringify(told);
    if (text !== this.#toldText && this.#send({ type: "mode", ...told })) this.#toldText = text;
  }

  /** @param {WorkerOutput} output */
  take(output) {
    if (!this.#isOpen) return;
    for (const { data } of output.messages) {
      if (this.#whip.sendParameters(data)) this.#sentAt = performance.now();
    }
    if (output.reference === null) return;
    this.#references.push(output.reference);
    if (this.#references.length > REFERENCES_MAX) this.#references.shift();
  }

  /** @param {MediaStreamTrack | null} track */
  async setMicrophone(track) {
    await this.#whip.setMicrophone(track);
  }

  /** @param {MediaStreamTrack | null} track the camera's own picture, or none */
  async setPicture(track) {
    await this.#whip.setPicture(track, PICTURE_MAX_BPS);
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  statistics() {
    return this.#whip.statistics();
  }

  /**
   * For how long nothing has come at all. Reports do several times a second; where there is nothing
   * to report of, ICE's own checks every two to three seconds.
   */
  async silentMs() {
    const silentMs = performance.now() - this.#heardAt;
    if (silentMs < SILENCE_CHECKED_MS) return silentMs;
    const received = await this.#whip.received();
    if (received !== this.#received) this.#heardAt = performance.now();
    this.#received = received;
    return performance.now() - this.#heardAt;
  }

  sayBye() {
    this.#send({ type: "bye", reason: "left" });
  }

  close() {
    if (this.#isOpen) this.#options.tracking.tell({ kind: "end" });
    this.#isOpen = false;
    clearInterval(this.#timer);
    this.#whip.close();
  }

  /** @param {{ version: number, digest: string }} faceModel */
  #greet({ version, digest }) {
    const bytes = Uint8Array.from(digest.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    this.#send({
      type: "hello",
      faceModelVersion: version,
      faceModelDigest: bytes.slice(0, 16),
      frameRateHz: this.#options.frameRate,
      name: this.#options.name,
    });
  }

  /**
   * @param {Uint8Array} data
   * @param {(data: Uint8Array) => void} handle
   */
  #read(data, handle) {
    this.#heardAt = performance.now();
    try {
      handle(data);
    } catch (error) {
      if (error instanceof VersionError) this.#options.onEnd("version", true);
      else if (error instanceof BitstreamError) console.info("message dropped:", error.message);
      else throw error;
    }
  }

  /** @param {Uint8Array} data */
  #onControl(data) {
    const message = parseControl(data);
    const { tracking } = this.#options;
    switch (message.type) {
      case "held":
        tracking.tell({ kind: "held", setId: message.setId, referenceId: message.referenceId });
        return;
      case "refresh":
        if (message.target === "parameters") tracking.tell({ kind: "intra" });
        else if (this.#references.length === 0 && this.#transfer === null) {
          this.#identified.clear();
          tracking.tell({ kind: "resend" });
        }
        return;
      case "bye":
        this.#whip.forget();
        this.#options.onEnd(message.reason, FINAL.has(message.reason));
    }
  }

  /** @param {Uint8Array} data */
  #onReport(data) {
    const report = parseReceiverReport(data);
    const { tracking } = this.#options;
    tracking.tell({ kind: "report", report });
    const plan = this.#loss.update(report, performance.now());
    if (plan !== null) tracking.tell({ kind: "plan", ...plan });
  }

  /** Part of a reference when the link is free for it, or a sign of life. */
  #pace() {
    const now = performance.now();
    if (now - this.#sentAt > SIGN_OF_LIFE_MS && this.#told !== null) {
      this.#send({ type: "mode", ...this.#told });
    }
    if (this.#transfer === null) {
      void this.#prepare();
      return;
    }
    const link = { rateBps: REFERENCE_BPS, bufferedBytes: this.#whip.controlBuffered };
    const message = this.#transfer.nextMessage(now, link);
    if (message !== null) this.#send(message);
    if (this.#transfer.done) this.#transfer = null;
  }

  async #prepare() {
    if (this.#isPreparing || this.#references.length === 0) return;
    this.#isPreparing = true;
    const [reference] = this.#references.splice(0, 1);
    const { setId, referenceId, crop, frameWidth, frameHeight, picture } = reference;
    const data = /** @type {Uint8Array<ArrayBuffer>} */ (picture.data);
    const digest = await digestOf(data);
    const isFirst = !this.#identified.has(setId);
    this.#identified.add(setId);
    this.#transfer = new ReferenceSender(
      {
        type: "ref",
        ...{ setId, referenceId, crop, frameWidth, frameHeight },
        parameters: toWire(reference.parameters),
        imageFormat: picture.format,
        imageBytes: data.length,
        identity: isFirst ? reference.identity : null,
      },
      data,
      digest,
    );
    this.#isPreparing = false;
  }

  /** @param {import("./wire/control_message.js").SentMessage} message */
  #send(message) {
    const packed = /** @type {Uint8Array<ArrayBuffer>} */ (packControl(message));
    const isSent = this.#whip.sendControl(packed);
    if (isSent) this.#sentAt = performance.now();
    return isSent;
  }
}
