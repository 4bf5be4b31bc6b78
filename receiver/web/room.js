// @ts-check
import { element, setPressed, setText } from "./element.js";
import { Lobby } from "./lobby.js";
import { replaceToken } from "./link.js";
import { OwnSide } from "./own_side.js";
import { Preview } from "./preview.js";
import { TokenKeeper } from "./token_keeper.js";
import { describeOwn, publishingTrouble } from "./words.js";

/**
 * @typedef {object} RoomEvents
 * @property {(view: "lobby" | "call") => void} onView
 * @property {(place: import("./link.js").Place) => import("./call.js").Call} onWatch
 * @property {() => void} onNothingToWatch
 */

/** One person's whole visit: the lobby, then the call. */
export class Room {
  #link;
  #events;
  #own;
  #lobby;
  /** @type {Preview | null} */
  #preview = null;
  /** @type {TokenKeeper[]} */
  #keepers = [];
  #hash = "";
  #joined = false;
  #cameraOff = false;
  /** @type {import("./call.js").Call | null} */
  #call = null;
  #abort = new AbortController();
  /** @type {import("./own_side.js").PublisherState} */
  #publishing = { phase: "connecting", reason: "" };
  #controls = element("own-controls", HTMLElement);
  #self = element("self", HTMLElement);
  #selfPicture = element("self-picture", HTMLVideoElement);
  #selfState = element("self-state", HTMLElement);
  #microphone = element("microphone-toggle", HTMLButtonElement);
  #camera = element("camera-toggle", HTMLButtonElement);
  #video = element("video-toggle", HTMLButtonElement);
  #tracked = element("tracked", HTMLElement);
  #face = "lost";

  /** How far connections may go: a link with `ice=relay` takes none but a TURN server's. */
  policy;

