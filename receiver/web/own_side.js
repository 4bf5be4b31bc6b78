// @ts-check
import { DeviceError, openCamera, openMicrophone } from "./devices.js";
import { Fallback } from "./fallback.js";
import { Publisher } from "./publisher.js";
import { RateMeter } from "./rate_meter.js";
import { Tracking } from "./tracking.js";

/**
 * @typedef {import("./tracking.js").WorkerOutput} WorkerOutput
 * @typedef {import("./publisher.js").PublisherState} PublisherState
 *
 * @typedef {object} OwnEvents
 * @property {(output: WorkerOutput) => void} onTracked
 * @property {(error: DeviceError) => void} onTrouble of a camera or microphone
 * @property {(reason: string) => void} onNoTracking why this browser cannot track
 * @property {(state: PublisherState) => void} onPublishing
 * @property {() => void} onChange something that `OwnSide` tells of has changed
 */

/** This side of a call: camera, microphone, tracking, and what is published of them. */
export class OwnSide {
  #events;
  #tracking;
  /** @type {Publisher | null} */
  #publisher = null;
  #fallback = new Fallback();
  #rate = new RateMeter();
  /** @type {MediaStreamTrack | null} */
  #camera = null;
  /** @type {MediaStreamTrack | null} */
  #microphone = null;
  #cameraId = "";
  #isMuted = false;
  #canTrack = true;
  /** Frames a second that are tracked. */
  get trackedFps() {
    return this.#rate.perSecond;
  }

  /** @param {OwnEvents} events */
  constructor(events) {
    this.#events = events;
    this.#tracking = new Tracking({
      onOutput: (output) => this.#take(output),
      onFailure: (reason) => {
        this.#canTrack = false;
        events.onNoTracking(reason);
        this.#applyFallback(true);
      },
    });
  }

  get camera() {
    return this.#camera;
  }
  get microphone() {
    return this.#microphone;
  }
  get isMuted() {
    return this.#isMuted;
  }
  get canTrack() {
    return this.#canTrack;
  }
  get showsVideo() {
    return this.#publisher?.showsVideo ?? false;
  }
  get wantsVideoByHand() {
    return this.#fallback.byHand;
  }

  /**
   * Opens a camera, or another one.
   *
   * @param {string} deviceId "" for the browser's choice
   */
  async useCamera(deviceId = this.#cameraId) {
    this.#cameraId = deviceId;
    this.#setCamera(null);
    try {
      const track = await openCamera(deviceId);
      track.addEventListener("ended", () => {
        if (this.#camera !== track) return;
        this.#setCamera(null);
        this.#events.onTrouble(new DeviceError("camera", "busy"));
      });
      this.#setCamera(track);
    } catch (error) {
      if (error instanceof DeviceError) this.#events.onTrouble(error);
      else throw error;
    }
  }

  /** Lets the camera go: its light goes out. */
  dropCamera() {
    this.#setCamera(null);
  }

  /** @param {string} deviceId "" for the browser's choice */
  async useMicrophone(deviceId) {
    this.#microphone?.stop();
    this.#microphone = null;
    try {
      this.#microphone = await openMicrophone(deviceId);
    } catch (error) {
      if (error instanceof DeviceError) this.#events.onTrouble(error);
      else throw error;
    }
    this.#publisher?.setMicrophone(this.#microphone);
    this.#events.onChange();
  }

  /** @param {boolean} isMuted */
  setMuted(isMuted) {
    this.#isMuted = isMuted;
    this.#publisher?.setMuted(isMuted);
    this.#events.onChange();
  }

  /** @param {boolean} wanted the camera's own picture, whatever tracking says */
  setVideoByHand(wanted) {
    this.#fallback.byHand = wanted;
    this.#applyFallback(!this.#canTrack || this.#fallback.wantsVideo);
  }

  /** @param {boolean} isAutomatic whether the camera's own picture may step in by itself */
  setAutomaticFallback(isAutomatic) {
    this.#fallback.automatic = isAutomatic;
  }

  /** @param {number} leastScore of the tracker, 0.5..1, below which it steps in */
  setLeastScore(leastScore) {
    this.#fallback.leastScore = leastScore;
  }

  /** Takes another reference picture: the next good frame begins a new set. */
  retakeReference() {
    this.#tracking.tell({ kind: "retake" });
  }

  /**
   * @param {import("./link.js").Place} place
   * @param {RTCIceTransportPolicy} policy
   * @param {string} [name] what the other side may call this one
   */
  publish(place, policy, name = "") {
    this.unpublish();
    const frameRate = Math.min(Math.max(Math.round(this.#rate.perSecond || 15), 8), 30);
    const publisher = new Publisher({
      place,
      policy,
      frameRate,
      name,
      tracking: this.#tracking,
      onState: this.#events.onPublishing,
    });
    this.#publisher = publisher;
    publisher.setMicrophone(this.#microphone);
    publisher.setMuted(this.#isMuted);
    publisher.setCamera(this.#camera);
    publisher.setVideo(!this.#canTrack || this.#fallback.wantsVideo);
    publisher.start();
    return publisher;
  }

  /**
   * A token of the same grant that lives longer, in place of one.
   *
   * @param {string} after
   * @param {string} before
   */
  renewToken(after, before) {
    this.#publisher?.renew(after, before);
  }

  /** Stops publishing; camera and tracking go on. */
  unpublish() {
    this.#publisher?.stop();
    this.#publisher = null;
  }

  /** Ends everything: lights of camera and microphone go out. */
  close() {
    this.unpublish();
    this.#camera?.stop();
    this.#microphone?.stop();
    this.#tracking.close();
  }

  /** @param {MediaStreamTrack | null} track */
  #setCamera(track) {
    if (this.#camera !== track) this.#camera?.stop();
    this.#camera = track;
    this.#tracking.watch(track);
    this.#publisher?.setCamera(track);
    this.#events.onChange();
  }

  /** @param {WorkerOutput} output */
  #take(output) {
    if (output.kind === "output") {
      const now = performance.now();
      this.#rate.add(now);
      this.#applyFallback(this.#fallback.update(output.face, output.score, now, output.isCovered));
    }
    this.#publisher?.take(output);
    this.#events.onTracked(output);
  }

  /** @param {boolean} wanted */
  #applyFallback(wanted) {
    const publisher = this.#publisher;
    if (publisher === null || publisher.showsVideo === wanted) return;
    publisher.setVideo(wanted);
    this.#events.onChange();
  }
}
