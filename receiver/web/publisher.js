// @ts-check
import { Backoff } from "./backoff.js";
import { answers } from "./probe.js";
import { SignalingError } from "./signaling.js";
import { SendSession } from "./send_session.js";

/**
 * How publishing stands.
 *
 * @typedef {object} PublisherState
 * @property {"connecting" | "open" | "retrying" | "ended"} phase
 * @property {string} reason why it ended or is tried again; see `words.js`
 */

const SILENT_MS = 3000;
const PROBE_MS = 400;

/** Publishes this side for as long as the call lasts: one session after the other. */
export class Publisher {
  #place;
  #tracking;
  #policy;
  #onState;
  #backoff = new Backoff();
  /** @type {SendSession | null} */
  #session = null;
  #ended = false;
  #timer = 0;
  /** @type {MediaStreamTrack | null} */
  #microphone = null;
  /** @type {MediaStreamTrack | null} */
  #camera = null;
  #showsVideo = false;
  #isMuted = false;
  /** @type {import("./wire/control_message.js").FaceState} */
  #face = "lost";
  #frameRate;
  #name;

  /**
   * @param {object} options
   * @param {import("./link.js").Place} options.place
   * @param {import("./tracking.js").Tracking} options.tracking
   * @param {number} options.frameRate frames a second that tracking reaches here
   * @param {string} [options.name] what the other side may call this one
   * @param {RTCIceTransportPolicy} [options.policy]
   * @param {(state: PublisherState) => void} options.onState
   */
  constructor({ place, tracking, frameRate, name = "", policy = "all", onState }) {
    this.#place = place;
    this.#tracking = tracking;
    this.#frameRate = frameRate;
    this.#name = name;
    this.#policy = policy;
    this.#onState = onState;
  }

  /** A token of the same grant that lives longer; the next session is opened with it.
   *
   * @param {string} after
   * @param {string} before only this one is replaced
   */
  renew(after, before) {
    if (this.#place.token === before) this.#place = { ...this.#place, token: after };
  }

  /** Connects now, also when waiting for another try. */
  start() {
    clearTimeout(this.#timer);
    this.#drop();
    this.#onState({ phase: "connecting", reason: "" });
    const session = new SendSession({
      ...this.#place,
      policy: this.#policy,
      frameRate: this.#frameRate,
      name: this.#name,
      tracking: this.#tracking,
      onEnd: (reason, isFinal) => {
        if (this.#session !== session) return;
        if (isFinal) this.#end(reason);
        else this.#retry(reason);
      },
    });
    this.#session = session;
    this.#tellAll(session);
    session
      .open(this.#isMuted ? null : this.#microphone)
      .then(() => {
        if (this.#session !== session) return;
        this.#backoff.reset();
        this.#onState({ phase: "open", reason: "" });
        void this.#showCamera();
        this.#watch(session);
      })
      .catch((error) => {
        if (this.#session === session) this.#refused(error);
      });
  }

  /** @param {import("./tracking.js").WorkerOutput} output of the worker, to be sent */
  take(output) {
    const isOther = output.face !== this.#face;
    this.#face = output.face;
    if (isOther) this.#tellMode();
    this.#session?.take(output);
  }

  /** @param {MediaStreamTrack | null} track null: there is no microphone */
  setMicrophone(track) {
    this.#microphone = track;
    void this.#session?.setMicrophone(this.#isMuted ? null : track);
    this.#tellMode();
  }

  /** @param {boolean} isMuted */
  setMuted(isMuted) {
    this.#isMuted = isMuted;
    void this.#session?.setMicrophone(isMuted ? null : this.#microphone);
    this.#tellMode();
  }

  /** @param {MediaStreamTrack | null} track of the camera; null: switched off */
  setCamera(track) {
    this.#camera = track;
    void this.#showCamera();
    this.#tellMode();
  }

  /** @param {boolean} showsVideo whether the camera's own picture is to be seen */
  setVideo(showsVideo) {
    if (showsVideo === this.#showsVideo) return;
    this.#showsVideo = showsVideo;
    void this.#showCamera();
    this.#tellMode();
  }

  get showsVideo() {
    return this.#showsVideo;
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async statistics() {
    return this.#session === null ? null : this.#session.statistics();
  }

  stop() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#session?.sayBye();
    this.#drop();
  }

  async #showCamera() {
    await this.#session?.setPicture(this.#showsVideo ? this.#camera : null);
  }

  #tellMode() {
    if (this.#session !== null) this.#tellAll(this.#session);
  }

  /** @param {SendSession} session */
  #tellAll(session) {
    session.tell({
      mode: this.#showsVideo && this.#camera !== null ? "video" : "rebuilt",
      face: this.#camera === null ? "camera_off" : this.#face,
      muted: this.#isMuted || this.#microphone === null,
    });
  }

  /**
   * Where the network has changed under a connection nothing comes back on it: as soon as the
   * receiver answers another question again, another session takes the place of this one.
   *
   * @param {SendSession} session
   */
  #watch(session) {
    this.#timer = setTimeout(async () => {
      if (this.#session !== session) return;
      if ((await session.silentMs()) > SILENT_MS) {
        const isThere = await answers(this.#place.endpoint);
        if (this.#session !== session) return;
        if (isThere && (await session.silentMs()) > SILENT_MS) return this.start();
      }
      this.#watch(session);
    }, PROBE_MS);
  }

  /** @param {unknown} error */
  #refused(error) {
    if (!(error instanceof SignalingError)) return this.#retry("unreachable");
    if (error.status === 401) return this.#end(error.message.includes("expired") ? "expired" : "not-allowed");
    if (error.status === 403) return this.#end("may-not-publish");
    if (error.status === 409) return this.#end("full");
    if (error.status === 0 || error.status === 404) return this.#retry("unreachable");
    if (error.status >= 500) return this.#retry(error.status === 503 ? "busy" : "unreachable");
    this.#end("not-understood");
  }

  /** @param {string} reason */
  #retry(reason) {
    this.#drop();
    if (this.#ended) return;
    this.#onState({ phase: "retrying", reason });
    this.#timer = setTimeout(() => this.start(), this.#backoff.nextMs());
  }

  /** @param {string} reason */
  #end(reason) {
    this.#drop();
    this.#onState({ phase: "ended", reason });
  }

  #drop() {
    clearTimeout(this.#timer);
    const session = this.#session;
    this.#session = null;
    session?.close();
  }
}
