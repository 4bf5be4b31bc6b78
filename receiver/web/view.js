// @ts-check
import { element, setNotice, setPressed, setText } from "./element.js";

/** What is seen; knows nothing of connections. */
export class View {
  #stage = element("stage", HTMLElement);
  #picture = element("picture", HTMLVideoElement);
  #connection = element("connection", HTMLElement);
  #name = element("their-name", HTMLElement);
  #rebuilt = element("rebuilt", HTMLElement);
  #real = element("real", HTMLElement);
  #muted = element("muted", HTMLElement);
  #spinner = element("spinner", HTMLElement);
  #noticeText = element("notice-text", HTMLElement);
  #noticeDetail = element("notice-detail", HTMLElement);
  #retry = element("retry", HTMLButtonElement);
  #hear = element("hear", HTMLButtonElement);
  #soundToggle = element("sound-toggle", HTMLButtonElement);
  #statistics = element("statistics", HTMLElement);
  #statisticsToggle = element("statistics-toggle", HTMLButtonElement);
  #needsClick = false;
  #fullScreen = element("full-screen", HTMLButtonElement);

  /** @param {{ onRetry: () => void }} options */
  constructor({ onRetry }) {
    this.#retry.addEventListener("click", onRetry);
    this.#hear.addEventListener("click", () => this.#setSound(true));
    this.#soundToggle.addEventListener("click", () => this.#setSound(this.#picture.muted));
    this.#statisticsToggle.addEventListener("click", () => {
      this.#statistics.hidden = !this.#statistics.hidden;
      setPressed(this.#statisticsToggle, !this.#statistics.hidden);
    });
    this.#fullScreen.hidden = !document.fullscreenEnabled;
    this.#fullScreen.addEventListener("click", () => {
      if (document.fullscreenElement === null) void this.#stage.requestFullscreen();
      else void document.exitFullscreen();
    });
  }

  /**
   * Plays a stream; silent, with a button, where the browser wants a click first.
   *
   * @param {MediaStream} stream
   */
  async play(stream) {
    if (this.#picture.srcObject === stream) return;
    this.#picture.srcObject = stream;
    this.#soundToggle.disabled = false;
    try {
      await this.#picture.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.#picture.muted = true;
      this.#needsClick = true;
      this.#showSound();
      await this.#picture.play().catch(() => {});
    }
  }

  /**
   * @param {import("./words.js").Description} description
   * @param {import("./status.js").Status | null} status
   */
  show(description, status) {
    const shown = description.picture !== "none";
    setText(this.#connection, description.connection);
    this.#connection.dataset.tone = description.tone;
    this.#stage.dataset.picture = description.picture;
    this.#rebuilt.hidden = !shown || status === null || status.plain !== false;
    setNotice(this.#name, status?.name ?? "");
    this.#real.hidden = !shown || status === null || status.plain !== true;
    this.#muted.hidden = !shown || status?.muted !== true;
    this.#hear.hidden = !this.#needsClick || description.picture !== "live" || status?.muted === true;
    this.#spinner.hidden = !description.busy;
    setText(this.#noticeText, description.notice);
    this.#noticeText.hidden = description.notice === "";
    setText(this.#noticeDetail, description.detail);
    this.#noticeDetail.hidden = description.detail === "";
    this.#retry.hidden = !description.canRetry;
  }

  /** @param {{ [id: string]: string }} texts by id */
  showStatistics(texts) {
    for (const [id, text] of Object.entries(texts)) setText(element(id, HTMLElement), text);
  }

  /** @param {boolean} isOn */
  #setSound(isOn) {
    this.#picture.muted = !isOn;
    this.#needsClick = false;
    this.#hear.hidden = true;
    this.#showSound();
    void this.#picture.play().catch(() => {});
  }

  #showSound() {
    setPressed(this.#soundToggle, !this.#picture.muted);
  }
}