  /**
   * @param {import("./link.js").CallLink} link that may publish
   * @param {RoomEvents} events
   */
  constructor(link, events) {
    this.#link = link;
    this.#events = events;
    const asked = new URLSearchParams(location.hash.slice(1)).get("ice");
    this.policy = /** @type {RTCIceTransportPolicy} */ (asked === "relay" ? "relay" : "all");
    this.#own = new OwnSide({
      onTracked: (output) => this.#onTracked(output),
      onTrouble: (error) => this.#lobby.showTrouble(error),
      onNoTracking: (reason) => this.#lobby.showNoTracking(reason),
      onPublishing: (state) => this.#onPublishing(state),
      onChange: () => this.#show(),
    });
    this.#lobby = new Lobby(this.#own, {
      onJoin: () => this.#join(),
      onPreview: (isShown) => this.#showPreview(isShown),
    });
    this.#wire();
    void this.#openDevices();
  }

  /** @param {import("./call.js").CallState} state of the other side */
  onOther(state) {
    if (state.phase === "ended" && state.reason === "replaced") this.#own.unpublish();
  }

  /** Tries both ways again, now. */
  retry() {
    if (this.#joined) this.#join();
  }

  /** The network is back. */
  online() {
    if (this.#joined && this.#publishing.phase === "retrying") this.#publish();
  }

  /** @param {string} hash whether this room itself put it into the address bar */
  wrote(hash) {
    return hash === this.#hash;
  }

  showStatistics() {
    setText(this.#tracked, `${this.#own.trackedFps.toFixed(1)} fps`);
  }

  close() {
    this.#abort.abort();
    for (const keeper of this.#keepers) keeper.stop();
    this.#preview?.close();
    this.#own.close();
    this.#controls.hidden = this.#self.hidden = true;
    element("tracked-row", HTMLElement).hidden = true;
  }

  async #openDevices() {
    await this.#own.useCamera();
    await this.#own.useMicrophone("");
  }

  #wire() {
    const { signal } = this.#abort;
    const click = (/** @type {HTMLElement} */ button, /** @type {() => void} */ act) =>
      button.addEventListener("click", act, { signal });
    click(this.#microphone, () => this.#own.setMuted(!this.#own.isMuted));
    click(this.#camera, () => {
      this.#cameraOff = !this.#cameraOff;
      if (this.#cameraOff) this.#own.dropCamera();
      else void this.#own.useCamera();
    });
    click(this.#video, () => this.#own.setVideoByHand(!this.#own.wantsVideoByHand));
    click(element("retake-in-call", HTMLElement), () => this.#own.retakeReference());
    click(element("leave", HTMLElement), () => this.#leave());
  }

  #join() {
    this.#showPreview(false);
    this.#joined = true;
    this.#events.onView("call");
    this.#controls.hidden = this.#self.hidden = false;
    element("tracked-row", HTMLElement).hidden = false;
    this.#publish();
    if (this.#link.play !== null) this.#call = this.#events.onWatch(this.#link.play);
    else this.#events.onNothingToWatch();
    void this.#useSpeaker();
    this.#keepTokens();
    this.#show();
  }

  #publish() {
    if (this.#link.publish !== null) {
      this.#own.publish(this.#link.publish, this.policy, this.#lobby.name);
    }
  }

  #leave() {
    location.reload();
  }

  #keepTokens() {
    if (this.#keepers.length > 0) return;
    for (const role of /** @type {const} */ (["play", "publish"])) {
      const place = this.#link[role];
      const isSame = role === "publish" && place?.token === this.#link.play?.token;
      if (place === null || isSame) continue;
      this.#keepers.push(new TokenKeeper(place, (before, after) => this.#renew(before, after)));
    }
  }

  /**
   * @param {string} before
   * @param {string} after
   */
  #renew(before, after) {
    const link = this.#link;
    for (const role of /** @type {const} */ (["play", "publish"])) {
      const place = link[role];
      if (place?.token !== before) continue;
      link[role] = { ...place, token: after };
      if (role === "play") this.#call?.renew(after);
    }
    this.#own.renewToken(after, before);
    // So that a reload comes back into the call.
    this.#hash = replaceToken(location.hash, before, after);
    history.replaceState(null, "", this.#hash);
  }

  async #useSpeaker() {
    const picture = element("picture", HTMLVideoElement);
    if (this.#lobby.speakerId !== "" && "setSinkId" in picture) {
      await picture.setSinkId(this.#lobby.speakerId).catch(() => {});
    }
  }

  /** @param {boolean} isShown */
  #showPreview(isShown) {
    this.#preview?.close();
    this.#preview = null;
    this.#lobby.setPreview(isShown, null);
    if (!isShown || this.#link.publish === null) return;
    this.#preview = new Preview(this.#own, this.#link.publish, this.policy, {
      onStream: (stream) => this.#lobby.setPreview(true, stream),
      onEnd: () => this.#showPreview(false),
    });
  }

  /** @param {import("./tracking.js").WorkerOutput} output */
  #onTracked(output) {
    if (!this.#joined) this.#lobby.showTracked(output);
    if (output.kind === "output" && output.face !== this.#face) {
      this.#face = output.face;
      this.#show();
    }
  }

  /** @param {import("./own_side.js").PublisherState} state */
  #onPublishing(state) {
    this.#publishing = state;
    this.#show();
  }

  #show() {
    this.#lobby.update();
    const { camera } = this.#own;
    const shown = /** @type {MediaStream | null} */ (this.#selfPicture.srcObject);
    if (shown?.getVideoTracks()[0] !== (camera ?? undefined)) {
      this.#selfPicture.srcObject = camera === null ? null : new MediaStream([camera]);
    }
    setPressed(this.#microphone, !this.#own.isMuted && this.#own.microphone !== null);
    setPressed(this.#camera, camera !== null);
    setPressed(this.#video, this.#own.showsVideo);
    const trouble = this.#joined ? publishingTrouble(this.#publishing) : "";
    const own = describeOwn(this.#face, camera !== null, this.#own.showsVideo, this.#own.isMuted);
    setText(this.#selfState, trouble || own);
  }
}
