// @ts-check
import { listDevices } from "./devices.js";
import { element, setNotice, setPressed, setText } from "./element.js";
import { deviceTrouble, noTracking, trackingHint } from "./hints.js";
import { LevelMeter } from "./level_meter.js";

/**
 * @typedef {object} LobbyEvents
 * @property {() => void} onJoin
 * @property {(show: boolean) => void} onPreview
 */

/** Choice of devices, a check of tracking, and the picture that will be sent. */
export class Lobby {
  #own;
  #picture = element("own-picture", HTMLVideoElement);
  #hint = element("hint", HTMLElement);
  #reference = element("reference", HTMLCanvasElement);
  #rebuilt = element("rebuilt-self", HTMLVideoElement);
  #preview = element("preview", HTMLButtonElement);
  #retake = element("retake", HTMLButtonElement);
  #trouble = element("lobby-trouble", HTMLElement);
  /** @type {Map<"camera" | "microphone" | "tracking", string>} */
  #troubles = new Map();
  #name = element("name", HTMLInputElement);
  #automatic = element("automatic-video", HTMLInputElement);
  #leastScore = element("least-score", HTMLInputElement);
  #speakers = element("speaker-choice", HTMLSelectElement);
  #level = new LevelMeter(element("level", HTMLMeterElement));
  #choices = {
    camera: element("camera-choice", HTMLSelectElement),
    microphone: element("microphone-choice", HTMLSelectElement),
  };

  /**
   * @param {import("./own_side.js").OwnSide} own
   * @param {LobbyEvents} events
   */
  constructor(own, { onJoin, onPreview }) {
    this.#own = own;
    this.#name.value = localStorage.getItem("name") ?? "";
    this.#automatic.checked = localStorage.getItem("automatic-video") !== "no";
    own.setAutomaticFallback(this.#automatic.checked);
    element("devices", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      localStorage.setItem("name", this.name);
      onJoin();
    });
    this.#automatic.addEventListener("change", () => {
      localStorage.setItem("automatic-video", this.#automatic.checked ? "yes" : "no");
      own.setAutomaticFallback(this.#automatic.checked);
    });
    this.#leastScore.value = localStorage.getItem("least-score") ?? this.#leastScore.value;
    own.setLeastScore(this.#leastScore.valueAsNumber);
    this.#leastScore.addEventListener("input", () => {
      localStorage.setItem("least-score", this.#leastScore.value);
      own.setLeastScore(this.#leastScore.valueAsNumber);
    });
    this.#retake.addEventListener("click", () => own.retakeReference());
    this.#preview.addEventListener("click", () => {
      const show = this.#preview.getAttribute("aria-pressed") !== "true";
      this.setPreview(show, null);
      onPreview(show);
    });
    this.#choices.camera.addEventListener("change", () => void own.useCamera(this.#choices.camera.value));
    this.#choices.microphone.addEventListener("change", () =>
      void own.useMicrophone(this.#choices.microphone.value),
    );
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.listDevices());
  }

  get name() {
    return this.#name.value.trim();
  }

  get speakerId() {
    return this.#speakers.value;
  }

  /** Shows what `OwnSide` has by now. */
  update() {
    const { camera, microphone } = this.#own;
    const shown = /** @type {MediaStream | null} */ (this.#picture.srcObject);
    if (shown?.getVideoTracks()[0] !== (camera ?? undefined)) {
      this.#picture.srcObject = camera === null ? null : new MediaStream([camera]);
    }
    if (camera === null) this.#setHint({ tone: "busy", text: "No camera" });
    else this.#setTrouble("camera", "");
    if (microphone !== null) this.#setTrouble("microphone", "");
    this.#level.watch(microphone);
    void this.listDevices();
  }

  async listDevices() {
    const { cameras, microphones, speakers } = await listDevices();
    fill(this.#choices.camera, cameras, "Camera", this.#own.camera);
    fill(this.#choices.microphone, microphones, "Microphone", this.#own.microphone);
    fill(this.#speakers, speakers, "Speaker", null);
    element("speaker-row", HTMLElement).hidden = speakers.length === 0;
  }

  /** @param {import("./tracking.js").WorkerOutput} output */
  showTracked(output) {
    if (output.kind === "output") this.#setHint(trackingHint(output));
    if (output.reference === null) return;
    void this.#showReference(output.reference.picture.data);
    this.#retake.disabled = this.#preview.disabled = false;
  }

  /** @param {import("./devices.js").DeviceError} error */
  showTrouble(error) {
    this.#setTrouble(error.device, deviceTrouble(error));
    if (error.device === "camera") this.#setHint({ tone: "busy", text: "No camera" });
  }

  /** @param {string} reason */
  showNoTracking(reason) {
    this.#setTrouble("tracking", noTracking(reason));
    this.#setHint({ tone: "busy", text: "Not followed" });
  }

  /**
   * @param {boolean} isShown
   * @param {MediaStream | null} stream
   */
  setPreview(isShown, stream) {
    setPressed(this.#preview, isShown);
    setText(this.#preview, isShown ? "Stop" : "Show");
    this.#rebuilt.srcObject = stream;
    if (stream !== null) void this.#rebuilt.play().catch(() => {});
  }

  /**
   * What is the matter with each device, one after the other: one does not hide another.
   *
   * @param {"camera" | "microphone" | "tracking"} what
   * @param {string} text "": nothing any more
   */
  #setTrouble(what, text) {
    if (text === "") this.#troubles.delete(what);
    else this.#troubles.set(what, text);
    setNotice(this.#trouble, [...this.#troubles.values()].join(" "));
  }

  /** @param {import("./hints.js").Hint} hint */
  #setHint({ tone, text }) {
    this.#hint.dataset.tone = tone;
    setText(this.#hint, text);
  }

  /** @param {Uint8Array} data */
  async #showReference(data) {
    const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (data);
    const bitmap = await createImageBitmap(new Blob([bytes])).catch(() => null);
    if (bitmap === null) return;
    this.#reference.getContext("2d")?.drawImage(bitmap, 0, 0, 256, 256);
    bitmap.close();
  }
}

/**
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} devices
 * @param {string} what
 * @param {MediaStreamTrack | null} used
 */
function fill(select, devices, what, used) {
  const options = devices.map(
    (device, index) => new Option(device.label || `${what} ${index + 1}`, device.deviceId),
  );
  if (options.length === 0) options.push(new Option("None", ""));
  const chosen = used?.getSettings().deviceId ?? select.value;
  select.replaceChildren(...options);
  if (options.some((option) => option.value === chosen)) select.value = chosen;
}
